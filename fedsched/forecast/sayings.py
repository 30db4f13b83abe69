"""Ranges and their record in words; how they come about is not known here."""

from __future__ import annotations

import math

from fedsched.forecast.calibration import Record
from fedsched.forecast.estimate import Estimate

DASH = "\u2013"
MINUTE_S, HOUR_S = 60.0, 3600.0
FEW_MINUTES_S, FEW_HOURS_S = 30 * MINUTE_S, 100 * MINUTE_S


def said(estimate: Estimate) -> str:
    """The range in words, or why there is none."""
    return f"no estimate: {estimate.why}" if estimate.why else in_range(estimate.low_s, estimate.high_s)


def in_range(low_s: float, high_s: float) -> str:
    """The range in whole steps that contain it, as fine as its end deserves."""
    if high_s < FEW_HOURS_S:
        step = MINUTE_S if high_s <= FEW_MINUTES_S else 5 * MINUTE_S
        low, high = math.floor(low_s / step) * step / MINUTE_S, max(1, math.ceil(high_s / step)) * step / MINUTE_S
        return _between(low, high, "min")
    step = HOUR_S / 2 if high_s < 12 * HOUR_S else HOUR_S
    high = math.ceil(high_s / step) * step / HOUR_S
    if low_s < step:
        minutes = math.floor(low_s / (5 * MINUTE_S)) * 5
        return f"in {minutes} min{DASH}{high:g} h" if minutes else f"within {high:g} h"
    return _between(math.floor(low_s / step) * step / HOUR_S, high, "h")


def record_said(record: Record) -> str:
    """How often past ranges were right, as a number that can be compared with what they promise."""
    if record.part is None:
        return f"meant to be right in {_percent(record.wanted)} of cases; no estimate has come out yet"
    return f"last {record.count} estimates within range {_percent(record.part)}"


def _between(low: float, high: float, unit: str) -> str:
    return f"in {low:g}{DASH}{high:g} {unit}" if low > 0 else f"within {high:g} {unit}"


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"
