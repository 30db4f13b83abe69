"""Breakers: a class that keeps failing fast on one member rests there, and one startd tries again (X8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import Breaker, Breaking, DemandClass, Held, Memory, Policy
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing

MOST_DOUBLINGS = 6
"""A rest is doubled so often at most: from ten minutes to not quite eleven hours."""

FORGET_S = 86_400.0
"""A breaker without news for so many seconds is forgotten."""

OTHERS = frozenset(
    {
        Cause.WRITE_REFUSED,
        Cause.FOREIGN_OBJECT,
        Cause.MEMBER_SILENT,
        Cause.POD_REFUSED,
        Cause.PENDING_TOO_LONG,
    }
)
"""Failures that say nothing about the class: ours, the network's, the admission's (by shape), a lack of room."""


def breaker_key(class_key: str, member: str) -> str:
    """Key under which the failures of one class on one member are remembered."""
    return f"{class_key}|{member}"


def blocker(breakers: Mapping[str, Breaker], demand: DemandClass, place: Place, at: float) -> Reason | None:
    """Why no startd of that class may start there now: it rests, or one tries already. Other classes are untouched."""
    known = breakers.get(breaker_key(demand.key, place.terms.name))
    if known is None or known.trips == 0:
        return None
    if at < known.closed_until:
        need = f"tries again in {known.closed_until - at:.0f} s"
        return place.here(Reason(Cause.FAILING_FAST, "startds", need, _told(known), at=known.last_at))
    if known.trying:
        return place.here(
            Reason(Cause.FAILING_FAST, "startds", "one startd tries first", _told(known), at=known.last_at)
        )
    return None


def _told(known: Breaker) -> str:
    return f"{known.failures} fast failures in a row, last: {known.last}"


def take(breakers: dict[str, Breaker], demand: DemandClass, place: Place) -> None:
    """One startd of the class starts there: after a rest it is the only one. breakers: the round's own copy."""
    key = breaker_key(demand.key, place.terms.name)
    known = breakers.get(key)
    if known is not None and known.trips:
        breakers[key] = msgspec.structs.replace(known, trying=True)


def learn_breakers(memory: Memory, standing: Iterable[Standing], policy: Policy, at: float) -> dict[str, Breaker]:
    """What this look says of every (class, member): a first claim opens it, fast failures in a row close it."""
    before = {held.placement.id: held for held in memory.held}
    breakers = {
        key: msgspec.structs.replace(known, trying=False)
        for key, known in memory.breakers.items()
        if at - max(known.last_at, known.closed_until) < FORGET_S
    }
    for stand in sorted(standing, key=lambda s: (s.held.placement.created_at, s.held.placement.id)):
        _learn(breakers, stand.held, before.get(stand.held.placement.id), policy.breaker, at)
    return dict(sorted(breakers.items()))


def _learn(breakers: dict[str, Breaker], held: Held, old: Held | None, rules: Breaking, at: float) -> None:
    key = breaker_key(held.placement.class_key, held.placement.member)
    if held.claimed_at is not None and not (old and old.claimed_at is not None):
        breakers.pop(key, None)
    if held.failure is not None and not (old and old.failure) and _fast(held, held.failure, rules, at):
        breakers[key] = _failed(breakers.get(key, Breaker()), held.failure, rules, at)
    elif (known := breakers.get(key)) is not None and _tries(held, known):
        breakers[key] = msgspec.structs.replace(known, trying=True)


def _fast(held: Held, failure: Reason, rules: Breaking, at: float) -> bool:
    """Whether it failed soon after it began, and in a way that the class may be the cause of."""
    began = held.pod_started_at or held.written_at or held.placement.created_at
    killed = failure.cause is Cause.POD_LOST and held.slot_seen_at is not None
    return failure.cause not in OTHERS and not killed and at - began <= rules.fast_s


def _failed(known: Breaker, failure: Reason, rules: Breaking, at: float) -> Breaker:
    """One more in a row. Failures while it rests count, too, but do not make the rest longer."""
    last = f"{failure.cause} {failure.have}".rstrip()
    known = msgspec.structs.replace(known, failures=known.failures + 1, last=last, last_at=at)
    if known.failures < rules.failures or at < known.closed_until:
        return known
    rest_s = rules.open_s * 2 ** min(known.trips, MOST_DOUBLINGS)
    return msgspec.structs.replace(known, trips=known.trips + 1, closed_until=at + rest_s)


def _tries(held: Held, known: Breaker) -> bool:
    """Whether this is the startd that tries after a rest: made after it, and nothing known of how it ends."""
    waits = held.phase in {"intended", "starting", "unclaimed"} and held.wanted == "run"
    open_end = held.failure is None and held.claimed_at is None
    return waits and open_end and known.trips > 0 and held.placement.created_at >= known.closed_until
