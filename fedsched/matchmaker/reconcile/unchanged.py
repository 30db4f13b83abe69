"""Which startds are seen just as memory has them: most of thousands, in every look. What changed is reconciling's."""

from __future__ import annotations

from fedsched.matchmaker.model import Held, ObjectView, PodView, SlotView


def as_remembered(held: Held, thing: ObjectView | None, slots: tuple[SlotView, ...]) -> bool:
    """Whether reconciling a startd's Job with its one pod and slot would leave all that is held of it as it is.

    False says nothing: then it has to be reconciled. True only for one that was written and serves.
    """
    if thing is None or len(slots) != 1 or len(thing.pods) != 1:
        return False
    return (
        bool(held.written_at)
        and held.uid == thing.uid
        and not thing.finished
        and not thing.deleting
        and held.placement.form == "startd-job"
        and _runs_on(held, thing.pods[0])
        and _serves_on(held, slots[0])
    )


def _runs_on(held: Held, pod: PodView) -> bool:
    """It started before, and nobody told it to leave."""
    return (
        pod.phase == "running"
        and not pod.deleting
        and not pod.leave_ordered_at
        and bool(held.pod_started_at)
        and held.leave_ordered_at is None
        and held.nodes == 1
    )


def _serves_on(held: Held, slot: SlotView) -> bool:
    """Its slot was seen before, and tells of as many claims, as many cores and the same times."""
    if slot.leaving or slot.probe_ok is False or not held.slot_seen_at:
        return False
    claims = slot.claims
    if not claims:
        idle = slot.unclaimed_since
        never = held.claimed_at is None and not slot.jobs_started
        known = held.phase == "unclaimed" and not held.claims and not held.claimed_cpu_milli
        return known and (bool(held.claimed_at) or never) and (idle is None or idle == held.unclaimed_since)
    cores = 0
    for claim in claims:
        cores += claim.cpu_milli
    return (
        held.phase == "claimed"
        and held.claims == len(claims)
        and held.claimed_cpu_milli == cores
        and bool(held.claimed_at)
        and held.last_claimed_at == slot.seen_at
        and held.unclaimed_since is None
    )
