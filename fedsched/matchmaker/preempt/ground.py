"""What would be free on nodes, in quotas and under ceilings if some of ours left; not who may be asked to leave.

Every limit is one number: how much of something is left. A startd needs some of several, who leaves gives some back,
and an eviction helps when every number that is needed becomes large enough (MA2 on the node, S4, OW3 on the member).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from fedsched.matchmaker.match import Place, footprint
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.census import census
from fedsched.matchmaker.preempt.land import Key, Land, Space, nodes_of
from fedsched.matchmaker.preempt.nodes import Nodes
from fedsched.matchmaker.preempt.outlook import Outlook
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources, fits

Amounts = Mapping[Key, int]

ANY_NODE = ""
"""A node of the group that has room for one already; it is a quota or a ceiling that is in the way."""


class Ground:
    """The running numbers of all members. Who stands where is looked up of members that are asked about."""

    def __init__(self, places: Iterable[Place], standing: Iterable[Standing], at: float) -> None:
        self._at = at
        self.census = census(standing)
        self._left: dict[Key, int] = {}
        self._lands: dict[str, Land] = {}
        self._walked: dict[str, list[Space]] = {}
        self._of_group: dict[tuple[str, str], list[str]] = {}
        self._free: dict[tuple[str, str], Resources] = {}
        self._amounts: dict[tuple[str, Resources, bool], tuple[tuple[str, int], ...]] = {}
        self._limits: dict[tuple[str, str, Resources, bool], dict[Key, int]] = {}
        self._known: dict[tuple[str, str, Resources, bool], list[str]] = {}
        self._needs: dict[tuple[str, str, Resources, bool, str], dict[Key, int]] = {}
        self._gains: dict[tuple[str, str, Resources], dict[Key, int]] = {}
        self._of_stand: dict[str, dict[Key, int]] = {}
        own = [(place.terms.name, place) for place in places if not place.jobs]
        for name, place in own:
            if name not in self._lands:
                self._lands[name] = Land.of(place)
            self._lands[name].places[place.group.name] = place
        for name, land in self._lands.items():
            self._left |= land.left(self._mine(name))
        keys = ((name, group) for name, land in self._lands.items() for group in land.places)
        self.places = {key: number for number, key in enumerate(keys)}
        self.number_of = np.array([self.places[name, place.group.name] for name, place in own], np.int64)
        """Of each place of startds, in the order in which they were given, the number here."""
        limited = {name: land.limited for name, land in self._lands.items()}
        self.limited = np.array([limited[member] for member, _ in self.places], np.bool_)
        """Of each place whether its member has numbers of its own that an option there takes of."""
        overheads = dict[Resources, int]()
        of = {n: overheads.setdefault(land.terms.pod_overhead, len(overheads)) for n, land in self._lands.items()}
        self.overheads, self.overhead_at = tuple(overheads), np.array([of[name] for name, _ in self.places], np.int64)
        """What a startd needs beside its size, and of each place which of these it is."""
        self.outlook = Outlook(self.places, self._lands, self.census, self._walk)

    @property
    def free(self) -> Nodes:
        """The nodes' part of the numbers in columns, which change together: of those that ours stand on."""
        return self.outlook.nodes

    def _mine(self, member: str) -> Sequence[Standing]:
        return self.census.by_member.get(member, ())

    def _walk(self, member: str) -> Sequence[Space]:
        """What was free on each node of a member that ours stand on, before anything changed."""
        if member not in self._walked:
            land, mine = self._lands.get(member), self._mine(member)
            self._walked[member] = list(land.nodes(mine, self._at)) if land is not None and mine else []
            for node, group, free in self._walked[member]:
                self._of_group.setdefault((member, group), []).append(node)
                self._free[member, node] = free
        return self._walked[member]

    def nodes(self, option: Option) -> list[str]:
        """Nodes of the option's group that ours stand on and that take pods, by name; ANY_NODE where one has room."""
        member, group = option.place.terms.name, option.place.group.name
        key = (member, group, option.size, option.place.jobs)
        if key not in self._known:
            self._known[key] = self._find_nodes(option, member, group)
        return self._known[key]

    def _find_nodes(self, option: Option, member: str, group: str) -> list[str]:
        self._walk(member)
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
            left = self._left[key] = self._at_first(key[1], key[2], key[3]) if key[0] == "node" else 0
        return left

    def _at_first(self, member: str, node: str, name: str) -> int:
        self._walk(member)
        free = self._free.get((member, node))
        return 0 if free is None else free.get(name)

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
        if key[0] == "node":
            self.outlook.change(key, amount)
