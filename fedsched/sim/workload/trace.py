"""Logs of real systems replayed: read, cut to a window, sped up, dealt to communities and fitted to nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fedsched.condor.lengths import job_length
from fedsched.config import ConfigError, Problem
from fedsched.config.settings import Federation, PoolSettings
from fedsched.matchmaker.model import Principal
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import USUAL, TraceJob
from fedsched.sim.workload.dealing import deal
from fedsched.sim.workload.fitting import Fitter
from fedsched.sim.workload.history import history
from fedsched.sim.workload.jobs import MOST_JOBS
from fedsched.sim.workload.logged import Logged, Tally, lines
from fedsched.sim.workload.pods import pods
from fedsched.sim.workload.swf import swf
from fedsched.sim.workload.terms import Trace, TraceFormat

NOBODYS = Federation(id="trace", pools=(PoolSettings("target", "127.0.0.1:9618"),))
"""Settings for a history that comes without a federation: no rule gives a job its group."""
_FORMATS: dict[str, TraceFormat] = {".swf": "swf", ".csv": "pods", ".json": "history", ".jsonl": "history"}


PIECE = 1_000_000
"""Between the proc numbers of pieces of one job; HTCondor's own stay below."""


class Replayed(NamedTuple):
    """A log's jobs by time, and what became of its entries."""

    jobs: tuple[TraceJob, ...]
    tally: Tally


def format_of(file: Path) -> TraceFormat:
    """What a file's name says of its format; a history where it says nothing."""
    return _FORMATS.get(Path(file.stem).suffix if file.suffix == ".gz" else file.suffix, "history")


def replay(file: Path, trace: Trace, rooms: tuple[Resources, ...], federation: Federation = NOBODYS) -> Replayed:
    """The jobs of a log. rooms: what nodes hold (fitting.rooms). Raises ConfigError with file and line."""
    tally = Tally()
    found: list[Logged] = []
    for job in _read(file, trace, federation, tally):
        found.append(job)
        if len(found) > MOST_JOBS:
            raise ConfigError((Problem(file, 0, "", f"more than {MOST_JOBS} jobs; cut the log"),))
    if not found:
        why = ", ".join(f"{count} {why}" for why, count in sorted(tally.left_out.items()))
        text = f"holds no job that ran ({tally.read} entries{'; ' + why if why else ''})"
        text += f"; the first damaged: {tally.damage}" if tally.damage else ""
        raise ConfigError((Problem(file, 0, "", text),))
    window = list(_windowed(found, trace, tally))
    if not window:
        last_s = max(job.at for job in found) - min(job.at for job in found)
        text = (
            f"no job in the window from {trace.from_s:g} s on; the log's last is submitted {last_s:g} s after its first"
        )
        raise ConfigError((Problem(file, 0, "", text),))
    jobs = tuple(_jobs(window, trace, Fitter(rooms, trace.missing), tally))
    if not jobs:
        raise ConfigError((Problem(file, 0, "", f"no member has a node for any of its {len(window)} jobs"),))
    return Replayed(jobs, tally)


def _read(file: Path, trace: Trace, federation: Federation, tally: Tally) -> Iterator[Logged]:
    if trace.format == "history":
        return history(lines(file), trace, federation, tally)
    return (swf if trace.format == "swf" else pods)(lines(file), trace, tally)


def _windowed(found: list[Logged], trace: Trace, tally: Tally) -> Iterator[Logged]:
    """In the order of submission, times as they are in the scenario; the log's own order breaks ties."""
    found.sort(key=lambda job: job.at)
    first = found[0].at
    for job in found:
        since = job.at - first
        if since < trace.from_s or (trace.until_s is not None and since >= trace.until_s):
            tally.left_out["outside the window"] += 1
        else:
            yield _cut(job, trace, tally)._replace(at=trace.at_s + (since - trace.from_s) / trace.load)


def _cut(job: Logged, trace: Trace, tally: Tally) -> Logged:
    """The job, not longer than the scenario takes."""
    most_s = trace.longest_s
    if most_s is None or max(job.runs_s, job.length_s) <= most_s:
        return job
    tally.assumed["cut to longest_s"] += 1
    return job._replace(runs_s=min(job.runs_s, most_s), length_s=min(job.length_s, int(most_s)))


def _jobs(window: list[Logged], trace: Trace, fitter: Fitter, tally: Tally) -> Iterator[TraceJob]:
    groups = deal(window, dict(trace.groups), dict(trace.users))
    ids: set[tuple[str, str]] = set()
    for job in window:
        requests = _fitted(job, fitter, tally)
        who = Principal(groups.get(job.user, job.group), job.user if "@" in job.user else f"{job.user}@{trace.domain}")
        schedd = job.schedd or trace.schedd.replace("{group}", who.group or "nobody")
        for request in requests:
            yield _job(job, who, request, _Place(schedd, _id(job.id, schedd, ids)), trace)


def _fitted(job: Logged, fitter: Fitter, tally: Tally) -> tuple[Resources, ...]:
    fitted = fitter.fit(job.request)
    if not fitted.requests:
        tally.left_out["larger than any node"] += 1
    if fitted.assumed_memory:
        tally.assumed["memory"] += 1
    if len(fitted.requests) > 1:
        tally.split += 1
        tally.pieces += len(fitted.requests)
    tally.used += len(fitted.requests)
    return fitted.requests


class _Place(NamedTuple):
    schedd: str
    id: str


def _id(told: str, schedd: str, ids: set[tuple[str, str]]) -> str:
    """A job id (cluster.proc) that nobody has at that schedd: pieces and numbers said twice are told apart."""
    cluster, _, proc = told.partition(".")
    number = int(proc) if proc.isdecimal() else 0
    while (schedd, f"{cluster}.{number}") in ids:
        number += PIECE
    ids.add((schedd, f"{cluster}.{number}"))
    return f"{cluster}.{number}"


def _job(job: Logged, who: Principal, request: Resources, place: _Place, trace: Trace) -> TraceJob:
    own = job.requirements is not None and not trace.ignore_requirements
    return TraceJob(
        id=place.id,
        at=round(job.at, 3),
        schedd=place.schedd,
        principal=who,
        request=request,
        runs_s=job.runs_s,
        requirements=job.requirements if own and job.requirements else USUAL,
        attributes=job.attributes if own else (),
        length_s=_said(job.length_s, trace),
        priority=job.priority,
        patience_s=trace.patience_s,
    )


def _said(length_s: int, trace: Trace) -> int:
    """In the steps of the poller (MA7), so that alike jobs are one class; not above what the scenario takes."""
    said = job_length({"said": length_s}, ("said",), 0).seconds
    return said if trace.longest_s is None else min(said, int(trace.longest_s))
