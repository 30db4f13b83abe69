"""Jobs of one simulated schedd and the classes in which they wait; who asks for them is not known here."""

from __future__ import annotations

import bisect
import hashlib
import random
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

import msgspec
import numpy as np

from fedsched.matchmaker.model import JobLength
from fedsched.sim.scenario import Batch, Scenario, TraceJob, Window
from fedsched.sim.timetable import NEVER

ASSUMED_S = 3600


@dataclass(eq=False, slots=True)
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


class _Kind(NamedTuple):
    """Jobs beside each other. first: number of the first of them. id: of the only one; "" for CLUSTER.PROC."""

    first: int
    queue: Queue
    cluster: int = 0
    id: str = ""


class Coming:
    """All jobs that will come to one schedd, by time, as columns of numbers: each becomes a job when it comes."""

    def __init__(self, name: str, scenario: Scenario, chance: random.Random, gone: Sequence[Window] = ()) -> None:
        """gone: times in which nothing can be submitted: it is at their end, or never where they have none."""
        self._kinds: list[_Kind] = []
        self._runs_s = array("d")
        self._at = 0
        times = array("d")
        for kind, at, runs_s in _planned(name, scenario, chance):
            if not self._kinds or self._kinds[-1] is not kind:
                self._kinds.append(kind)
            times.append(_possible(at, gone, scenario.begins))
            self._runs_s.append(runs_s)
        order = np.argsort(times, kind="stable")
        self._order = array("q", order[: int(np.isfinite(times).sum())].tobytes())
        self._times = array("d", np.sort(times).tobytes())

    @property
    def next(self) -> float:
        """When the next one comes, in epoch seconds; infinite when none does."""
        return self._times[self._at] if self._at < len(self._order) else NEVER

    def pop(self) -> Job:
        """The next one."""
        number, at = self._order[self._at], self._times[self._at]
        self._at += 1
        kind = self._kinds[bisect.bisect_right(self._kinds, number, key=attrgetter("first")) - 1]
        return Job(kind.id or f"{kind.cluster}.{number - kind.first}", kind.queue, at, self._runs_s[number])


def _planned(name: str, scenario: Scenario, chance: random.Random) -> Iterator[tuple[_Kind, float, float]]:
    """All jobs of a schedd, in any order: when each is submitted, in epoch seconds, and how long it runs."""
    queues: dict[str, Queue] = {}
    number = 0
    for cluster, batch in enumerate(scenario.batches, start=1):
        if batch.schedd == name:
            kind = _Kind(number, queues.setdefault(class_key(batch), Queue(class_key(batch), batch)), cluster)
            number += batch.count
            gap = batch.over_s / batch.count
            for proc in range(batch.count):
                yield kind, scenario.begins + batch.at + proc * gap, batch.runs_s * chance.uniform(0.8, 1.2)
    kinds: dict[Batch, Queue] = {}
    for job in scenario.jobs:
        if job.schedd == name:
            like = _kind(job)
            if like not in kinds:
                kinds[like] = queues.setdefault(class_key(like), Queue(class_key(like), like))
            yield _Kind(number, kinds[like], id=job.id), scenario.begins + job.at, job.runs_s
            number += 1


def _possible(at: float, gone: Sequence[Window], begins: float) -> float:
    """When something can be submitted that is to come `at`."""
    window = next((window for window in gone if window.holds(at - begins)), None)
    return at if window is None else begins + window.end_at


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
