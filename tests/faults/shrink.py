"""Fewer mishaps that break the same: one after the other is left out, as long as something still does not hold."""

from __future__ import annotations

from tests.faults.mishaps import Mishap
from tests.faults.storm import Outcome, run


def fewest(outcome: Outcome) -> tuple[Mishap, ...]:
    """Mishaps of a broken seed none of which can be left out; what is found may break somewhere else."""
    left, name = list(outcome.mishaps), _name(outcome)
    for mishap in outcome.mishaps:
        without = tuple(m for m in left if m is not mishap)
        if _name(run(outcome.seed, only=without)) == name:
            left = list(without)
    return tuple(left)


def _name(outcome: Outcome) -> str:
    return outcome.broken.partition(":")[0]
