"""What would be free on nodes, in quotas and under ceilings if some of ours left; not who may be asked to leave.

Every limit is one number: how much of something is left. A startd needs some of several, who leaves gives some back,
and an eviction helps when every number that is needed becomes large enough (MA2 on the node, S4, OW3 on the member).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from fedsched.matchmaker.match import Place, footprint
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.land import Key, Land, nodes_of
from fedsched.matchmaker.preempt.nodes import Bars, Nodes, names_of
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources, fits

Amounts = Mapping[Key, int]

ANY_NODE = ""
"""A node of the group that has room for one already; it is a quota or a ceiling that is in the way."""


class Ground:
    """The running numbers of all members."""

    def __init__(self, places: Iterable[Place], standing: Iterable[Standing], at: float) -> None:
        self._left: dict[Key, int] = {}
        self._lands: dict[str, Land] = {}
        self._of_group: dict[tuple[str, str], list[str]] = {}
        self._free: dict[tuple[str, str], Resources] = {}
        self._amounts: dict[tuple[str, Resources, bool], tuple[tuple[str, int], ...]] = {}
        self._limits: dict[tuple[str, str, Resources, bool], dict[Key, int]] = {}
        self._known: dict[tuple[str, str, Resources, bool], list[str]] = {}
        self._needs: dict[tuple[str, str, Resources, bool, str], dict[Key, int]] = {}
        self._gains: dict[tuple[str, str, Resources], dict[Key, int]] = {}
        self._of_stand: dict[str, dict[Key, int]] = {}
        own = list[tuple[str, str]]()
        for place in (place for place in places if not place.jobs):
            own.append((place.terms.name, place.group.name))
            if place.terms.name not in self._lands:
                self._lands[place.terms.name] = Land.of(place)
            self._lands[place.terms.name].places[place.group.name] = place
        by_member: dict[str, list[Standing]] = {}
        for stand in standing:
            by_member.setdefault(stand.held.placement.member, []).append(stand)
        for name, land in self._lands.items():
            for node, group, free in land.nodes(by_member.get(name, ()), at):
                self._of_group.setdefault((name, group), []).append(node)
                self._free[name, node] = free
            self._left |= land.left(by_member.get(name, ()))
        keys = ((name, group) for name, land in self._lands.items() for group in land.places)
        self.places = {key: number for number, key in enumerate(keys)}
        self.number_of = np.array([self.places[key] for key in own], np.int64)
        """Of each place of startds, in the order in which they were given, the number here."""
        lands = [self._lands[member] for member, _ in self.places]
        self.limited = np.array([land.limited for land in lands], np.bool_)
        """Of each place whether its member has numbers of its own that an option there takes of."""
        overheads = dict[Resources, int]()
        of = [overheads.setdefault(land.terms.pod_overhead, len(overheads)) for land in lands]
        self.overheads, self.overhead_at = tuple(overheads), np.array(of, np.int64)
        """What a startd needs beside its size, and of each place which of these it is."""
        self.free, self.bars = self._laid_out(by_member)

    def _laid_out(self, by_member: Mapping[str, list[Standing]]) -> tuple[Nodes, Bars]:
        """The nodes' part of the numbers in columns, which change together, and what views say of all nodes."""
        frees = [
            (number, member, node, self._free[member, node])
            for (member, group), number in self.places.items()
            for node in self._of_group.get((member, group), ())
        ]
        bars = [
            (number, member, "", bar.free)
            for (member, group), number in self.places.items()
            for bar in self._lands[member].places[group].group.rooms
            if bar.nodes
        ]
        extended = [
            footprint(s.held.placement, land.terms)
            for n, land in self._lands.items()
            for s in by_member.get(n, ())
            if s.held.placement.size.other or land.terms.pod_overhead.other
        ]
        names = names_of((*extended, *(one[-1] for one in (*frees, *bars))))
        return Nodes(frees, names, len(self.places)), Bars(bars, names, len(self.places))

    def nodes(self, option: Option) -> list[str]:
        """Nodes of the option's group that ours stand on and that take pods, by name; ANY_NODE where one has room."""
        member, group = option.place.terms.name, option.place.group.name
        key = (member, group, option.size, option.place.jobs)
        if key not in self._known:
            self._known[key] = self._find_nodes(option, member, group)
        return self._known[key]

    def _find_nodes(self, option: Option, member: str, group: str) -> list[str]:
        usable = self._of_group.get((member, group), [])
        need = option.size + option.place.terms.pod_overhead
        if any(bar.nodes and fits(need, bar.free) for bar in option.place.group.rooms):
            return [*usable, ANY_NODE]
        return usable

    def open_node(self, option: Option) -> str | None:
        """The first node with room for one startd more, ANY_NODE where the view has one; None where none has."""
        if self.short(self.limits(option), {}):
            return None
        return next((n for n in self.nodes(option) if n == ANY_NODE or self.would_fit(option, n, ())), None)

    def would_fit(self, option: Option, node: str, gains: Iterable[Amounts]) -> bool:
        """Whether a node, not the member's limits, would do when so much came back."""
        member = option.place.terms.name
        for name, amount in self._asked(option):
            key = ("node", member, node, name)
            left = self._has(key)
            if left < amount and left + sum(gain.get(key, 0) for gain in gains) < amount:
                return False
        return True

    def _asked(self, option: Option) -> tuple[tuple[str, int], ...]:
        key = (option.place.terms.name, option.size, option.place.jobs)
        if key not in self._amounts:
            full = option.size + option.place.terms.pod_overhead
            self._amounts[key] = tuple((name, amount) for name, amount in full.items() if amount)
        return self._amounts[key]

    def limits(self, option: Option) -> dict[Key, int]:
        """What one startd of the option takes of the member's own numbers."""
        name, group = option.place.terms.name, option.place.group.name
        key = (name, group, option.size, option.place.jobs)
        if key not in self._limits:
            size = option.size + option.place.terms.pod_overhead
            self._limits[key] = self._lands[name].counts(group, size)
        return self._limits[key]

    def need(self, option: Option, node: str) -> dict[Key, int]:
        """What one startd of the option takes of each number when it runs on that node."""
        key = (option.place.terms.name, option.place.group.name, option.size, option.place.jobs, node)
        if key not in self._needs:
            self._needs[key] = self._need(option, node)
        return self._needs[key]

    def _need(self, option: Option, node: str) -> dict[Key, int]:
        amounts = dict(self.limits(option))
        if node != ANY_NODE:
            amounts |= {("node", option.place.terms.name, node, name): a for name, a in self._asked(option)}
        return amounts

    def gain(self, stand: Standing) -> dict[Key, int]:
        """What comes back when a placement goes: on the nodes where its pods are, and of the member's own numbers."""
        name = stand.held.placement.id
        if name not in self._of_stand:
            self._of_stand[name] = self._gain(stand)
        return self._of_stand[name]

    def _gain(self, stand: Standing) -> dict[Key, int]:
        held, nodes = stand.held, nodes_of(stand)
        land = self._lands.get(held.placement.member)
        if land is None:
            return {}
        size = footprint(held.placement, land.terms)
        amounts = dict(self._member_gains(land, held.placement.node_group if nodes else "", size))
        if held.nodes > 1 and held.placement.form == "job":
            bound = sum(nodes.values())
            times = {"jobs": 1, "kept": bound}
            amounts = {key: amount * times.get(key[0], held.nodes) for key, amount in amounts.items()}
        for node, pods in nodes.items():
            freed = size.times(pods).items()
            amounts |= {("node", land.terms.name, node, name): amount for name, amount in freed if amount}
        return amounts

    def _member_gains(self, land: Land, group: str, size: Resources) -> dict[Key, int]:
        key = (land.terms.name, group, size)
        if key not in self._gains:
            self._gains[key] = land.counts(group, size)
        return self._gains[key]

    def short(self, need: Amounts, gained: Amounts) -> set[Key]:
        """Which numbers are too small for `need` even with what `gained` adds; empty when it fits."""
        return {k for k, amount in need.items() if self._has(k) + gained.get(k, 0) < amount}

    def _has(self, key: Key) -> int:
        """How much is left; of most nodes nobody asks."""
        left = self._left.get(key)
        if left is None:
            free = self._free.get((key[1], key[2])) if key[0] == "node" else None
            left = self._left[key] = 0 if free is None else free.get(key[3])
        return left

    def give(self, amounts: Amounts) -> None:
        """So much comes back."""
        for key, amount in amounts.items():
            self._change(key, amount)

    def take(self, amounts: Amounts) -> None:
        """So much is promised."""
        for key, amount in amounts.items():
            self._change(key, -amount)

    def _change(self, key: Key, amount: int) -> None:
        self._left[key] = self._has(key) + amount
        self.free.change(key, amount)
