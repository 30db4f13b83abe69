"""Seeded generators of load: what each kind of source submits, and when; ids and schedds are given elsewhere.

Where the forms come from. Jobs of grids come in submissions of many alike (Iosup, Jan, Sonmez and Epema, "The
Characteristics and Performance of Groups of Jobs in Grids", Euro-Par 2007). Submissions follow the day (Lublin and
Feitelson, "The workload on parallel supercomputers", J. Parallel Distrib. Comput. 63, 2003). Lengths have long tails,
and few users submit most (Feitelson, "Workload Modeling for Computer Systems Performance Evaluation", 2015).
Training runs are mostly on one GPU and of very unequal lengths (Jeon et al., "Analysis of Large-Scale Multi-Tenant GPU
Clusters for DNN Training Workloads", USENIX ATC 2019). The numbers are a scenario's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from fedsched.matchmaker.resources import Resources
from fedsched.sim.workload.chance import few_do_most, geometric, lognormal, poisson
from fedsched.sim.workload.terms import Conference, Mornings, Once, Reconstruction, Source, Steady, Training

HOUR = 3600.0
DAY = 86_400.0
SATURDAY = 5


class Draft(NamedTuple):
    """One job as it was drawn. at: seconds since the beginning. submission: those of one are one cluster of jobs."""

    at: float
    submission: int
    user: str
    request: Resources
    runs_s: float


def once(source: Once, chance: Random, begins: float) -> Iterator[Draft]:
    """See terms.Once."""
    del begins
    for number in range(source.jobs):
        at = source.at_s + source.over_s * number / source.jobs
        yield Draft(at, 0, source.users[0], source.request, _length(source, chance))


def steady(source: Steady, chance: Random, begins: float) -> Iterator[Draft]:
    """See terms.Steady: a Poisson process of submissions, their sizes geometric."""
    del begins
    rate = source.per_hour / HOUR / max(1.0, source.batch)
    times = poisson(chance, lambda _: rate, rate, source.lasts_s)
    yield from _submissions(source, chance, (source.at_s + at for at in times), source.batch)


def conference(source: Conference, chance: Random, begins: float) -> Iterator[Draft]:
    """See terms.Conference: a Poisson process of submissions whose rate grows by exp(rush) up to the deadline."""
    del begins
    rush, lasts_s = source.rush, source.lasts_s
    whole = lasts_s if abs(rush) < 1e-9 else lasts_s * math.expm1(rush) / rush
    first = source.jobs / max(1.0, source.batch) / whole

    def rate(at: float) -> float:
        return first * math.exp(rush * at / lasts_s)

    times = poisson(chance, rate, max(rate(0.0), rate(lasts_s)), lasts_s)
    yield from _submissions(source, chance, (source.at_s + at for at in times), source.batch)


def reconstruction(source: Reconstruction, chance: Random, begins: float) -> Iterator[Draft]:
    """See terms.Reconstruction: a production system splits tasks and releases their jobs at its own pace."""
    del begins
    at = source.at_s
    for task in range(source.tasks):
        user = few_do_most(chance, source.users)
        for number in range(source.jobs):
            yield Draft(at + number * 60.0 / source.per_min, task, user, source.request, _length(source, chance))
        at += chance.expovariate(1.0 / source.gap_s)


def mornings(source: Mornings, chance: Random, begins: float) -> Iterator[Draft]:
    """See terms.Mornings: the rate is a bell over the hours of each day."""
    width_s = source.width_h * HOUR
    # Of a whole bell; what lies beyond midnight belongs to the next day.
    top = source.per_day / max(1.0, source.batch) / (width_s * math.sqrt(2 * math.pi))

    def rate(at: float) -> float:
        moment = begins + at
        away_s = (moment - source.peak_hour * HOUR + DAY / 2) % DAY - DAY / 2
        weekend = datetime.fromtimestamp(moment, UTC).weekday() >= SATURDAY
        return top * (source.weekend if weekend else 1.0) * math.exp(-0.5 * (away_s / width_s) ** 2)

    most = top * max(1.0, source.weekend)
    yield from _submissions(source, chance, poisson(chance, rate, most, source.lasts_s), source.batch)


def training(source: Training, chance: Random, begins: float) -> Iterator[Draft]:
    """See terms.Training: searches come at random; each run's lengths differ as widely as its source says."""
    del begins
    counts, weights = zip(*((int(count), share) for count, share in source.gpus), strict=True)
    rate = source.per_hour / HOUR
    for number, at in enumerate(poisson(chance, lambda _: rate, rate, source.lasts_s)):
        gpus, user = chance.choices(counts, weights)[0], few_do_most(chance, source.users)
        request = source.request.times(gpus)
        asks = Resources(request.cpu_milli, request.memory_mib, request.disk_mib, gpus, 1, request.other)
        for _ in range(geometric(chance, source.search)):
            yield Draft(source.at_s + at, number, user, asks, _length(source, chance))


def _submissions(source: Source, chance: Random, times: Iterator[float], batch: float) -> Iterator[Draft]:
    """Jobs of one submission come at once."""
    for number, at in enumerate(times):
        user = few_do_most(chance, source.users)
        for _ in range(geometric(chance, batch)):
            yield Draft(at, number, user, source.request, _length(source, chance))


def _length(source: Source, chance: Random) -> float:
    return lognormal(chance, source.runs_s, source.spread, source.length_s)


GENERATORS: dict[str, Callable[..., Iterator[Draft]]] = {
    "once": once,
    "steady": steady,
    "conference": conference,
    "reconstruction": reconstruction,
    "mornings": mornings,
    "training": training,
}
"""By the name of the table in a scenario: (source, chance, begins) -> drafts; begins: epoch seconds."""
