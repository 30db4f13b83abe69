"""Which startds are seen just as memory has them: most of thousands, in every look. What changed is reconciling's."""

from __future__ import annotations

from operator import attrgetter
from typing import TypeAlias

import msgspec

from fedsched.matchmaker.model import Held, ObjectView, PodView, SlotView
from fedsched.matchmaker.reconcile.seen import Standing, has_its_pod, is_itself

Again: TypeAlias = dict[str, Standing]
"""Calm startds of one look, by placement: see `is_calm`."""


def as_remembered(held: Held, thing: ObjectView | None, slots: tuple[SlotView, ...]) -> Held | None:
    """What reconciling would leave of what is held of a startd's Job with its one pod and slot.

    That is all as it is, but for when a claim was last seen. None says nothing: then it has to be reconciled. Not None
    only for one that was written and serves.
    """
    if thing is None or len(slots) != 1 or len(thing.pods) != 1:
        return None
    if not (
        bool(held.written_at)
        and held.uid == thing.uid
        and not thing.finished
        and not thing.deleting
        and held.placement.form == "startd-job"
        and _runs_on(held, thing.pods[0])
        and _serves_on(held, slots[0])
    ):
        return None
    if not slots[0].claims or held.last_claimed_at == slots[0].seen_at:
        return held
    return msgspec.structs.replace(held, last_claimed_at=slots[0].seen_at)


def is_calm(stand: Standing) -> bool:
    """Whether nothing but a new look, or its time, can change what becomes of it: all of most startds' lives."""
    held, thing, member = stand.held, stand.object, stand.held.placement.member
    if held.phase != "claimed" or held.wanted != "run" or held.failure is not None or held.yields_to or thing is None:
        return False
    spoken_of = all(slot.member == member and has_its_pod(slot, thing) for slot in stand.slots)
    return spoken_of and is_itself(thing) and not any(pod.taken_by for pod in thing.pods)


def stands_again(last: Standing, held: Held, thing: ObjectView | None, slots: tuple[SlotView, ...]) -> Standing | None:
    """How a calm startd stands where all is as it was at the last look, but for when its slot was heard of."""
    if last.held is not held or last.object is not thing or len(slots) != 1:
        return None
    slot, was = slots[0], last.slots[0]
    if slot is was:
        return last
    if _said(slot) != _said(was):
        return None
    heard = slot.seen_at
    return Standing(
        held if held.last_claimed_at == heard else msgspec.structs.replace(held, last_claimed_at=heard), thing, slots
    )


_said = attrgetter(*(name for name in SlotView.__struct_fields__ if name != "seen_at"))


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
    """Its slot was seen before, and tells of as many claims, as many cores and the same times, its own ad's apart."""
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
        and held.unclaimed_since is None
    )
