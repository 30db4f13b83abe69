"""A small federation whose future can be worked out by hand: one node, jobs of known length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedsched.matchmaker.model import MemberTerms, Policy, Principal, PrincipalTerms, Ramp, Startds
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import Scenario, SimMember, SimNodeGroup, TraceJob
from fedsched.study.run import How, SimRun

ANN, BEN = Principal("hep", "ann@site"), Principal("hep", "ben@site")
NODE = Resources(4000, 16_384, 102_400, 0, 110)
JOB = Resources(1000, 2048, 1024, 0, 1)
RUNS_S = 600.0
QUICK = Ramp(first=32, ramp_interval_s=30.0, max_starts=100)


def jobs(who: Principal, count: int, at: float = 0.0, runs_s: float = RUNS_S) -> tuple[TraceJob, ...]:
    """Jobs alike that all come at once."""
    cluster = 1 if who == ANN else 2
    return tuple(TraceJob(f"{cluster}.{proc}", at, "ce1", who, JOB, runs_s) for proc in range(count))


def policy(factor: float = 1.0, **startds: float) -> Policy:
    """Quick growth; `factor` is Ben's."""
    terms = (PrincipalTerms("hep.ben@site", factor=factor),)
    return Policy(ramp=QUICK, principals=terms, startds=Startds(**{"idle_s": 120, **startds}))  # type: ignore[arg-type]  # a builder


@contextmanager
def living(folder: Path, work: tuple[TraceJob, ...], rules: Policy, nodes: int = 1) -> Iterator[SimRun]:
    """A run of it, at its beginning."""
    terms = MemberTerms("m1", mode="on", image="worker", pod_overhead=Resources(memory_mib=64))
    member = SimMember(terms, (SimNodeGroup("std", nodes, NODE),), pull_s=10.0)
    run = SimRun(Scenario((member,), jobs=work), rules, folder, 4, How(cycle_s=20.0))
    try:
        yield run
    finally:
        run.close()


def started_s(run: SimRun, job: str, since: float) -> float:
    """When a job really started, in seconds after `since`."""
    found = next(one for schedd in run.world.schedds for one in schedd.jobs if one.id == job)
    assert found.first_claimed_at is not None
    return found.first_claimed_at - since
