"""Kubernetes Jobs in a simulated queue, and copies of them made by hand, for tests of the simulated world."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.matchmaker.model import CreateObject, DeleteObject, ObjectView, Outcome, QueuedJob, TellJob
from fedsched.sim.scenario import SimJob, SimMember
from fedsched.sim.world import SimWorld
from tests.sim.builders import ANN, JOB, member, placement, world


def sim_job(name: str = "a", **more: Any) -> SimJob:
    base = SimJob(f"lab/{name}", 0.0, "hub", ANN, JOB, 100.0)
    return msgspec.structs.replace(base, **more)


def hub(*jobs: SimJob, members: tuple[SimMember, ...] = (), **more: Any) -> SimWorld:
    """A world in which these Jobs have just come."""
    made = world(*(members or (member(),)), batches=(), queued=jobs, **more)
    made.sleep(2.0)
    return made


def job(made: SimWorld, name: str = "a") -> QueuedJob:
    return next(one for one in made.observe(made.now()).schedds[-1].jobs if one.id == f"lab/{name}")


def copy(made: SimWorld, name: str = "a", number: int = 1, **more: Any) -> Outcome:
    """A copy of that Job at m1."""
    its = job(made, name)
    base = placement(made.now(), number, "job")
    of = {"job": its.id, "job_uid": its.uid, "schedd": "hub", "pods": made.queues["hub"].every[its.uid].work.pods}
    return made.act(CreateObject("m1", msgspec.structs.replace(base, **(of | more))))


def seen(made: SimWorld, number: int = 1) -> ObjectView:
    return next(one for one in made.observe(made.now()).objects if one.name == f"fs-p-{number}")


def delete(made: SimWorld, number: int = 1, version: str = "") -> Outcome:
    there = seen(made, number)
    return made.act(DeleteObject("m1", there.placement_id, there.name, "Job", there.uid, version))


def tell(made: SimWorld, name: str = "a", version: str = "", **status: Any) -> Outcome:
    its = job(made, name)
    now = msgspec.structs.replace(its.status, **status)
    return made.act(TellJob("hub", its.id, its.uid, version or its.resource_version, now))
