"""What a scenario may say of its jobs, as frozen values: who submits what, when, how long it runs; nothing is drawn.

Fields ending in `_s` are seconds, `at_s` since the scenario's beginning. The forms are those of published models of
workloads (see generators.py); the numbers are a scenario's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from fedsched.matchmaker.resources import Resources
from fedsched.sim.workload.queued import Queued

TraceFormat = Literal["swf", "history", "pods"]


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who submits, and what each job asks for.

    users: "ann@site"; the first submits most (chances 1, 1/2, 1/3 …). runs_s: the median length; spread: sigma of its
    logarithm, 0 for equal lengths. length_s: what each job says of its length, and where it ends at the latest; 0 for
    nothing said. requirements: a ClassAd expression beside what condor_submit writes. patience_s: a job that never ran
    is removed after so long; 0 for never.
    """

    group: str
    users: tuple[str, ...]
    schedd: str
    request: Resources
    runs_s: float
    spread: float = 0.5
    length_s: int = 0
    requirements: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    priority: int = 0
    patience_s: float = 0.0


class Once(Source, frozen=True, kw_only=True, omit_defaults=True):
    """`jobs` of the first user, spread evenly over `over_s`: nothing is drawn but their lengths."""

    jobs: int
    at_s: float = 0.0
    over_s: float = 0.0


class Steady(Source, frozen=True, kw_only=True, omit_defaults=True):
    """Submissions at random at an even rate: `per_hour` jobs on average, `batch` of them at once on average."""

    per_hour: float
    lasts_s: float
    at_s: float = 0.0
    batch: float = 1.0


class Conference(Source, frozen=True, kw_only=True, omit_defaults=True):
    """A deadline: about `jobs` jobs within `lasts_s`, in submissions of `batch` on average.

    rush: how the rate changes on the way, by exp(rush): 2 is seven times as much at the deadline as at the beginning,
    -2 the reverse, 0 even.
    """

    jobs: int
    at_s: float
    lasts_s: float
    batch: float = 10.0
    rush: float = 0.0


class Reconstruction(Source, frozen=True, kw_only=True, omit_defaults=True):
    """A campaign: `tasks` tasks, `gap_s` apart on average, each of `jobs` jobs released at `per_min` per minute."""

    tasks: int
    jobs: int
    at_s: float
    gap_s: float
    per_min: float


class Mornings(Source, frozen=True, kw_only=True, omit_defaults=True):
    """Analysis by day: about `per_day` jobs each working day, most at `peak_hour` (UTC), `width_h` hours around it.

    batch: jobs per submission on average. weekend: part of `per_day` that Saturdays and Sundays have. lasts_s: for so
    long.
    """

    per_day: float
    lasts_s: float
    peak_hour: float = 9.0
    width_h: float = 2.0
    batch: float = 15.0
    weekend: float = 0.2


class Training(Source, frozen=True, kw_only=True, omit_defaults=True):
    """Training on GPUs: `per_hour` searches, each of `search` runs on average with the same number of GPUs.

    gpus: number of GPUs -> its share of the searches. request: of one run for each of its GPUs (GPUs not named in it).
    """

    per_hour: float
    lasts_s: float
    at_s: float = 0.0
    search: float = 4.0
    gpus: tuple[tuple[str, float], ...] = (("1", 1.0),)


class Trace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A log of a real system, replayed.

    file: relative to the scenario's folder; gzipped when it ends in .gz. at_s: when its first job comes. load: arrivals
    come so many times as fast. from_s, until_s: only jobs submitted in this window, counted from the log's first one.
    longest_s: no job runs, or says it runs, for longer; it is cut, and counted. Who lends for half a day never runs the
    jobs of a log that take a week; None cuts nothing.
    groups: group -> share of the work; users are dealt to them, the one with most work first; none: the log's own
    groups, through fedsched.toml's [[principal]] rules where the format knows accounting groups. users: user -> group,
    where that is known. schedd: "{group}" stands for the group. domain: of users without one. memory: what column 10 of
    SWF means: KB for each processor (the standard), bytes for the whole job, or whichever the first amounts allow.
    missing: what a job asks for per core where the log has no word of it. ignore_requirements: jobs ask for any slot,
    as those of a log may name machines that are not there. damaged: what becomes of entries that cannot be (a length
    below zero): the log is refused, or they are left out and counted. patience_s: as in Source.
    """

    file: Path
    format: TraceFormat
    at_s: float = 0.0
    load: float = 1.0
    from_s: float = 0.0
    until_s: float | None = None
    longest_s: float | None = None
    groups: tuple[tuple[str, float], ...] = ()
    users: tuple[tuple[str, str], ...] = ()
    schedd: str = "ap1.{group}.example"
    domain: str = "trace.example"
    memory: Literal["guess", "kib-per-processor", "bytes-per-job"] = "guess"
    missing: Resources = Resources(memory_mib=2048, disk_mib=4096)
    ignore_requirements: bool = False
    damaged: Literal["refuse", "leave-out"] = "refuse"
    patience_s: float = 0.0


class Workload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`[workload]` of a scenario: every kind of source, any number of each."""

    once: tuple[Once, ...] = ()
    steady: tuple[Steady, ...] = ()
    conference: tuple[Conference, ...] = ()
    reconstruction: tuple[Reconstruction, ...] = ()
    mornings: tuple[Mornings, ...] = ()
    training: tuple[Training, ...] = ()
    trace: tuple[Trace, ...] = ()
    queued: tuple[Queued, ...] = ()
