"""What is kept of a node, read from its object; how nodes are grouped and what is free on them lives elsewhere."""

from __future__ import annotations

import msgspec

from fedsched.kube.amounts import Amounts, available
from fedsched.kube.images import holds
from fedsched.kube.wire import NodeItem
from fedsched.matchmaker.model import Taint

PASSING_TAINTS = frozenset(
    {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/unschedulable",
        "node.kubernetes.io/memory-pressure",
        "node.kubernetes.io/disk-pressure",
        "node.kubernetes.io/pid-pressure",
        "node.kubernetes.io/network-unavailable",
        "node.kubernetes.io/out-of-service",
        "node.cloudprovider.kubernetes.io/uninitialized",
        "node.cloudprovider.kubernetes.io/shutdown",
        "node.cilium.io/agent-not-ready",
        "ToBeDeletedByClusterAutoscaler",
        "karpenter.sh/disrupted",
        "karpenter.sh/unregistered",
    }
)
"""Taints that say how a node is now, not of what kind it is: such a node is no room, its group stays the same."""
BLOCKING = frozenset({"NoSchedule", "NoExecute"})
CORDON_TAINT = "node.kubernetes.io/unschedulable"
_pairs: dict[tuple[str, str], tuple[str, str]] = {}
_MOST_PAIRS = 200_000


class Node(msgspec.Struct, frozen=True, gc=False):
    """A node. labels: sorted, shared between nodes. taints: all that block. usable: ready and not passing away.

    has_image: it holds the image of the member's file already.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    taints: tuple[Taint, ...]
    allocatable: Amounts
    usable: bool
    cordoned: bool
    has_image: bool = False

    def label(self, key: str) -> str:
        """The value of a label, "" when the node has none."""
        return next((value for name, value in self.labels if name == key), "")

    @property
    def lasting_taints(self) -> tuple[Taint, ...]:
        """Taints that make the node one of another kind."""
        return tuple(taint for taint in self.taints if taint.key not in PASSING_TAINTS)


def node(item: NodeItem, image: str = "") -> Node:
    """The facts of one node. image: full name of the one that the member's file names, "" for none."""
    taints = tuple(sorted(Taint(t.key, t.value, t.effect) for t in item.spec.taints if t.effect in BLOCKING))
    passing = any(t.key in PASSING_TAINTS and t.key != CORDON_TAINT for t in taints)
    return Node(
        item.metadata.name,
        tuple(_shared(pair) for pair in sorted(item.metadata.labels.items())),
        taints,
        available(item.status.allocatable),
        _ready(item) and not passing and item.metadata.deletion_timestamp is None,
        item.spec.unschedulable or any(t.key == CORDON_TAINT for t in taints),
        holds(item.status.images, image),
    )


def _ready(item: NodeItem) -> bool:
    said = {c.type: c.status for c in item.status.conditions}
    return said.get("Ready") == "True" and said.get("NetworkUnavailable") != "True"


def _shared(pair: tuple[str, str]) -> tuple[str, str]:
    if len(_pairs) > _MOST_PAIRS:
        _pairs.clear()
    return _pairs.setdefault(pair, pair)
