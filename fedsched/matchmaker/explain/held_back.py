"""Jobs that wait, added up by cause, the most first: for members and groups; why one class waits is told elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fedsched.matchmaker.explain.links import behind
from fedsched.matchmaker.explain.sentences import action, capital, clause
from fedsched.matchmaker.model import ClassReport, DemandClass, HeldBack, Observation, Plan
from fedsched.matchmaker.reasons import VERDICT_ORDER, Reason


class Waiting(NamedTuple):
    """Unmet jobs of one class, and what keeps them."""

    jobs: int
    key: str
    why: Reason


def held_back(waiting: Iterable[Waiting], plan: Plan) -> tuple[HeldBack, ...]:
    """By cause, a rest by the failure for which it is; the most jobs first."""
    causes: dict[str, list[Waiting]] = {}
    for one in waiting:
        causes.setdefault(str((behind(one.why, plan) or one.why).cause), []).append(one)
    found = (_added(cause, ones, plan) for cause, ones in causes.items())
    return tuple(sorted(found, key=lambda one: (-one.jobs, one.cause)))


def demands(seen: Observation) -> dict[str, DemandClass]:
    """Every class that was seen, by key."""
    return {demand.key: demand for view in seen.schedds for demand in view.classes}


def unmet(plan: Plan, seen: Mapping[str, DemandClass]) -> Iterable[tuple[DemandClass, ClassReport]]:
    """Classes with unmet jobs and their reports."""
    return ((seen[report.key], report) for report in plan.classes if report.unmet and report.key in seen)


def count_jobs(many: int) -> str:
    """A number of idle jobs: "1 idle job", "1,200 idle jobs"."""
    return "1 idle job" if many == 1 else f"{many:,} idle jobs"


def count_startds(many: int) -> str:
    """A number of startds."""
    return "1 startd" if many == 1 else f"{many:,} startds"


def next_of(ones: tuple[HeldBack, ...], otherwise: str = "Nothing to do.") -> str:
    """What helps most of them."""
    return f"{capital(ones[0].action)}." if ones and ones[0].action else otherwise


def _added(cause: str, ones: list[Waiting], plan: Plan) -> HeldBack:
    largest = max(ones, key=lambda one: (one.jobs, one.key))
    worst = min((one.why.verdict for one in ones), key=lambda verdict: VERDICT_ORDER[verdict])
    return HeldBack(
        cause=cause,
        verdict=worst,
        jobs=sum(one.jobs for one in ones),
        classes=len({one.key for one in ones}),
        text=f"{capital(clause(largest.why, plan))}.",
        action=action(largest.why),
        example=largest.key,
        reason=largest.why,
    )
