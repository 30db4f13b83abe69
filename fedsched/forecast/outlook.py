"""What one run forward came to, class by class and principal by principal; how it is run lives beside this file."""

from __future__ import annotations

import msgspec


class ClassOutlook(msgspec.Struct, frozen=True, omit_defaults=True):
    """One demand class in one run forward. Times are seconds after the moment from which it was run.

    started_s: when its n-th idle job, oldest first, got a slot for the first time; None where it did not within the
    run. running, idle: as in the moment. finished: jobs of it that ended, those included that ran already. evictions:
    how often one of its jobs lost its slot. unmet: idle at the end.
    """

    key: str
    schedd: str
    principal: str
    idle: int
    running: int = 0
    started_s: tuple[float | None, ...] = ()
    finished: int = 0
    evictions: int = 0
    unmet: int = 0


class PrincipalOutlook(msgspec.Struct, frozen=True, omit_defaults=True):
    """All classes of one principal together. core_hours: what its jobs held.

    wait_p50_s, wait_p95_s: from the moment until an idle job started; None where that quantile did not start.
    """

    principal: str
    idle: int
    started: int
    finished: int
    evictions: int
    unmet: int
    core_hours: float
    wait_p50_s: float | None = None
    wait_p95_s: float | None = None


class Outlook(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run forward, seeded. at: epoch seconds of the moment; ran_s: how far it went, in seconds after that.

    cost: what our placements cost in that time, in the federation's currency.
    """

    at: float
    ran_s: float
    seed: int
    cycles: int
    classes: tuple[ClassOutlook, ...]
    principals: tuple[PrincipalOutlook, ...]
    finished: int
    evictions: int
    unmet: int
    cost: float
    core_hours: float

    def started_s(self, key: str, position: int) -> float | None:
        """When the job at this place of the class (1 is the oldest) started; None where it did not, or is not there."""
        for one in self.classes:
            if one.key == key:
                return one.started_s[position - 1] if 0 < position <= len(one.started_s) else None
        return None


def quantile(waits: list[float | None], part: float) -> float | None:
    """The wait that `part` (0..1) of all jobs do not exceed; None where so many did not start."""
    if not waits:
        return None
    ordered = sorted((float("inf") if wait is None else wait) for wait in waits)
    found = ordered[max(0, -int(-part * len(ordered) // 1) - 1)]
    return None if found == float("inf") else found
