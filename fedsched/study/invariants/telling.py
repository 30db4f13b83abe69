"""What is said: every unit, wish and placement has its reason, counts add up, numbers are numbers (RE1, RE3)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fedsched.study.invariants.step import Step


def every_job_is_accounted_for(step: Step) -> Iterator[str]:
    """RE1: served, placed and unmet add up to the idle jobs that were seen, and each unmet one has its reason."""
    schedds = [view for view in step.recorded.observation.schedds if view.kind == "schedd"]
    queued = {d.key for view in step.recorded.observation.schedds if view.kind == "jobs" for d in view.classes}
    idle = {d.key: d.idle for view in schedds for d in view.classes if d.idle > 0}
    told = {report.key: report for report in step.plan.classes}
    for key in idle.keys() - told.keys():
        yield f"class {key} has {idle[key]} idle jobs and no report"
    for key, report in told.items():
        seen = report.idle if key in queued else idle.get(key, 0)  # of Jobs only those count that nothing runs for
        if report.served + report.placed + report.unmet != report.idle or report.idle != seen:
            counts = f"{report.served}+{report.placed}+{report.unmet} of {report.idle}"
            yield f"class {key}: {counts}, {idle.get(key, 0)} were seen"
        if report.unmet and report.why is None:
            yield f"class {key} has {report.unmet} unmet jobs and no reason"
        if sum(count for count, _ in report.parts) != report.idle:
            yield f"class {key}: the parts of {report.idle} idle jobs do not add up"
        if any("please report" in reason.source for _, reason in report.parts):
            yield f"class {key} is held by nothing that is known"


def every_wish_has_its_reason(step: Step) -> Iterator[str]:
    """RE1: whoever is placed or told to go can be told why."""
    for held in step.plan.held:
        if (held.wanted != "run" or held.placement.id not in step.known) and held.why is None and not held.adopted:
            yield f"{held.placement.id} is wanted to {held.wanted} without a reason"


def every_number_is_finite(step: Step) -> Iterator[str]:
    """RE3: what is remembered and told is never infinite, not a number, or below nothing."""
    for path, entry in step.plan.memory.ledger.items():
        for number in (entry.usage, entry.wasted, entry.worked, entry.core_s, entry.shortfall_s):
            if not math.isfinite(number) or number < 0:
                yield f"the ledger of {path} holds {number}"
    for line in step.plan.shares:
        if not math.isfinite(line.usage) or min(line.entitled, line.floor, line.held, line.charged, line.demand) < 0:
            yield f"the share of {line.path} is {line}"
    for name, spending in step.plan.memory.spending.items():
        if not math.isfinite(spending.spent) or spending.spent < 0:
            yield f"{name} has spent {spending.spent}"


TELLING = (every_job_is_accounted_for, every_wish_has_its_reason, every_number_is_finite)
