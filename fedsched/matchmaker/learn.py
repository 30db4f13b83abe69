"""What one look teaches: slots really seen (MA6), failures in a row (X8), refused shapes (S4), start-up times (X9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.book import REMEMBER_REFUSAL_S, refusal_key
from fedsched.matchmaker.match import JOBS, pair_key
from fedsched.matchmaker.model import CreateObject, Held, MemberMemory, PairMemory, Policy, Snapshot
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing

KEEP_REFUSALS = 20
"""How many refused shapes of one member are remembered."""

KEEP_STARTS = 50
"""How many start-up times of one member are remembered: its p95 is then that of two or three of them."""

OURS = frozenset({Cause.WRITE_REFUSED, Cause.FOREIGN_OBJECT, Cause.MEMBER_SILENT, Cause.VANISHED})
"""Failures that say nothing about startds of that kind on that group."""


def learn_pairs(snapshot: Snapshot, standing: Iterable[Standing], policy: Policy) -> dict[str, PairMemory]:
    """Slot attributes and failures per (member, node group, image)."""
    pairs = dict(snapshot.memory.pairs)
    failed_before = {held.placement.id for held in snapshot.memory.held if held.failure}
    seen_before = {held.placement.id for held in snapshot.memory.held if held.slot_seen_at or held.ended}
    for stand in standing:
        held = stand.held
        placement, failure = held.placement, held.failure
        job = placement.form == "job"
        key = pair_key(placement.member, placement.node_group, JOBS if job else placement.image)
        pair = pairs.get(key) or PairMemory()
        for slot in stand.slots:
            told = slot.attributes and slot.probe_ok is not False
            if told and (pair.seen_at != slot.seen_at or pair.attributes != slot.attributes):
                pair = msgspec.structs.replace(pair, attributes=slot.attributes, seen_at=slot.seen_at)
        seen = held.claimed_at if job else held.slot_seen_at
        if seen and not failure and placement.id not in seen_before:
            pair = msgspec.structs.replace(pair, failures=0, closed_until=0.0, failed_classes=())
        if failure and placement.id not in failed_before and _counts(stand.held, failure):
            pair = _failed(pair, stand.held, policy, snapshot.at)
        pairs[key] = pair
    return dict(sorted(pairs.items()))


def _counts(held: Held, failure: Reason) -> bool:
    """Whether a failure tells against startds of that kind there: one that had joined and was killed was a good one."""
    return failure.cause not in OURS and not (failure.cause is Cause.POD_LOST and held.slot_seen_at is not None)


def _failed(pair: PairMemory, held: Held, policy: Policy, at: float) -> PairMemory:
    """One more failure in a row; from backoff_failures on the pair is closed, twice as long each time.

    Where startds worked before, one class alone does not close it for all others: its own breaker does (X8).
    """
    failures = pair.failures + 1
    classes = tuple(sorted({*pair.failed_classes, held.placement.class_key}))[:2]
    over = failures - policy.backoff_failures
    everybodys = len(classes) > 1 or not (pair.attributes or held.placement.form == "job")
    closed = at + policy.backoff_s * 2 ** min(over, 6) if over >= 0 and everybodys else pair.closed_until
    return msgspec.structs.replace(
        pair, failures=failures, last_failure=held.failure, closed_until=closed, failed_classes=classes
    )


def learn_members(
    snapshot: Snapshot,
    standing: Iterable[Standing],
    members: Mapping[str, MemberMemory],
    restless: Iterable[Standing] | None = None,
) -> dict[str, MemberMemory]:
    """Shapes that a member's admission refused, from answers to our writes and from Jobs without pods; start-ups.

    restless: of those that stand all that may tell something new; None: any may.
    """
    standing = tuple(standing if restless is None else restless)
    starts = _starts(snapshot, standing)
    found: dict[str, list[tuple[str, Reason]]] = {}
    for outcome in snapshot.outcomes:
        if isinstance(outcome.change, CreateObject) and outcome.result == "refused":
            placement = outcome.change.placement
            if placement.form == "job":
                continue  # what one user writes into a Job says nothing of others of its size; its class has a breaker
            reason = Reason(Cause.WRITE_REFUSED, have=outcome.what, member=placement.member, at=outcome.at)
            found.setdefault(placement.member, []).append((refusal_key(placement.size), reason))
    for stand in standing:
        failure, placement = stand.held.failure, stand.held.placement
        if failure is not None and failure.cause is Cause.POD_REFUSED and placement.form != "job":
            found.setdefault(placement.member, []).append((refusal_key(placement.size), failure))
    out = {}
    for name, memory in members.items():
        known = {what: reason for what, reason in memory.refusals if _recent(reason, snapshot.at)}
        known.update(found.get(name, []))
        out[name] = msgspec.structs.replace(
            memory,
            refusals=tuple(sorted(known.items(), key=lambda kv: kv[0]))[-KEEP_REFUSALS:],
            starts=(*memory.starts, *starts.get(name, ()))[-KEEP_STARTS:],
        )
    return out


def _starts(snapshot: Snapshot, standing: Iterable[Standing]) -> dict[str, list[float]]:
    """Seconds from written to running of what was first seen running now, by member (X9).

    What waited for a node that did not exist tells nothing of how long a start takes where there is room.
    """
    before = {held.placement.id for held in snapshot.memory.held if held.pod_started_at is not None}
    found: dict[str, list[float]] = {}
    for held in (stand.held for stand in standing):
        placement, began, written = held.placement, held.pod_started_at, held.written_at
        if placement.id in before or began is None or written is None or held.adopted or placement.growth:
            continue
        found.setdefault(placement.member, []).append(max(0.0, began - written))
    return found


def _recent(reason: Reason, at: float) -> bool:
    return reason.at is not None and at - reason.at < REMEMBER_REFUSAL_S
