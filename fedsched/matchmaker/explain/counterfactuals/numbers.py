"""Amounts read back from a reason's words, as hints how far to go; what they give is proven before it is told."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?:\s*(GiB|MiB|cores?|core-equivalents))?")
_FACTOR = {"GiB": 1024.0, "core": 1000.0, "cores": 1000.0}
FURTHER = (1, 2, 4, 8, 16)
"""Where others take of it, too: so many times as much is tried."""


def amount(text: str) -> float:
    """The first number of a text in the units of Resources; 0 without one."""
    found = _NUMBER.search(text)
    return 0.0 if found is None else float(found[1]) * _FACTOR.get(found[2] or "", 1.0)


def beyond(need: float, have: float, unit: float) -> tuple[int, ...]:
    """Units by which `have` falls short of `need`, and multiples of it, ascending, all above 0."""
    short = max(1, math.ceil((need - have) / unit - 1e-9))
    return tuple(sorted({short * more for more in FURTHER} | {short + 1}))


def unit_of(short: float) -> float:
    """A unit for amounts that are no whole numbers: of what is short, two digits are told."""
    return 10.0 ** (math.floor(math.log10(short)) - 1) if short > 0 else 1.0
