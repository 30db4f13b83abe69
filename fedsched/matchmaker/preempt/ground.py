"""What would be free on nodes, in quotas and under ceilings if some of ours left; not who may be asked to leave.

Every limit is one number: how much of something is left. A startd needs some of several, who leaves gives some back,
and an eviction helps when every number that is needed becomes large enough (MA2 on the node, S4, OW3 on the member).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.book import HOLD_ROOM_S
from fedsched.matchmaker.book.keeping import HOLDS_ROOM
from fedsched.matchmaker.match import Place, footprint
from fedsched.matchmaker.model import MemberTerms, MemberView, NodeRoom
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.nodes import Bars, Nodes, names_of
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources, fits

Key = tuple[str, ...]
"""What is limited: ("node", member, node, resource), ("quota", member, quota, resource), …"""
Amounts = Mapping[Key, int]

ANY_NODE = ""
"""A node of the group that has room for one already; it is a quota or a ceiling that is in the way."""


class _Land(msgspec.Struct, frozen=True):
    """A member with its node groups, and where ours stand."""

    terms: MemberTerms
    view: MemberView
    places: dict[str, Place]
    rooms: dict[str, NodeRoom]


def nodes_of(stand: Standing) -> dict[str, int]:
    """The nodes that it would free with its pods on each, by name; none while no node is taken."""
    there = (pod.node for pod in stand.pods if pod.node and pod.phase in HOLDS_ROOM)
    if stand.held.placement.form == "job":
        return dict(sorted(Counter(there).items()))
    first = next(there, None)
    return {} if first is None else {first: 1}


class Ground:
    """The running numbers of all members."""

    def __init__(self, places: Iterable[Place], standing: Iterable[Standing], at: float) -> None:
        self._left: dict[Key, int] = {}
        self._lands: dict[str, _Land] = {}
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
            rooms = {room.node: room for room in place.view.node_rooms}
            land = self._lands.setdefault(place.terms.name, _Land(place.terms, place.view, {}, rooms))
            land.places[place.group.name] = place
        by_member: dict[str, list[Standing]] = {}
        for stand in standing:
            by_member.setdefault(stand.held.placement.member, []).append(stand)
        for name, land in self._lands.items():
            self._open_nodes(land, by_member.get(name, []), at)
            self._open_limits(land, by_member.get(name, []))
        keys = ((name, group) for name, land in self._lands.items() for group in land.places)
        self.places = {key: number for number, key in enumerate(keys)}
        self.number_of = np.array([self.places[key] for key in own], np.int64)
        """Of each place of startds, in the order in which they were given, the number here."""
        limited = [self.limited(member) for member, _ in self.places]
        self.limits_at: NDArray[np.bool_] = np.array(limited, np.bool_)
        overheads = dict[Resources, int]()
        of = [overheads.setdefault(self._lands[member].terms.pod_overhead, len(overheads)) for member, _ in self.places]
        self.overheads, self.overhead_at = tuple(overheads), np.array(of, np.int64)
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

    def limited(self, member: str) -> bool:
        """Whether the member has numbers of its own that an option there takes of."""
        land = self._lands[member]
        terms = land.terms
        return bool(land.view.quotas or terms.ceiling_names or terms.leave_free) or terms.mode == "trial"

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
            self._limits[key] = self._of_member(self._lands[name], group, size)
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

    def _member_gains(self, land: _Land, group: str, size: Resources) -> dict[Key, int]:
        key = (land.terms.name, group, size)
        if key not in self._gains:
            self._gains[key] = self._of_member(land, group, size)
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

    def _open_nodes(self, land: _Land, mine: list[Standing], at: float) -> None:
        """What is free on every node that ours stand on; a node that the view does not list has nothing besides."""
        name = land.terms.name
        nodes: dict[str, str] = {}
        for stand in mine:
            for node in nodes_of(stand):
                room = land.rooms.get(node)
                if room is None or _usable(room):
                    nodes[node] = room.node_group if room else stand.held.placement.node_group
        for node, group in sorted(nodes.items()):
            self._of_group.setdefault((name, group), []).append(node)
            free = land.rooms[node].free if node in land.rooms else Resources()
            for pod in land.view.site_pods:
                if node in pod.nodes and at - pod.since < HOLD_ROOM_S:
                    free -= pod.request  # what the owner waits for is the owner's (OW2)
            self._free[name, node] = free

    def _open_limits(self, land: _Land, mine: list[Standing]) -> None:
        """Quotas, ceiling, trial(n) and what stays free in a group; counted as the book counts them."""
        name, terms = land.terms.name, land.terms
        if not self.limited(name):
            return
        sizes = [(s, footprint(s.held.placement, terms)) for s in mine if s.held.phase != "gone"]
        for quota in land.view.quotas:
            unseen = [size.times(s.held.nodes) for s, size in sizes if not s.pods and s.held.wanted == "run"]
            for resource in quota.limits:
                spent = sum(size.get(resource) for size in unseen)
                self._left[("quota", name, quota.name, resource)] = quota.left.get(resource) - spent
            if quota.jobs_left is not None:
                self._left[("jobs", name, quota.name)] = quota.jobs_left - len(unseen)
        for resource in terms.ceiling_names:
            held = sum(size.get(resource) * s.held.nodes for s, size in sizes)
            self._left[("ceiling", name, resource)] = terms.ceiling.get(resource) - held
        if terms.mode == "trial":
            self._left[("trial", name)] = terms.trial - sum(s.held.nodes for s, _ in sizes)
        for group, place in land.places.items():
            self._keep_free(name, group, _kept(terms, group), place)

    def _keep_free(self, name: str, group: str, kept: Resources, place: Place) -> None:
        for resource, amount in kept.items():
            if amount:
                free = sum(bar.free.get(resource) * bar.nodes for bar in place.group.rooms)
                self._left[("kept", name, group, resource)] = free - amount

    def _of_member(self, land: _Land, group: str, size: Resources) -> dict[Key, int]:
        """What one pod of that size counts in the member's own numbers."""
        name, amounts = land.terms.name, dict(size.items())
        found: dict[Key, int] = {}
        for quota in land.view.quotas:
            found |= {("quota", name, quota.name, r): amounts.get(r, 0) for r in quota.limits if amounts.get(r)}
            if quota.jobs_left is not None:
                found["jobs", name, quota.name] = 1
        found |= {("ceiling", name, r): amounts.get(r, 0) for r in land.terms.ceiling_names if amounts.get(r)}
        if land.terms.mode == "trial":
            found["trial", name] = 1
        kept = _kept(land.terms, group) if group else Resources()
        return found | {("kept", name, group, r): amounts.get(r, 0) for r, a in kept.items() if a and amounts.get(r)}


def _usable(room: NodeRoom) -> bool:
    return room.ready and not room.cordoned


def _kept(terms: MemberTerms, group: str) -> Resources:
    """What stays free in a group (OW3)."""
    kept = dict(terms.leave_free)
    return kept.get(group) or kept.get("*") or Resources()
