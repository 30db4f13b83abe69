"""Which Jobs of queues wait to be placed, and the classes of them counted anew; why they wait is told elsewhere."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.jobs.copies import Known
from fedsched.matchmaker.model import DemandClass, ObjectView, Observation, QueuedJob, ScheddView
from fedsched.matchmaker.reconcile import Standing

EXAMPLES = 5
"""So many Jobs of a class are kept by name, as of schedds' classes."""


def waiting(observation: Observation, standing: Iterable[Standing], facts: Known) -> dict[str, deque[QueuedJob]]:
    """Jobs to be placed by class key, next one first: higher priority, then older, then by id (FS6).

    One with a copy, whatever is known of it, does not wait: it has never two. Nor one that is held or cancelled.
    """
    if not any(view.jobs for view in observation.schedds):
        return {}
    copied = {stand.held.placement.job_uid for stand in standing if stand.held.placement.form == "job"}
    copied |= {one.placement.job_uid for one in observation.objects if one.placement and _may_run(one, facts.at)}
    found: dict[str, list[QueuedJob]] = {}
    for view in observation.schedds:
        for job in view.jobs:
            stopped = facts.order("hold", job.uid) or facts.order("cancel", job.uid)
            if job.state == "waiting" and job.uid not in copied and stopped is None:
                found.setdefault(job.class_key, []).append(_with_priority(job, facts))
    return {key: deque(sorted(jobs, key=_next)) for key, jobs in sorted(found.items())}


def _may_run(thing: ObjectView, at: float) -> bool:
    """Whether a copy that is seen may have pods, though memory knows nothing of it: it is on its way out, or swept."""
    record = thing.placement
    if record is None or record.form != "job" or thing.finished:
        return False
    started_at = thing.status.started_at if thing.status is not None else None
    return started_at is None or at < started_at + 2 * record.lifetime_s + record.margin_s


def counted(observation: Observation, standing: Iterable[Standing], waits: dict[str, deque[QueuedJob]]) -> Observation:
    """The same with the classes of queues counted: idle are those that wait, running those whose copy has pods."""
    if not any(view.kind == "jobs" for view in observation.schedds):
        return observation
    running = Counter(
        stand.held.placement.class_key for stand in standing if stand.held.claims and stand.held.placement.form == "job"
    )
    schedds = tuple(_counted(view, waits, running) if view.kind == "jobs" else view for view in observation.schedds)
    return msgspec.structs.replace(observation, schedds=schedds)


def _counted(view: ScheddView, waits: dict[str, deque[QueuedJob]], running: Counter[str]) -> ScheddView:
    classes = tuple(_class(one, tuple(waits.get(one.key, ())), running[one.key]) for one in view.classes)
    return msgspec.structs.replace(view, classes=classes)


def _class(one: DemandClass, jobs: tuple[QueuedJob, ...], running: int) -> DemandClass:
    priorities = Counter(job.priority for job in jobs)
    return msgspec.structs.replace(
        one,
        idle=len(jobs),
        running=running,
        priorities=tuple(sorted(priorities.items(), reverse=True)),
        oldest_at=min((job.created_at for job in jobs), default=0.0),
        examples=tuple(job.id for job in jobs[:EXAMPLES]),
    )


def _with_priority(job: QueuedJob, facts: Known) -> QueuedJob:
    order = facts.order("prio", job.uid)
    return job if order is None else msgspec.structs.replace(job, priority=order.value)


def _next(job: QueuedJob) -> tuple[int, float, str, str]:
    return -job.priority, job.created_at, job.id, job.uid
