"""Whose turn it is: the tree of groups and principals, walked to the lowest level (FS6); nothing of places."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.model import ShareLine
from fedsched.matchmaker.share import Shared, path_of

Key = tuple[float, int, str]


class _Node:
    """One group or principal: its children or, for a principal, its classes as a heap, lowest level first."""

    def __init__(self, path: str, lines: Iterable[ShareLine], parent: _Node | None) -> None:
        self.path = path
        self.parent = parent
        found = tuple(lines)
        self.entitled = sum(line.entitled for line in found)
        self.held = sum(line.held for line in found)
        self.children: list[tuple[Key, _Node]] = []
        self.turns: list[tuple[tuple[int, float, str], Turn]] = []

    def key(self) -> Key:
        """Level = held by entitlement; ties go to the larger entitlement, then to the name, never to input order."""
        return self._key(self.held)

    def _key(self, held: int) -> Key:
        level = held / self.entitled if self.entitled > 0 else float("inf")
        return level, -self.entitled, self.path

    def leads(self, most: int, milli: int) -> int:
        """How often, at most `most` times, it is next in its parent if it holds `milli` more after each time."""
        rivals = self.parent.children[1:3] if self.parent is not None else []
        if not rivals:
            return most
        rival, low, high = min(rivals)[0], 1, most
        if not self._first(rival, milli):
            return 1
        if self._first(rival, (most - 1) * milli):
            return most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._first(rival, (middle - 1) * milli) else (low, middle)
        return low

    def _first(self, rival: Key, more: int) -> bool:
        """Whether it would still come before the other one if it held so much more."""
        return self._key(self.held + more) < rival

    def upwards(self) -> Iterator[_Node]:
        """Itself and every node above it, the root last."""
        node: _Node | None = self
        while node is not None:
            yield node
            node = node.parent


class Tree:
    """All classes that still want something, under their principals and groups.

    At each group the child with the lowest level is next, so what one principal leaves goes to its siblings before
    their cousins (FS4).
    """

    def __init__(self, shared: Shared, turns: Iterable[Turn]) -> None:
        self._shared = shared
        self._nodes: dict[str, _Node] = {"": _Node("", self._lines(""), None)}
        self._parents = frozenset(line.parent for path, line in shared.lines.items() if path and "/" not in path)
        leaves: set[str] = set()
        for turn in turns:
            leaf = self._node(path_of(turn.ask.demand.principal))
            for node in leaf.upwards():
                node.held += turn.milli
            if turn.unmet:
                leaves.add(leaf.path)
                leaf.turns.append((turn.order(), turn))
        for path in leaves:
            heapq.heapify(self._nodes[path].turns)
        for path in {node.path for leaf in leaves for node in self._nodes[leaf].upwards()}:
            node = self._nodes[path]
            if node.parent is not None:
                node.parent.children.append((node.key(), node))
        for node in self._nodes.values():
            heapq.heapify(node.children)

    def _node(self, path: str) -> _Node:
        found = self._nodes.get(path)
        if found is None:
            above = self._node(self._shared.ancestors(path)[1])
            if "/" in path and above.path in self._parents:
                above = self._own(above)
            found = self._nodes[path] = _Node(path, self._lines(path), above)
        return found

    def _own(self, group: _Node) -> _Node:
        """The principals of a group that has groups below: one child beside these, as entitlement divides (FS1)."""
        path = f"{group.path}/"
        if path not in self._nodes:
            lines = self._shared.lines.values()
            inside = (line for line in lines if "/" in line.path and line.parent == group.path)
            self._nodes[path] = _Node(path, inside, group)
        return self._nodes[path]

    def _lines(self, path: str) -> tuple[ShareLine, ...]:
        line = self._shared.lines.get(path)
        return (line,) if line else ()

    def next(self) -> Turn | None:
        """The class that takes the next unit; None when nobody wants one."""
        leaf = self._leaf()
        return leaf.turns[0][1] if leaf.turns else None

    def in_a_row(self, most: int, milli: int) -> int:
        """How often, at most `most` times, the class whose turn it is has it if it takes `milli` each time.

        milli: thousandths of a core-equivalent. As long as its next jobs are as urgent as the first.
        """
        for node in self._leaf().upwards():
            most = node.leads(most, milli) if most > 1 else most
        return most

    def took(self, milli: int) -> None:
        """The class whose turn it was took so many thousandths of a core-equivalent, and may still want more."""
        node = self._leaf()
        before, turn = node.turns[0]
        if before != (now := turn.order()):
            heapq.heapreplace(node.turns, (now, turn))
        while (above := node.parent) is not None:
            node.held += milli
            heapq.heapreplace(above.children, (node.key(), node))
            node = above
        node.held += milli

    def leave(self) -> None:
        """The class whose turn it was wants nothing more, or finds no place: it steps aside."""
        node = self._leaf()
        heapq.heappop(node.turns)
        empty = not node.turns
        while empty and node.parent is not None:
            node = node.parent
            heapq.heappop(node.children)
            empty = not node.children and not node.turns

    def _leaf(self) -> _Node:
        node = self._nodes[""]
        while node.children:
            node = node.children[0][1]
        return node
