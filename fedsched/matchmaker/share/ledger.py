"""Memory of use: what each principal was charged, fading with the half-life (FS3, FS5). In closed form, no steps.

Source of the formula: HTCondor manual, User Priorities and Negotiation, "Priority Calculation".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from fedsched.matchmaker.model import LedgerEntry, ShareLine, Sharing
from fedsched.matchmaker.share.sizes import CE

LEAST_USAGE = 0.5
"""Real user priority of who used nothing, in core-equivalents: HTCondor's lowest."""

FORGET = 1e-6
"""An entry whose means are all below this, and that holds nothing, is dropped."""


class Interval(msgspec.Struct, frozen=True, gc=False):
    """An amount in core-equivalents that was constant from `begins` to `ends` (epoch seconds)."""

    amount: float
    begins: float
    ends: float


Spans: TypeAlias = dict[str, dict[Interval, int]]
"""Intervals by principal's path, and how many there are of each: most claims went on since the last look."""


class Use(msgspec.Struct):
    """What the last look did not know: intervals by path, and what is claimed now, sorted (key, thousandths)."""

    charged: Spans
    wasted: Spans
    worked: Spans
    claims: dict[str, tuple[tuple[str, int], ...]]


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
    charged, wasted = use.charged.get(path, {}), use.wasted.get(path, {})
    waste = math.fsum(_each(wasted, lambda one: added(one, at, half_life)))
    # Who works all the time has the same intervals in both.
    gains = {one: added(one, at, half_life) for one in charged}
    return LedgerEntry(
        usage=math.fsum(
            [
                faded(entry.usage, entry.at, at, half_life),
                *_each(charged, gains.__getitem__),
                rules.waste_weight * waste,
            ]
        ),
        at=max(at, entry.at),
        wasted=faded(entry.wasted, entry.at, at, half_life) + waste,
        worked=math.fsum(
            [
                faded(entry.worked, entry.at, at, half_life),
                *_each(use.worked.get(path, {}), lambda one: gains[one] if one in gains else added(one, at, half_life)),
            ]
        ),
        core_s=entry.core_s
        + math.fsum(
            [
                *_each(wasted, lambda one: one.amount * rules.waste_weight * max(0.0, min(one.ends, at) - one.begins)),
                *_each(charged, lambda one: one.amount * max(0.0, min(one.ends, at) - one.begins)),
            ]
        ),
        shortfall_s=faded(entry.shortfall_s, entry.at, at, half_life),
        claims=use.claims.get(path, ()),
    )


def _each(intervals: Mapping[Interval, int], value: Callable[[Interval], float]) -> list[float]:
    """The value of each interval, as often as there are such intervals: sums are exact, in any order."""
    found: list[float] = []
    for one, times in intervals.items():
        found += [value(one)] * times
    return found


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
