"""A member as eviction sees it: where ours stand, what is left there, and what counts in the member's own numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fedsched.matchmaker.book import HOLD_ROOM_S
from fedsched.matchmaker.match import Place, footprint
from fedsched.matchmaker.model import LIVE, MemberTerms, MemberView, NodeRoom
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources

Key = tuple[str, ...]
"""What is limited: ("node", member, node, resource), ("quota", member, quota, resource), …"""

Space = tuple[str, str, Resources]
"""A node, its group, what is free there."""


def nodes_of(stand: Standing) -> dict[str, int]:
    """The nodes that it would free with its pods on each, by name; none while no node is taken."""
    pods = stand.object.pods if stand.object is not None else ()
    if len(pods) == 1:  # as nearly all have
        return {pods[0].node: 1} if pods[0].node and pods[0].phase in LIVE else {}
    there = [pod.node for pod in pods if pod.node and pod.phase in LIVE]
    if len(there) > 1 and stand.held.placement.form == "job":
        return dict(sorted(Counter(there).items()))
    return {there[0]: 1} if there else {}


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

    def nodes(self, mine: Iterable[Standing], at: float) -> Iterator[Space]:
        """Every node that takes pods and that ours stand on, by name, with its group and what is free there.

        A node that the view does not list has nothing besides, and is in the group of the last of ours there, by name.
        """
        rooms, listed, others = self.rooms, set[str](), list[tuple[str, str, str]]()
        for stand in mine:
            for node in nodes_of(stand):
                if node in rooms:
                    listed.add(node)
                else:
                    others.append((stand.held.placement.id, node, stand.held.placement.node_group))
        nodes = {node: rooms[node].node_group for node in listed if _usable(rooms[node])}
        nodes |= {node: group for _, node, group in sorted(others)}
        waiting = [pod for pod in self.view.site_pods if at - pod.since < HOLD_ROOM_S]
        for node, group in sorted(nodes.items()):
            free = rooms[node].free if node in rooms else Resources()
            for pod in waiting:
                if node in pod.nodes:
                    free -= pod.request  # what the owner waits for is the owner's (OW2)
            yield node, group, free

    def listed(self) -> list[Space]:
        """The same of every node that takes pods and that the view lists, whoever waits and whoever stands there."""
        return [(room.node, room.node_group, room.free) for room in self.rooms.values() if _usable(room)]

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
