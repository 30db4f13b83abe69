"""Why, for a job or class, a member, a group, a placement: documents from one view; sentences are made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from fedsched.answers import clusters as _clusters
from fedsched.answers import queued as _queued
from fedsched.answers import shares as _shares
from fedsched.answers.jobs import found_elsewhere, runs_here
from fedsched.answers.lumped import class_of
from fedsched.answers.naming import find, is_number, named_in, split
from fedsched.answers.proving import Prove
from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import (
    ClusterExplained,
    DecisionExplained,
    Explained,
    GroupExplained,
    JobState,
    Of,
    Share,
    head,
)
from fedsched.journal import Account
from fedsched.matchmaker.explain import (
    Past,
    StandingJob,
    clean,
    details,
    explain,
    explain_cluster,
    explain_decision,
    explain_group,
    explain_past,
    explain_queued,
    stopped,
)
from fedsched.matchmaker.explain import having as told_having
from fedsched.matchmaker.explain.case import Case
from fedsched.matchmaker.model import DemandClass, Explanation, FoundJob, Having, Principal
from fedsched.matchmaker.share import path_of

if TYPE_CHECKING:
    from fedsched.answers.job_logs import JobLogs

Find = Callable[[str, str], FoundJob | None]
"""Asks schedds for a job by (number, schedd, "" for any); None where none has it. Takes seconds; may raise NoAnswer."""
Gone = Callable[[str], Account | None]
"""The account of a placement that is gone, by its id; None where none is kept."""


class Beyond(NamedTuple):
    """Who knows of jobs and placements that a cycle does not; None for nobody."""

    find: Find | None = None
    gone: Gone | None = None
    prove: Prove | None = None
    logs: JobLogs | None = None


NOBODY = Beyond()


def explained(view: View, of: Of, job: str, find_job: Find | None = None) -> Explained:
    """A job or a class. Only a job that the cycle knows neither by name nor by its claim is asked for elsewhere.

    NoAnswer where nobody knows it.
    """
    queued = _queued.find(view, job)
    if queued is not None:
        return of_queued(view, of, queued)
    number, schedd = split(job)
    demand = named_in(view, number, schedd)
    if demand is not None:
        return of_class(view, of, demand, (f"{number}@{demand.schedd}", "idle"))
    claimed = runs_here(view, number, schedd)
    if claimed is not None:
        return Explained(**head(of), **claimed, shares=up(view, claimed["principal"]))
    asked, why_not = _asked(find_job, number, schedd)
    return _as_asked(view, of, asked) if asked is not None else _in_a_class(view, of, job, why_not)


def _in_a_class(view: View, of: Of, job: str, why_not: NoAnswer | None) -> Explained:
    """A class, or what may be of one; a Kubernetes Job by its name alone. why_not: why its schedd could not say."""
    number, _ = split(job)
    try:
        demand = find(view, job)
    except NoAnswer:
        queued = _queued.find_bare(view, job)
        if queued is not None:
            return of_queued(view, of, queued)
        if (left := _left_over(view, of, job)) is not None:
            return left
        if why_not is not None:
            raise why_not from None
        raise
    if not is_number(number) or demand.key == job:
        return of_class(view, of, demand)
    said = of_class(view, of, demand, (f"{number}@{demand.schedd}", "idle"))
    note = f"Its schedd could not be asked: {clean(why_not.text)}." if why_not is not None else ""
    return _taken_for(said, f"{note} It is taken to be of this class because other jobs of its cluster are.".lstrip())


def _asked(find_job: Find | None, number: str, schedd: str) -> tuple[FoundJob | None, NoAnswer | None]:
    """(the job as its schedd has it, why nobody could be asked). NoAnswer where several schedds have one."""
    if find_job is None or not is_number(number):
        return None, None
    try:
        return find_job(number, schedd), None
    except NoAnswer as error:
        if error.what == "ambiguous":
            raise
        return None, error


def _taken_for(said: Explained, note: str) -> Explained:
    told = msgspec.structs.replace(said.explanation, details=(note, *said.explanation.details))
    return msgspec.structs.replace(said, explanation=told)


def of_class(view: View, of: Of, demand: DemandClass, job: tuple[str, JobState] = ("", "class")) -> Explained:
    """A class; job: what was asked for and how it stands."""
    report = view.reports.get(demand.key)
    number = split(job[0])[0] if job[0] and demand.job is None else ""
    named = msgspec.structs.replace(demand, examples=(number,)) if number else demand
    return Explained(
        **head(of),
        job=job[0],
        state=job[1],
        principal=demand.principal,
        explanation=explain(named, report, view.observation, view.fresh_s, view.plan),
        having=told_having(demand, view.plan, view.observation, view.fresh_s),
        demand=demand,
        report=report,
        shares=up(view, demand.principal),
    )


def of_queued(view: View, of: Of, one: StandingJob) -> Explained:
    """A Kubernetes Job of a queue. One that only waits is told by its class, under its own name."""
    demand = next((each for each, _ in view.pairs if each.key == one.job.class_key), None)
    if one.state == "waiting" and demand is not None:
        named = msgspec.structs.replace(demand, examples=(one.job.id,))
        told = of_class(view, of, named, (_queued.spelled(one), "idle"))
        said = msgspec.structs.replace(
            told.explanation, details=(*details(one, view.plan.at), *told.explanation.details)
        )
        return msgspec.structs.replace(told, explanation=said, principal=one.job.principal, uid=one.job.uid)
    case = Case(demand, view.reports.get(demand.key), view.observation, view.plan) if demand is not None else None
    placement = one.copy.placement if one.copy is not None else None
    return Explained(
        **head(of),
        job=_queued.spelled(one),
        state="idle" if one.state == "waiting" else one.state,
        principal=one.job.principal,
        explanation=explain_queued(one, view.plan, view.observation, case),
        having=told_having(demand, view.plan, view.observation, view.fresh_s) if demand is not None else Having(),
        demand=demand,
        report=view.reports.get(demand.key) if demand is not None else None,
        shares=up(view, one.job.principal),
        placement=placement.id if placement is not None else "",
        since=one.copy.claimed_at if one.copy is not None and one.state == "running" else None,
        uid=one.job.uid,
    )


def _left_over(view: View, of: Of, job: str) -> Explained | None:
    """A Kubernetes Job that its queue has no more, while a copy of it is still there; None for none."""
    copies = [held for held in view.plan.held if held.placement.form == "job" and held.phase != "gone"]
    names = {(at.schedd, at.job): at for at in (held.placement for held in copies)}
    found = [at for (queue, name), at in names.items() if job in {name, f"{queue}:{name}", at.job_uid}]
    if len(found) != 1:
        return None
    (at,) = found
    name = f"{clean(at.schedd)}:{clean(at.job)}"
    said = f"{name} is not in its queue any more; its copy at {clean(at.member)} is removed."
    chain = stopped("job", said, f"queue {clean(at.schedd)}", view.plan.at)
    told = Explanation(at.class_key, "withdrawn", said, "Nothing to do.", chain)
    return Explained(
        **head(of),
        job=f"{at.schedd}:{at.job}",
        state="deleting",
        principal=at.principal,
        explanation=told,
        shares=up(view, at.principal),
        placement=at.id,
        uid=at.job_uid,
    )


def cluster(view: View, of: Of, name: str) -> ClusterExplained:
    """A member. NoAnswer where none is called so."""
    line = _clusters.clusters(view, of, name or "?").members[0]
    return ClusterExplained(
        **head(of), cluster=line, explanation=explain_cluster(line.name, view.plan, view.observation)
    )


def group(view: View, of: Of, path: str) -> GroupExplained:
    """A group or principal, by its path, or a user's name where that means one. NoAnswer where it means none."""
    answer = _shares.shares(view, of, path or "?")
    named = [one for one in answer.named if one.lower() == path.lower()] or list(answer.named)
    if len(named) > 1:
        text = f"{path!r} could be any of these: {', '.join(named[:5])}"
        raise NoAnswer("ambiguous", text, f"fedsched explain group {named[0]}")
    return GroupExplained(
        **head(of), explanation=explain_group(named[0], view.plan, view.observation), shares=answer.shares
    )


def decision(view: View, of: Of, placement: str, gone: Gone | None = None) -> DecisionExplained:
    """A placement, by its id or its object's name, one that is gone included. NoAnswer where none is known."""
    wanted = placement.removeprefix("fs-")
    held = next((one for one in view.plan.held if one.placement.id == wanted), None)
    if held is not None:
        return DecisionExplained(**head(of), explanation=explain_decision(held, view.plan))
    account = gone(wanted) if gone is not None else None
    if account is None:
        raise NoAnswer(
            "unknown",
            f"no placement {placement[:80]!r} is known: it is not in the last cycle, nor among those that ended",
            "ids are in `fedsched explain JOB`, and the objects of a member are called fs-ID: kubectl get jobs",
        )
    return DecisionExplained(**head(of), explanation=explain_past(_past(account), of.now))


def up(view: View, principal: Principal) -> tuple[Share, ...]:
    """The principal's share and those of all groups above it."""
    paths = _shares.upwards(view, path_of(principal))
    return tuple(share for path in paths if (share := _shares.share_of(view, path)) is not None)


def _as_asked(view: View, of: Of, asked: FoundJob) -> Explained:
    """As its schedd has it now, in the class that the cycle knows, if any."""
    demand = class_of(view, asked)
    if asked.state == "idle" and demand is not None:
        return of_class(view, of, demand, (f"{asked.job}@{asked.schedd}", "idle"))
    parts = found_elsewhere(view, asked, demand, of.now)
    return Explained(**head(of), **parts, shares=up(view, parts["principal"]))


def _past(account: Account) -> Past:
    return Past(
        placement=account.placement,
        member=account.member,
        node_group=account.node_group,
        principal=account.principal,
        created_at=account.created_at,
        ended_at=account.ended_at,
        why=account.why,
        reason=account.reason,
        class_key=account.class_key,
        candidates=account.candidates,
        claims=tuple((who, used.seconds) for who, used in sorted(account.claimed.items())),
    )
