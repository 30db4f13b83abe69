"""A spike's report (SU6, N3): what was added, claimed, never claimed and why, what it cost, how long each took."""

from __future__ import annotations

from collections import Counter, defaultdict

import msgspec

from fedsched.matchmaker.model import Held, Spike
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile import Standing

HOUR_S = 3_600.0


class Look(msgspec.Struct, frozen=True):
    """From `since` to `at` (epoch seconds): what stood before by id, what stands, what is gone, what is new."""

    before: dict[str, Held]
    standing: tuple[Standing, ...]
    gone: tuple[Held, ...]
    new: tuple[Held, ...]
    since: float
    at: float


class _Tally(msgspec.Struct):
    """Sums of one spike while one look is taken in."""

    claimed: int
    cost: float
    first_claim_s: float | None
    never: Counter[str]
    leaks: Counter[str]
    unclaimed: defaultdict[tuple[str, str], float]


def follow(spike: Spike, look: Look, joined: frozenset[str]) -> Spike:
    """The spike after one look. joined: ids that are counted in it from this look on; of them all their past counts."""
    if spike.zero_at is not None:
        return spike
    stands = {stand.held.placement.id: stand for stand in look.standing}
    there = {**{held.placement.id: held for held in look.new}, **{key: stand.held for key, stand in stands.items()}}
    over = {held.placement.id: held for held in look.gone}
    tally = _opened(spike)
    for key in spike.open_ids:
        old = None if key in joined else look.before.get(key)
        held = there.get(key) or over.get(key) or old
        if held is None:
            continue
        stand = stands.get(key) or Standing(held)
        _count(tally, spike, stand, old)
        _time(tally, held, old, (look.since, look.at))
        if key not in there and held.claimed_at is None:
            tally.never[_why(held)] += 1
    left = tuple(key for key in spike.open_ids if key in there)
    zero_at = look.at if spike.ended_at is not None and not left else None
    return msgspec.structs.replace(
        spike,
        zero_at=zero_at,
        claimed=tally.claimed,
        cost=tally.cost,
        first_claim_s=tally.first_claim_s,
        never_claimed=tuple(sorted(tally.never.items())),
        leaks=tuple(sorted(tally.leaks.items())),
        unclaimed_s=tuple((member, cause, total) for (member, cause), total in sorted(tally.unclaimed.items())),
        open_ids=left,
    )


def sentence(spike: Spike) -> str:
    """The report in one line."""
    lasted = "" if spike.ended_at is None else f" in {spike.ended_at - spike.began_at:.0f} s"
    never = ", ".join(f"{count} {cause}" for cause, count in spike.never_claimed)
    idle_s = sum(total for _, _, total in spike.unclaimed_s)
    parts = [
        f"spike {spike.id}: peak {spike.peak:.0f} core-equivalents{lasted}",
        f"{spike.added} startds added, {spike.claimed} claimed" + (f", never claimed: {never}" if never else ""),
        f"{idle_s:.0f} pod-seconds unclaimed, cost {spike.cost:.2f}",
    ]
    if spike.first_claim_s is not None:
        parts.append(f"first claim after {spike.first_claim_s:.0f} s")
    if spike.zero_at is not None and spike.ended_at is not None:
        parts.append(f"nothing left {spike.zero_at - spike.ended_at:.0f} s after its end")
    return "; ".join(parts)


def _opened(spike: Spike) -> _Tally:
    unclaimed = defaultdict(float, {(member, cause): seconds for member, cause, seconds in spike.unclaimed_s})
    never, leaks = Counter(dict(spike.never_claimed)), Counter(dict(spike.leaks))
    return _Tally(spike.claimed, spike.cost, spike.first_claim_s, never, leaks, unclaimed)


def _count(tally: _Tally, spike: Spike, stand: Standing, old: Held | None) -> None:
    """A first claim, and whether it was somebody else's (FS8)."""
    held = stand.held
    if held.claimed_at is None or (old is not None and old.claimed_at is not None):
        return
    tally.claimed += 1
    after_s = max(0.0, held.claimed_at - spike.began_at)
    tally.first_claim_s = after_s if tally.first_claim_s is None else min(tally.first_claim_s, after_s)
    who = {claim.principal for slot in stand.slots for claim in slot.claims}
    if who and held.placement.principal not in who:
        tally.leaks[held.placement.class_key] += 1


def _time(tally: _Tally, held: Held, old: Held | None, span: tuple[float, float]) -> None:
    """What it ran since the last look: money, and pod-seconds without a claim."""
    ran_s = _ran_s(held, old, span)
    if ran_s <= 0:
        return
    tally.cost += held.placement.price_per_hour * ran_s / HOUR_S
    idle_s, why = ran_s, held
    if held.claims:
        first = held.claimed_at is not None and (old is None or old.claimed_at is None)
        idle_s = max(0.0, ran_s - (span[1] - (held.claimed_at or 0.0))) if first else 0.0
        why = old or msgspec.structs.replace(held, slot_seen_at=None)
    if idle_s > 0:
        tally.unclaimed[held.placement.member, _idle_why(why)] += idle_s * held.nodes


def _ran_s(held: Held, old: Held | None, span: tuple[float, float]) -> float:
    since, at = span
    if held.pod_started_at is None or (old is not None and old.phase == "gone"):
        return 0.0
    known = old is not None and old.pod_started_at is not None
    return max(0.0, at - max(held.pod_started_at, since if known else 0.0))


def _why(held: Held) -> str:
    """Why it ended without a claim."""
    reason = held.failure or held.why
    told = reason is not None and reason.cause not in {Cause.DEMAND, Cause.PROBE}
    return str(reason.cause) if reason is not None and told else str(Cause.FINISHED)


def _idle_why(held: Held) -> str:
    """Why nobody claims it now: it failed, it was told to go, its slot is not there yet, or nobody came."""
    if held.failure is not None or held.wanted != "run":
        return _why(held)
    return str(Cause.SUPPLY_ON_ITS_WAY if held.slot_seen_at is None else Cause.IDLE)
