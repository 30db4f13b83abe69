"""Submitted Jobs as a cycle sees them: their classes, principals and states, worked out once for each Job."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from fedsched.config.settings import Federation, QueueSettings
from fedsched.journal import SubmittedJob
from fedsched.kube.jobs.demand import demand_of
from fedsched.kube.jobs.fields import read
from fedsched.kube.jobs.principals import principal_of
from fedsched.kube.jobs.spec import Problem, Refusal
from fedsched.matchmaker.model import DemandClass, JobState, Principal, QueuedJob, ScheddView

SHOWN_OVER_S = 3600.0
"""Jobs that are over are shown so long; a copy of one that is not shown any more is removed like any stray one."""
LONGEST_PROBLEM = 1024


class Judged(msgspec.Struct, frozen=True):
    """What a Job's manifest comes to. demand: None where it is refused; problem: the fields and why, then."""

    principal: Principal
    demand: DemandClass | None = None
    suspended: bool = False
    problem: str = ""


def judged(job: SubmittedJob, manifest: Any, queue: QueueSettings, settings: Federation) -> Judged:
    """The Job by the rules of its queue as they are now. Never raises for what is in it."""
    spec = read(manifest)
    if isinstance(spec, Refusal):
        return Judged(job.principal, problem=str(spec)[:LONGEST_PROBLEM])
    principal = principal_of(job.account, spec.labels, queue)
    if isinstance(principal, Problem):
        return Judged(job.principal, problem=str(principal)[:LONGEST_PROBLEM])
    return Judged(principal, demand_of(spec, principal, queue.name, settings), spec.suspended)


def queued(job: SubmittedJob, found: Judged) -> QueuedJob:
    """The Job as a cycle sees it."""
    return QueuedJob(
        id=job.id,
        uid=job.uid,
        principal=found.principal,
        class_key="" if found.demand is None else found.demand.key,
        created_at=job.submitted_at,
        state=_state(job, found),
        priority=job.priority,
        resource_version=str(job.revision),
        status=job.status,
        problem=found.problem,
    )


def _state(job: SubmittedJob, found: Judged) -> JobState:
    if job.status.over:
        return "over"
    if found.problem:
        return "refused"
    return "suspended" if found.suspended else "waiting"


class Entries:
    """All Jobs of one queue, for any thread."""

    def __init__(self, queue: QueueSettings, settings: Federation) -> None:
        self._queue = queue
        self._settings = settings
        self._lock = threading.Lock()
        self._jobs: dict[str, SubmittedJob] = {}
        self._judged: dict[str, Judged] = {}
        self._classes: dict[str, DemandClass] = {}
        self._view = ScheddView(queue.name, "", kind="jobs")
        self._stale_at = 0.0

    def add(self, jobs: Iterable[SubmittedJob], manifest: Callable[[str], bytes | None]) -> bool:
        """Jobs that are new or changed; whether any of them was not known so. Called by one thread."""
        known, news = [], False
        for job in jobs:
            there = self._jobs.get(job.uid)
            news = news or there is None or there.revision < job.revision
            if there is None:
                body = manifest(job.uid)
                self._judge(job, None if body is None else json.loads(body))
            known.append(job)
        self.update(known)
        return news

    def update(self, jobs: Iterable[SubmittedJob]) -> None:
        """Newer states of Jobs that were added before."""
        with self._lock:
            for job in jobs:
                there = self._jobs.get(job.uid)
                if job.uid in self._judged and (there is None or there.revision < job.revision):
                    self._jobs[job.uid] = job
                    self._stale_at = 0.0

    def keep(self, uids: frozenset[str]) -> None:
        """The others are gone."""
        with self._lock:
            for uid in self._jobs.keys() - uids:
                del self._jobs[uid], self._judged[uid]
            used = {one.demand.key for one in self._judged.values() if one.demand is not None}
            self._classes = {key: one for key, one in self._classes.items() if key in used}
            self._stale_at = 0.0

    def view(self, at: float) -> ScheddView:
        """All that is to be shown at that time, epoch seconds."""
        with self._lock:
            if at >= self._stale_at:
                self._rebuild(at)
            return self._view

    def _judge(self, job: SubmittedJob, manifest: Any) -> None:
        found = judged(job, manifest, self._queue, self._settings)
        if found.demand is not None:
            # Alike by their key: kept once.
            demand = self._classes.setdefault(found.demand.key, found.demand)
            found = msgspec.structs.replace(found, demand=demand)
        with self._lock:
            self._judged[job.uid] = found

    def _rebuild(self, at: float) -> None:
        shown = [job for job in self._jobs.values() if job.ended_at is None or at < job.ended_at + SHOWN_OVER_S]
        ends = [job.ended_at + SHOWN_OVER_S for job in shown if job.ended_at is not None]
        jobs = sorted((queued(job, self._judged[job.uid]) for job in shown), key=lambda one: one.id)
        keys = sorted({job.class_key for job in jobs if job.class_key and job.state != "over"})
        self._view = msgspec.structs.replace(
            self._view, classes=tuple(self._classes[key] for key in keys), jobs=tuple(jobs)
        )
        self._stale_at = min(ends, default=float("inf"))
