"""A set of processes with their own mounts, PIDs and host name, all ended by ending one.

Used for pools and by the pod runner.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.laboratory import ledger
from tests.laboratory.places import LaboratoryError, tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.laboratory.session import Process, Session

FIRST_PROCESS = (
    "trap : TERM INT; while :; do sleep 3600 & wait $!; done"  # waits for adopted children too, so no zombies stay
)
NAMESPACES = ("--mount", "--pid", "--uts", "--fork", "--kill-child", "--propagation", "private")


def tool(name: str) -> str:
    """The full path of a program of this machine."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise LaboratoryError(f"no {name} on this machine")
    return found


def enter_command(setup: Sequence[str], then: Sequence[str]) -> list[str]:
    """A command that makes fresh namespaces, runs shell lines in them as root, and becomes `then`."""
    script = "\n".join(["set -e", *setup, 'exec "$@"'])
    return [tool("unshare"), *NAMESPACES, tool("sh"), "-c", script, "sh", *then]


def first_inside(outside: int, limit_s: float = 5) -> int:
    """The PID, as seen from outside, of the first process in the namespaces that process `outside` (unshare) made."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            children = Path(f"/proc/{outside}/task/{outside}/children").read_text().split()
        except OSError:
            break
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise LaboratoryError("namespaces could not be made (unshare ended)")


def members(inside: int) -> dict[int, str]:
    """PIDs (as seen from outside) and names of all processes in the PID namespace of `inside`; none once it is gone."""
    try:
        wanted = Path(f"/proc/{inside}/ns/pid").readlink()
    except OSError:
        return {}
    if wanted == Path("/proc/self/ns/pid").readlink():  # a later process has the number: these are the machine's own
        return {}
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "ns/pid").readlink() == wanted and ledger.alive(int(folder.name)):
                found[int(folder.name)] = (folder / "comm").read_text().strip()
        except OSError:
            continue
    return found


class Sandbox:
    """A chroot with namespaces of its own, kept open by a first process; `run` and `start` enter it."""

    def __init__(self, session: Session, name: str, root: Path, setup: Sequence[str], log: Path) -> None:
        self.root, self.log = root, log
        chroot = [tool("chroot"), str(root), "/bin/sh", "-c", FIRST_PROCESS]
        host = f"echo {name} > /proc/sys/kernel/hostname"
        self.process: Process = session.spawn(
            f"sandbox-{name}", enter_command([host, *setup], chroot), log, env={"PATH": "/usr/bin:/bin"}
        )
        self.inside = first_inside(self.process.pid)
        self._wait_open()

    def command(self, *arguments: str, uid: int | None = None) -> list[str]:
        """A command line that runs `arguments` inside."""
        user = [] if uid is None else [f"--setuid={uid}", f"--setgid={uid}"]
        return [
            tool("nsenter"),
            f"--target={self.inside}",
            "--mount",
            "--pid",
            "--uts",
            "--root",
            "--wd=/",
            *user,
            "--",
            *arguments,
        ]

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str],
        uid: int | None = None,
        limit_s: float = 60,
        text: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program inside and waits; LaboratoryError when it takes too long."""
        command = self.command(*arguments, uid=uid)
        try:
            return subprocess.run(
                command,
                env=dict(env),
                capture_output=True,
                text=True,
                check=False,
                timeout=limit_s,
                input=text or "",
                errors="replace",
            )
        except subprocess.TimeoutExpired as error:
            raise LaboratoryError(f"{arguments[0]} took longer than {limit_s} s") from error

    def detach(self, script: str, env: Mapping[str, str]) -> None:
        """Starts a shell line inside in the background; the first process adopts it."""
        subprocess.run(
            self.command("/bin/sh", "-c", f"{script} &"),
            env=dict(env),
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )

    def pids(self, name: str) -> list[int]:
        """Processes inside with this name (15 letters), as PIDs of the outside."""
        return [pid for pid, comm in members(self.inside).items() if comm == name[:15]]

    def send(self, name: str, number: int) -> int:
        """Sends a signal to all processes inside with this name; how many there were."""
        found = self.pids(name)
        for pid in found:
            os.kill(pid, number)
        return len(found)

    def close(self) -> None:
        """Ends everything inside; the mounts go with it."""
        if self.inside in members(self.inside):
            os.kill(self.inside, signal.SIGKILL)
        self.process.end()

    def _wait_open(self, limit_s: float = 10) -> None:
        end = time.monotonic() + limit_s
        while True:
            try:
                if Path(f"/proc/{self.inside}/root").readlink() == self.root:
                    return
            except OSError:
                pass
            if not self.process.running() or time.monotonic() > end:
                raise LaboratoryError(f"sandbox {self.process.name} did not open{tail(self.log)}")
            time.sleep(0.01)


def common_mounts(root: Path) -> list[str]:
    """Shell lines that give a root folder its proc, sys and dev."""
    mount = tool("mount")
    return [
        f"{mount} -t proc proc {root}/proc",
        f"{mount} -t sysfs -o ro sysfs {root}/sys",  # without the cgroups: a startd must leave none behind
        f"{mount} --rbind /dev {root}/dev",
    ]


def same_path(root: Path, path: Path) -> list[str]:
    """Shell lines that make `path` of the outside the same path inside `root`; everybody may walk through to it."""
    steps = [f"{root}{step}" for step in reversed((path, *path.parents)) if step != Path("/")]
    return [f"mkdir -p {root}{path}", f"chmod a+x {' '.join(steps)}", f"{tool('mount')} --bind {path} {root}{path}"]
