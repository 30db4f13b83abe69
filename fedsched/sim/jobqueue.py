"""A simulated queue of Kubernetes Jobs: what its owners do, how it is read, what may be told to it; no copies here."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from fedsched.matchmaker.model import (
    DemandClass,
    JobLength,
    JobShape,
    JobState,
    JobStatus,
    Outcome,
    QueuedJob,
    ScheddView,
    TellJob,
)
from fedsched.sim.agenda import Bell
from fedsched.sim.job_status import refusals
from fedsched.sim.jobs import ASSUMED_S
from fedsched.sim.polls import Polls
from fedsched.sim.scenario import Scenario, SimJob
from fedsched.sim.timetable import NEVER, Timetable

POLL_S = 1.0
"""Its watch tells of what changed within a second."""


@dataclass(eq=False)
class Queued:
    """One Job as its queue has it. told: how often its status was written. over_at: when it was first told over."""

    work: SimJob
    uid: str
    created_at: float
    version: int = 1
    status: JobStatus = field(default_factory=JobStatus)
    suspended: bool = False
    deleted_at: float | None = None
    gone: bool = False
    told: int = 0
    over_at: float | None = None

    @property
    def state(self) -> JobState:
        """As it is read."""
        if self.deleted_at is not None:
            return "deleting"
        if self.status.over:
            return "over"
        return "suspended" if self.suspended else "waiting"

    def seen(self, key: str) -> QueuedJob:
        """As it is read."""
        return QueuedJob(
            id=self.work.id,
            uid=self.uid,
            principal=self.work.principal,
            class_key=key,
            created_at=self.created_at,
            state=self.state,
            priority=self.work.priority,
            resource_version=str(self.version),
            status=self.status,
        )


Deed = Callable[[Queued, float], None]


class JobQueue:
    """All Jobs of one queue, by uid; those that were deleted are kept in `every`."""

    def __init__(self, name: str, scenario: Scenario) -> None:
        self.name = name
        self.every: dict[str, Queued] = {}
        self.refused: list[str] = []
        silent = tuple(window for who, window in scenario.silent_queues if who == name)
        self._silent = silent
        self._begins = scenario.begins
        self._polls = Polls(scenario.begins, POLL_S, silent)
        self._coming = deque(sorted((j for j in scenario.queued if j.queue == name), key=lambda j: (j.at, j.id)))
        self._timetable: Timetable[int] = Timetable()
        self._deeds: list[tuple[Deed, Queued]] = []
        self._stirred_at: float | None = None
        self._asked = -1
        self._view = ScheddView(name, "", kind="jobs")

    @property
    def due_at(self) -> float:
        """When a Job comes, an owner does something, or what is read of it becomes another."""
        coming = self._begins + self._coming[0].at if self._coming else NEVER
        return min(coming, self._timetable.next, self._poll_at)

    def hang(self, bell: Bell) -> None:
        """See agenda.Part: nothing but its own work changes it while time passes."""

    def silent(self, at: float) -> bool:
        """Whether it does not answer."""
        return any(window.holds(at - self._begins) for window in self._silent)

    def step(self, at: float) -> None:
        """Jobs come; owners do what they do; it is read."""
        while self._coming and self._begins + self._coming[0].at <= at:
            self._arrive(self._coming.popleft(), at)
        for number in self._timetable.take(at):
            deed, job = self._deeds[number]
            if not job.gone:
                deed(job, at)
                job.version += 1
                self._stir(at)
        if self._poll_at <= at:
            self._asked = self._polls.answered(at)[1] or 0
            self._stirred_at = None
            self._view = self._read()

    def view(self, at: float) -> ScheddView:
        """What was read of it last."""
        reads, last, good = self._polls.answered(at)
        error = "" if good else "did not answer in time"
        seen_at = None if last is None else self._polls.when(last)
        return msgspec.structs.replace(self._view, seen_at=seen_at, reads=reads, error=error)

    def find(self, job: str, uid: str) -> Queued | None:
        """The Job of that name and uid that is there."""
        there = self.every.get(uid)
        return there if there is not None and there.work.id == job and not there.gone else None

    def tell(self, change: TellJob, at: float) -> Outcome:
        """Write a status as an API server does: this very Job, this very version, and nothing that cannot be."""
        if self.silent(at):
            return Outcome(change, "retry", at, what="timed out", retry_after_s=5.0)
        there = self.find(change.job, change.uid)
        if there is None:
            return Outcome(change, "gone", at, what="the Job is not there any more")
        if change.resource_version != str(there.version):
            return Outcome(change, "conflict", at, what=f"the Job is at version {there.version}")
        wrong = list(refusals(there.status, change.status, suspended=there.suspended))
        if wrong:
            self.refused += [f"{change.job}: {sentence}" for sentence in wrong]
            return Outcome(change, "refused", at, what=f"422: {wrong[0]}")
        if change.status != there.status:
            there.status = change.status
            there.version += 1
            there.told += 1
            there.over_at = at if there.over_at is None and change.status.over else there.over_at
            self._stir(at)
        return Outcome(change, "done", at, uid=there.uid)

    @property
    def waiting(self) -> tuple[Queued, ...]:
        """Jobs that are there and not over."""
        return tuple(job for job in self.every.values() if not job.gone and not job.status.over)

    @property
    def over(self) -> bool:
        """Nothing comes any more, and all that is there has ended."""
        return not self._coming and not self.waiting

    # -- what owners do

    def _arrive(self, work: SimJob, at: float) -> None:
        job = Queued(work, f"{self.name}-uid-{len(self.every) + 1:06d}", at)
        job.suspended = any(window.holds(at - self._begins) for window in work.suspended)
        self.every[job.uid] = job
        for window in work.suspended:
            self._when(window.begin_at, _suspend, job)
            self._when(window.end_at, _resume, job)
        for moment in work.edited_at:
            self._when(moment, _edit, job)
        if work.deleted_at is not None:
            self._when(work.deleted_at, _delete, job)
            self._when(work.deleted_at + work.lingers_s, _vanish, job)
        self._stir(at)

    def _when(self, seconds: float, deed: Deed, job: Queued) -> None:
        if self._begins + seconds > job.created_at:
            self._timetable.put(self._begins + seconds, len(self._deeds))
            self._deeds.append((deed, job))

    # -- how it is read

    def _stir(self, at: float) -> None:
        if self._stirred_at is None:
            self._stirred_at = at

    @property
    def _poll_at(self) -> float:
        """When what was changed is read next."""
        if self._stirred_at is None:
            return NEVER
        number = self._polls.first(self._stirred_at, self._asked)
        return NEVER if number is None else self._polls.when(number)

    def _read(self) -> ScheddView:
        there = [job for job in self.every.values() if not job.gone]
        classes: dict[str, list[Queued]] = {}
        jobs = []
        for job in sorted(there, key=lambda one: (one.work.id, one.uid)):
            key = class_key(job.work)
            classes.setdefault(key, []).append(job)
            jobs.append(job.seen(key))
        return ScheddView(
            self.name,
            "",
            kind="jobs",
            classes=tuple(_class(key, same) for key, same in sorted(classes.items())),
            jobs=tuple(jobs),
        )


def class_key(job: SimJob) -> str:
    """A digest over everything that matters for placing it."""
    shape = (job.pods, job.gang, job.rerun)
    said = (job.queue, job.principal, job.request, job.requirements, shape, job.deadline_s, job.id.partition("/")[0])
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]


def _class(key: str, jobs: list[Queued]) -> DemandClass:
    work = jobs[0].work
    waiting = [job for job in jobs if job.state == "waiting"]
    said = work.deadline_s
    length = JobLength(said, "activeDeadlineSeconds") if said else JobLength(ASSUMED_S, "assumed")
    return DemandClass(
        key=key,
        pool="",
        schedd=work.queue,
        principal=work.principal,
        request=work.request,
        length=length,
        idle=len(waiting),
        requirements=work.requirements,
        priorities=_priorities(waiting),
        oldest_at=min((job.created_at for job in waiting), default=0.0),
        examples=tuple(job.work.id for job in waiting[:5]),
        job=JobShape(
            namespace=work.id.partition("/")[0], pods=work.pods, gang=work.gang, images=("user",), rerun=work.rerun
        ),
    )


def _priorities(waiting: list[Queued]) -> tuple[tuple[int, int], ...]:
    counts: dict[int, int] = {}
    for job in waiting:
        counts[job.work.priority] = counts.get(job.work.priority, 0) + 1
    return tuple(sorted(counts.items(), reverse=True))


def _suspend(job: Queued, _: float) -> None:
    job.suspended = True


def _resume(job: Queued, _: float) -> None:
    job.suspended = False


def _edit(_job: Queued, _at: float) -> None:
    """Its owner puts a label on it, say."""


def _delete(job: Queued, at: float) -> None:
    job.deleted_at = at


def _vanish(job: Queued, at: float) -> None:
    job.deleted_at = job.deleted_at or at
    job.gone = True
