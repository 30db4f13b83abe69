"""The same decision once more, one unit at a time, by a reference.

The reference shares no code with the product; entitlements are given to it, as are cases with their limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fedsched.matchmaker.model import DemandClass, MemberTerms, NodeGroup, Plan
from fedsched.matchmaker.resources import Resources
from tests.properties.reference_filling import Node, Reference, free, most_alike
from tests.quality.cases import NAMES, Case

Turn = tuple[str, str, str]
"""Key of a class, member, node group."""


def turns_of(plan: Plan) -> list[Turn]:
    """What the plan placed, in the order of its turns: ids end with a serial number in hexadecimal digits."""
    new = sorted((held.placement for held in plan.held), key=lambda one: int(one.id.rpartition("-")[2], 16))
    return [(one.class_key, one.member, one.node_group) for one in new]


class OneByOne(Reference):
    """Progressive filling as in the properties' reference, with requirements, ranks and limits beside rooms."""

    def __init__(self, case: Case, plan: Plan) -> None:
        nodes = [
            Node(view.name, group.name, free(room.free), free(group.allocatable))
            for view in case.snapshot.observation.members
            for group in view.node_groups
            for room in group.rooms
            for _ in range(room.nodes)
        ]
        size = {one.key: _size(case, one.request) for one in case.classes}
        super().__init__(nodes, list(case.classes), {line.path: line for line in plan.shares}, size)
        self._case = case
        self._of_class: Counter[str] = Counter()
        self._terms = {one.name: one for one in case.snapshot.terms}
        self._groups = {
            (view.name, group.name): group for view in case.snapshot.observation.members for group in view.node_groups
        }
        self._on_member: dict[str, Counter[str]] = {name: Counter() for name in self._terms}
        self._in_group: dict[str, Counter[str]] = {group.path: Counter() for group in case.policy.groups}
        self._licences: Counter[str] = Counter()
        self._places = {one.key: self._best_first(one) for one in case.classes}

    def turns(self) -> Iterator[Turn]:
        """Every unit, in order, until nothing fits any more."""
        while (demand := self._next()) is not None:
            node = self._node(demand)
            if node is None:
                self.aside.add(demand.key)
                continue
            self._book(demand, node)
            yield demand.key, node.member, node.group

    def _book(self, demand: DemandClass, node: Node) -> None:
        full = self._full(demand, node.member)
        for name, amount in full.items():
            node.free[name] -= amount
        self._on_member[node.member].update(full)
        for group in self._above(demand):
            self._in_group[group].update(dict(demand.request.items()))
        self._licences.update(dict(demand.concurrency))
        self._of_class[demand.key] += 1

    def _done(self, demand: DemandClass) -> int:
        return self._of_class[demand.key]

    def _node(self, demand: DemandClass) -> Node | None:
        """On the best place with room, the node whose shape it has."""
        if self._bounded(demand):
            return None
        for member, group in self._places[demand.key]:
            full = self._full(demand, member)
            there = [node for node in self.nodes if (node.member, node.group) == (member, group)]
            fitting = [node for node in there if all(node.free[name] >= amount for name, amount in full.items())]
            if fitting and not self._limited(member, full) and not self._kept(member, group, full):
                return most_alike(fitting, full)
        return None

    def _best_first(self, demand: DemandClass) -> list[tuple[str, str]]:
        """By the policy's rank, which is by price where it has one; GPU nodes last for what needs none; by name."""

        def key(place: tuple[str, str]) -> tuple[float, bool, str, str]:
            group: NodeGroup = self._groups[place]
            price = self._terms[place[0]].price_per_core_hour if self._case.policy.rank else 0.0
            return price, group.allocatable.gpus > 0 and not demand.request.gpus, *place

        return sorted(self._case.may[demand.key], key=key)

    def _full(self, demand: DemandClass, member: str) -> dict[str, int]:
        """What one unit takes of a node there, its pod's own needs included."""
        overhead = dict(self._terms[member].pod_overhead.items())
        found = {name: amount + overhead.get(name, 0) for name, amount in demand.request.items()}
        return {name: amount for name, amount in found.items() if amount}

    def _bounded(self, demand: DemandClass) -> bool:
        """Whether a group's limit or a concurrency limit allows no further unit."""
        groups = {group.path: group for group in self._case.policy.groups}
        asked = dict(demand.request.items())
        for path in self._above(demand):
            group = groups[path]
            if any(self._in_group[path][n] + asked.get(n, 0) > group.limit.get(n) for n in group.limit_names):
                return True
        most = {limit.name: limit.units for limit in self._case.policy.limits}
        return any(self._licences[name] + each > most[name] for name, each in demand.concurrency)

    def _above(self, demand: DemandClass) -> list[str]:
        path = demand.principal.group
        return [group for group in self._in_group if path == group or path.startswith(f"{group}.")]

    def _limited(self, member: str, full: dict[str, int]) -> bool:
        """Whether the member's ceiling or a quota of its namespace allows no further unit."""
        terms: MemberTerms = self._terms[member]
        view = next(one for one in self._case.snapshot.observation.members if one.name == member)
        bounds = [(terms.ceiling, terms.ceiling_names), *((quota.left, quota.limits) for quota in view.quotas)]
        held = self._on_member[member]
        return any(held[name] + full.get(name, 0) > most.get(name) for most, names in bounds for name in names)

    def _kept(self, member: str, group: str, full: dict[str, int]) -> bool:
        """Whether too little would stay free in the node group."""
        kept = dict(self._terms[member].leave_free).get(group, Resources())
        there = [node for node in self.nodes if (node.member, node.group) == (member, group)]
        return any(
            sum(node.free[name] for node in there) - full.get(name, 0) < amount
            for name, amount in kept.items()
            if amount
        )


def _size(case: Case, request: Resources) -> int:
    """Thousandths of a core-equivalent: cores where they are the weight, else the dominant share of the reference."""
    sharing = case.policy.sharing
    if sharing.slot_weight:
        return request.cpu_milli
    cores, total = sharing.reference.cpu_milli, sharing.reference
    return max(-(-request.get(name) * cores // total.get(name)) for name in NAMES if total.get(name))
