"""What may be started where, and what that takes (MA2, S3, S4, OW3, FA9): room that is there, then growth (S7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.book.doors import Doors
from fedsched.matchmaker.book.doubt import doubts
from fedsched.matchmaker.book.keeping import kept
from fedsched.matchmaker.book.reserving import reserve
from fedsched.matchmaker.book.rooms import Rooms, Sizes
from fedsched.matchmaker.book.shortage import shortage, shortages, told
from fedsched.matchmaker.book.totals import GroupRoom, MemberTotals
from fedsched.matchmaker.match import Place, Shape, lacks
from fedsched.matchmaker.model import Policy
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources, show, with_amount

REMEMBER_REFUSAL_S = 600.0
"""How long a shape that a member's admission refused is not tried there again, in seconds (S4)."""


HOLD_ROOM_S = 300.0
"""For so long room is held for a site's unschedulable pod, in seconds: it waits out its scheduler's back-off.

One that waits longer waits for something else, or is taken at once when room appears.
"""

_FILE = "the member's file"


class Book:
    """Everything that a round may spend, with what is already promised taken off (S3)."""

    def __init__(self, places: Iterable[Place], standing: Iterable[Standing], policy: Policy, at: float) -> None:
        self._policy = policy
        self._at = at
        self._members: dict[str, MemberTotals] = {}
        self._groups: dict[tuple[str, str], GroupRoom] = {}
        self._growing: dict[str, str] = {}
        places = tuple(place for place in places if not place.jobs)  # the same nodes, seen by somebody else
        for place in places:
            if place.terms.name not in self._members:
                self._members[place.terms.name] = MemberTotals(place.terms, place.view)
            self._groups[place.terms.name, place.group.name] = GroupRoom(place)
            if place.view.site_pods:
                self._hold_for_the_site(place)
        standing = tuple(standing)
        self._keep_for_the_evictor(standing)
        reserve(standing, self._members, self._groups, self._growing)
        self.places = places
        self._room_of = [self._groups[place.terms.name, place.group.name] for place in places]
        self._rooms = Rooms(self._groups)
        nothing, single = Resources(), Shape("startd-job")
        overheads = [place.terms.pod_overhead for place in places]
        kinds = {one: number for number, one in enumerate(dict.fromkeys(overheads))}
        numbers = np.array([kinds[one] for one in overheads], np.int64)
        self._beside = {one: numbers == number for one, number in kinds.items()}
        self._overheads = [one if one != nothing else None for one in overheads]
        self.doors = Doors(places, lambda place: self._caps_and_quotas(place, nothing, single))

    def _hold_for_the_site(self, place: Place) -> None:
        """Room that the member's own pods are about to take is not ours, least of all what we just gave up (OW2)."""
        group = self._groups[place.terms.name, place.group.name]
        for pod in place.view.site_pods:
            if place.group.name not in pod.groups or self._at - pod.since >= HOLD_ROOM_S:
                continue
            if not group.take(pod.request) and place.memory.evictions:
                # Its room is still being made. On which node a new pod of ours lands is its scheduler's choice: any
                # could land on the one that we are leaving, and would have to leave it again.
                group.close()

    def _keep_for_the_evictor(self, standing: tuple[Standing, ...]) -> None:
        """Room that was made for one startd is nobody else's while the rest of it is still on its way (PR3)."""
        terms = {name: member.terms for name, member in self._members.items()}
        nodes: dict[tuple[str, str, str], Resources] = {}
        for one in kept(standing, terms, self._policy.preemption.wait_s, self._at):
            member, where = self._members[one.member], (one.member, one.node_group, one.node)
            member.keep(one.amount)
            nodes[where] = nodes.get(where, Resources()) + one.amount
        for (name, group, node), amount in sorted(nodes.items()):
            room = next((room for room in self._members[name].view.node_rooms if room.node == node), None)
            if room is not None and (name, group) in self._groups:
                self._groups[name, group].keep(room.free, amount)

    def take(self, place: Place, size: Resources, shape: Shape) -> int:
        """Book one startd, one on each node, or a Job's pods; how many pods that are."""
        group = self._groups[place.terms.name, place.group.name]
        full = size + place.terms.pod_overhead
        nodes = shape.pods
        if shape.form == "startd-daemonset":
            nodes = max(1, group.take_all(full))
            group.daemonset = True
        else:
            for _ in range(shape.pods):
                group.take(full)
        self._count(place, full, nodes)
        return nodes

    def take_in_a_row(self, place: Place, size: Resources, most: int) -> int:
        """Book so many startds for one node each, one after the other, or as many as find room; how many that were."""
        full = size + place.terms.pod_overhead
        count = self._groups[place.terms.name, place.group.name].take_in_a_row(full, most)
        self._count(place, full, count, count)
        return count

    def hold(self, place: Place, size: Resources) -> bool:
        """Take room for one startd for one node; whether there was any. It counts when it is counted."""
        return self._groups[place.terms.name, place.group.name].take(size + place.terms.pod_overhead)

    def count(self, place: Place, size: Resources, count: int) -> None:
        """Count so many startds for which room was taken before."""
        self._count(place, size + place.terms.pod_overhead, count, count)

    def in_a_row(self, number: int) -> int:
        """How many startds, one after the other, an open place takes if it has room and nothing depends on sizes."""
        place = self.places[number]
        return self._in_flight_left(place) if place.pair.attributes else 1

    def nodes(self, place: Place, size: Resources, shape: Shape) -> int:
        """How many pods one placement would bring: a Job's, one, or one on each node with room."""
        if shape.form != "startd-daemonset":
            return shape.pods
        group = self._groups[place.terms.name, place.group.name]
        return max(1, group.fitting(size + place.terms.pod_overhead))

    def take_growth(self, place: Place, size: Resources, shape: Shape, asker: str) -> int:
        """Book one startd on a node that does not exist yet (S7); asker: key of the class that the member grows for."""
        full = size + place.terms.pod_overhead
        for _ in range(shape.pods):
            self._groups[place.terms.name, place.group.name].take_growth(full)
        self._growing.setdefault(asker, place.terms.name)
        self._count(place, full, shape.pods)
        return shape.pods

    def _count(self, place: Place, full: Resources, nodes: int, objects: int = 1) -> None:
        """What is booked counts against the member, wherever its room comes from; objects: of how many that is."""
        self._rooms.change((place.terms.name, place.group.name))
        member = self._members[place.terms.name]
        group = self._groups[place.terms.name, place.group.name]
        probes = not (place.jobs or place.pair.attributes)
        group.probing = group.probing or probes
        member.pods += nodes
        member.held += full.times(nodes)
        member.in_flight += objects
        member.spend(full, nodes, 1 if place.jobs else nodes)
        self.doors.change(place.terms.name, shuts=probes or self._in_flight_left(place) <= 0)

    def _in_flight_left(self, place: Place) -> int:
        """How many more objects may be in flight there (FA9)."""
        return place.terms.budgets.objects_in_flight - self._members[place.terms.name].in_flight

    def changes(self, number: int) -> int:
        """Another one after whatever may change what keeps startds from the place of that number."""
        return self._room_of[number].changes + self.doors.changes[number]

    def short(self, number: int, size: Resources) -> Reason:
        """What the place of that number lacks first for one more startd of a size for which its nodes have no room."""
        place, room = self.places[number], self._room_of[number]
        return shortage(place, room, self._full(number, size))

    def shorts(self, numbers: NDArray[np.int64], sizes: Sizes) -> tuple[list[Reason], NDArray[np.int64]]:
        """The same of each of these places, of each for its size: what is said, and of each place which of it.

        Found of all at once, and said once where it is the same.
        """
        if len(self._beside) == 1:
            return self._shorts(numbers, sizes, next(iter(self._beside)))
        said, kinds = list[Reason](), np.empty(len(numbers), np.int64)
        for overhead, there in self._beside.items():
            its = there[numbers]
            more, kind = self._shorts(numbers[its], Sizes(sizes.all, sizes.of[its]), overhead)
            kinds[its] = kind + len(said)
            said += more
        return said, kinds

    def _shorts(
        self, numbers: NDArray[np.int64], sizes: Sizes, overhead: Resources
    ) -> tuple[list[Reason], NDArray[np.int64]]:
        full = Sizes([size + overhead for size in sizes.all], sizes.of)
        short = self._rooms.shortages(full, numbers) if len(numbers) else None
        if short is None:
            which = zip(numbers.tolist(), sizes.of.tolist(), strict=True)
            return [self.short(number, sizes.all[size]) for number, size in which], np.arange(len(numbers))
        one_of_each, kinds = short.alike()
        return [told(self.places[int(numbers[at])], short.one(at)) for at in one_of_each.tolist()], kinds

    def has_room(self, place: Place, size: Resources, pods: int = 1) -> bool:
        """Whether nodes there have room for one placement now, whatever else keeps it from there."""
        return self._groups[place.terms.name, place.group.name].holds(size + place.terms.pod_overhead, pods)

    def lacking(self, size: Resources, *, jobs: bool = False) -> NDArray[np.int64]:
        """Of every place how many resources its closest node lacks for one pod of a startd of that size, 0 for room.

        In the order in which the places were given, as `only_room`. jobs: of a user's Job, whose pod needs nothing
        beside.
        """
        if jobs or len(self._beside) == 1:
            return self._rooms.lacking(size if jobs else size + next(iter(self._beside)))
        found = np.empty(len(self.places), np.int64)
        for overhead, its in self._beside.items():
            found[its] = self._rooms.lacking(size + overhead)[its]
        return found

    def only_room(self) -> NDArray[np.bool_]:
        """Of every place whether only room on its nodes can keep a startd of any size from there, and no node comes."""
        fixed: NDArray[np.bool_] = self.doors.fixed().counts == 0
        return fixed

    def closed(self, number: int) -> bool:
        """Whether something keeps every startd from the place of that number, as far as that depends on no size."""
        return not self.doors.depends[number] and self.doors.first(number) is not None

    def open(self, number: int, size: Resources) -> bool | None:
        """Whether a startd of that size may start at the place of that number; None where only `blockers` can tell."""
        if self.doors.depends[number]:
            return None
        return self.doors.first(number) is None and self._room_of[number].holds(self._full(number, size))

    def cause(self, number: int, size: Resources) -> Cause | None:
        """What keeps it from there, where `open` can tell whether something does."""
        first = self.doors.first(number)
        if first is not None or self._room_of[number].holds(self._full(number, size)):
            return first
        return self.short(number, size).cause

    def _full(self, number: int, size: Resources) -> Resources:
        overhead = self._overheads[number]
        return size if overhead is None else size + overhead

    def blocker(self, place: Place, size: Resources, shape: Shape) -> Reason | None:
        """The first thing that keeps one more startd of that size from this place now; None when it may start."""
        return next(self.blockers(place, size, shape), None)

    def blockers(self, place: Place, size: Resources, shape: Shape) -> Iterator[Reason]:
        """All of it, so that what is named is all that must change (RE2)."""
        yield from self._caps_and_quotas(place, size, shape)
        yield from self._room(place, size, shape)

    def _caps_and_quotas(self, place: Place, size: Resources, shape: Shape) -> Iterator[Reason]:
        yield from doubts(place, self._policy.silence, self._at)
        yield from self._setback(place, size)
        yield from self._caps(place, size, shape)
        yield from self._quota(place, size, shape)

    def could_grow(self, place: Place, size: Resources, shape: Shape) -> bool:
        """Whether a node could still come there that has room for it, be that allowed or not."""
        group = self._groups[place.terms.name, place.group.name]
        return shape.form != "startd-daemonset" and group.could_grow(size + place.terms.pod_overhead, shape.pods)

    def growable(self, place: Place, size: Resources, shape: Shape, asker: str) -> Reason | None:
        """What keeps this place from growing for one more startd of that size; None when it may be asked to (S7).

        To be asked only where no place has room now. asker: key of a class; one member at a time grows for it.
        """
        return next(self.growth_blockers(place, size, shape, asker), None)

    def growth_blockers(self, place: Place, size: Resources, shape: Shape, asker: str) -> Iterator[Reason]:
        """All of it (RE2)."""
        yield from self._caps_and_quotas(place, size, shape)
        yield from self._no_growth(place, size, shape, asker)

    def _no_growth(self, place: Place, size: Resources, shape: Shape, asker: str) -> Iterator[Reason]:
        if not self.could_grow(place, size, shape):
            yield from self._lacking(place, size + place.terms.pod_overhead, shape)
            return
        asked = self._growing.get(asker, place.terms.name)
        if asked != place.terms.name:
            numbers = (f"one member grows for it, {asked}", f"could grow to {place.group.can_grow_to} nodes")
            yield place.here(Reason(Cause.GROWTH_ASKED, "nodes", *numbers, at=place.view.seen_at))

    def _setback(self, place: Place, size: Resources) -> Iterator[Reason]:
        """Failures and refusals there lately (X8, S4), or one probe still out (MA6)."""
        pair = place.pair
        if pair.closed_until > self._at:
            last = pair.last_failure
            times = f"{pair.failures} failure{'s' if pair.failures > 1 else ''}"
            have = f"{times} in a row: {last.cause} {last.have}" if last else times
            need = f"opens in {pair.closed_until - self._at:.0f} s"
            yield place.here(Reason(Cause.BACKING_OFF, "placements", need, have, at=self._at))
        for what, reason in place.memory.refusals:
            if what == refusal_key(size) and reason.at and self._at - reason.at < REMEMBER_REFUSAL_S:
                yield msgspec.structs.replace(reason, node_group=place.group.name)
        if self._groups[place.terms.name, place.group.name].probing and not place.jobs:
            yield place.here(Reason(Cause.PROBING, "first startd", "its slot seen", "not yet", at=self._at))

    def _caps(self, place: Place, size: Resources, shape: Shape) -> Iterator[Reason]:
        """What the member's file allows: trial(n), ceiling, requests in flight (OW3, FA9)."""
        member, terms = self._members[place.terms.name], place.terms
        group = self._groups[terms.name, place.group.name]
        more = place.group.nodes if shape.form == "startd-daemonset" else shape.pods
        if terms.mode == "trial" and member.pods + more > terms.trial:
            numbers = ("pods", str(member.pods + more), f"trial({terms.trial})")
            yield place.here(Reason(Cause.TRIAL_FULL, *numbers, source=_FILE))
        for name in sorted(terms.ceiling_names):
            full = member.held + (size + terms.pod_overhead).times(more)
            if full.get(name) > terms.ceiling.get(name):
                numbers = (name, show(name, full.get(name)), show(name, terms.ceiling.get(name)))
                yield place.here(Reason(Cause.CEILING_REACHED, *numbers, source=_FILE))
        for what, now, limit in (
            ("objects in flight", member.in_flight, terms.budgets.objects_in_flight),
            ("pods pulling images", member.pulling, terms.budgets.pods_pulling),
        ):
            if now >= limit:
                yield place.here(Reason(Cause.BUDGET, what, f"under {limit}", str(now), source=_FILE, at=self._at))
        if shape.form == "startd-daemonset" and group.daemonset:
            numbers = ("node group", "no DaemonSet of ours", "one is there")
            yield place.here(Reason(Cause.NO_ROOM, *numbers, at=place.view.seen_at))

    def _quota(self, place: Place, size: Resources, shape: Shape) -> Iterator[Reason]:
        """What the namespace's quotas still allow (S4)."""
        member = self._members[place.terms.name]
        for quota in place.view.quotas:
            full = (size + place.terms.pod_overhead).times(shape.pods)
            source, at = f"ResourceQuota {quota.name}", place.view.seen_at
            left = member.quota_left[quota.name]
            for name, amount in full.items():
                if name in quota.limits and amount > left.get(name):
                    numbers = (name, show(name, amount), show(name, max(0, left.get(name))))
                    yield place.here(Reason(Cause.QUOTA_FULL, *numbers, source=source, at=at))
            jobs = member.jobs_left[quota.name]
            if jobs is not None and jobs < 1:
                yield place.here(Reason(Cause.QUOTA_FULL, "jobs", "1", "0", source=source, at=at))

    def _room(self, place: Place, size: Resources, shape: Shape) -> Iterator[Reason]:
        """A node with room (MA2), beside what the owner keeps."""
        group = self._groups[place.terms.name, place.group.name]
        full = size + place.terms.pod_overhead
        if not group.holds(full, shape.pods):
            yield from self._lacking(place, full, shape)
        yield from self._kept_free(place, full, shape)

    def _lacking(self, place: Place, full: Resources, shape: Shape) -> Iterator[Reason]:
        """What the closest node lacks for one pod; where several must run at once, for how many there is room."""
        if shape.pods == 1 or shape.form != "job":
            yield from shortages(place, self._groups[place.terms.name, place.group.name], full)
            return
        have = self._groups[place.terms.name, place.group.name].capacity(full)
        numbers = ("pods at once", str(shape.pods), str(have))
        source = f"all nodes of {place.group.name} together"
        yield place.here(Reason(Cause.NO_ROOM, *numbers, source=source, at=place.view.seen_at))

    def _kept_free(self, place: Place, full: Resources, shape: Shape) -> Iterator[Reason]:
        """What the member's file keeps free in the group, summed over its nodes (OW3).

        Where no node has room yet, what one lacks is counted as if it had come; so is room for pods that lack it.
        """
        kept = dict(place.terms.leave_free).get(place.group.name) or dict(place.terms.leave_free).get("*")
        if kept is None:
            return
        group = self._groups[place.terms.name, place.group.name]
        total = group.total()
        if shape.form == "job" and shape.pods > 1:
            total += full.times(max(0, shape.pods - group.capacity(full)))
        else:
            for name, need, have in () if group.holds(full) else lacks(full, group.closest(full)):
                total = with_amount(total, name, total.get(name) + need - have)
        asked = full.times(max(1, group.fitting(full)) if shape.form == "startd-daemonset" else shape.pods)
        for name, amount in kept.items():
            if amount and total.get(name) - asked.get(name) < amount:
                needs = f"{show(name, asked.get(name))} beside {show(name, amount)} that stay free"
                numbers = (name, needs, show(name, total.get(name)))
                yield place.here(Reason(Cause.LEAVE_FREE, *numbers, source="leave_free", at=place.view.seen_at))


def refusal_key(size: Resources) -> str:
    """Key under which a refused shape is remembered."""
    return ",".join(f"{name}={amount}" for name, amount in size.items() if amount)
