"""What one round comes to: how much of its bound it reached, and whether the plain ways place the same."""

from __future__ import annotations

from typing import NamedTuple

from fedsched.matchmaker.model import ClassReport, Plan
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Verdict
from tests.matchmaker.plainly import place_by_place
from tests.quality.bound import bound
from tests.quality.cases import Case
from tests.quality.plain import OneByOne, turns_of
from tests.sameness import digest

RULES = frozenset(
    {
        Cause.GROUP_LIMIT,
        Cause.GROUP_QUOTA,
        Cause.GROUP_BORROW,
        Cause.NOT_LENT,
        Cause.PRINCIPAL_CEILING,
        Cause.CONCURRENCY_LIMIT,
    }
)
"""What the policy keeps from a class wherever there is room."""


class Quality(NamedTuple):
    """units: placed. unserved: classes that grow in the bound. nothing: classes held by room that were given nothing.

    reached: 1 ÷ t, what was placed for the unserved by what the same rooms and limits hold of divisible units in the
    same proportions. each: the same when those that are held at t stay there and the others grow on, in cores.
    """

    seed: int
    units: int
    unserved: int
    nothing: int
    reached: float
    each: float


def quality(case: Case, plan: Plan) -> Quality:
    """How much of its bound the plan reached; 1 for both where no class that was given something waits for room."""
    placed = {report.key: report.placed for report in plan.classes}
    waiting = frozenset(report.key for report in plan.classes if waits_for_room(report))
    growing = frozenset(key for key in waiting if placed[key])
    units, nothing = sum(placed.values()), len(waiting - growing)
    if not growing:
        return Quality(case.seed, units, 0, nothing, 1.0, 1.0)
    found = bound(case, placed, growing)
    cores = {one.key: one.request.cpu_milli * placed[one.key] for one in case.classes if one.key in growing}
    could = sum(cores[key] * found.each[key] for key in growing)
    return Quality(case.seed, units, len(growing), nothing, 1 / found.factor, sum(cores.values()) / could)


def waits_for_room(report: ClassReport) -> bool:
    """Whether jobs of the class are left for which only room, or what a member allows, is missing."""
    if report.why is None or report.why.verdict is not Verdict.NOT_NOW:
        return False
    return RULES.isdisjoint({report.why.cause, *(reason.cause for reason in report.also)})


def decided(case: Case) -> Plan:
    """The round."""
    return negotiate(case.snapshot, case.policy)


def same_place_by_place(case: Case, plan: Plan) -> bool:
    """Whether the plan is the same, byte for byte, where each place is asked by itself."""
    return digest(place_by_place(case.snapshot, case.policy)) == digest(plan)


def same_one_by_one(case: Case, plan: Plan) -> bool:
    """Whether the reference takes the same turns to the same places in the same order."""
    return list(OneByOne(case, plan).turns()) == turns_of(plan)
