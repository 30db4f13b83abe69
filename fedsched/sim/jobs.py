"""Jobs of one simulated schedd and the classes in which they wait; who asks for them is not known here."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from fedsched.matchmaker.model import JobLength
from fedsched.sim.scenario import Batch, Scenario, TraceJob

ASSUMED_S = 3600


@dataclass(eq=False)
class Job:
    """One job; `runs_s` is known to nobody but the world. lost_s: seconds that it ran for nothing."""

    id: str
    queue: Queue
    submitted_at: float
    runs_s: float
    first_claimed_at: float | None = None
    done_at: float | None = None
    starts: int = 0
    removed_at: float | None = None
    lost_s: float = 0.0


class Count(NamedTuple):
    """How a class stood when its schedd was asked."""

    idle: int
    running: int
    oldest_at: float
    examples: tuple[str, ...]


@dataclass(eq=False)
class Queue:
    """The idle jobs of one class, oldest first, and how many run."""

    key: str
    batch: Batch
    idle: deque[Job] = field(default_factory=deque)
    running: int = 0

    def __post_init__(self) -> None:
        self.request = msgspec.structs.replace(self.batch.request, pods=0)
        self.wants = (self.batch.requirements, self.batch.attributes, self.request)

    @property
    def length(self) -> JobLength:
        """What the job says of its length, or the assumption."""
        said = self.batch.length_s
        return JobLength(said, "AllowedJobDuration") if said else JobLength(ASSUMED_S, "assumed")

    @property
    def count(self) -> Count:
        """How it stands now."""
        idle = self.idle
        oldest_at = idle[0].submitted_at if idle else 0.0
        return Count(len(idle), self.running, oldest_at, tuple(job.id for job, _ in zip(idle, range(5), strict=False)))

    @property
    def patience_ends_at(self) -> float:
        """When the owner of its first job gives up, if it has not run by then."""
        if not self.batch.patience_s or not self.idle or self.idle[0].starts:
            return float("inf")
        return self.idle[0].submitted_at + self.batch.patience_s

    def give_up(self, at: float) -> None:
        """Jobs that their owner has waited for too long are removed (condor_rm)."""
        while at >= self.patience_ends_at:
            self.idle.popleft().removed_at = at


def jobs_of(name: str, scenario: Scenario, chance: random.Random) -> Iterator[Job]:
    """All jobs that come to a schedd, in any order."""
    queues: dict[str, Queue] = {}
    for cluster, batch in enumerate(scenario.batches, start=1):
        if batch.schedd == name:
            queue = queues.setdefault(class_key(batch), Queue(class_key(batch), batch))
            yield from _drawn(batch, cluster, queue, (scenario.begins, chance))
    kinds: dict[Batch, Queue] = {}
    for job in scenario.jobs:
        if job.schedd == name:
            kind = _kind(job)
            if kind not in kinds:
                kinds[kind] = queues.setdefault(class_key(kind), Queue(class_key(kind), kind))
            yield Job(job.id, kinds[kind], scenario.begins + job.at, job.runs_s)


def class_key(batch: Batch) -> str:
    """As the real poller does it: a digest over everything that matters for placing."""
    said: tuple[object, ...] = (
        batch.schedd,
        batch.principal,
        batch.request,
        batch.requirements,
        batch.attributes,
        batch.length_s,
    )
    if batch.priority or batch.patience_s:
        said = (*said, batch.priority, batch.patience_s)
    if batch.user:
        said = (*said, batch.user)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]


def _drawn(batch: Batch, cluster: int, queue: Queue, when: tuple[float, random.Random]) -> Iterator[Job]:
    begins, chance = when
    gap = batch.over_s / batch.count
    for proc in range(batch.count):
        runs_s = batch.runs_s * chance.uniform(0.8, 1.2)
        yield Job(f"{cluster}.{proc}", queue, begins + batch.at + proc * gap, runs_s)


def _kind(job: TraceJob) -> Batch:
    """What is alike in all jobs of its class."""
    return Batch(
        at=0.0,
        schedd=job.schedd,
        principal=job.principal,
        count=1,
        request=job.request,
        runs_s=0.0,
        requirements=job.requirements,
        attributes=job.attributes,
        length_s=job.length_s,
        priority=job.priority,
        patience_s=job.patience_s,
    )
