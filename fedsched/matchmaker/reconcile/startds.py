"""What becomes of a startd's record when it is seen: claims, pods, phase, failure (FA7, FA8). Of one at a time."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.model import LIVE, Held, ObjectView, Outcome, Phase, PodView, SlotView
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile.failures import failure_of
from fedsched.matchmaker.reconcile.of_jobs import stand_of_job
from fedsched.matchmaker.reconcile.seen import DOUBT_S, Standing, Views, vanished


def stand_of_startd(held: Held, thing: ObjectView | None, slots: tuple[SlotView, ...], views: Views) -> Standing:
    """What stands of a placement, by what is seen of it and what was answered to its POST; of a Job's copy, too."""
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
