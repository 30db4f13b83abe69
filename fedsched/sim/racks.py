"""Nodes of one simulated member and the first of them on which something fits; pods are not known here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fedsched.matchmaker.model import Room
from fedsched.matchmaker.resources import Resources, fits

ROW = 32
"""Nodes that are passed over together when none of them has enough."""


@dataclass(eq=False)
class Node:
    """One node. free: what no pod holds. images: when each is, or will be, pulled. up: it is there and takes pods."""

    name: str
    group: str
    free: Resources
    images: dict[str, float] = field(default_factory=dict)
    up: bool = True


class _Row:
    """Some nodes in a row, and what is known to fit on none of them until something becomes free there."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.too_much: set[Resources] = set()

    def first_fit(self, request: Resources) -> Node | None:
        if request in self.too_much:
            return None
        found = next((node for node in self.nodes if node.up and fits(request, node.free)), None)
        if found is None:
            self.too_much.add(request)
        return found


class Racks:
    """All nodes by group, in order; says what is free on them and which is the first with enough."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._groups: dict[str, list[Node]] = {}
        for node in nodes:
            self._groups.setdefault(node.group, []).append(node)
        self._rows: dict[str, list[_Row]] = {}
        self._row_of: dict[str, _Row] = {}
        self._free: dict[str, Counter[Resources]] = {}
        self._rooms: dict[str, tuple[Room, ...]] = {}
        for group in self._groups:
            self._set_up(group)

    def __iter__(self) -> Iterator[Node]:
        """Nodes that are up, group by group."""
        return (node for nodes in self._groups.values() for node in nodes if node.up)

    def __len__(self) -> int:
        """How many are up."""
        return sum(bars.total() for bars in self._free.values())

    def of(self, group: str) -> list[Node]:
        """The group's nodes, those that are lost included."""
        return self._groups.get(group, [])

    def first_fit(self, group: str, request: Resources) -> Node | None:
        """The first node of the group on which the request fits; None when there is none."""
        return next((node for row in self._rows.get(group, ()) if (node := row.first_fit(request))), None)

    def hold(self, node: Node, amount: Resources) -> None:
        """So much of the node is held by one more."""
        self._change(node, node.free - amount)

    def release(self, node: Node, amount: Resources) -> None:
        """So much of the node is free again."""
        self._change(node, node.free + amount)
        row = self._row_of.get(node.name)
        if row is not None:
            row.too_much.clear()

    def lose(self, node: Node) -> None:
        """The node is not there any more."""
        node.up = False
        self._set_up(node.group)

    def bring(self, node: Node, free: Resources) -> None:
        """The node is back, or new; images that it had are still there."""
        node.up, node.free = True, free
        nodes = self._groups.setdefault(node.group, [])
        if node not in nodes:
            nodes.append(node)
        self._set_up(node.group)

    def rooms(self, group: str) -> tuple[Room, ...]:
        """What is free on nodes that are up, as a histogram."""
        if group not in self._rooms:
            bars = sorted(self._free.get(group, Counter()).items())
            self._rooms[group] = tuple(Room(free, nodes) for free, nodes in bars if nodes)
        return self._rooms[group]

    def _set_up(self, group: str) -> None:
        nodes = self._groups[group]
        rows = [_Row(nodes[begin : begin + ROW]) for begin in range(0, len(nodes), ROW)]
        self._rows[group] = rows
        self._row_of.update((node.name, row) for row in rows for node in row.nodes)
        self._free[group] = Counter(node.free.floor_zero() for node in nodes if node.up)
        self._rooms.pop(group, None)

    def _change(self, node: Node, free: Resources) -> None:
        before, node.free = node.free, free
        if node.name not in self._row_of or not node.up:
            return
        bars = self._free[node.group]
        bars[before.floor_zero()] -= 1
        bars[free.floor_zero()] += 1
        if not bars[before.floor_zero()]:
            del bars[before.floor_zero()]
        self._rooms.pop(node.group, None)
