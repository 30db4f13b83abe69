"""A job's ConcurrencyLimits as (name, units) (Q7); what is left of a limit is the matchmaker's business."""

from __future__ import annotations

import math
import re

MOST_LIMITS = 20
"""Most limits that one job is believed to name."""
MOST_UNITS = 1_000_000

_LIMIT = re.compile(r"([A-Za-z_][\w.]{0,99})(?::([0-9]{1,9}(?:\.[0-9]{1,9})?))?", re.ASCII)


def concurrency(text: str) -> tuple[tuple[str, int], ...]:
    """`"matlab, licence:2"` as names in lower case with units, sorted; one unit where none is told, parts rounded up.

    As HTCondor's manual has it ("Concurrency Limits"); an entry that is none, or takes nothing, is left out.
    """
    units: dict[str, int] = {}
    for entry in text.split(",")[: MOST_LIMITS * 2]:
        limit = _LIMIT.fullmatch(entry.strip())
        count = math.ceil(float(limit.group(2) or 1)) if limit else 0
        if limit and count:
            name = limit.group(1).lower()
            units[name] = min(MOST_UNITS, units.get(name, 0) + count)
    return tuple(sorted(units.items())[:MOST_LIMITS])
