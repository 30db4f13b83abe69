"""Memory is brought up to what was observed: phases, the adopted, the gone, the orphans, the ghosts (FA7, FA8)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.model import (
    LIVE,
    AdoptOwner,
    DeleteObject,
    Held,
    InvalidateAds,
    Notice,
    ObjectView,
    Outcome,
    Pending,
    Phase,
    PodView,
    SlotView,
    Snapshot,
    Startds,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile.failures import failure_of
from fedsched.matchmaker.reconcile.of_jobs import came_back, nothing_left_of_job, revived, stand_of_job, told_revived
from fedsched.matchmaker.reconcile.seen import (
    DOUBT_S,
    SETTLE_S,
    Standing,
    Views,
    index,
    is_itself,
    telling,
    vanished,
)
from fedsched.matchmaker.reconcile.unchanged import as_remembered

FOREVER = float("inf")


class Reconciled(msgspec.Struct, frozen=True):
    """Facts of this cycle. gone: placements that are over and of which nothing is left; they leave memory.

    fresh: of those that stand, all that are not just as memory had them.
    """

    standing: tuple[Standing, ...]
    fresh: tuple[Standing, ...]
    gone: tuple[Held, ...]
    ghosts: tuple[InvalidateAds, ...]
    sweep: tuple[DeleteObject, ...]
    adopt: tuple[AdoptOwner, ...]
    notices: tuple[Notice, ...]


def reconcile(snapshot: Snapshot, rules: Startds, pending: Pending | None = None) -> Reconciled:
    """Bring memory up to what was observed. pending: how long a placement may stay so (X9)."""
    views = index(snapshot, rules, pending or Pending())
    known = {held.placement.id for held in snapshot.memory.held}
    remembered = len(snapshot.memory.held) if len(known) == len(snapshot.memory.held) else 0
    adopted, sweep, notices = _strangers(snapshot, views, known)
    standing: list[Standing] = []
    fresh: list[Standing] = []
    gone: list[Standing] = []
    for number, held in enumerate((*snapshot.memory.held, *adopted)):
        placement = held.placement
        thing, slots = views.objects.get((placement.member, placement.id)), views.slots.get(placement.id, ())
        if placement.member not in views.members:
            if placement.form == "job":
                standing.append(Standing(held))  # where its member's file went, its pods may still run
                continue
            notices.append(_forgotten(held))
            gone.append(Standing(held))
            continue
        if number < remembered and as_remembered(held, thing, slots):
            standing.append(Standing(held, thing, slots))
            continue
        stand = _stand(held, thing, slots, views)
        if stand.object is not None and came_back(held, stand):
            notices.append(told_revived(stand.object))
        if _nothing_left(stand, views):
            gone.append(stand)
            continue
        standing.append(stand)
        if stand.held is not held or number >= remembered:
            fresh.append(stand)
    own = tuple(
        AdoptOwner(o.member, o.placement_id, o.name, o.kind, o.uid)
        for s in standing
        if (o := s.object) is not None and not o.owned and not o.deleting and views.members[o.member].anchor_uid
    )
    return Reconciled(
        tuple(standing),
        tuple(fresh),
        tuple(s.held for s in gone),
        tuple(_ghosts(views)),
        tuple(sweep),
        own,
        tuple(notices),
    )


def _forgotten(held: Held) -> Notice:
    """Its member's file is gone: whatever stands there is not ours to count on, and nobody asks after it (R9)."""
    text = f"{held.placement.object_name} is no longer counted: {held.placement.member} is no member any more"
    return Notice("forgotten", text, member=held.placement.member)


def _strangers(
    snapshot: Snapshot, views: Views, known: set[str]
) -> tuple[list[Held], list[DeleteObject], list[Notice]]:
    """Objects with our labels that memory does not know: adopted when they are whole, swept when they are not (FA7)."""
    adopted, sweep, notices = [], [], []
    for thing, itself in zip(snapshot.observation.objects, views.itself, strict=True):
        if thing.deleting or (itself and thing.digest and thing.placement_id in known):
            continue
        if revived(thing, known, snapshot.memory.since if snapshot.memory.cycle else FOREVER):
            sweep.append(DeleteObject(thing.member, thing.placement_id, thing.name, thing.kind, thing.uid))
            notices.append(told_revived(thing))
            continue
        if not is_itself(thing) or not thing.digest:
            sweep.append(DeleteObject(thing.member, thing.placement_id, thing.name, thing.kind, thing.uid))
            text = f"{thing.kind} {thing.name} carries our labels but not a record of ours; it is removed"
            notices.append(Notice("orphan", text, member=thing.member))
        elif thing.placement_id not in known and thing.placement is not None:
            known.add(thing.placement_id)
            adopted.append(
                Held(thing.placement, "starting", views.at, uid=thing.uid, written_at=thing.created_at, adopted=True)
            )
            notices.append(Notice("adopted", f"{thing.kind} {thing.name} is adopted", member=thing.member))
    return adopted, sweep, notices


def _stand(held: Held, thing: ObjectView | None, slots: tuple[SlotView, ...], views: Views) -> Standing:
    placement = held.placement
    held = _told_by_outcome(held, views.made.get(placement.id))
    if thing is not None and (held.uid != thing.uid or not held.written_at):
        held = msgspec.structs.replace(held, uid=thing.uid, written_at=held.written_at or thing.created_at)
    if placement.form == "job":
        return stand_of_job(held, thing, views)
    held = _with_slots(held, slots)
    live = tuple(p for p in thing.pods if p.phase in LIVE) if thing else ()
    held = _with_pods(held, live)
    stand = Standing(held, thing, slots)
    failure = held.failure or failure_of(stand, live, views)
    phase = _phase(stand, live, views, failed=failure is not None)
    since = held.since if phase == held.phase else views.at
    if (phase, since, failure) != (held.phase, held.since, held.failure):
        held = msgspec.structs.replace(held, phase=phase, since=since, failure=failure)
    return Standing(held, thing, slots)


def _with_pods(held: Held, live: tuple[PodView, ...]) -> Held:
    """When its pods started and were told to leave. Most stand as they stood: a copy costs more than a look."""
    started_at, ordered_at = held.pod_started_at, held.leave_ordered_at
    if not started_at:
        started_at = min((p.started_at for p in live if p.started_at), default=None)
    if not ordered_at:
        ordered = [p.leave_ordered_at for p in live if p.leave_ordered_at]
        ordered_at = min(ordered) if ordered and len(ordered) == len(live) else None
    nodes = max(1, len(live)) if held.placement.form == "startd-daemonset" else 1
    if (started_at, ordered_at, nodes) == (held.pod_started_at, held.leave_ordered_at, held.nodes):
        return held
    return msgspec.structs.replace(held, pod_started_at=started_at, leave_ordered_at=ordered_at, nodes=nodes)


def _told_by_outcome(held: Held, made: Outcome | None) -> Held:
    """What the answer to our POST says: written, refused, or the name is somebody else's (L5)."""
    if made is None or held.written_at is not None:
        return held
    where, job = held.placement.member, held.placement.form == "job"
    if job and made.result == "retry" and not made.elsewhere:
        return msgspec.structs.replace(held, unanswered=True)
    if job and made.result == "gone":
        return msgspec.structs.replace(held, failure=Reason(Cause.WITHDRAWN, have=made.what, member=where, at=made.at))
    if made.result == "done":
        return msgspec.structs.replace(held, uid=made.uid, written_at=made.at)
    told = Reason(Cause.WRITE_REFUSED, have=made.what, member=where, at=made.at)
    if made.result == "conflict":
        told = msgspec.structs.replace(told, cause=Cause.FOREIGN_OBJECT, what=held.placement.object_name)
    return msgspec.structs.replace(held, failure=told) if made.result in {"refused", "conflict"} else held


def _with_slots(held: Held, slots: tuple[SlotView, ...]) -> Held:
    """Claims and idleness as the collector tells them; without an ad the last word stands (FA8)."""
    if not slots:
        return held
    claims = [c for s in slots for c in s.claims]
    idle = [s.unclaimed_since for s in slots if s.unclaimed_since is not None]
    heard = max(s.seen_at for s in slots)
    # A short job may come and go between two looks; the startd has counted it.
    first = min((c.since for c in claims), default=heard if any(s.jobs_started for s in slots) else None)
    return msgspec.structs.replace(
        held,
        slot_seen_at=held.slot_seen_at or heard,
        claimed_at=held.claimed_at or first,
        last_claimed_at=heard if claims else held.last_claimed_at,
        unclaimed_since=None if claims else (max(idle) if idle else held.unclaimed_since),
        claimed_cpu_milli=sum(c.cpu_milli for c in claims),
        claims=len(claims),
    )


def _phase(stand: Standing, live: tuple[PodView, ...], views: Views, *, failed: bool) -> Phase:
    held, thing = stand.held, stand.object
    if thing is None:
        if failed or vanished(held, views):
            return "gone"
        return held.phase if held.written_at is not None else "intended"
    if thing.finished or thing.deleting:
        return "gone"
    if held.leave_ordered_at or _going(stand, live):
        return "leaving"
    return _serving(stand, views)


def _going(stand: Standing, live: tuple[PodView, ...]) -> bool:
    """Whether it takes no new work: a startd Job with any sign of it, a DaemonSet only when all its startds go."""
    signs = [*(p.deleting for p in live), *(s.leaving for s in stand.slots)]
    return all(signs) and bool(signs) if stand.held.placement.form == "startd-daemonset" else any(signs)


def _serving(stand: Standing, views: Views) -> Phase:
    """Starting, unclaimed or claimed; while the collector is silent the last word stands (FA8)."""
    held = stand.held
    if stand.slots:
        return "claimed" if held.claims else "unclaimed"
    pool = views.pools.get(held.placement.pool)
    silent = pool is None or pool.seen_at is None or views.at - pool.seen_at > DOUBT_S
    return held.phase if silent and held.phase in {"claimed", "unclaimed"} else "starting"


def _nothing_left(stand: Standing, views: Views) -> bool:
    """Over, no object seen, and the member's view is new enough to say so."""
    held = stand.held
    if stand.object is not None or held.phase != "gone":
        return False
    if held.placement.form == "job":
        return nothing_left_of_job(held, views)
    return held.written_at is None or vanished(held, views)


def _ghosts(views: Views) -> Iterable[InvalidateAds]:
    """Ads whose pod is gone (FA8): their claims would eat a group's quota for minutes."""
    alone = [slot for slots in views.slots.values() for slot in slots if not _has_its_pod(slot, views)]
    for slot in sorted(alone, key=lambda slot: slot.placement_id):
        member = views.members.get(slot.member)
        if member is None or member.contact != "ok":
            continue
        if telling(member, max(slot.started_at + SETTLE_S, views.at - DOUBT_S), views.at):
            yield InvalidateAds(slot.pool, slot.placement_id, slot.pod, slot.member)


def _has_its_pod(slot: SlotView, views: Views) -> bool:
    thing = views.objects.get((slot.member, slot.placement_id))
    if thing is not None:
        for pod in thing.pods:
            if pod.name == slot.pod and pod.phase in LIVE:
                return True
    return False
