"""When a waiting job will start, as a range: a few runs forward, and what experience says of such runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from fedsched.forecast.ahead import Course, forward
from fedsched.forecast.calibration import Calibration
from fedsched.forecast.lengths import Lengths
from fedsched.forecast.outlook import Outlook
from fedsched.forecast.world import AheadWorld
from fedsched.matchmaker.model import ClassReport, DemandClass, Policy, Snapshot
from fedsched.matchmaker.reasons import Verdict

SAMPLES = 3
BUDGET_S = 3.0
"""Runs forward for one question take no longer, in seconds of the machine's time, once the first is over."""


class Asked(msgspec.Struct, frozen=True):
    """One waiting job: its class and its place in it, 1 for the oldest."""

    key: str
    position: int


class Estimate(msgspec.Struct, frozen=True, omit_defaults=True):
    """When one waiting job will start, in seconds after the moment; why: why there is no estimate, "" where there is.

    early_s, middle_s, late_s: of the runs forward as they came out. low_s, high_s: the range to tell.
    """

    key: str
    position: int
    early_s: float = 0.0
    middle_s: float = 0.0
    late_s: float = 0.0
    low_s: float = 0.0
    high_s: float = 0.0
    why: str = ""


class Effort(msgspec.Struct, frozen=True):
    """What an estimate may cost. samples: runs forward at most. budget_s: seconds of this machine for all of them.

    told: called with the part (0..1) that is done.
    """

    course: Course = Course()
    samples: int = SAMPLES
    budget_s: float = BUDGET_S
    told: Callable[[float], None] | None = None


def samples(
    snapshot: Snapshot, policy: Policy, asked: Sequence[Asked], effort: Effort, lengths: Lengths | None = None
) -> tuple[Outlook, ...]:
    """Runs forward until every job that is asked for has started, each with a seed of its own; at least one."""
    began, outlooks = time.monotonic(), []
    for number in range(effort.samples):
        spent = time.monotonic() - began
        if number and spent * (number + 1) / number > effort.budget_s:
            break
        course = msgspec.structs.replace(effort.course, seed=effort.course.seed + number)
        outlook = forward(snapshot, policy, course, lengths, _enough(asked, began + effort.budget_s))
        if number and time.monotonic() > began + effort.budget_s:
            break  # it was cut off: a job that did not start in it might have
        outlooks.append(outlook)
        if effort.told is not None:
            effort.told((number + 1) / effort.samples)
    return tuple(outlooks)


def estimates(asked: Iterable[Asked], outlooks: Sequence[Outlook], calibration: Calibration) -> tuple[Estimate, ...]:
    """A range for each job that is asked for, or why there is none."""
    return tuple(_estimate(one, outlooks, calibration) for one in asked)


def hopeless(demand: DemandClass, report: ClassReport | None) -> str:
    """Why no estimate can be made of a class, whatever the runs forward say; "" where one can."""
    if report is None:
        return "it was not decided on yet"
    if report.verdict is Verdict.NEVER:
        return "it can run nowhere as it is"
    if report.verdict is Verdict.CORDONED:
        return "the places where it could run are closed by order"
    return "no job of it waits" if not demand.idle else ""


def _estimate(one: Asked, outlooks: Sequence[Outlook], calibration: Calibration) -> Estimate:
    horizon_s = min(outlook.ran_s for outlook in outlooks)
    found = [outlook.started_s(one.key, one.position) for outlook in outlooks]
    seen = sorted(wait for wait in found if wait is not None)
    if 2 * len(seen) <= len(found):
        why = f"as things stand it does not start within the next {_hours(horizon_s)}"
        return Estimate(one.key, one.position, why=why)
    # A run in which it did not start says that it may take longer than any run looked.
    late = seen[-1] if len(seen) == len(found) else max(seen[-1], horizon_s)
    early, middle = seen[0], seen[len(found) // 2] if len(found) // 2 < len(seen) else seen[-1]
    low, high = calibration.corrected(early, middle, late)
    return Estimate(one.key, one.position, early, middle, late, low, high)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"


def _enough(asked: Sequence[Asked], until: float) -> Callable[[AheadWorld], bool]:
    """Whether every job that is asked for has had its first slot, or this machine's time is over."""
    waiting: list[Asked] = list(asked)

    def enough(world: AheadWorld) -> bool:
        waiting[:] = [one for one in waiting if world.waits(one.key, one.position)]
        return not waiting or time.monotonic() > until

    return enough
