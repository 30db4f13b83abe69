"""Kubernetes Jobs of queues: which one a name means, how each stands, the list of them; schedds' jobs are beside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from weakref import WeakKeyDictionary

import msgspec

from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import JobLine, JobsAsk, Of, QueuedJobs, head
from fedsched.matchmaker.explain import Copies, StandingJob, clean
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.resources import Resources

NAMED = 5
"""So many Jobs are named where several could be meant."""
KUBECTL = re.compile(r"jobs?(?:\.(?:v1\.)?batch)?/(?P<name>[^/]+)")
"""How kubectl spells a Job: "job/NAME"."""
LONGEST_WHERE = 60
_MADE: WeakKeyDictionary[View, tuple[StandingJob, ...]] = WeakKeyDictionary()
_LINES: WeakKeyDictionary[View, tuple[JobLine, ...]] = WeakKeyDictionary()


def standing(view: View) -> tuple[StandingJob, ...]:
    """Every Job of every queue as it stands, by queue and name; made once for a cycle."""
    found = _MADE.get(view)
    if found is None:
        queues = sorted((one for one in view.observation.schedds if one.kind == "jobs"), key=lambda one: one.name)
        copies = Copies(view.plan, view.observation, view.orders)
        found = _MADE[view] = tuple(copies.of(job, queue) for queue in queues for job in queue.jobs)
    return found


def find(view: View, name: str) -> StandingJob | None:
    """The Job that is meant by its uid, "namespace/name", "queue:namespace/name", or kubectl's "job/NAME".

    None where it means none. NoAnswer (ambiguous) lists those that could be meant.
    """
    kubectl = KUBECTL.fullmatch(name)
    there = standing(view)
    exact = [one for one in there if name in {one.job.uid, one.job.id, spelled(one)}]
    return _only(name, exact or (_called(kubectl["name"], there) if kubectl else []))


def find_bare(view: View, name: str) -> StandingJob | None:
    """The same by its name alone, whatever its namespace: for what means nothing else."""
    return _only(name, _called(name, standing(view)))


def spelled(one: StandingJob) -> str:
    """Its name in full: "queue:namespace/name"."""
    return f"{one.queue.name}:{one.job.id}"


def _called(name: str, there: Iterable[StandingJob]) -> list[StandingJob]:
    return [one for one in there if one.job.id.rpartition("/")[2] == name]


def _only(name: str, found: list[StandingJob]) -> StandingJob | None:
    if len(found) <= 1:
        return found[0] if found else None
    # Of Jobs that are over and one that is not, the one that is not is asked for.
    alive = [one for one in found if one.state != "finished"]
    if len(alive) == 1:
        return alive[0]
    names = ", ".join(spelled(one) for one in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    raise NoAnswer("ambiguous", f"{name} could be any of these Jobs: {names}{more}", "name one in full")


def jobs(view: View, of: Of, ask: JobsAsk) -> QueuedJobs:
    """The page of Jobs that `ask` wants."""
    return narrowed(QueuedJobs(**head(of), jobs=_lines(view)), ask)


def narrowed(whole: QueuedJobs, ask: JobsAsk) -> QueuedJobs:
    """Of all Jobs the page that `ask` wants, with the number of all that match."""
    found = [one for one in whole.jobs if _wanted(one, ask)]
    rest = [one for one in found if not ask.after or (one.queue, one.job) > tuple(ask.after.partition(":")[::2])]
    page = tuple(rest[: ask.limit or None])
    after = f"{page[-1].queue}:{page[-1].job}" if len(page) < len(rest) else ""
    return msgspec.structs.replace(whole, jobs=page, total=len(found), after=after)


def _lines(view: View) -> tuple[JobLine, ...]:
    """All of a cycle, made once: dashboards ask for pages of them again and again."""
    found = _LINES.get(view)
    if found is None:
        classes = {demand.key: demand for demand, _ in view.pairs if demand.job is not None}
        found = _LINES[view] = tuple(line(one, classes.get(one.job.class_key)) for one in standing(view))
    return found


def _wanted(one: JobLine, ask: JobsAsk) -> bool:
    user, group = one.principal.user, one.principal.group
    return (
        (fnmatchcase(user, ask.user) or fnmatchcase(user.partition("@")[0], ask.user))
        and (fnmatchcase(group, ask.group) or fnmatchcase(group, f"{ask.group}.*"))
        and ask.queue in {"", one.queue}
        and _in_state(one, ask.state)
    )


def _in_state(one: JobLine, state: str) -> bool:
    over = one.state == "finished"
    return {"": not over, "over": over, "all": True}.get(state, one.state == state)


def line(one: StandingJob, demand: DemandClass | None) -> JobLine:
    """One Job as a row."""
    at = one.copy.placement if one.copy is not None else None
    return JobLine(
        job=one.job.id,
        queue=one.queue.name,
        uid=one.job.uid,
        state=one.state,
        word=one.word,
        principal=one.job.principal,
        class_key=one.job.class_key,
        since=one.job.created_at,
        request=demand.request if demand is not None else Resources(),
        pods=demand.job.pods if demand is not None and demand.job is not None else (at.pods if at else 1),
        priority=one.job.priority,
        member=at.member if at is not None else "",
        placement=at.id if at is not None else "",
        where=_where(one),
        ended_at=_ended_at(one),
    )


def _where(one: StandingJob) -> str:
    """In a few words: its node, what keeps its pods, at which field it is refused, why it is held."""
    if one.state == "refused":
        return _few(one.job.problem)
    if one.order is not None:
        return _few(one.order.reason)
    if one.problem:
        return _few(one.problem)
    nodes = sorted({pod.node for pod in one.pods if pod.node})
    return clean(nodes[0]) if len(nodes) == 1 else (f"{len(nodes)} nodes" if nodes else "")


def _few(text: str) -> str:
    plain = clean(text)
    return plain if len(plain) <= LONGEST_WHERE else f"{plain[: LONGEST_WHERE - 1]}…"


def _ended_at(one: StandingJob) -> float | None:
    status = one.copy.ended if one.copy is not None and one.copy.ended is not None else one.job.status
    ends = [end.at for end in status.conditions if end.type in {"Complete", "Failed"} and end.status == "True"]
    return status.completed_at or next((at for at in ends if at is not None), None)
