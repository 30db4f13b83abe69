"""Progressive filling one unit at a time, as plainly as rule FS6 reads; slow, and shares no code with the product."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fedsched.matchmaker.model import DemandClass, ShareLine
from fedsched.matchmaker.resources import Resources


@dataclass
class Node:
    """One node: which member and node group it is of, what is free there, and what an empty one of the group has."""

    member: str
    group: str
    free: dict[str, int]
    empty: dict[str, int]


@dataclass
class Reference:
    """The whole state, recomputed from scratch at every step.

    lines: entitlement and what is held at the beginning, by path. size: thousandths of a core-equivalent of a class.
    """

    nodes: list[Node]
    classes: list[DemandClass]
    lines: dict[str, ShareLine]
    size: dict[str, int]
    placed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    aside: set[str] = field(default_factory=set)

    def run(self) -> Counter[tuple[str, str, str]]:
        """(class key, member, node group) -> startds, when nothing fits any more."""
        while (demand := self._next()) is not None:
            node = self._node(demand)
            if node is None:
                self.aside.add(demand.key)
                continue
            for name, amount in need(demand).items():
                node.free[name] -= amount
            self.placed[demand.key, node.member, node.group] += 1
        return self.placed

    def _done(self, demand: DemandClass) -> int:
        return sum(count for (key, _, _), count in self.placed.items() if key == demand.key)

    def _active(self) -> list[DemandClass]:
        return [d for d in self.classes if d.key not in self.aside and self._done(d) < d.idle]

    def _held(self, path: str) -> int:
        below = [d for d in self.classes if inside(principal_path(d), path)]
        return sum(line.held for line in self._lines(path)) + sum(self._done(d) * self.size[d.key] for d in below)

    def _lines(self, path: str) -> list[ShareLine]:
        """The node's line; those of its principals for what stands for all principals of a group."""
        if path.endswith("/"):
            return [line for line in self.lines.values() if "/" in line.path and line.parent == path[:-1]]
        return [self.lines[path]] if path in self.lines else []

    def _child(self, path: str, above: str) -> str:
        """A group's own principals stand together where it has groups below."""
        parents = {line.parent for line in self.lines.values() if line.path and "/" not in line.path}
        next_ = child(path, above)
        own = next_ == path and not above.endswith("/") and above in parents
        return f"{above}/" if own else next_

    def _next(self) -> DemandClass | None:
        active = self._active()
        if not active:
            return None
        path = ""
        while children := {self._child(principal_path(d), path) for d in active if principal_path(d) != path}:
            path = min(children, key=self._key)
            active = [d for d in active if inside(principal_path(d), path)]
            if all(principal_path(d) == path for d in active):
                break
        return min(active, key=lambda d: (-self._priority(d), d.oldest_at, d.key))

    def _key(self, path: str) -> tuple[float, int, str]:
        entitled = sum(line.entitled for line in self._lines(path))
        return (self._held(path) / entitled if entitled else float("inf")), -entitled, path

    def _priority(self, demand: DemandClass) -> int:
        each = [p for p, count in sorted(demand.priorities, reverse=True) for _ in range(count)]
        done = self._done(demand)
        return each[done] if done < len(each) else 0

    def _node(self, demand: DemandClass) -> Node | None:
        asked = need(demand)
        fitting = [n for n in self.nodes if all(n.free[name] >= amount for name, amount in asked.items())]
        if not fitting:
            return None
        # the best place by name, in it the node whose shape it has
        best = min((n.member, n.group) for n in fitting)
        return most_alike([n for n in fitting if (n.member, n.group) == best], asked)


def most_alike(fitting: list[Node], asked: dict[str, int]) -> Node:
    """Nodes before whole ones; of those the one most alike in its proportions, in 64 steps; then the one with least.

    Whole: three quarters of everything are free. Proportions are of an empty node, in 65,536 parts, rounded down.
    """
    begun = [node for node in fitting if any(4 * node.free[name] < 3 * all_ for name, all_ in node.empty.items())]
    if not begun:
        return min(fitting, key=lambda node: tuple(node.free.values()))
    return min(begun, key=lambda node: (-likeness(asked, node), *node.free.values()))


def likeness(asked: dict[str, int], node: Node) -> int:
    """64 times the squared cosine between the request and what is free."""
    names = [name for name, all_ in node.empty.items() if all_]
    mine = [65_536 * asked.get(name, 0) // node.empty[name] for name in names]
    its = [65_536 * node.free[name] // node.empty[name] for name in names]
    product = sum(a * b for a, b in zip(mine, its, strict=True))
    lengths = sum(a * a for a in mine) * sum(b * b for b in its)
    return 64 * product * product // lengths if lengths else 0


def need(demand: DemandClass) -> dict[str, int]:
    """What one startd for one job of the class takes of a node, by resource."""
    return {name: amount for name, amount in demand.request.items() if amount}


def free(amount: Resources) -> dict[str, int]:
    """A node's free room by resource."""
    return dict(amount.items())


def principal_path(demand: DemandClass) -> str:
    """Where the class's principal hangs in the tree."""
    return f"{demand.principal.group}/{demand.principal.user}"


def inside(path: str, above: str) -> bool:
    """Whether a principal's path lies under (or is) a group's or its own."""
    group = path.rpartition("/")[0]
    if above.endswith("/"):
        return group == above[:-1]
    return above in {"", path, group} or group.startswith(above + ".")


def child(path: str, above: str) -> str:
    """The next node on the way from a group to a principal."""
    group = path.rpartition("/")[0]
    if group == above or above.endswith("/"):
        return path
    rest = group[len(above) :].lstrip(".")
    head = rest.split(".")[0]
    return f"{above}.{head}" if above else head
