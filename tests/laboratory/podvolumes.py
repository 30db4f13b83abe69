"""A pod's volumes as folders of this machine, written again when their sources change.

And the mounts that put them into a container's root.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.laboratory import podspec
from tests.laboratory.podspec import Lookup, Object
from tests.laboratory.sandbox import tool

if TYPE_CHECKING:
    from pathlib import Path


def write_file(file: Path, data: bytes, mode: int, draft: Path) -> None:
    """Writes a file at once, by way of `draft`, so that a reader sees the old or the new.

    Nothing when it is the same.
    """
    if file.exists() and file.read_bytes() == data:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft.write_bytes(data)
    draft.chmod(mode)
    draft.rename(file)


class Volumes:
    """The volumes of one pod below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writing = threading.Lock()

    def write(self, pod: Object, lookup: Lookup, allocatable: Object) -> None:
        """Brings every file up to date; MissingError when a source is not there.

        Other kinds of volume are empty folders.
        """
        with self._writing:
            self._write(pod, lookup, allocatable)

    def _write(self, pod: Object, lookup: Lookup, allocatable: Object) -> None:
        for volume in pod["spec"].get("volumes") or []:
            place = self.folder / volume["name"]
            if not place.exists():
                place.mkdir(parents=True)
                place.chmod(0o777)
            data = podspec.files(pod, volume, lookup, allocatable)
            if data is None:
                continue
            place.chmod(0o755)
            for name, value in data.items():
                write_file(place / name, value, podspec.mode(volume), self.folder / ".draft")
            for file in place.rglob("*"):
                if file.is_file() and str(file.relative_to(place)) not in data:
                    file.unlink(missing_ok=True)

    def mounts(self, pod: Object, container: Object) -> list[tuple[Path, str, bool]]:
        """(folder or file here, path in the container, read-only) of each mount, the outer first."""
        hosts = {v["name"]: v["hostPath"]["path"] for v in pod["spec"].get("volumes") or [] if "hostPath" in v}
        fixed = {
            v["name"]
            for v in pod["spec"].get("volumes") or []
            if {"configMap", "secret", "downwardAPI", "projected"} & set(v)
        }
        found = []
        for mount in container.get("volumeMounts") or []:
            name = mount["name"]
            source = type(self.folder)(hosts[name]) if name in hosts else self.folder / name
            if mount.get("subPath"):
                source /= mount["subPath"]
                if not source.exists():
                    source.mkdir(parents=True)
            found.append((source, mount["mountPath"], bool(mount.get("readOnly")) or name in fixed))
        return sorted(found, key=lambda entry: entry[1].count("/"))


class Root:
    """A container's root: the image below, mount points above it, and a writable layer unless the root is read-only."""

    def __init__(self, folder: Path, image: Path, *, writable: bool) -> None:
        self.image, self.writable = image, writable
        self.points, self.root = folder / "points", folder / "root"
        self.upper, self.work = folder / "upper", folder / "work"
        for place in (self.points, self.root, self.upper, self.work):
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(0o755)

    def lines(self, mounts: list[tuple[Path, str, bool]]) -> list[str]:
        """Shell lines, run as root in a mount namespace of its own, after which `root` is complete."""
        mount = tool("mount")
        for source, target, _ in mounts:
            self._point(source, target)
        layers = f"lowerdir={self.points}:{self.image}"
        if self.writable:
            layers += f",upperdir={self.upper},workdir={self.work}"
        lines = [f"{mount} -t overlay overlay -o {layers} {self.root}"]
        lines += [f"{mount} -t proc proc {self.root}/proc", f"{mount} --rbind /dev {self.root}/dev"]
        lines += [f"{mount} -t sysfs -o ro sysfs {self.root}/sys"]
        for source, target, read_only in mounts:
            inside = f"{self.root}/{target.strip('/')}"
            lines.append(f"{mount} --bind {source} {inside}")
            if read_only:
                lines.append(f"{mount} -o remount,bind,ro {inside}")
        return lines

    def _point(self, source: Path, target: str) -> None:
        here = self.points
        parts = self._real(target).strip("/").split("/")
        below = self.image
        for part in parts[:-1]:
            here, below = here / part, below / part
            here.mkdir(exist_ok=True)
            here.chmod(below.stat().st_mode if below.is_dir() else 0o755)
        last = here / parts[-1]
        if source.is_dir():
            last.mkdir(exist_ok=True)
        else:
            last.touch()

    def _real(self, target: str) -> str:
        """A path whose first folder is a link in the image (/bin, /lib) is where the link leads.

        A folder above would hide it.
        """
        first, _, rest = target.strip("/").partition("/")
        link = self.image / first
        return f"{link.readlink()}/{rest}" if link.is_symlink() else target
