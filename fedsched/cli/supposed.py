"""A moment with something changed: more jobs, a member more or less, other terms; what follows is decided elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.classad.crowd import added
from fedsched.matchmaker.model import (
    Claim,
    DemandClass,
    JobLength,
    MemberTerms,
    MemberView,
    Placement,
    PoolView,
    ScheddView,
    SlotView,
    Snapshot,
)

UNKNOWN_S = 3600
"""Length of a job of which nothing is known, in seconds."""


def with_jobs(snapshot: Snapshot, schedd: ScheddView, classes: Iterable[DemandClass]) -> Snapshot:
    """These jobs are in that schedd's queue, too; a schedd that is not known answers for the first time, now."""
    seen = snapshot.observation
    views = {view.name: view for view in seen.schedds}
    view = views.setdefault(schedd.name, msgspec.structs.replace(schedd, seen_at=seen.at, reads=1, classes=()))
    views[schedd.name] = msgspec.structs.replace(view, classes=_together(view.classes, classes))
    return _seen(snapshot, schedds=tuple(view for _, view in sorted(views.items())))


def with_member(snapshot: Snapshot, terms: MemberTerms, view: MemberView) -> Snapshot:
    """A member that has just been joined and was read once."""
    members = sorted((*snapshot.observation.members, view), key=lambda one: one.name)
    known = sorted((*snapshot.terms, terms), key=lambda one: one.name)
    return _seen(msgspec.structs.replace(snapshot, terms=tuple(known)), members=tuple(members))


def without_member(snapshot: Snapshot, name: str) -> Snapshot:
    """A member that is gone for good with all that stood there: its jobs are idle again, its ads are removed.

    Copies of users' Jobs stay known: nobody hears whether they run (FA4).
    """
    seen = snapshot.observation
    placed = {held.placement.id: held.placement for held in snapshot.memory.held}
    placed |= {one.placement_id: one.placement for one in seen.objects if one.placement is not None}
    left = _seen(
        msgspec.structs.replace(snapshot, terms=tuple(terms for terms in snapshot.terms if terms.name != name)),
        members=tuple(view for view in seen.members if view.name != name),
        objects=tuple(one for one in seen.objects if one.member != name),
        pools=tuple(_without_slots(pool, name) for pool in seen.pools),
    )
    views = {view.name: view for view in seen.schedds}
    for slot in (slot for pool in seen.pools for slot in pool.slots if slot.member == name):
        for claim in slot.claims:
            view = views.get(claim.schedd, ScheddView(claim.schedd, slot.pool))
            left = with_jobs(left, view, (_idle_again(claim, placed.get(slot.placement_id), view, slot),))
    return left


def in_words(added_jobs: Iterable[DemandClass]) -> str:
    """How many jobs of whom, for a person."""
    counts: Counter[str] = Counter()
    for one in added_jobs:
        counts[str(one.principal)] += one.idle
    return ", ".join(f"{count} jobs of {who}" for who, count in sorted(counts.items()))


def _seen(snapshot: Snapshot, **parts: object) -> Snapshot:
    return msgspec.structs.replace(snapshot, observation=msgspec.structs.replace(snapshot.observation, **parts))


def _without_slots(pool: PoolView, member: str) -> PoolView:
    return msgspec.structs.replace(pool, slots=tuple(slot for slot in pool.slots if slot.member != member))


def _together(classes: Iterable[DemandClass], more: Iterable[DemandClass]) -> tuple[DemandClass, ...]:
    found = {one.key: one for one in classes}
    for one in more:
        found[one.key] = _joined(found[one.key], one) if one.key in found else one
    return tuple(one for _, one in sorted(found.items()))


def _joined(one: DemandClass, more: DemandClass) -> DemandClass:
    """As their schedd would count them together."""
    since = [part.oldest_at for part in (one, more) if part.idle and part.oldest_at]
    return msgspec.structs.replace(
        one,
        idle=one.idle + more.idle,
        announced=one.announced + more.announced,
        running=max(0, one.running + more.running),
        priorities=added((one.priorities, more.priorities)),
        oldest_at=min(since, default=0.0),
        examples=one.examples or more.examples,
    )


def _idle_again(claim: Claim, placement: Placement | None, view: ScheddView, slot: SlotView) -> DemandClass:
    """The job of a claim, idle, as one more of its class: its startd's when that is its user's, else the likest.

    A class of which no job is known is made from what the claim and its startd tell; it may run anywhere.
    """
    key = placement.class_key if placement is not None else ""
    theirs = [one for one in view.classes if one.principal == claim.principal]
    same_size = [one for one in theirs if one.request.cpu_milli == claim.cpu_milli]
    known = [one for one in theirs if one.key == key] or sorted(same_size or theirs, key=lambda one: one.key)
    if known:
        once = {"idle": 1, "announced": 0, "running": -1 if known[0].running else 0, "oldest_at": claim.since}
        return msgspec.structs.replace(known[0], priorities=((claim.priority, 1),), **once)
    size = claim.amount if claim.amount.cpu_milli else slot.size
    return DemandClass(
        key=f"back-from-{slot.name}",
        pool=slot.pool,
        schedd=claim.schedd,
        principal=claim.principal,
        request=msgspec.structs.replace(size, cpu_milli=claim.cpu_milli, pods=1),
        length=JobLength(UNKNOWN_S, "assumed"),
        idle=1,
        priorities=((claim.priority, 1),),
        oldest_at=claim.since,
        image=placement.image if placement is not None else "",
        examples=(claim.job,) if claim.job else (),
    )
