"""Builders of users' Jobs in queues, decided by the matchmaker itself, as answers read them."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.answers import Answerer, Beyond, View
from fedsched.journal import Recorded
from fedsched.matchmaker.model import (
    DemandClass,
    JobLength,
    JobShape,
    JobStatus,
    ObjectView,
    Order,
    Plan,
    PodView,
    Policy,
    Principal,
    QueuedJob,
    ScheddView,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from tests.matchmaker.builders import T0, member, res, snapshot, terms, thing

ALICE = Principal("physics", "alice@b")
FITS = "fits00000000"


def job(name: str = "fit", namespace: str = "default", **more: Any) -> QueuedJob:
    base = QueuedJob(f"{namespace}/{name}", f"uid-{namespace}-{name}", ALICE, FITS, T0 - 100, resource_version="7")
    return msgspec.structs.replace(base, **more)


def shape(**more: Any) -> DemandClass:
    """The class of Jobs: one pod each unless `more` says otherwise."""
    of_job = JobShape(namespace="default", images=("docker.io/library/busybox",), **more.pop("shape", {}))
    base = DemandClass(FITS, "", "hub", ALICE, res(), JobLength(600, "assumed"), 0, job=of_job)
    return msgspec.structs.replace(base, **more)


def queue(*jobs: QueuedJob, name: str = "hub", demand: DemandClass | None = None) -> ScheddView:
    wanted = msgspec.structs.replace(demand or shape(), schedd=name)
    ordered = tuple(sorted(jobs, key=lambda one: one.id))
    return ScheddView(name, "", seen_at=T0, reads=5, kind="jobs", classes=(wanted,), jobs=ordered)


def takes(name: str = "m1", **more: Any) -> Any:
    """The file of a member that runs Jobs."""
    return terms(name, forms=("job",), **more)


def cycle(*queues: ScheddView, at: float = T0, **more: Any) -> Snapshot:
    given = {"members": (member("m1", at=at),), "terms": (takes("m1"),), **more}
    members, of_members = given.pop("members"), given.pop("terms")
    return snapshot(members=members, terms=of_members, schedds=queues, at=at, **given)


def decided(snap: Snapshot) -> Plan:
    return negotiate(snap, Policy())


def copy_of(plan: Plan, *pods: PodView, **more: Any) -> ObjectView:
    """The object of the newest copy in a plan, as its member shows it."""
    place = max((one.placement for one in plan.held if one.placement.form == "job"), key=lambda p: p.created_at)
    fields = {"kind": "Job", "status": JobStatus(active=len(pods), started_at=T0 + 1), **more}
    return msgspec.structs.replace(thing(place, *pods), **fields)


def after(snap: Snapshot, plan: Plan, *things: ObjectView, seconds: float = 60.0, **more: Any) -> Snapshot:
    """The next cycle: the same queues and members, seen now, with these objects at members."""
    at = snap.at + seconds
    seen = snap.observation
    members = tuple(msgspec.structs.replace(one, seen_at=at, contact_at=at) for one in seen.members)
    schedds = tuple(msgspec.structs.replace(one, seen_at=at) for one in seen.schedds)
    fields = {"members": members, "schedds": schedds, "objects": things, "at": at, **more}
    return msgspec.structs.replace(snap, observation=msgspec.structs.replace(seen, **fields), memory=plan.memory)


def view(snap: Snapshot, plan: Plan | None = None, orders: tuple[Order, ...] = ()) -> View:
    return View(Recorded(snap, plan or decided(snap)), orders or snap.orders, 10.0, "journal", "fed")


def answers(of: View, beyond: Beyond | None = None) -> Answerer:
    return Answerer(of, lambda: of.plan.at + 4, beyond=beyond or Beyond())
