"""What a change of a moment makes different: principal by principal in one cycle, or hours ahead; decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from fedsched.forecast import Outlook
from fedsched.loop import Decision
from fedsched.matchmaker.model import CreateObject, Observation, Plan
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.share import path_of


class Side(msgspec.Struct, frozen=True):
    """One principal in one decision. Counts are startds (started, evicted) and jobs (idle, unmet).

    held, entitled: thousandths of a core-equivalent.
    """

    started: int = 0
    idle: int = 0
    unmet: int = 0
    evicted: int = 0
    held: int = 0
    entitled: int = 0


class Changed(msgspec.Struct, frozen=True):
    """One principal without and with the change."""

    principal: str
    before: Side
    after: Side


class Ahead(msgspec.Struct, frozen=True, omit_defaults=True):
    """One principal, or all together (principal ""), in one run forward. Waits in seconds, None: not within the run."""

    principal: str
    started: int
    finished: int
    evictions: int
    unmet: int
    core_hours: float
    wait_p50_s: float | None = None
    wait_p95_s: float | None = None
    cost: float | None = None
    last_start_s: float | None = None


class ChangedAhead(msgspec.Struct, frozen=True):
    """The same, hours ahead; None for a principal that one side does not have."""

    principal: str
    before: Ahead | None
    after: Ahead | None


def changed(before: tuple[Decision, Observation], after: tuple[Decision, Observation]) -> tuple[Changed, ...]:
    """Every principal, by name, in both decisions, each with what it decided on."""
    first, second = _sides(*before), _sides(*after)
    names = sorted({*first, *second})
    return tuple(Changed(name, first.get(name, Side()), second.get(name, Side())) for name in names)


def ahead(before: Outlook, after: Outlook) -> tuple[ChangedAhead, ...]:
    """All together first, then every principal by name."""
    first, second = _runs(before), _runs(after)
    return tuple(ChangedAhead(name, first.get(name), second.get(name)) for name in sorted({*first, *second}))


def _sides(decision: Decision, seen: Observation) -> Mapping[str, Side]:
    plan = decision.plan
    whose = {demand.key: str(demand.principal) for view in seen.schedds for demand in view.classes}
    shares = {line.path: line for line in plan.shares}
    started = Counter(str(c.placement.principal) for c in decision.changes if isinstance(c, CreateObject))
    idle = _jobs(plan, whose, lambda report: report.idle)
    unmet = _jobs(plan, whose, lambda report: report.unmet)
    evicted = _evicted(plan)
    paths = {str(d.principal): path_of(d.principal) for view in seen.schedds for d in view.classes}
    paths |= {str(h.placement.principal): path_of(h.placement.principal) for h in plan.held}
    sides = {}
    for name, path in paths.items():
        line = shares.get(path)
        rights = (line.held, line.entitled) if line else (0, 0)
        sides[name] = Side(started[name], idle[name], unmet[name], evicted[name], *rights)
    return sides


def _jobs(plan: Plan, whose: Mapping[str, str], count: Callable[..., int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for report in plan.classes:
        if report.key in whose:
            found[whose[report.key]] += count(report)
    return found


def _evicted(plan: Plan) -> Counter[str]:
    """Startds that were told in this very cycle to make room."""
    return Counter(
        str(held.placement.principal)
        for held in plan.held
        if held.yields_to and held.yields_at == plan.at and held.why is not None and held.why.cause is Cause.PREEMPTED
    )


def _runs(outlook: Outlook) -> Mapping[str, Ahead]:
    found = {}
    for one in outlook.principals:
        starts = [at for c in outlook.classes if c.principal == one.principal for at in c.started_s if at is not None]
        found[one.principal] = Ahead(
            one.principal,
            one.started,
            one.finished,
            one.evictions,
            one.unmet,
            one.core_hours,
            one.wait_p50_s,
            one.wait_p95_s,
            last_start_s=max(starts, default=None),
        )
    starts = [one.last_start_s for one in found.values() if one.last_start_s is not None]
    found[""] = Ahead(
        "",
        sum(one.started for one in found.values()),
        outlook.finished,
        outlook.evictions,
        outlook.unmet,
        outlook.core_hours,
        cost=outlook.cost,
        last_start_s=max(starts, default=None),
    )
    return found
