"""Breakers: a class that keeps failing fast on one member, or does not start there, rests there (X8, X9).

After the rest one startd tries. Other classes and other members are untouched.
"""

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
        Cause.WITHDRAWN,
    }
)
"""Failures that say nothing about the class: ours, the network's, the admission's (by shape), a lack of room."""

OF_JOBS = frozenset({Cause.WRITE_REFUSED, Cause.POD_REFUSED})
"""What says nothing about a class of startds, but of one of Jobs: its own fields and objects are in what is refused."""


def breaker_key(class_key: str, member: str) -> str:
    """Key under which the failures of one class on one member are remembered."""
    return f"{class_key}|{member}"


def resting(breakers: Mapping[str, Breaker]) -> frozenset[str]:
    """Keys of classes that rest at some member, or try again there: of no other class `blocker` says anything."""
    return frozenset(key.rpartition("|")[0] for key, known in breakers.items() if known.trips)


def blocker(breakers: Mapping[str, Breaker], demand: DemandClass, place: Place, at: float) -> Reason | None:
    """Why no startd of that class may start there now: it rests, or one tries already. Other classes are untouched."""
    known = breakers.get(breaker_key(demand.key, place.terms.name))
    if known is None or known.trips == 0:
        return None
    if at < known.closed_until:
        return place.here(_rests(known, f"tries again in {known.closed_until - at:.0f} s"))
    if known.trying:
        return place.here(_rests(known, "one startd tries first"))
    return None


def _rests(known: Breaker, need: str) -> Reason:
    waited = known.last.startswith(Cause.PENDING_TOO_LONG)
    cause = Cause.BACKING_OFF if waited else Cause.FAILING_FAST
    times = f"{known.failures} failure{'s' if known.failures > 1 else ''}"
    return Reason(cause, "startds", need, f"{times} in a row, last: {known.last}", at=known.last_at)


def take(breakers: dict[str, Breaker], demand: DemandClass, place: Place) -> None:
    """One startd of the class starts there: after a rest it is the only one. breakers: the round's own copy."""
    key = breaker_key(demand.key, place.terms.name)
    known = breakers.get(key)
    if known is not None and known.trips:
        breakers[key] = msgspec.structs.replace(known, trying=True)


def learn_breakers(
    memory: Memory,
    standing: Iterable[Standing],
    policy: Policy,
    at: float,
    restless: Iterable[Standing] | None = None,
) -> dict[str, Breaker]:
    """What this look says of every (class, member): a first claim opens it, failures in a row close it.

    Most startds are as memory has them, and try nothing: they are not looked at one after the other. Nor is anybody
    where nothing failed of late. restless: of those that stand all that may tell something; None: any may.
    """
    breakers = {
        key: msgspec.structs.replace(known, trying=False)
        for key, known in memory.breakers.items()
        if at - max(known.last_at, known.closed_until) < FORGET_S
    }
    stands = tuple(standing)
    moved = stands if restless is None else tuple(restless)
    fails = any(stand.held.failure is not None for stand in moved)
    if not breakers and not fails:
        return {}
    before = {held.placement.id: held for held in memory.held}
    told = [s for s in moved if before.get(s.held.placement.id) is not s.held or _is_open(s.held)]
    runs = {_key(stand.held) for stand in stands if stand.held.phase in {"unclaimed", "claimed"}} if fails else set()
    for stand in sorted(told, key=lambda s: (s.held.placement.created_at, s.held.placement.id)):
        held, old, key = stand.held, before.get(stand.held.placement.id), _key(stand.held)
        if held.claimed_at is not None and not (old and old.claimed_at is not None):
            breakers.pop(key, None)
        known = breakers.get(key, Breaker())
        if held.failure is not None and not (old and old.failure):
            failed = _failed(known, held, policy.breaker, at)
            if failed is not None and not (_waited(held) and key in runs):
                breakers[key] = failed
        elif _tries(held, known):
            breakers[key] = msgspec.structs.replace(known, trying=True)
    return dict(sorted(breakers.items()))


def _key(held: Held) -> str:
    return breaker_key(held.placement.class_key, held.placement.member)


def _waited(held: Held) -> bool:
    return held.failure is not None and held.failure.cause is Cause.PENDING_TOO_LONG


def _fast(held: Held, rules: Breaking, at: float) -> bool:
    """Whether it failed soon after it began, and in a way that the class may be the cause of."""
    began = held.pod_started_at or held.written_at or held.placement.created_at
    cause = held.failure.cause if held.failure else Cause.FINISHED
    killed = cause is Cause.POD_LOST and held.slot_seen_at is not None
    others = OTHERS - OF_JOBS if held.placement.form == "job" else OTHERS
    return cause not in others and not killed and at - began <= rules.fast_s


def _failed(known: Breaker, held: Held, rules: Breaking, at: float) -> Breaker | None:
    """After one more failure in a row; None when it does not count.

    Where nothing of the class runs, one that waited too long is enough: its jobs are to go elsewhere (X9). Failures
    while it rests count, too, but do not make the rest longer.
    """
    if held.failure is None or not (_waited(held) or _fast(held, rules, at)):
        return None
    last = f"{held.failure.cause} {held.failure.have}".rstrip()
    known = msgspec.structs.replace(known, failures=known.failures + 1, last=last, last_at=at)
    if at < known.closed_until or (known.failures < rules.failures and not _waited(held)):
        return known
    rest_s = rules.open_s * 2 ** min(known.trips, MOST_DOUBLINGS)
    return msgspec.structs.replace(known, trips=known.trips + 1, closed_until=at + rest_s)


def _tries(held: Held, known: Breaker) -> bool:
    """Whether this is the startd that tries after a rest: made after it, and nothing known of how it ends."""
    return _is_open(held) and known.trips > 0 and held.placement.created_at >= known.closed_until


def _is_open(held: Held) -> bool:
    """Whether it is wanted and waits for its first job, so that nobody knows yet how it ends."""
    waits = held.phase in {"intended", "starting", "unclaimed"} and held.wanted == "run"
    return waits and held.failure is None and held.claimed_at is None
