"""What memory, objects, pods, slots and outcomes say together about each placement (FA7, FA8).

The result is facts: phases, failures, ghosts, orphans. What should become of them is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.model import (
    AdoptOwner,
    CreateObject,
    DeleteObject,
    Held,
    InvalidateAds,
    MemberView,
    Notice,
    ObjectView,
    Outcome,
    Phase,
    PodView,
    PoolView,
    SlotView,
    Snapshot,
    Startds,
)
from fedsched.matchmaker.reasons import Cause, Reason

SAID_BY_EXIT = {
    3: (Cause.PROBE_FAILED, "exit code 3: the probe says never"),
    4: (Cause.NEVER_JOINED, "exit code 4: no way to the collector"),
    5: (Cause.NEVER_JOINED, "exit code 5: the collector refused the token"),
}
"""What the worker's entry script says by its exit code (docs/worker.md)."""

SETTLE_S = 5.0
"""How much newer than an event a view must be before absence in it means anything, in seconds."""

DOUBT_S = 30.0
"""A view older than this many seconds cannot make anything fail or vanish."""

IMAGE_S = 60.0
"""How long an image may fail to be pulled before the placement counts as failed, in seconds."""


class Standing(msgspec.Struct, frozen=True):
    """A placement with what was observed of it."""

    held: Held
    object: ObjectView | None = None
    slots: tuple[SlotView, ...] = ()

    @property
    def pods(self) -> tuple[PodView, ...]:
        """Its pods, none when no object was seen."""
        return self.object.pods if self.object else ()


class Reconciled(msgspec.Struct, frozen=True):
    """Facts of this cycle. gone: placements that are over and of which nothing is left; they leave memory."""

    standing: tuple[Standing, ...]
    gone: tuple[Held, ...]
    ghosts: tuple[InvalidateAds, ...]
    sweep: tuple[DeleteObject, ...]
    adopt: tuple[AdoptOwner, ...]
    notices: tuple[Notice, ...]


class _Views(msgspec.Struct, frozen=True):
    """Observation, indexed."""

    at: float
    rules: Startds
    members: dict[str, MemberView]
    pools: dict[str, PoolView]
    objects: dict[tuple[str, str], ObjectView]
    slots: dict[str, tuple[SlotView, ...]]
    made: dict[str, Outcome]


def reconcile(snapshot: Snapshot, rules: Startds) -> Reconciled:
    """Bring memory up to what was observed."""
    views = _index(snapshot, rules)
    known = {held.placement.id for held in snapshot.memory.held}
    adopted, sweep, notices = _strangers(snapshot, views, known)
    standing: list[Standing] = []
    gone: list[Standing] = []
    for held in (*snapshot.memory.held, *adopted):
        if held.placement.member not in views.members:
            notices.append(_forgotten(held))
            gone.append(Standing(held))
            continue
        stand = _stand(held, views)
        (gone if _nothing_left(stand, views) else standing).append(stand)
    own = tuple(
        AdoptOwner(o.member, o.placement_id, o.name, o.kind, o.uid)
        for s in standing
        if (o := s.object) and not o.owned and not o.deleting and views.members[o.member].anchor_uid
    )
    return Reconciled(
        tuple(standing), tuple(s.held for s in gone), tuple(_ghosts(views)), tuple(sweep), own, tuple(notices)
    )


def _forgotten(held: Held) -> Notice:
    """Its member's file is gone: whatever stands there is not ours to count on, and nobody asks after it (R9)."""
    text = f"{held.placement.object_name} is no longer counted: {held.placement.member} is no member any more"
    return Notice("forgotten", text, member=held.placement.member)


def _index(snapshot: Snapshot, rules: Startds) -> _Views:
    seen = snapshot.observation
    slots: dict[str, list[SlotView]] = {}
    for pool in seen.pools:
        for slot in pool.slots:
            slots.setdefault(slot.placement_id, []).append(slot)
    made = {o.change.placement.id: o for o in snapshot.outcomes if isinstance(o.change, CreateObject)}
    objects: dict[tuple[str, str], ObjectView] = {}
    for thing in seen.objects:
        if _is_itself(thing) or (thing.member, thing.placement_id) not in objects:
            objects[thing.member, thing.placement_id] = thing
    return _Views(
        at=snapshot.at,
        rules=rules,
        members={m.name: m for m in seen.members},
        pools={p.name: p for p in seen.pools},
        objects=objects,
        slots={key: tuple(found) for key, found in slots.items()},
        made=made,
    )


def _is_itself(thing: ObjectView) -> bool:
    """Whether the object is what its own record says: same id, same member, the computed name."""
    record = thing.placement
    return (
        record is not None
        and record.id == thing.placement_id
        and record.member == thing.member
        and record.object_name == thing.name
    )


def _strangers(
    snapshot: Snapshot, views: _Views, known: set[str]
) -> tuple[list[Held], list[DeleteObject], list[Notice]]:
    """Objects with our labels that memory does not know: adopted when they are whole, swept when they are not (FA7)."""
    adopted, sweep, notices = [], [], []
    for thing in snapshot.observation.objects:
        if thing.deleting:
            continue
        if not _is_itself(thing) or not thing.digest:
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


def _stand(held: Held, views: _Views) -> Standing:
    placement = held.placement
    thing = views.objects.get((placement.member, placement.id))
    slots = views.slots.get(placement.id, ())
    held = _told_by_outcome(held, views.made.get(placement.id))
    if thing is not None:
        held = msgspec.structs.replace(held, uid=thing.uid, written_at=held.written_at or thing.created_at)
    held = _with_slots(held, slots)
    live = tuple(p for p in thing.pods if p.phase in {"pending", "running", "unknown"}) if thing else ()
    started = [p.started_at for p in live if p.started_at]
    ordered = [p.leave_ordered_at for p in live if p.leave_ordered_at]
    held = msgspec.structs.replace(
        held,
        pod_started_at=held.pod_started_at or (min(started) if started else None),
        leave_ordered_at=held.leave_ordered_at or (min(ordered) if ordered and len(ordered) == len(live) else None),
        nodes=max(1, len(live)) if placement.form == "startd-daemonset" else 1,
    )
    stand = Standing(held, thing, slots)
    failure = held.failure or _failure(stand, live, views)
    phase = _phase(stand, live, views, failed=failure is not None)
    since = held.since if phase == held.phase else views.at
    return Standing(msgspec.structs.replace(held, phase=phase, since=since, failure=failure), thing, slots)


def _told_by_outcome(held: Held, made: Outcome | None) -> Held:
    """What the answer to our POST says: written, refused, or the name is somebody else's (L5)."""
    if made is None or held.written_at is not None:
        return held
    where = held.placement.member
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


def _phase(stand: Standing, live: tuple[PodView, ...], views: _Views, *, failed: bool) -> Phase:
    held, thing = stand.held, stand.object
    if thing is None:
        if failed or _vanished(held, views):
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


def _serving(stand: Standing, views: _Views) -> Phase:
    """Starting, unclaimed or claimed; while the collector is silent the last word stands (FA8)."""
    held = stand.held
    if stand.slots:
        return "claimed" if held.claims else "unclaimed"
    pool = views.pools.get(held.placement.pool)
    silent = pool is None or pool.seen_at is None or views.at - pool.seen_at > DOUBT_S
    return held.phase if silent and held.phase in {"claimed", "unclaimed"} else "starting"


def _doubtful(held: Held, views: _Views) -> bool:
    """What we know of its member is old: time may not be counted against what runs there (R2)."""
    member = views.members.get(held.placement.member)
    return member is None or member.seen_at is None or views.at - member.seen_at > DOUBT_S


def _vanished(held: Held, views: _Views) -> bool:
    """Written, and absent from a view that is newer than the writing: over, never "run again"."""
    member = views.members.get(held.placement.member)
    if held.written_at is None or member is None or member.seen_at is None:
        return False
    return member.contact == "ok" and member.seen_at > held.written_at + SETTLE_S


def _failure(stand: Standing, live: tuple[PodView, ...], views: _Views) -> Reason | None:
    """Why this placement failed, None while it may still serve."""
    held, thing = stand.held, stand.object
    if _doubtful(held, views) and not (thing and thing.finished):
        return None if held.written_at else _never_written(held, views)
    if thing is None:
        return _lost(held) if _vanished(held, views) else _never_written(held, views)
    where = Reason(Cause.FINISHED, member=held.placement.member, node_group=held.placement.node_group, at=views.at)
    if thing.refused and not thing.pods:
        return _here(where, Reason(Cause.POD_REFUSED, what=thing.name, have=thing.refused))
    if thing.finished:
        return _ended(stand, where)
    if held.pod_started_at is not None and not thing.pods and thing.kind == "Job" and held.wanted == "run":
        # its Job will say so, too, later; no other pod follows
        return _here(where, Reason(Cause.POD_LOST, what=thing.name, have="the pod is gone"))
    found = (_pod_failure(pod, held, views, where) for pod in live)
    return next((reason for reason in found if reason is not None), None) or _probe_said_no(stand, where)


def _probe_said_no(stand: Standing, where: Reason) -> Reason | None:
    said_no = [slot for slot in stand.slots if slot.probe_ok is False]
    if not said_no or stand.held.claims:
        return None
    return _here(where, Reason(Cause.PROBE_FAILED, what=said_no[0].pod, have="the probe script said no"))


def _here(where: Reason, reason: Reason) -> Reason:
    """The same reason, about the place and time that `where` carries."""
    return msgspec.structs.replace(reason, member=where.member, node_group=where.node_group, at=where.at)


def _never_written(held: Held, views: _Views) -> Reason | None:
    waited = views.at - held.placement.created_at
    if held.written_at is not None or waited <= views.rules.intent_s:
        return None
    return Reason(
        Cause.MEMBER_SILENT,
        what="writing",
        need=f"{views.rules.intent_s:.0f} s",
        have=f"{waited:.0f} s",
        member=held.placement.member,
    )


def _lost(held: Held) -> Reason | None:
    """An object that vanished while its startd was needed; one that was told to go just went."""
    if held.wanted != "run" or held.phase in {"leaving", "gone"}:
        return None
    return Reason(
        Cause.POD_LOST, what=held.placement.object_name, have="the object is gone", member=held.placement.member
    )


def _ended(stand: Standing, where: Reason) -> Reason | None:
    """A Job that is over: complete proves nothing unless its ad was seen (FA8)."""
    held, thing = stand.held, stand.object
    if thing is None or held.wanted != "run":
        return None
    codes = [p.exit_code for p in thing.pods if p.exit_code is not None]
    said = next((SAID_BY_EXIT[code] for code in codes if code in SAID_BY_EXIT), None)
    if said is not None and not (said[0] is Cause.NEVER_JOINED and held.slot_seen_at is not None):
        return _here(where, Reason(said[0], what=thing.name, have=said[1]))
    if thing.finished == "failed" and said is None:
        return _died(stand, codes, where)
    if held.slot_seen_at is None and not stand.slots:
        return _here(where, Reason(Cause.NEVER_JOINED, what=thing.name, have="its slot was never seen"))
    return None


def _died(stand: Standing, codes: list[int], where: Reason) -> Reason | None:
    """A failed Job: killed from outside, its pod's object included, or ended with an error; its deadline is neither."""
    thing, seen = stand.object, stand.held.slot_seen_at is not None
    if (
        thing is None
        or any(p.taken_by for p in thing.pods)
        or (seen and thing.finished_reason == "DeadlineExceeded" and not any(codes))
    ):
        return None
    why = [p.end_reason for p in thing.pods if p.end_reason and p.end_reason != "Completed"]
    killed = bool(set(why) & {"Evicted", "NodeLost", "Error"} and 137 in codes)
    removed = seen and not thing.pods
    have = ", ".join([*why, *(f"exit code {c}" for c in codes if c)]) or ("the pod is gone" if removed else "")
    cause = Cause.POD_LOST if killed or removed else Cause.CRASHED
    return _here(where, Reason(cause, what=thing.name, have=have or thing.finished_reason or "failed"))


def _pod_failure(pod: PodView, held: Held, views: _Views, where: Reason) -> Reason | None:
    rules, age = views.rules, views.at - pod.created_at
    if pod.phase == "pending" and not pod.deleting:
        pulling = "mage" in pod.problem.split(":")[0]
        if pulling and age > IMAGE_S:
            return _here(where, Reason(Cause.IMAGE_PULL, what=pod.name, have=pod.problem))
        if age > rules.pending_s:
            numbers = (f"{rules.pending_s:.0f} s", f"{age:.0f} s")
            return _here(where, Reason(Cause.PENDING_TOO_LONG, pod.problem or pod.name, *numbers))
    pool = views.pools.get(held.placement.pool)
    heard = pool is not None and pool.seen_at is not None and views.at - pool.seen_at < rules.join_s
    if pod.phase == "running" and heard and held.slot_seen_at is None and pod.started_at:
        waited = views.at - pod.started_at
        if waited > rules.join_s and not pod.deleting:
            numbers = (f"{rules.join_s:.0f} s", f"waited {waited:.0f} s")
            return _here(where, Reason(Cause.NEVER_JOINED, pod.name, *numbers))
    return None


def _nothing_left(stand: Standing, views: _Views) -> bool:
    """Over, no object seen, and the member's view is new enough to say so."""
    held = stand.held
    if stand.object is not None or held.phase != "gone":
        return False
    return held.written_at is None or _vanished(held, views)


def _ghosts(views: _Views) -> Iterable[InvalidateAds]:
    """Ads whose pod is gone (FA8): their claims would eat a group's quota for minutes."""
    for placement_id, slots in sorted(views.slots.items()):
        for slot in slots:
            member = views.members.get(slot.member)
            if member is None or member.seen_at is None or member.contact != "ok":
                continue
            if member.seen_at < max(slot.started_at + SETTLE_S, views.at - DOUBT_S):
                continue
            thing = views.objects.get((slot.member, placement_id))
            alive = {p.name for p in thing.pods if p.phase in {"pending", "running", "unknown"}} if thing else set()
            if slot.pod not in alive:
                yield InvalidateAds(slot.pool, placement_id, slot.pod, slot.member)
