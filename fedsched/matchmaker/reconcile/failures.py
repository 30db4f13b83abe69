"""Why a placement failed (FA8, X9): never written, never joined, killed, refused, pending for too long."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.model import Held, PodView
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile.seen import Standing, Views, doubtful, vanished

SAID_BY_EXIT = {
    3: (Cause.PROBE_FAILED, "exit code 3: the probe says never"),
    4: (Cause.NEVER_JOINED, "exit code 4: no way to the collector"),
    5: (Cause.NEVER_JOINED, "exit code 5: the collector refused the token"),
}
"""What the worker's entry script says by its exit code (docs/worker.md)."""

IMAGE_S = 60.0
"""How long an image may fail to be pulled before the placement counts as failed, in seconds."""


def failure_of(stand: Standing, live: tuple[PodView, ...], views: Views) -> Reason | None:
    """Why this placement failed, None while it may still serve."""
    held, thing = stand.held, stand.object
    if doubtful(held, views) and not (thing and thing.finished):
        return None if held.written_at else _never_written(held, views)
    if thing is None:
        return _lost(held) if vanished(held, views) else _never_written(held, views)
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


def _never_written(held: Held, views: Views) -> Reason | None:
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


def _pod_failure(pod: PodView, held: Held, views: Views, where: Reason) -> Reason | None:
    rules, age = views.rules, views.at - pod.created_at
    if pod.phase == "pending" and not pod.deleting:
        pulling = "mage" in pod.problem.split(":")[0]
        if pulling and age > IMAGE_S:
            return _here(where, Reason(Cause.IMAGE_PULL, what=pod.name, have=pod.problem))
        limit_s = _may_wait_s(pod, held, views)
        if age > limit_s:
            numbers = (f"{limit_s:.0f} s", f"{age:.0f} s")
            return _here(where, Reason(Cause.PENDING_TOO_LONG, pod.problem or pod.name, *numbers))
    pool = views.pools.get(held.placement.pool)
    seen_at = pool.seen_at if pool is not None else None
    if pod.phase == "running" and seen_at is not None and held.slot_seen_at is None and pod.started_at:
        # up to the collector's last answer: while it is silent nobody can be seen to join (FA8)
        waited = min(seen_at, views.at) - pod.started_at
        if waited > rules.join_s and views.at - seen_at < rules.join_s and not pod.deleting:
            numbers = (f"{rules.join_s:.0f} s", f"waited {waited:.0f} s")
            return _here(where, Reason(Cause.NEVER_JOINED, pod.name, *numbers))
    return None


def _may_wait_s(pod: PodView, held: Held, views: Views) -> float:
    """How long its pod may be pending (X9): learnt there, with time for a node that has to come.

    One that has its node already pulls its image: that is slow only the first time, and waits as long as unlearnt ones.
    """
    placement = held.placement
    group = next((g for g in views.members[placement.member].node_groups if g.name == placement.node_group), None)
    grows = group is not None and (placement.growth or group.can_grow_to > group.nodes)
    grow_s = float(group.grow_s) if group is not None and grows else 0.0
    limit_s = views.pending.limit_s(views.starts.get(placement.member, ()), views.rules.pending_s, grow_s)
    return limit_s if pod.scheduled_at is None else max(limit_s, views.rules.pending_s)
