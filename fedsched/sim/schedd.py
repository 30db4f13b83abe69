"""A simulated schedd: jobs that arrive, wait, run and finish, and how it answers when it is asked; no slots here."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from dataclasses import dataclass, field

from fedsched.matchmaker.model import DemandClass, JobLength, ScheddView
from fedsched.sim.scenario import Batch, Scenario

ASSUMED_S = 3600


@dataclass
class Job:
    """One job; `runs_s` is known to nobody but the world."""

    id: str
    queue: Queue
    submitted_at: float
    runs_s: float
    first_claimed_at: float | None = None
    done_at: float | None = None
    starts: int = 0
    removed_at: float | None = None


@dataclass
class Queue:
    """The idle jobs of one class, oldest first, and how many run."""

    key: str
    batch: Batch
    idle: deque[Job] = field(default_factory=deque)
    running: int = 0

    @property
    def length(self) -> JobLength:
        """What the job says of its length, or the assumption."""
        said = self.batch.length_s
        return JobLength(said, "AllowedJobDuration") if said else JobLength(ASSUMED_S, "assumed")

    def give_up(self, at: float) -> None:
        """Jobs that their owner has waited for too long are removed (condor_rm)."""
        patience_s = self.batch.patience_s
        while patience_s and self.idle and self.idle[0].starts == 0 and at - self.idle[0].submitted_at > patience_s:
            self.idle.popleft().removed_at = at


class Schedd:
    """All jobs of one submit node."""

    def __init__(self, name: str, scenario: Scenario, chance: random.Random) -> None:
        self.name = name
        self.queues: dict[str, Queue] = {}
        self.jobs: list[Job] = []
        self._scenario = scenario
        self._silent = tuple(window for who, window in scenario.silent_schedds if who == name)
        self._view = ScheddView(name, scenario.pool, identity=f"{name}@{scenario.pool}")
        self._coming: deque[Job] = deque()
        self._plan(chance)

    def step(self, at: float) -> None:
        """Jobs that are due arrive; every `poll_s` it is asked, unless it is silent."""
        while self._coming and self._coming[0].submitted_at <= at:
            job = self._coming.popleft()
            self.jobs.append(job)
            job.queue.idle.append(job)
        for queue in self.queues.values():
            queue.give_up(at)
        since = at - self._scenario.begins
        if since % self._scenario.poll_s == 0:
            silent = any(window.holds(since) for window in self._silent)
            self._view = self._silence() if silent else self._answer(at)

    def view(self) -> ScheddView:
        """The last answer, as the poller stored it."""
        return self._view

    @property
    def over(self) -> bool:
        """Nothing will come, nothing waits, nothing runs."""
        return not self._coming and all(not q.idle and not q.running for q in self.queues.values())

    def _plan(self, chance: random.Random) -> None:
        jobs = []
        for cluster, batch in enumerate(self._scenario.batches, start=1):
            if batch.schedd != self.name:
                continue
            queue = self.queues.setdefault(_key(batch), Queue(_key(batch), batch))
            gap = batch.over_s / batch.count
            for proc in range(batch.count):
                runs_s = batch.runs_s * chance.uniform(0.8, 1.2)
                at = self._scenario.begins + batch.at + proc * gap
                jobs.append(Job(f"{cluster}.{proc}", queue, at, runs_s))
        self._coming = deque(sorted(jobs, key=lambda job: job.submitted_at))

    def _answer(self, at: float) -> ScheddView:
        shown = [queue for queue in self.queues.values() if queue.idle or queue.running]
        classes = tuple(self._class(queue) for queue in sorted(shown, key=lambda q: q.key))
        old = self._view
        return ScheddView(self.name, old.pool, identity=old.identity, seen_at=at, reads=old.reads + 1, classes=classes)

    def _silence(self) -> ScheddView:
        old = self._view
        return ScheddView(
            old.name,
            old.pool,
            identity=old.identity,
            seen_at=old.seen_at,
            reads=old.reads,
            error="did not answer in time",
            classes=old.classes,
        )

    def _class(self, queue: Queue) -> DemandClass:
        batch, idle = queue.batch, queue.idle
        return DemandClass(
            key=queue.key,
            pool=self._scenario.pool,
            schedd=self.name,
            principal=batch.principal,
            request=batch.request,
            length=queue.length,
            idle=len(idle),
            requirements=batch.requirements,
            attributes=batch.attributes,
            priorities=((batch.priority, len(idle)),) if idle else (),
            running=queue.running,
            oldest_at=idle[0].submitted_at if idle else 0.0,
            examples=tuple(job.id for job, _ in zip(idle, range(5), strict=False)),
        )


def _key(batch: Batch) -> str:
    """As the real poller does it: a digest over everything that matters for placing."""
    said = (batch.schedd, batch.principal, batch.request, batch.requirements, batch.attributes, batch.length_s)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]
