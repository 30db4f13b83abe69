"""A small federation whose members take users' Jobs beside startds, or Jobs alone; its future can be worked out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedsched.journal import Recorded
from fedsched.matchmaker.model import Form, MemberTerms, Policy, Principal
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import Faults, Scenario, SimJob, SimMember, SimNodeGroup, TraceJob, Window
from fedsched.study.run import How, SimRun
from tests.forecast.small import JOB, NODE, RUNS_S

FORMS: tuple[Form, ...] = ("startd-job", "job")


def queued(who: Principal, count: int, runs_s: float = RUNS_S, **more: object) -> tuple[SimJob, ...]:
    """Kubernetes Jobs alike that all come at once."""
    name = who.user.partition("@")[0]
    given = {"request": JOB, "deadline_s": 7200, **more}
    return tuple(
        SimJob(f"{name}/step-{number:02d}", 0.0, "hub", who, runs_s=runs_s, **given)  # type: ignore[arg-type]  # a builder
        for number in range(count)
    )


def scenario(
    work: tuple[SimJob, ...],
    members: int = 1,
    nodes: int = 1,
    jobs: tuple[TraceJob, ...] = (),
    silent_from: float = 0.0,
) -> Scenario:
    """Members of equal nodes; from `silent_from` on the first one is silent, 0 for never."""
    faults = Faults(silent=(Window(silent_from, float("inf")),)) if silent_from else Faults()
    made = tuple(
        SimMember(
            MemberTerms(
                f"m{number + 1}", mode="on", image="worker", forms=FORMS, pod_overhead=Resources(memory_mib=64)
            ),
            (SimNodeGroup("std", nodes, NODE),),
            pull_s=10.0,
            faults=faults if number == 0 else Faults(),
        )
        for number in range(members)
    )
    return Scenario(made, jobs=jobs, queued=work)


class Begun:
    """When the first pod of each Job really ran, epoch seconds, as cycles saw it."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def see(self, recorded: Recorded) -> None:
        """Take note of one cycle."""
        for thing in recorded.observation.objects:
            starts = [pod.started_at for pod in thing.pods if pod.started_at is not None]
            if starts and thing.placement is not None:
                self.at.setdefault(thing.placement.job, min(starts))


@contextmanager
def with_jobs(folder: Path, made: Scenario, rules: Policy, begun: Begun | None = None) -> Iterator[SimRun]:
    """A run of it, at its beginning."""
    told = (begun.see,) if begun is not None else ()
    run = SimRun(made, rules, folder, 4, How(cycle_s=20.0, told=told))
    try:
        yield run
    finally:
        run.close()
