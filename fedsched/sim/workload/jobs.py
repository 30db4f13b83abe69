"""A scenario's sources become its jobs, in the order of time and with ids as schedds give them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from random import Random
from typing import NamedTuple

import msgspec

from fedsched.matchmaker.model import Principal
from fedsched.sim.scenario import USUAL, TraceJob
from fedsched.sim.workload.generators import GENERATORS, Draft
from fedsched.sim.workload.terms import Source, Workload

MOST_JOBS = 1_000_000
"""More in one scenario is a slip of the pen: no simulation of it ends."""


class TooManyError(ValueError):
    """A workload has more jobs than any simulation can take; kind, place: the source at which it was too much."""

    def __init__(self, kind: str, place: int) -> None:
        self.kind, self.place = kind, place
        super().__init__(f"more than {MOST_JOBS} jobs in all")


class Drawn(NamedTuple):
    """What a source is called (kind and place in the file), and its drafts by time."""

    name: str
    source: Source
    drafts: list[Draft]


def generated(workload: Workload, seed: int, begins: float) -> tuple[TraceJob, ...]:
    """All generated jobs by time. Each source has its own stream of chance: one more does not change the others.

    begins: epoch seconds of the beginning. Raises TooManyError.
    """
    numbers: Counter[str] = Counter()
    clusters: dict[tuple[str, int], int] = {}
    procs: Counter[tuple[str, int]] = Counter()
    jobs = []
    for at, drawn, draft in _by_time(workload, seed, begins):
        source, key = drawn.source, (drawn.name, draft.submission)
        if key not in clusters:
            numbers[source.schedd] += 1
            clusters[key] = numbers[source.schedd]
        jobs.append(_job(f"{clusters[key]}.{procs[key]}", at, source, draft))
        procs[key] += 1
    return tuple(jobs)


def submitted(jobs: tuple[TraceJob, ...], more: tuple[TraceJob, ...]) -> tuple[TraceJob, ...]:
    """Two sequences by time as one."""
    return tuple(heapq.merge(jobs, more, key=attrgetter("at")))


def _by_time(workload: Workload, seed: int, begins: float) -> Iterator[tuple[float, Drawn, Draft]]:
    everything = [(draft.at, drawn, draft) for drawn in _all_drawn(workload, seed, begins) for draft in drawn.drafts]
    return iter(sorted(everything, key=lambda one: (one[0], one[1].name, one[2].submission)))


def _all_drawn(workload: Workload, seed: int, begins: float) -> Iterator[Drawn]:
    left = MOST_JOBS
    for kind, draw in GENERATORS.items():
        for place, source in enumerate(getattr(workload, kind)):
            name = f"{kind}[{place}]"
            # A text seeds the same everywhere: Random hashes it with SHA-512.
            drafts = []
            for draft in draw(source, Random(f"{seed}/{name}"), begins):  # noqa: S311 - chance of a simulation
                drafts.append(draft)
                if len(drafts) > left:
                    raise TooManyError(kind, place)
            left -= len(drafts)
            yield Drawn(name, source, drafts)


def _job(job_id: str, at: float, source: Source, draft: Draft) -> TraceJob:
    return TraceJob(
        id=job_id,
        at=round(at, 3),
        schedd=source.schedd,
        principal=Principal(source.group, draft.user),
        request=msgspec.structs.replace(draft.request, pods=1),
        runs_s=round(draft.runs_s, 3),
        requirements=f"{USUAL} && ({source.requirements})" if source.requirements else USUAL,
        attributes=source.attributes,
        length_s=source.length_s,
        priority=source.priority,
        patience_s=source.patience_s,
    )
