"""What is free on each node: allocatable minus the requests of all pods there, kept current pod by pod.

Nothing here knows who a pod belongs to, or how nodes are grouped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fedsched.kube.amounts import MEBI, Amounts, less, resources
from fedsched.kube.nodes import Node
from fedsched.kube.pods import Seat
from fedsched.matchmaker.model import Room
from fedsched.matchmaker.resources import Resources

MOST_BARS = 512
"""Bars of one group's histogram; above that free amounts are rounded down, coarser and coarser, until it has fewer."""


class _Taken:
    """Sums of requests on one node; mutable, because it changes with every pod."""

    __slots__ = ("cpu", "disk", "memory", "other", "pods")

    def __init__(self) -> None:
        self.cpu = self.memory = self.disk = self.pods = 0
        self.other: dict[str, int] = {}

    def change(self, needs: Amounts, sign: int) -> None:
        self.cpu += sign * needs.cpu
        self.memory += sign * needs.memory
        self.disk += sign * needs.disk
        self.pods += sign * needs.pods
        for name, amount in needs.other:
            self.other[name] = self.other.get(name, 0) + sign * amount

    def amounts(self) -> Amounts:
        other = tuple(sorted((name, amount) for name, amount in self.other.items() if amount))
        return Amounts(self.cpu, self.memory, self.disk, self.pods, other)


class Rooms:
    """Free amounts by node name. `dirty`: names of nodes whose room changed since they were last taken out of it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.dirty: set[str] = set()
        self._taken: dict[str, _Taken] = {}

    def node_moved(self, before: Node | None, after: Node | None) -> None:
        """A node appeared, changed or went."""
        if before is not None and (after is None or after.name != before.name):
            if self.nodes.get(before.name) is before:
                del self.nodes[before.name]
            self.dirty.add(before.name)
        if after is not None:
            self.nodes[after.name] = after
            self.dirty.add(after.name)

    def pod_moved(self, before: Seat | None, after: Seat | None) -> None:
        """A pod appeared, changed or went; pods of nodes that are not there (yet) count as soon as they are."""
        if before is not None and before.node:
            self._change(before, -1)
        if after is not None and after.node:
            self._change(after, 1)

    def _change(self, seat: Seat, sign: int) -> None:
        taken = self._taken.get(seat.node)
        if taken is None:
            taken = self._taken[seat.node] = _Taken()
        taken.change(seat.needs, sign)
        if not taken.pods:
            del self._taken[seat.node]
        self.dirty.add(seat.node)

    def free(self, name: str, gpu_resource: str = "") -> Resources:
        """What is free on a node, not below zero; nothing for an unknown node."""
        node = self.nodes.get(name)
        if node is None:
            return Resources()
        taken = self._taken.get(name)
        left = node.allocatable if taken is None else less(node.allocatable, taken.amounts())
        return resources(left, gpu_resource)


def histogram(free: Iterable[Resources], most: int = MOST_BARS) -> tuple[Room, ...]:
    """Nodes by what is free on them, at most `most` bars; rounding only ever takes room away."""
    bars = Counter(free)
    step = 1
    while len(bars) > most and step <= MEBI:
        step *= 4
        rounded: Counter[Resources] = Counter()
        for amount, count in bars.items():
            rounded[_coarse(amount, step)] += count
        bars = rounded
    return tuple(sorted(Room(amount, count) for amount, count in bars.items()))


def _coarse(free: Resources, step: int) -> Resources:
    """Rounded down to steps of 25 thousandths, 32 MiB and 128 MiB of disk, times `step`; devices stay exact."""
    return Resources(
        free.cpu_milli - free.cpu_milli % (25 * step),
        free.memory_mib - free.memory_mib % (32 * step),
        free.disk_mib - free.disk_mib % (128 * step),
        free.gpus,
        free.pods if step < 64 else min(free.pods, 16),
        free.other,
    )
