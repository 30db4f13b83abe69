"""Small simulated members, jobs, worlds and placements for the tests of the simulated world."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.model import CreateObject, Form, MemberTerms, Placement, Principal
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import Batch, Faults, Scenario, SimMember, SimNodeGroup, TraceJob
from fedsched.sim.schedd import Job
from fedsched.sim.world import SimWorld

ANN = Principal("hep", "ann@site")
NODE = Resources(8000, 32_768, 102_400, 0, 110)
JOB = Resources(2000, 4096, 1024, 0, 1)


def member(name: str = "m1", faults: Faults | None = None, nodes: int = 2) -> SimMember:
    terms = MemberTerms(name, mode="on", image="worker")
    return SimMember(terms, (SimNodeGroup("std", nodes, NODE),), pull_s=20.0, faults=faults or Faults())


def batch(count: int = 4, at: float = 0.0, runs_s: float = 120.0) -> Batch:
    return Batch(at, "ce1", ANN, count, JOB, runs_s)


def world(*members: SimMember, batches: tuple[Batch, ...] | None = None, **more: object) -> SimWorld:
    scenario = Scenario(members or (member(),), (batch(),) if batches is None else batches, **more)  # type: ignore[arg-type]  # a builder
    made = SimWorld(scenario, seed=3)
    for name in made.members:
        made.claim(name, 1)
    return made


def placement(at: float, number: int = 1, form: Form = "startd-job") -> Placement:
    return Placement(
        id=f"p-{number}",
        member="m1",
        node_group="std",
        form=form,
        pool="target",
        schedd="ce1",
        principal=ANN,
        class_key="k",
        size=msgspec.structs.replace(JOB, pods=0),
        created_at=at,
        expires_at=at + 7200,
        lifetime_s=3600,
        retire_s=600,
        idle_s=60,
        first_refusal_s=60,
        epoch=1,
        image="worker",
    )


def trace_job(number: int, at: float = 0.0, runs_s: float = 100.0, **more: object) -> TraceJob:
    return TraceJob(f"{number}.0", at, "ce1", ANN, JOB, runs_s, **more)  # type: ignore[arg-type]  # a builder


def place(made: SimWorld, *numbers: int, form: Form = "startd-job", **more: object) -> None:
    for number in numbers:
        wanted = msgspec.structs.replace(placement(made.now(), number, form), **more)
        assert made.act(CreateObject("m1", wanted)).result == "done"


def jobs(made: SimWorld) -> dict[str, Job]:
    return {job.id: job for schedd in made.schedds for job in schedd.jobs}
