"""What a member's file may add to our pods, vetted: never our own labels, paths or security fields (L7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from fedsched.config.settings import MemberFile, Overrides
from fedsched.kube import vetting
from fedsched.kube.vetting import RefusedError
from fedsched.matchmaker.model import Placement, Taint
from fedsched.matchmaker.model.names import MANAGED_BY, PART_OF, PREFIX

OUR_PATHS = tuple(map(PurePosixPath, ("/etc/fedsched", "/etc/fedsched-token", "/etc/fedsched-pod", "/pilot", "/tmp")))  # noqa: S108 - a mount point inside a pod
VOLUME_KINDS = frozenset({"persistentVolumeClaim", "csi", "configMap", "emptyDir"})
MOUNT_KEYS = frozenset({"name", "mountPath", "subPath", "readOnly", "mountPropagation"})
TOLERATION_KEYS = frozenset({"key", "operator", "value", "effect", "tolerationSeconds"})
RESERVED_ENV = ("FEDSCHED_",)
WHERE = "overrides of the member's file"


def labels(added: Iterable[tuple[str, str]], what: str = "label") -> dict[str, str]:
    """Labels that the member wants on our objects (a queue's name, say); RefusedError for one of ours."""
    found = {}
    for key, text in added:
        _ours(vetting.label_key(key, f"{what} of {WHERE}"), what)
        found[key] = vetting.label_value(text, f"{what} {key}")
    return found


def notes(added: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Annotations that the member wants on our objects; RefusedError for one of ours."""
    found = {}
    for key, text in added:
        _ours(vetting.label_key(key, f"annotation of {WHERE}"), "annotation")
        found[key] = vetting.env_value(text, f"annotation {key}")
    return found


def environment(added: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Variables that the member wants in our pods; RefusedError for one of ours."""
    found = []
    for name, text in added:
        vetting.check(vetting.ENV_NAME, name, f"variable of {WHERE}")
        if name.startswith(RESERVED_ENV):
            raise RefusedError(f"variable {name} in {WHERE} is fedsched's own; choose another name")
        found.append({"name": name, "value": vetting.env_value(text, f"variable {name}")})
    return found


def node_selector(group: Iterable[tuple[str, str]], added: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The node group's labels and the member's; RefusedError where the two contradict each other."""
    found = {vetting.label_key(k, "node label"): vetting.label_value(v, f"node label {k}") for k, v in group}
    for key, text in labels(added, "node label").items():
        if found.setdefault(key, text) != text:
            raise RefusedError(f"node label {key} in {WHERE} contradicts the node group's {key}={found[key]}")
    return found


def tolerations(taints: Iterable[Taint], added: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The member's tolerations; RefusedError when a taint of the node group is not among them.

    fedsched tolerates nothing by itself: a taint is somebody's wish to keep others off.
    """
    found = [_toleration(each) for each in added]
    for taint in barring(taints, found):
        raise RefusedError(
            f"node group has taint {taint.key}={taint.value}:{taint.effect}; "
            f"list it under tolerations in {WHERE} if its nodes are for us"
        )
    return found


def barring(taints: Iterable[Taint], added: Iterable[Mapping[str, Any]]) -> tuple[Taint, ...]:
    """Those of a node group's taints that none of the member's tolerations lifts; a malformed one lifts nothing."""
    known = [each for each in added if isinstance(each.get("key"), str)]
    hard = (taint for taint in taints if taint.effect != "PreferNoSchedule")
    return tuple(taint for taint in hard if not any(_tolerates(each, taint) for each in known))


def _toleration(raw: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(raw) - TOLERATION_KEYS
    if unknown or not isinstance(raw.get("key"), str) or not raw["key"]:
        raise RefusedError(
            f"a toleration in {WHERE} must name the key of one taint ({', '.join(sorted(unknown)) or 'key'})"
        )
    vetting.label_key(raw["key"], "toleration")
    return dict(raw)


def _tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    if toleration["key"] != taint.key or toleration.get("effect", taint.effect) not in {taint.effect, ""}:
        return False
    return toleration.get("operator", "Equal") == "Exists" or bool(toleration.get("value", "") == taint.value)


def volumes(overrides: Overrides) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The member's volumes and mounts, in that order; RefusedError for other kinds, our paths, unknown names."""
    found = [_volume(dict(each), allow_host_path=overrides.allow_host_path) for each in overrides.volumes]
    names = [each["name"] for each in found]
    if len(set(names)) != len(names):
        raise RefusedError(f"two volumes in {WHERE} have the same name")
    mounts = [_mount(dict(each), names) for each in overrides.mounts]
    return found, mounts


def _volume(volume: dict[str, Any], *, allow_host_path: bool) -> dict[str, Any]:
    name = volume.get("name")
    if not isinstance(name, str) or name.startswith("fedsched"):
        raise RefusedError(f"a volume in {WHERE} needs a name that does not begin with fedsched")
    vetting.check(vetting.DNS_LABEL, name, f"volume of {WHERE}")
    kinds = set(volume) - {"name"}
    if kinds == {"hostPath"} and not allow_host_path:
        raise RefusedError(f"volume {name} in {WHERE} is a hostPath; it needs allow_host_path = true there")
    if len(kinds) != 1 or not kinds <= VOLUME_KINDS | {"hostPath"}:
        raise RefusedError(f"volume {name} in {WHERE} must be one of {', '.join(sorted(VOLUME_KINDS))} or hostPath")
    return volume


def _mount(mount: dict[str, Any], names: list[str]) -> dict[str, Any]:
    place, unknown = mount.get("mountPath"), set(mount) - MOUNT_KEYS
    if unknown or mount.get("name") not in names or not isinstance(place, str):
        raise RefusedError(f"a mount in {WHERE} needs the name of a volume there and a mountPath, nothing unknown")
    if mount.get("mountPropagation") == "Bidirectional":
        raise RefusedError(
            f"mount {place[:80]!r} in {WHERE}: Bidirectional needs a privileged pod; use HostToContainer"
        )
    path = PurePosixPath(place)
    if not path.is_absolute() or ".." in path.parts or not place.isprintable():
        raise RefusedError(f"mount {place[:80]!r} in {WHERE} must be an absolute path without ..")
    if any(path == ours or path in ours.parents or ours in path.parents for ours in OUR_PATHS):
        raise RefusedError(
            f"mount {place[:80]!r} in {WHERE} lies in the way of fedsched's own {', '.join(map(str, OUR_PATHS))}"
        )
    return mount


def image(placement: Placement, member: MemberFile) -> str:
    """The image to run; RefusedError when there is none or when the member's file does not list a class's own."""
    default = member.overrides.image or member.terms.image
    wanted = placement.image or default
    if not wanted:
        raise RefusedError(f"no startd image: set overrides.image in clusters/{member.name}.toml")
    if wanted != default and not any(fnmatchcase(wanted, pattern) for pattern in member.terms.images):
        raise RefusedError(f"image {wanted[:80]!r} is not among `images` in clusters/{member.name}.toml")
    return vetting.check(vetting.IMAGE, wanted, "image")


def _ours(key: str, what: str) -> None:
    if key in {MANAGED_BY, PART_OF} or key.startswith(PREFIX):
        raise RefusedError(f"{what} {key} in {WHERE} is fedsched's own; choose another")
