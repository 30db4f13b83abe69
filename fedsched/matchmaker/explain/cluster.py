"""Why a member is as full or as empty as it is: what would fit there and is held back, by cause."""

from __future__ import annotations

from fedsched.matchmaker.explain.facts_of_jobs import copies
from fedsched.matchmaker.explain.held_back import Waiting, count_jobs, count_startds, demands, held_back, next_of, unmet
from fedsched.matchmaker.explain.sentences import clause, clean
from fedsched.matchmaker.model import ClusterExplanation, HeldBack, MemberVerdict, Observation, Plan
from fedsched.matchmaker.reasons import Cause, Verdict

UNFIT = frozenset({Cause.REQUIREMENTS, Cause.NODE_TOO_SMALL, Cause.NO_NODE_GROUPS, Cause.EXPRESSION_REFUSED})
"""Causes for which a job would not run on an empty member either, whatever its file and people say."""


def explain_cluster(member: str, plan: Plan, seen: Observation) -> ClusterExplanation:
    """Idle jobs that would fit there now, or on it empty, and are held back.

    A job is counted with what keeps it from this very member: where that has room for it, with what keeps its class.
    """
    waiting: list[Waiting] = []
    fits = never = 0
    for demand, report in unmet(plan, demands(seen)):
        verdict = next((one for one in report.members if one.member == member), None)
        if verdict is None:
            continue
        if _unfit(verdict):
            never += report.unmet
            continue
        now = verdict.verdict is Verdict.NOW
        fits += report.unmet if now else 0
        why = report.why if now else verdict.blocker
        if why is not None:
            waiting.append(Waiting(report.unmet, demand.key, why))
    found = held_back(waiting, plan)
    return ClusterExplanation(
        member=member,
        sentence=_sentence(member, found, plan, (fits, never)),
        next=next_of(found),
        fits=fits,
        held_back=found,
        never=never,
    )


def _unfit(verdict: MemberVerdict) -> bool:
    return verdict.blocker is not None and verdict.blocker.cause in UNFIT


def _sentence(member: str, found: tuple[HeldBack, ...], plan: Plan, counts: tuple[int, int]) -> str:
    fits, never = counts
    there = [one for one in plan.held if one.placement.member == member and one.phase != "gone"]
    of_jobs = sum(one.placement.form == "job" for one in there)
    startds = f"{count_startds(len(there) - of_jobs)} of ours"
    begins = f"{clean(member)} has {startds}" + (f" and {copies(of_jobs)} of Jobs" if of_jobs else "")
    total = sum(one.jobs for one in found)
    if not total:
        nobody = f"none of the {count_jobs(never)} that wait would ever fit there" if never else "no job waits for it"
        return f"{begins}, and {nobody}."
    first = found[0]
    why = clause(first.reason, plan) if first.reason is not None else first.cause
    most = "they wait" if len(found) == 1 else f"most of them, {first.jobs:,}, wait"
    now = f", {fits:,} of them at once" if fits else ""
    return f"{begins}, and {count_jobs(total)} would fit there{now}, but are held back: {most} because {why}."
