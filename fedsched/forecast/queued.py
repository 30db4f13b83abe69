"""Queues of users' Jobs of a recorded moment: each Job as it stands, told as the recorded ones are. No Job arrives."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from fedsched.forecast.lengths import Lengths, begun_at
from fedsched.matchmaker import jobs
from fedsched.matchmaker.model import (
    LIVE,
    DemandClass,
    Held,
    JobLength,
    ObjectView,
    Observation,
    Placement,
    QueuedJob,
    ScheddView,
    Snapshot,
)
from fedsched.matchmaker.reconcile import Standing
from fedsched.sim.jobqueue import JobQueue, Queued
from fedsched.sim.scenario import Scenario, SimJob

EXAMPLES = 5
UNSEEN_S = 3600


class Queues:
    """All queues of a moment, with the work behind each Job; equal moments, lengths and seeds give equal work."""

    def __init__(self, snapshot: Snapshot, scenario: Scenario, lengths: Lengths, seed: int) -> None:
        views = [view for view in snapshot.observation.schedds if view.kind == "jobs"]
        copies = {
            thing.placement.job_uid: (thing, thing.placement)
            for thing in snapshot.observation.objects
            if thing.placement is not None and thing.placement.form == "job"
        }
        self.works: dict[str, SimJob] = {}
        for view in sorted(views, key=lambda one: one.name):
            chance = random.Random(f"{seed}/queue {view.name}")  # noqa: S311 - repeatable luck, no secret
            classes = {demand.key: demand for demand in view.classes}
            for job in view.jobs:
                demand, copy = classes.get(job.class_key), copies.get(job.uid)
                if demand is not None and demand.job is not None:
                    runs_s = lengths.draw(demand, job.id, _ran_s(copy, snapshot.at), chance)
                    self.works[job.uid] = _work(job, demand, copy, runs_s)
        for uid, copy in sorted(copies.items()):
            if uid not in self.works:  # its Job is gone from its queue
                chance = random.Random(f"{seed}/{uid}")  # noqa: S311 - as above
                self.works[uid] = _left_over(copy, lengths, snapshot.at, chance)
        self.by_name = {view.name: Remembered(view, scenario, self.works) for view in views}


@dataclass(eq=False)
class AsRecorded(Queued):
    """A Job that is told as it was recorded, but for what changed since."""

    recorded: QueuedJob | None = None

    def seen(self, key: str) -> QueuedJob:
        """As it is read."""
        now = super().seen(key)
        if self.recorded is None:
            return now
        lasting = self.recorded.state in {"foreign", "refused"} and now.state != "over"
        state = self.recorded.state if lasting else now.state
        version = now.resource_version if self.told else self.recorded.resource_version
        return msgspec.structs.replace(self.recorded, state=state, resource_version=version, status=self.status)


class Remembered(JobQueue):
    """One queue: its classes keep the keys and texts that they have, only their counts change."""

    def __init__(self, view: ScheddView, scenario: Scenario, works: Mapping[str, SimJob]) -> None:
        super().__init__(view.name, scenario)
        self.recorded = view
        for job in view.jobs:
            if job.uid in works:
                self.every[job.uid] = _queued(job, works[job.uid])
        self._stir(scenario.begins)

    def view(self, at: float) -> ScheddView:
        """What was read of it last; as it was recorded where it did not answer then."""
        before = self.recorded
        if before.error or before.seen_at is None:
            return before
        now = super().view(at)
        return msgspec.structs.replace(
            before, seen_at=now.seen_at, reads=before.reads + now.reads, classes=now.classes, jobs=now.jobs
        )

    def _read(self) -> ScheddView:
        """Recorded classes with the Jobs that they have now."""
        there = [job for job in self.every.values() if not job.gone]
        keys = {job.uid: job.class_key for job in self.recorded.jobs}
        seen = sorted((job.seen(keys[job.uid]) for job in there), key=lambda one: (one.id, one.uid))
        same: dict[str, list[QueuedJob]] = {}
        for job in seen:
            same.setdefault(job.class_key, []).append(job)
        classes = tuple(_counted(one, same[one.key]) for one in self.recorded.classes if one.key in same)
        return msgspec.structs.replace(self.recorded, classes=classes, jobs=tuple(seen))


def waiting(snapshot: Snapshot, held: Iterable[Held]) -> dict[str, tuple[QueuedJob, ...]]:
    """Jobs that wait to be placed by class key, next one first; held: copies that there are."""
    standing = [Standing(one) for one in held]
    found = jobs.waiting(snapshot.observation, standing, jobs.known(snapshot))
    return {key: tuple(some) for key, some in found.items()}


def as_counted(snapshot: Snapshot, held: Iterable[Held]) -> Observation:
    """What was seen, with the classes of queues counted by the Jobs that wait; held: copies that there are."""
    seen = snapshot.observation
    if not any(view.kind == "jobs" for view in seen.schedds):
        return seen
    standing = tuple(Standing(one) for one in held)
    return jobs.counted(seen, standing, jobs.waiting(seen, standing, jobs.known(snapshot)))


def _queued(job: QueuedJob, work: SimJob) -> Queued:
    version = int(job.resource_version) if job.resource_version.isdecimal() else 1
    found = AsRecorded(work, job.uid, job.created_at, version, job.status, recorded=job)
    found.suspended = job.state == "suspended"
    found.deleted_at = job.created_at if job.state == "deleting" else None
    return found


def _work(job: QueuedJob, demand: DemandClass, copy: tuple[ObjectView, Placement] | None, runs_s: float) -> SimJob:
    """What runs behind a Job: every pod that it has at once for the whole length of the Job."""
    shape = demand.job
    pods = shape.pods if shape is not None else 1
    live = _live(copy[0]) if copy is not None else 0
    done = copy[0].status.succeeded if copy is not None and copy[0].status is not None else 0
    return SimJob(
        id=job.id,
        at=0.0,
        queue=demand.schedd,
        principal=demand.principal,
        request=demand.request,
        runs_s=runs_s,
        pods=pods,
        completions=max(done + live, pods),
        deadline_s=demand.length.seconds if demand.length.source == "activeDeadlineSeconds" else 0,
        gang=shape.gang if shape is not None else False,
        rerun=shape.rerun if shape is not None else "after-deadline",
        requirements=demand.requirements,
        priority=job.priority,
    )


def _left_over(copy: tuple[ObjectView, Placement], lengths: Lengths, at: float, chance: random.Random) -> SimJob:
    """The work of a copy whose Job its queue does not show, as far as the copy tells."""
    thing, placement = copy
    length = JobLength(min(UNSEEN_S, placement.lifetime_s), "assumed")
    demand = DemandClass(
        placement.class_key, "", placement.schedd, placement.principal, placement.size, length, 0, image=placement.image
    )
    runs_s = lengths.draw(demand, placement.job, _ran_s(copy, at), chance)
    done = thing.status.succeeded if thing.status is not None else 0
    return SimJob(
        id=placement.job,
        at=0.0,
        queue=placement.schedd,
        principal=placement.principal,
        request=placement.size,
        runs_s=runs_s,
        pods=placement.pods,
        completions=max(done + _live(thing), placement.pods),
        gang=placement.gang,
        rerun=placement.rerun,
        priority=placement.priority,
    )


def _live(thing: ObjectView) -> int:
    return sum(pod.phase in LIVE for pod in thing.pods)


def _ran_s(copy: tuple[ObjectView, Placement] | None, at: float) -> float:
    """Seconds that a Job has run already; 0 for one that has not begun."""
    since = begun_at(copy[0]) if copy is not None else None
    return max(0.0, at - since) if since is not None else 0.0


def _counted(demand: DemandClass, same: list[QueuedJob]) -> DemandClass:
    """As queues count them when they are read; which of these wait is for the matchmaker to say."""
    idle = [job for job in same if job.state == "waiting"]
    counts: dict[int, int] = {}
    for job in idle:
        counts[job.priority] = counts.get(job.priority, 0) + 1
    return msgspec.structs.replace(
        demand,
        idle=len(idle),
        priorities=tuple(sorted(counts.items(), reverse=True)),
        oldest_at=min((job.created_at for job in idle), default=0.0),
        examples=tuple(job.id for job in idle[:EXAMPLES]),
    )
