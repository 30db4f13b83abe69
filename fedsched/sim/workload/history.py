"""Jobs from HTCondor's history; whose they are and what they ask for is read by the code that reads a live queue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fedsched.condor.classes import SIZES, reads
from fedsched.condor.lengths import job_length
from fedsched.condor.principals import Origin, principal
from fedsched.condor.requests import JobNumbers, asked
from fedsched.config.settings import Federation
from fedsched.matchmaker import classad
from fedsched.matchmaker.classad.crowd import gated
from fedsched.sim.workload.history_ads import Ad, ads
from fedsched.sim.workload.logged import MOST_SECONDS, Line, Logged, Tally, damage
from fedsched.sim.workload.terms import Trace

_SIZES = SIZES | {"requirements", "rank"}


def history(lines: Iterable[Line], trace: Trace, federation: Federation, tally: Tally) -> Iterator[Logged]:
    """The jobs of a history in its own order. Raises ConfigError with file and line."""
    for ad in ads(lines):
        tally.read += 1
        job = None
        with damage(trace, tally):
            job = _job(ad, federation, tally)
        if job is not None:
            yield job


def _job(ad: Ad, federation: Federation, tally: Tally) -> Logged | None:
    job = JobNumbers(ad.texts, 0.0)
    at, runs_s = _seconds(ad, job, "QDate"), _seconds(ad, job, "RemoteWallClockTime")
    if at is None:
        tally.left_out["no QDate"] += 1
        return None
    if not runs_s:
        tally.left_out["never ran"] += 1
        return None
    what = asked(job, federation.machine_resources)
    tally.assumed.update(floor.partition(":")[0] for floor in what.floors if "assumed" in floor)
    schedd = _string(job, "GlobalJobId").partition("#")[0]
    user = _string(job, "User") or _string(job, "Owner")
    who = principal(_account(job), user, Origin(schedd, "", federation.pools[0].name), federation.principals)
    requirements, attributes = _requirements(ad, job, tally)
    said = job_length({name: job.number(name) for name in federation.lengths}, federation.lengths, 0)
    return Logged(
        id=f"{job.number('ClusterId') or 0:.0f}.{job.number('ProcId') or 0:.0f}",
        user=who.user or "unknown",
        at=at,
        runs_s=runs_s,
        request=what.request,
        group=who.group,
        schedd=schedd,
        length_s=said.seconds,
        requirements=requirements,
        attributes=attributes,
        priority=int(job.number("JobPrio") or 0),
    )


def _seconds(ad: Ad, job: JobNumbers, name: str) -> float | None:
    """A time or length; None where the ad has none."""
    value = job.number(name)
    if value is not None and not 0 <= value <= MOST_SECONDS:
        raise ad.line.wrong(f"expected seconds from 0 to {MOST_SECONDS:g}, not {value:g}", name)
    return value


def _account(job: JobNumbers) -> str:
    group, user = _string(job, "AcctGroup"), _string(job, "AcctGroupUser") or _string(job, "Owner")
    return _string(job, "AccountingGroup") or (f"{group}.{user}" if group and user else "")


def _requirements(ad: Ad, job: JobNumbers, tally: Tally) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """The job's Requirements and what they read of it; None where there are none or the gate refuses them."""
    text = job.text("Requirements")
    if text is None:
        return None, ()
    wanted = reads(ad.texts, ("Requirements",), SIZES) - _SIZES
    attributes = tuple(sorted((name.lower(), text) for name, text in ad.texts.items() if name.lower() in wanted))
    if gated(text, "", attributes):
        tally.assumed["usual Requirements, as those of the job are refused"] += 1
        return None, ()
    return text, attributes


def _string(job: JobNumbers, name: str) -> str:
    text = job.text(name)
    return classad.unquote(text) if text is not None and len(text) < 4096 else ""
