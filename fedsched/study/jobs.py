"""What became of the jobs of a simulated world, and how long they waited; the only place that reads its jobs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from fedsched.sim.schedd import Job
from fedsched.sim.world import SimWorld


class JobFacts(NamedTuple):
    """One job. Times are epoch seconds, None before they happened. returned: it lost its slot at least once."""

    group: str
    cores: float
    submitted_at: float
    first_claimed_at: float | None
    done_at: float | None
    removed_at: float | None
    returned: bool

    def waited_s(self, now: float) -> float:
        """Until it ran first; a job that never ran counts with what it has waited so far, so starving is seen."""
        return max(0.0, (self.first_claimed_at or self.removed_at or now) - self.submitted_at)


def facts(world: SimWorld) -> Iterator[JobFacts]:
    """All jobs that were submitted so far."""
    return (_facts(job) for schedd in world.schedds for job in schedd.jobs)


def _facts(job: Job) -> JobFacts:
    batch = job.queue.batch
    return JobFacts(
        group=batch.principal.group or batch.principal.user,
        cores=batch.request.cpu_milli / 1000,
        submitted_at=job.submitted_at,
        first_claimed_at=job.first_claimed_at,
        done_at=job.done_at,
        removed_at=job.removed_at,
        returned=job.starts > 1,
    )


class DoneJobs:
    """Which jobs are over, by (schedd, job)."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._known: dict[str, dict[str, Job]] = {}
        self._read: dict[str, int] = {}

    def over(self, schedd: str, job: str) -> bool:
        """Whether it ended or was removed; a job that nobody submitted did not."""
        if job not in self._known.get(schedd, {}):
            self._learn()
        known = self._known.get(schedd, {}).get(job)
        return known is not None and (known.done_at is not None or known.removed_at is not None)

    def _learn(self) -> None:
        for schedd in self._world.schedds:
            new = schedd.jobs[self._read.get(schedd.name, 0) :]
            self._known.setdefault(schedd.name, {}).update((job.id, job) for job in new)
            self._read[schedd.name] = len(schedd.jobs)


def quantile(ordered: Sequence[float], part: float) -> float | None:
    """The smallest value that at least `part` (0..1) of the sorted values do not exceed; None of none."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else None


class Waits(NamedTuple):
    """How long the jobs of one group waited, in seconds; None where there was none. jobs: how many came."""

    group: str
    jobs: int
    done: int
    waiting: int
    p50_s: float | None
    p95_s: float | None
    most_s: float | None


def waits(group: str, jobs: Iterable[JobFacts], now: float) -> Waits:
    """Of these jobs, whoever they belong to."""
    jobs = tuple(jobs)
    ordered = sorted(job.waited_s(now) for job in jobs)
    idle = sum(job.first_claimed_at is None and job.removed_at is None for job in jobs)
    done = sum(job.done_at is not None for job in jobs)
    most = ordered[-1] if ordered else None
    return Waits(group, len(jobs), done, idle, quantile(ordered, 0.5), quantile(ordered, 0.95), most)
