"""What the links of a class of users' Jobs show where they differ from startds': job, pod, startd, claim."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fedsched.matchmaker.explain.case import Case
from fedsched.matchmaker.explain.sentences import age, capital, clause, clean
from fedsched.matchmaker.explain.startds import Startd
from fedsched.matchmaker.model import ChainLink, LinkName
from fedsched.matchmaker.resources import describe

WITHOUT_STARTD = "Runs without a startd."


def _job(case: Case) -> ChainLink:
    demand, view = case.demand, case.schedd
    waits = f", the oldest for {age(case.seen.at - demand.oldest_at)}" if demand.oldest_at and demand.idle else ""
    return ChainLink(
        "job",
        "ok" if view is not None and view.seen_at is not None else "unknown",
        f"{_jobs(demand.idle)} alike wait{'s' if demand.idle == 1 else ''} in queue {clean(demand.schedd)}{waits}.",
        have=f"{demand.idle} waiting, {demand.running} running",
        source=_queue(case),
        at=view.seen_at if view is not None else None,
    )


def _class(case: Case) -> ChainLink:
    demand, view, shape = case.demand, case.schedd, case.demand.job
    pods = shape.pods if shape is not None else 1
    gang = " together or not at all" if shape is not None and shape.gang else ""
    many = f", {pods} pods at once{gang}" if pods > 1 else ""
    return ChainLink(
        "demand class",
        "ok",
        f"Class {demand.key} of {clean(str(demand.principal))}: each Job runs {age(demand.length.seconds)} "
        f"({clean(demand.length.source)}){many}.",
        need=describe(demand.request) + (f" in each of {pods} pods" if pods > 1 else ""),
        have=f"{_jobs(demand.idle)} alike",
        source=_queue(case),
        at=view.seen_at if view is not None else None,
    )


def _pod(case: Case) -> ChainLink:
    waiting, past = case.in_stages("written", "pending"), case.in_stages("claimed")
    first = waiting[0] if waiting else (past[0] if past else None)
    link = _late(case, "pod", first, f"{len(past)} of {len(waiting) + len(past)} copies have a pod that runs")
    if past or first is None:
        return link
    if case.trouble is not None:
        text = capital(clause(case.trouble, jobs=True)) + "."
        return msgspec.structs.replace(
            link, verdict="holds", text=text, have=clean(first.problem), source=case.trouble.source, reason=case.trouble
        )
    has = "has its pod" if len(waiting) == 1 else "have their pods"
    return msgspec.structs.replace(link, verdict="waits", text=f"{copies(len(waiting))} of it {has} on the way.")


def _startd(case: Case) -> ChainLink:
    return ChainLink("startd", "not used", WITHOUT_STARTD, at=case.seen.at)


def _running(case: Case) -> ChainLink:
    past = case.in_stages("claimed")
    return _late(case, "claim", past[0] if past else None, f"{copies(len(past))} running")


def _late(case: Case, name: LinkName, where: Startd | None, have: str) -> ChainLink:
    if where is None:
        served = case.demand.running and not case.demand.idle
        return ChainLink(name, "ok" if served else "not reached", at=case.seen.at)
    source = f"member {clean(where.held.placement.member)}"
    at = where.seen_at if where.seen_at is not None else case.seen.at
    return ChainLink(name, "ok", have=have, source=source, at=at)


def copies(many: int) -> str:
    """A number of copies: "1 copy", "3 copies"."""
    return "1 copy" if many == 1 else f"{many:,} copies"


def _queue(case: Case) -> str:
    return f"queue {clean(case.demand.schedd)}"


def _jobs(many: int) -> str:
    return "1 Job" if many == 1 else f"{many:,} Jobs"


FACTS_OF_JOBS: dict[LinkName, Callable[[Case], ChainLink]] = {
    "job": _job,
    "demand class": _class,
    "pod": _pod,
    "startd": _startd,
    "claim": _running,
}
"""The others are told as those of startds."""
