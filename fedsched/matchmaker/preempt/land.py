"""A member as eviction sees it: where ours stand, what is left there, and what counts in the member's own numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from fedsched.matchmaker.book import HOLD_ROOM_S
from fedsched.matchmaker.match import Place, footprint
from fedsched.matchmaker.model import LIVE, MemberTerms, MemberView, NodeRoom
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources

Key = tuple[str, ...]
"""What is limited: ("node", member, node, resource), ("quota", member, quota, resource), …"""


def nodes_of(stand: Standing) -> dict[str, int]:
    """The nodes that it would free with its pods on each, by name; none while no node is taken."""
    there = (pod.node for pod in stand.pods if pod.node and pod.phase in LIVE)
    if stand.held.placement.form == "job":
        return dict(sorted(Counter(there).items()))
    first = next(there, None)
    return {} if first is None else {first: 1}


class Land(msgspec.Struct, frozen=True):
    """A member with its node groups, and what it says of its nodes."""

    terms: MemberTerms
    view: MemberView
    places: dict[str, Place]
    rooms: dict[str, NodeRoom]

    @classmethod
    def of(cls, place: Place) -> Land:
        """The member of that place, without places yet."""
        return cls(place.terms, place.view, {}, {room.node: room for room in place.view.node_rooms})

    @property
    def limited(self) -> bool:
        """Whether it has numbers of its own that an option there takes of."""
        terms = self.terms
        return bool(self.view.quotas or terms.ceiling_names or terms.leave_free) or terms.mode == "trial"

    def nodes(self, mine: Sequence[Standing], at: float) -> Iterator[tuple[str, str, Resources]]:
        """Every node that takes pods and that ours stand on, by name, with its group and what is free there.

        A node that the view does not list has nothing besides.
        """
        nodes: dict[str, str] = {}
        for stand in mine:
            for node in nodes_of(stand):
                room = self.rooms.get(node)
                if room is None or _usable(room):
                    nodes[node] = room.node_group if room else stand.held.placement.node_group
        for node, group in sorted(nodes.items()):
            free = self.rooms[node].free if node in self.rooms else Resources()
            for pod in self.view.site_pods:
                if node in pod.nodes and at - pod.since < HOLD_ROOM_S:
                    free -= pod.request  # what the owner waits for is the owner's (OW2)
            yield node, group, free

    def left(self, mine: Sequence[Standing]) -> dict[Key, int]:
        """Quotas, ceiling, trial(n) and what stays free in a group; counted as the book counts them."""
        if not self.limited:
            return {}
        name, terms = self.terms.name, self.terms
        found: dict[Key, int] = {}
        sizes = [(s, footprint(s.held.placement, terms)) for s in mine if s.held.phase != "gone"]
        for quota in self.view.quotas:
            unseen = [size.times(s.held.nodes) for s, size in sizes if not s.pods and s.held.wanted == "run"]
            for resource in quota.limits:
                spent = sum(size.get(resource) for size in unseen)
                found[("quota", name, quota.name, resource)] = quota.left.get(resource) - spent
            if quota.jobs_left is not None:
                found[("jobs", name, quota.name)] = quota.jobs_left - len(unseen)
        for resource in terms.ceiling_names:
            held = sum(size.get(resource) * s.held.nodes for s, size in sizes)
            found[("ceiling", name, resource)] = terms.ceiling.get(resource) - held
        if terms.mode == "trial":
            found[("trial", name)] = terms.trial - sum(s.held.nodes for s, _ in sizes)
        return found | dict(self._beside_what_is_kept())

    def _beside_what_is_kept(self) -> Iterator[tuple[Key, int]]:
        for group, place in self.places.items():
            for resource, amount in _kept(self.terms, group).items():
                if amount:
                    free = sum(bar.free.get(resource) * bar.nodes for bar in place.group.rooms)
                    yield ("kept", self.terms.name, group, resource), free - amount

    def counts(self, group: str, size: Resources) -> dict[Key, int]:
        """What one pod of that size counts in the member's own numbers."""
        name, amounts = self.terms.name, dict(size.items())
        found: dict[Key, int] = {}
        for quota in self.view.quotas:
            found |= {("quota", name, quota.name, r): amounts.get(r, 0) for r in quota.limits if amounts.get(r)}
            if quota.jobs_left is not None:
                found["jobs", name, quota.name] = 1
        found |= {("ceiling", name, r): amounts.get(r, 0) for r in self.terms.ceiling_names if amounts.get(r)}
        if self.terms.mode == "trial":
            found["trial", name] = 1
        kept = _kept(self.terms, group) if group else Resources()
        return found | {("kept", name, group, r): amounts.get(r, 0) for r, a in kept.items() if a and amounts.get(r)}


def _usable(room: NodeRoom) -> bool:
    return room.ready and not room.cordoned


def _kept(terms: MemberTerms, group: str) -> Resources:
    """What stays free in a group (OW3)."""
    kept = dict(terms.leave_free)
    return kept.get(group) or kept.get("*") or Resources()
