"""Memory of use: what each principal was charged, fading with the half-life (FS3, FS5). In closed form, no steps.

Source of the formula: HTCondor manual, User Priorities and Negotiation, "Priority Calculation".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from fedsched.matchmaker.model import Claim, Held, LedgerEntry, ShareLine, Sharing, SlotView
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.share.accounts import claim_amount, counts, stuck
from fedsched.matchmaker.share.paths import path_of
from fedsched.matchmaker.share.sizes import CE, Sizes

LEAST_USAGE = 0.5
"""Real user priority of who used nothing, in core-equivalents: HTCondor's lowest."""

FORGET = 1e-6
"""An entry whose means are all below this, and that holds nothing, is dropped."""


class Interval(msgspec.Struct, frozen=True, gc=False):
    """An amount in core-equivalents that was constant from `begins` to `ends` (epoch seconds)."""

    amount: float
    begins: float
    ends: float


Spans: TypeAlias = dict[str, list[Interval]]
"""Intervals by principal's path."""


class Use(msgspec.Struct):
    """What the last look did not know: intervals by path, and what is claimed now (key of a claim, thousandths)."""

    charged: Spans
    wasted: Spans
    worked: Spans
    claims: dict[str, dict[str, int]]


def half(seconds: float, half_life_s: float) -> float:
    """The b of the formula: what is left after `seconds`."""
    return math.exp(-math.log(2) * seconds / half_life_s)


def faded(mean: float, since: float, at: float, half_life_s: float) -> float:
    """A mean as of `since`, at `at`, when nothing was added."""
    return mean * half(max(0.0, at - since), half_life_s)


def added(interval: Interval, at: float, half_life_s: float) -> float:
    """What an interval adds to the mean at `at`: (1-b) x held, faded since its end. Equal for any cutting of it."""
    begins, ends = min(interval.begins, at), min(interval.ends, at)
    if ends <= begins:
        return 0.0
    lasted = -math.expm1(-math.log(2) * (ends - begins) / half_life_s)
    return interval.amount * lasted * half(at - ends, half_life_s)


def real_priority(entry: LedgerEntry | None) -> float:
    """HTCondor's real user priority: usage, but never below one half."""
    return max(LEAST_USAGE, entry.usage if entry else 0.0)


def advance(before: Mapping[str, LedgerEntry], use: Use, rules: Sharing, at: float) -> dict[str, LedgerEntry]:
    """Every principal's entry as of `at`, by path: U(t) = U(t-d)·b + (1-b)·held with b = 0.5^(d/half-life) (FS3)."""
    paths = sorted({*before, *use.charged, *use.wasted, *use.claims})
    entries = {path: _advanced(path, before.get(path), use, rules, at) for path in paths}
    return {path: entry for path, entry in entries.items() if not _forgettable(entry)}


def _advanced(path: str, old: LedgerEntry | None, use: Use, rules: Sharing, at: float) -> LedgerEntry:
    entry = old or LedgerEntry(at=at)
    half_life = rules.half_life_s
    charged, wasted = use.charged.get(path, []), use.wasted.get(path, [])
    waste = math.fsum(added(i, at, half_life) for i in wasted)
    # Who works all the time has the same intervals in both.
    gains = {id(i): added(i, at, half_life) for i in charged}
    return LedgerEntry(
        usage=math.fsum(
            [
                faded(entry.usage, entry.at, at, half_life),
                *gains.values(),
                rules.waste_weight * waste,
            ]
        ),
        at=max(at, entry.at),
        wasted=faded(entry.wasted, entry.at, at, half_life) + waste,
        worked=math.fsum(
            [
                faded(entry.worked, entry.at, at, half_life),
                *(gains[id(i)] if id(i) in gains else added(i, at, half_life) for i in use.worked.get(path, [])),
            ]
        ),
        core_s=entry.core_s
        + math.fsum(
            [
                *(i.amount * rules.waste_weight * max(0.0, min(i.ends, at) - i.begins) for i in wasted),
                *(i.amount * max(0.0, min(i.ends, at) - i.begins) for i in charged),
            ]
        ),
        shortfall_s=faded(entry.shortfall_s, entry.at, at, half_life),
        claims=tuple(sorted(use.claims.get(path, {}).items())),
    )


def _forgettable(entry: LedgerEntry) -> bool:
    means = (entry.usage, entry.wasted, entry.worked, entry.shortfall_s)
    return not entry.claims and all(mean < FORGET for mean in means)


def fall_short(
    entries: Mapping[str, LedgerEntry], lines: Mapping[str, ShareLine], span: tuple[float, float], half_life_s: float
) -> dict[str, LedgerEntry]:
    """N4: (entitled - held) over the time since the last look (`span`), while there was demand, faded as usage is.

    A principal that waits without ever having held anything gets an entry here.
    """
    out = dict(entries)
    then, at = span
    weight = half_life_s / math.log(2) * -math.expm1(-math.log(2) * max(0.0, at - then) / half_life_s) if then else 0.0
    for path, line in lines.items():
        gap = max(0, line.entitled - line.held) / CE
        if gap > 0 and weight > 0 and "/" in path:
            entry = out.get(path, LedgerEntry(at=at))
            out[path] = msgspec.structs.replace(entry, shortfall_s=entry.shortfall_s + gap * weight)
    return dict(sorted(out.items()))


class Look(msgspec.Struct, frozen=True):
    """What reading claims needs beside them: sizes, free_idle_s, lost members, times of the last look and of this."""

    sizes: Sizes
    free_idle_s: float
    lost: frozenset[str]
    then: float
    at: float


def read_use(
    before: Mapping[str, LedgerEntry], memory: Iterable[Held], standing: Iterable[Standing], look: Look
) -> Use:
    """Turn claims and idleness seen now into intervals since the last look.

    A claim is charged from its own begin, so that one that began between two looks, or was reported late, pays from
    there. One that ended is charged to when its slot became unclaimed, else to the next claim's begin there.
    """
    known = {path: dict(entry.claims) for path, entry in before.items()}
    idle_before = {held.placement.id: held.unclaimed_since for held in memory}
    use = Use({}, {}, {}, {})
    slots: dict[str, SlotView] = {}
    for stand in standing:
        if not counts(stand, look.lost):
            _read_ended(stand, known, use, look)
            continue
        for slot in stand.slots:
            slots[slot.name] = slot
            _read_claims(stand, slot, known, use, look)
            _read_waste(stand, slot, idle_before.get(stand.held.placement.id), use, look)
        if not stand.slots and stand.held.phase == "unclaimed" and stand.held.unclaimed_since is not None:
            amount = look.sizes.of(stand.held.placement.size) * stand.held.nodes / CE
            begins = stand.held.unclaimed_since + look.free_idle_s
            _put(use.wasted, path_of(stand.held.placement.principal), Interval(amount, max(look.then, begins), look.at))
    _close_ended(known, slots, use, look)
    return use


def claim_key(slot: SlotView, since: float) -> str:
    """How a claim is remembered: its slot and when it began; two that began together count as one."""
    return f"{slot.name} {since:.0f}"


def _read_claims(stand: Standing, slot: SlotView, known: Mapping[str, dict[str, int]], use: Use, look: Look) -> None:
    for claim in slot.claims:
        path = path_of(claim.principal)
        size = look.sizes.of(claim_amount(claim, slot))
        key = claim_key(slot, claim.since)
        claims = use.claims.setdefault(path, {})
        claims[key] = claims.get(key, 0) + size
        begins = look.then if key in known.get(path, {}) else _begin(claim, slot, stand, look)
        span = Interval(size / CE, begins, look.at)
        _put(use.charged, path, span)
        if claim.used_cpu_milli is not None:
            part = min(1.0, claim.used_cpu_milli / max(1, claim.cpu_milli))
            span = Interval(size / CE * max(0.0, part), begins, look.at)
        _put(use.worked, path, span)


def _read_ended(stand: Standing, known: Mapping[str, dict[str, int]], use: Use, look: Look) -> None:
    """Pods of a user's Job that began and ended between two looks: they were never a claim, and are charged whole."""
    placement = stand.held.placement
    if placement.form != "job" or stand.held.since < look.at:
        return
    path, size = path_of(placement.principal), look.sizes.of(placement.size)
    charged = known.get(path, {})
    for pod in stand.pods:
        if (
            pod.started_at is None
            or pod.ended_at is None
            or f"{pod.name}@{placement.member} {pod.started_at:.0f}" in charged
        ):
            continue
        span = Interval(size / CE, min(max(pod.started_at, placement.created_at), look.at), min(pod.ended_at, look.at))
        _put(use.charged, path, span)
        _put(use.worked, path, span)


def _begin(claim: Claim, slot: SlotView, stand: Standing, look: Look) -> float:
    """When a claim that was not charged yet began: as its slot says, but never before the slot or its placement."""
    return min(max(claim.since, slot.started_at, stand.held.placement.created_at), look.at)


def _read_waste(stand: Standing, slot: SlotView, idle_before: float | None, use: Use, look: Look) -> None:
    """Idle beyond free_idle_s since the last look, and the parts of a claimed startd that nobody can claim."""
    path = path_of(stand.held.placement.principal)
    if not slot.claims:
        if slot.unclaimed_since is not None:
            begins = max(look.then, slot.unclaimed_since + look.free_idle_s)
            _put(use.wasted, path, Interval(look.sizes.of(stand.held.placement.size) / CE, begins, look.at))
        return
    first = min(claim.since for claim in slot.claims)
    if idle_before is not None and first > look.then:
        whole = look.sizes.of(stand.held.placement.size) / CE
        _put(use.wasted, path, Interval(whole, max(look.then, idle_before + look.free_idle_s), first))
    rest = stuck(stand, slot, look.sizes)
    if rest:
        _put(use.wasted, path, Interval(rest / CE, max(look.then, first), look.at))


def _close_ended(known: Mapping[str, dict[str, int]], slots: Mapping[str, SlotView], use: Use, look: Look) -> None:
    """Charge what ended since the last look to its end."""
    for path, claims in known.items():
        now = use.claims.get(path, {})
        for key, size in claims.items():
            ended = size - now.get(key, 0)
            if ended > 0:
                ends = _end(slots.get(key.rpartition(" ")[0]), look)
                _put(use.charged, path, Interval(ended / CE, look.then, ends))
                _put(use.worked, path, Interval(ended / CE, look.then, ends))


def _end(slot: SlotView | None, look: Look) -> float:
    """When a claim of that slot ended: see read_use; a slot that is gone was held up to now, at most one look."""
    if slot is None:
        return look.at
    if slot.unclaimed_since is not None and not slot.claims:
        return max(look.then, slot.unclaimed_since)
    later = [claim.since for claim in slot.claims if claim.since > look.then]
    return min(later, default=look.at)


def _put(spans: Spans, path: str, interval: Interval) -> None:
    if interval.ends > interval.begins and interval.amount > 0:
        spans.setdefault(path, []).append(interval)
