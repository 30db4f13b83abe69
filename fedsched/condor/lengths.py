"""How long a job will run, from its own attributes, in steps; learning from past jobs lives elsewhere."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from fedsched.matchmaker.model import JobLength

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
STEPS = (
    *(5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 3 * _HOUR, 4 * _HOUR, 6 * _HOUR),
    *(
        8 * _HOUR,
        12 * _HOUR,
        18 * _HOUR,
        _DAY,
        36 * _HOUR,
        2 * _DAY,
        3 * _DAY,
        4 * _DAY,
        7 * _DAY,
        14 * _DAY,
        28 * _DAY,
    ),
)
"""Lengths in seconds that jobs are rounded up to (MA7): close enough for a pilot's end, few enough for few classes."""


def job_length(known: Mapping[str, float | None], names: Sequence[str], assumed_s: int) -> JobLength:
    """The first attribute of `names` that gives a positive number, rounded up to a step; else `assumed_s` as it is.

    Seconds, or minutes for names ending in Mins. Longer than the longest step stays as it is, up to a year.
    """
    for name in names:
        value = known.get(name)
        if value is not None and value > 0:
            seconds = value * (_MINUTE if name.lower().endswith("mins") else 1)
            return JobLength(_up(min(seconds, 366 * _DAY)), name)
    return JobLength(assumed_s, "assumed")


def _up(seconds: float) -> int:
    step = bisect_left(STEPS, seconds)
    return STEPS[step] if step < len(STEPS) else int(seconds)
