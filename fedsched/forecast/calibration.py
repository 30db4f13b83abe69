"""How far ranges must be widened to be right as often as they say, learnt from forecasts that came out.

Conformal prediction: the correction is a quantile of how far past forecasts were off, so that it needs no belief about
why. Sources: Romano, Patterson and Candès (2019) for correcting the two ends of a range; Gibbs and Candès (2021) for
letting the level follow recent errors, as a federation is never the same for long.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from fedsched.journal import Forecast

NOW_S = 60.0
"""Differences below it hardly matter: logarithms are taken of seconds plus this."""
ENOUGH = 20
"""So many outcomes speak for themselves; below it a prior stands in for the missing ones."""
RECENT = 100
"""So many outcomes are looked at, the newest: weeks ago it was another federation."""
SHOWN = 50
"""So many estimates are behind the number that people see."""
HORIZONS_S = (120.0, 600.0, 3600.0)
"""What is about to start, minutes, an hour or more away is judged by its like, as far as there is enough of it."""
PRIOR = tuple(0.4 * step / 10.0 - 0.2 for step in range(ENOUGH))
"""Without experience: as if each end had been off by something between -20 % and +75 %."""


class Record(msgspec.Struct, frozen=True):
    """How past ranges did: of the last `count` that came out, `right` were right. wanted: the part that should be."""

    count: int
    right: int
    wanted: float

    @property
    def part(self) -> float | None:
        """The part that was right, 0..1; None before the first."""
        return self.right / self.count if self.count else None


class Calibration:
    """Corrections learnt from what came out until `at`."""

    def __init__(self, past: Iterable[Forecast], at: float, part: float = 0.8) -> None:
        """`part`: how often ranges should be right, 0..1; what is missed is shared equally by both ends."""
        known = sorted((_as_of(one, at) for one in past if one.started_s is not None or _overdue(one, at)), key=_order)
        self._part = part
        self._known = known
        tail = (1.0 - part) / 2.0
        self._early = [(one.middle_s, _log(one.early_s) - _log(one.started_s or 0.0)) for one in known]
        self._late = [(one.middle_s, _log(one.started_s or 0.0) - _log(one.late_s)) for one in known]
        self._early_tail = _followed(tail, [(one.started_s or 0.0) < one.low_s for one in known])
        self._late_tail = _followed(tail, [(one.started_s or 0.0) > one.high_s for one in known])

    @property
    def record(self) -> Record:
        """How the last ranges did, of those that came out or are overdue."""
        last = self._known[-SHOWN:]
        return Record(len(last), sum(one.right for one in last), self._part)

    def corrected(self, early_s: float, middle_s: float, late_s: float) -> tuple[float, float]:
        """The range to tell for what runs forward gave, in seconds: as they were off before, so they will be."""
        low = math.exp(_log(early_s) - _level(_alike(self._early, middle_s), self._early_tail)) - NOW_S
        high = math.exp(_log(late_s) + _level(_alike(self._late, middle_s), self._late_tail)) - NOW_S
        return max(0.0, min(low, high)), max(low, high, 0.0)


def _order(one: Forecast) -> tuple[float, str]:
    return one.settled_at, one.id


def _overdue(one: Forecast, at: float) -> bool:
    """It has not started although its range is over: wrong already, by so much at least."""
    return one.started_s is None and at - one.at > one.high_s


def _as_of(one: Forecast, at: float) -> Forecast:
    return one if one.started_s is not None else msgspec.structs.replace(one, started_s=at - one.at, settled_at=at)


def _log(seconds: float) -> float:
    return math.log(max(0.0, seconds) + NOW_S)


def _alike(scores: Sequence[tuple[float, float]], middle_s: float) -> list[float]:
    """Scores of forecasts about as far ahead, newest last; of all where these are too few."""
    horizon = _horizon(middle_s)
    near = [score for middle, score in scores if _horizon(middle) == horizon]
    return near[-RECENT:] if len(near) >= ENOUGH else [score for _, score in scores][-RECENT:]


def _horizon(seconds: float) -> int:
    return sum(seconds >= edge for edge in HORIZONS_S)


def _level(scores: list[float], tail: float) -> float:
    """The score that all but `tail` (0..1) of the scores do not exceed."""
    ordered = sorted([*scores, *PRIOR[: max(0, ENOUGH - len(scores))]])
    return ordered[min(len(ordered) - 1, math.ceil((1.0 - tail) * (len(ordered) + 1)) - 1)]


def _followed(tail: float, misses: Sequence[bool], step: float = 0.02) -> float:
    """The tail to aim at so that `tail` is what comes out: each miss narrows it, each hit widens it a little."""
    aim = tail
    for miss in misses:
        aim = min(0.5, max(0.002, aim + step * (tail - miss)))
    return aim
