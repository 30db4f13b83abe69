"""Builders of queues of Jobs and their copies, for tests of the matchmaker."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import (
    Change,
    DemandClass,
    Held,
    JobShape,
    JobStatus,
    Memory,
    ObjectView,
    Plan,
    PodView,
    Policy,
    Principal,
    QueuedJob,
    ScheddView,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from tests.matchmaker.builders import T0, demand, held, member, placement, pod, res, snapshot, terms, thing

ALICE = Principal("physics", "alice@b")
RUNS = JobStatus(active=1, ready=1, started_at=T0 - 30)


def kind(key: str = "c1", pods: int = 1, **more: Any) -> DemandClass:
    shape = more.pop("shape", JobShape(namespace="lab", pods=pods))
    return demand(key, idle=0, request=more.pop("request", res()), pool="", schedd="hub", job=shape, **more)


def queued(name: str = "a", **more: Any) -> QueuedJob:
    base = QueuedJob(f"lab/{name}", f"uid-of-{name}", ALICE, "c1", T0 - 100, resource_version="7")
    return msgspec.structs.replace(base, **more)


def queue(*jobs: QueuedJob, classes: tuple[DemandClass, ...] = (), **more: Any) -> ScheddView:
    base = ScheddView("hub", "", seen_at=T0, reads=5, kind="jobs", classes=classes or (kind(),), jobs=jobs)
    return msgspec.structs.replace(base, **more)


def copied(name: str = "a", id_: str = "1-1", member: str = "m1", **more: Any) -> Held:
    """A copy of a Job that runs, unless `more` says otherwise; fields of its placement come in `of`."""
    of = {"job": f"lab/{name}", "job_uid": f"uid-of-{name}", "pool": "", "schedd": "hub", "lifetime_s": 600}
    of |= more.pop("of", {})
    base = held(placement(id_, member, form="job", **of), "claimed", job_started_at=T0 - 40, claims=1)
    return msgspec.structs.replace(base, **more)


def copy_of(mine: Held, *pods: PodView, **more: Any) -> ObjectView:
    status = more.pop("status", RUNS)
    seen = thing(mine.placement, *pods, kind="Job", status=status)
    return msgspec.structs.replace(seen, **more)


def running(mine: Held, **more: Any) -> ObjectView:
    return copy_of(mine, pod(f"fs-{mine.placement.id}-x"), **more)


def world(*jobs: QueuedJob, mine: tuple[Held, ...] = (), **more: Any) -> Snapshot:
    """A snapshot with a queue of these Jobs and these copies in memory; one member that takes Jobs."""
    members = more.pop("members", (member(),))
    mode = more.pop("terms", tuple(terms(one.name, forms=("startd-job", "job")) for one in members))
    memory = more.pop("memory", Memory(cycle=3, at=T0 - 5, since=T0 - 1000, held=mine))
    schedds = more.pop("schedds", (queue(*jobs),))
    return snapshot(schedds=schedds, members=members, terms=mode, memory=memory, **more)


def decide(snap: Snapshot, policy: Policy | None = None) -> tuple[Plan, tuple[Change, ...]]:
    plan = negotiate(snap, policy or Policy())
    return plan, changes(snap.observation, plan)
