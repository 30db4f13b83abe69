"""A job that does not wait: on a startd of ours, held, elsewhere, finished; one that waits is told by its class."""

from __future__ import annotations

from typing import Any

from fedsched.answers.view import View
from fedsched.matchmaker.explain import age, clean, having, passed, running, stopped
from fedsched.matchmaker.model import DemandClass, Explanation, FoundJob, Having, LinkName, Principal


def runs_here(view: View, number: str, schedd: str) -> dict[str, Any] | None:
    """Fields of Explained for a job that claims a startd of ours; None where none of that number does."""
    found = running(number, schedd, view.plan, view.observation)
    if found is None:
        return None
    held = next((one for one in view.plan.held if one.placement.id == found.placement), None)
    key = held.placement.class_key if held is not None else ""
    demand = next((one for one, _ in view.pairs if one.key == key and one.principal == found.principal), None)
    place = f"{clean(found.member)}/{clean(found.node_group)}"
    texts: dict[LinkName, str] = {
        "node": f"It has a node of {place}.",
        "pod": f"Its pod {clean(found.pod)} runs.",
        "startd": f"Startd fs-{found.placement} is in the pool.",
        "claim": f"Claimed for {age(view.plan.at - found.since)}.",
    }
    return {
        "job": f"{found.job}@{found.schedd}" if found.schedd else found.job,
        "state": "running",
        "principal": found.principal,
        "explanation": Explanation(
            key=key,
            word="running",
            sentence=found.sentence,
            next=found.next,
            chain=passed(texts, f"pool {found.pool}", found.seen_at),
        ),
        "having": having(demand, view.plan, view.observation, view.fresh_s) if demand is not None else Having(),
        "demand": demand,
        "report": view.reports.get(key) if demand is not None else None,
        "placement": found.placement,
        "since": found.since,
    }


def found_elsewhere(view: View, asked: FoundJob, demand: DemandClass | None, now: float) -> dict[str, Any]:
    """Fields of Explained for a job as its schedd tells of it at the time `now`, epoch seconds."""
    who = f"{clean(asked.job)}@{clean(asked.schedd)}"
    ours = _ours(view, asked) if asked.state == "running" else ""
    since = f" for {age(now - asked.since)}" if asked.since is not None else ""
    said, what_next, link = _said(asked, who, since, ours)
    source = f"schedd {clean(asked.schedd)}"
    chain = stopped(link, said, source, now) if link else passed({"claim": said}, source, now)
    principal = demand.principal if demand is not None else asked.principal or Principal("", "")
    return {
        "job": who,
        "state": "elsewhere" if asked.state == "running" and not ours else asked.state,
        "principal": principal,
        "explanation": Explanation(key=asked.class_key, word=asked.state, sentence=said, next=what_next, chain=chain),
        "having": having(demand, view.plan, view.observation, view.fresh_s) if demand is not None else Having(),
        "demand": demand,
        "report": view.reports.get(demand.key) if demand is not None else None,
        "placement": ours,
        "since": asked.since,
    }


def _ours(view: View, asked: FoundJob) -> str:
    """Id of the placement whose pod's name is in the slot's, "" for none: it began after the last cycle looked."""
    found = [held.placement for held in view.plan.held if f"{held.placement.object_name}-" in asked.detail]
    return max(found, key=lambda placement: len(placement.id)).id if found else ""


def _said(asked: FoundJob, who: str, since: str, ours: str) -> tuple[str, str, LinkName | None]:
    """(what is so, what to do, the link that holds, None where the job is past all)."""
    detail = clean(asked.detail)
    if asked.state == "held":
        why = f": {detail}" if detail else " and its schedd gives no reason"
        release = f"mend that, then at {clean(asked.schedd)}: condor_release {clean(asked.job)}"
        return f"{who} {_has_been('held', since)}{why}.", f"{release[:1].upper()}{release[1:]}.", "job"
    if asked.state == "finished":
        how = f": {detail}" if detail else ""
        return f"{who} is not in the queue any more{how}.", "Nothing to do.", None
    if asked.state == "idle":
        return (
            f"{who} {_has_been('idle', since)}, but its class was not in the last cycle.",
            "Wait for the next cycle, which asks its schedd again.",
            "demand class",
        )
    where, runs = f" on {detail}" if detail else "", "has run" if since else "runs"
    which = "a startd of ours that the last cycle did not yet see claimed" if ours else "no startd of fedsched"
    return f"{who} {runs}{since}{where}, which is {which}.", "Nothing to do.", None


def _has_been(how: str, since: str) -> str:
    return f"has been {how}{since}" if since else f"is {how}"
