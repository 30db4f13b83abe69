"""Whose the jobs of a log are: users dealt to communities by shares of the work; nothing is read here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from fedsched.sim.workload.logged import Logged

CORE_HOUR = 3_600_000.0
"""Of milli-core seconds."""


def communities(count: int) -> tuple[tuple[str, float], ...]:
    """So many groups with equal shares: c1, c2 and so on."""
    return tuple((f"c{number}", 1.0) for number in range(1, count + 1))


def deal(jobs: Iterable[Logged], shares: Mapping[str, float], fixed: Mapping[str, str]) -> dict[str, str]:
    """User -> group. fixed: where that is known. Others: who has most work first, to the group that lacks most of it.

    shares: relative parts of all work (core-hours) that the groups should have; no share: only `fixed` is known.
    """
    work: defaultdict[str, float] = defaultdict(float)
    for job in jobs:
        work[job.user] += job.runs_s * max(1000, job.request.cpu_milli) / CORE_HOUR
    dealt: defaultdict[str, float] = defaultdict(float)
    groups: dict[str, str] = {}
    for user in sorted(work, key=lambda user: (user not in fixed, -work[user], user)):
        if user in fixed:
            groups[user] = fixed[user]
        elif shares:
            groups[user] = min(sorted(shares), key=lambda group: (dealt[group] + work[user]) / shares[group])
        else:
            continue
        dealt[groups[user]] += work[user]
    return groups
