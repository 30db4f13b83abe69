"""Nodes that are alike become one node group with a name that stays; what is free on them comes from rooms.py."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import msgspec

from fedsched.config.settings import DeclaredGroup, MemberFile
from fedsched.kube.amounts import MEBI, gpu_name
from fedsched.kube.attributes import ARCH, GPU_PRODUCT, MATTERING, OS
from fedsched.kube.nodes import Node
from fedsched.matchmaker.model import Taint

GIBI = 1024 * MEBI
HOSTNAME = "kubernetes.io/hostname"
_MAKERS = frozenset({"nvidia", "amd", "tesla", "geforce", "quadro", "instinct", "rtx", "gtx"})


class Key(msgspec.Struct, frozen=True):
    """What makes nodes alike.

    Memory in GiB (256 MiB steps below 16 GiB) and disk in powers of two: nodes of one kind differ by what their
    kernels keep. declared: the file's name for them; then only shape and taints count besides.
    """

    cpu: int
    memory: int
    disk: int
    devices: tuple[tuple[str, int], ...]
    labels: tuple[tuple[str, str], ...]
    taints: tuple[Taint, ...]
    declared: str = ""


class Group(msgspec.Struct, frozen=True):
    """One group before rooms are counted. nodes: sorted by name."""

    name: str
    key: Key
    nodes: tuple[Node, ...]
    selector: tuple[tuple[str, str], ...]
    gpu_resource: str
    declared: DeclaredGroup | None = None


class Grouper:
    """Groups a member's nodes. Names once given stay with their key as long as this object lives."""

    def __init__(self, member: MemberFile) -> None:
        self._member = member
        self._required = member.overrides.node_selector
        self._names: dict[Key, str] = {}
        self._keys: dict[str, tuple[Node, Key]] = {}

    def groups(self, nodes: Iterable[Node]) -> tuple[Group, ...]:
        """All groups, sorted by name. Nodes that our pods' own node selector excludes are in none."""
        by_key: dict[Key, list[Node]] = {}
        known, self._keys = self._keys, {}
        for node in nodes:
            if all(pair in node.labels for pair in self._required):
                last = known.get(node.name)
                key = last[1] if last is not None and last[0] is node else self._key(node)
                self._keys[node.name] = (node, key)
                by_key.setdefault(key, []).append(node)
        selectors = _selectors(by_key, {g.name: g.selector for g in self._member.groups})
        found = []
        for key in sorted(by_key, key=repr):
            declared = next((g for g in self._member.groups if g.name == key.declared), None)
            like = by_key[key][0].allocatable
            gpu = (declared.gpu_resource if declared else "") or gpu_name(like, self._member.gpu_resources)
            members = tuple(sorted(by_key[key], key=lambda node: node.name))
            found.append(Group(self._name(key, gpu), key, members, selectors[key], gpu, declared))
        return tuple(sorted(found, key=lambda group: group.name))

    def _key(self, node: Node) -> Key:
        have = node.allocatable
        step = GIBI if have.memory >= 16 * GIBI else GIBI // 4
        disk = 1 << (have.disk // GIBI).bit_length() if have.disk else 0
        declared = next((g.name for g in self._member.groups if _selected(g, node)), "")
        labels = () if declared else tuple(pair for pair in node.labels if pair[0] in MATTERING)
        memory = have.memory - have.memory % step
        return Key(have.cpu, memory, disk, have.other, labels, node.lasting_taints, declared)

    def _name(self, key: Key, gpu: str) -> str:
        """The declared name or one that tells the shape; a second kind with the same name gets a mark of its key."""
        name = self._names.get(key)
        if name is None:
            name = key.declared or _shape(key, gpu)
            if name in self._names.values():
                name += "-" + hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:4]
            self._names[key] = name
        return name


def _selected(group: DeclaredGroup, node: Node) -> bool:
    return bool(group.selector) and all(pair in node.labels for pair in group.selector)


def _shape(key: Key, gpu: str) -> str:
    """Like "c8-m32", "c96-m1024-a100x8"; another architecture or system than amd64 and linux is named."""
    parts = [f"c{round(key.cpu / 1000) or 1}", f"m{round(key.memory / GIBI) or 1}"]
    labels = dict(key.labels)
    for name, count in key.devices:
        words = _product(labels) or "gpu" if name == gpu else _slug(name.partition("/")[2])
        parts.append(f"{words}x{count}")
    for keys, usual in ((ARCH, "amd64"), (OS, "linux")):
        value = next((labels[k] for k in keys if k in labels), usual)
        if value != usual:
            parts.append(_slug(value))
    return "-".join(parts)[:50]


def _product(labels: dict[str, str]) -> str:
    """The model in a GPU's product label: "NVIDIA-A100-SXM4-80GB" -> "a100"."""
    value = next((labels[k] for k in GPU_PRODUCT if k in labels), "")
    words = [word for word in re.split(r"[^a-z0-9]+", value.lower()) if word and word not in _MAKERS]
    return next((word for word in words if any(c.isdigit() for c in word)), words[0] if words else "")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())[:16]


def _selectors(
    by_key: dict[Key, list[Node]], declared: dict[str, tuple[tuple[str, str], ...]]
) -> dict[Key, tuple[tuple[str, str], ...]]:
    """For each group the labels that matter (or were declared), and as few more as keep all other groups out.

    Where no label does, the selector also picks nodes of another shape; a pod still only goes where it fits.
    """
    kinds = {key: {frozenset(_lasting(node)) for node in nodes} for key, nodes in by_key.items()}
    found = {}
    for key, nodes in by_key.items():
        common = set(nodes[0].labels).intersection(*(node.labels for node in nodes))
        mattering = {pair for pair in common if pair[0] in MATTERING and not _superseded(pair[0], common)}
        chosen = set(declared[key.declared]) if key.declared else mattering
        rivals = [labels for k, alike in kinds.items() if k != key for labels in alike if chosen <= labels]
        for pair in sorted(common - chosen, key=lambda pair: (pair[0] == HOSTNAME, pair)):
            left = [rival for rival in rivals if pair in rival]
            if len(left) < len(rivals):
                chosen.add(pair)
                rivals = left
        found[key] = tuple(sorted(chosen))
    return found


def _superseded(name: str, common: set[tuple[str, str]]) -> bool:
    """Whether a label is the old spelling of one that stands there too: API servers warn of it at every write."""
    area, _, kind = name.rpartition("/")
    return area.endswith("beta.kubernetes.io") and any(
        other.endswith(f"/{kind}") and "beta.kubernetes.io" not in other for other, _ in common
    )


def _lasting(node: Node) -> Iterable[tuple[str, str]]:
    return (pair for pair in node.labels if pair[0] != HOSTNAME)
