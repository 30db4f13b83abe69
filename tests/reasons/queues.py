"""Random queues of users' Jobs put beside what startds serve: who asks, what members allow, copies that stand."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.matchmaker.model import (
    DemandClass,
    Held,
    JobLength,
    JobShape,
    JobStatus,
    JobTerms,
    MemberTerms,
    MemberView,
    ObjectView,
    PairMemory,
    Principal,
    QueuedJob,
    ScheddView,
    Snapshot,
    Toleration,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, demand, held, placement, pod, thing
from tests.reasons.luck import Luck

OBJECTS = (("ConfigMap", "settings"), ("PersistentVolumeClaim", "work"), ("Secret", "key"))
GRANTS = ("hostNetwork spec.template.spec.hostNetwork", "hostPath=/cvmfs spec.template.spec.volumes[0].hostPath")
SHAPES = ((1, 2), (1, 4), (2, 4), (4, 8), (8, 16))
CLAUSES = ('TARGET.Arch == "aarch64"', 'TARGET.FedschedRegion == "eu"', "TARGET.Memory >= 8192")


def with_queue(luck: Luck, snap: Snapshot, people: tuple[Principal, ...]) -> Snapshot:
    """The same moment with one queue of Jobs beside its schedds."""
    seen, memory = snap.observation, snap.memory
    kinds = tuple(some_kind(luck, f"kind{number}", people) for number in range(luck.one((3, 1), (2, 2))))
    jobs = tuple(job for kind in kinds for job in some_jobs(luck, kind))
    standing = [
        one
        for number in range(luck.one((3, 0), (2, 1), (1, 3)))
        for one in some_copy(luck, (seen.members, kinds), number)
    ]
    copied = tuple(one for one in standing if isinstance(one, Held))
    jobs = (*jobs, *(_of_copy(one) for one in copied))
    queue = ScheddView(
        "hub",
        "",
        seen_at=luck.one((20, T0), (1, T0 - 600)),
        reads=5,
        kind="jobs",
        classes=kinds,
        jobs=tuple(sorted(jobs, key=lambda job: job.id)),
    )
    objects = (*seen.objects, *(one for one in standing if isinstance(one, ObjectView)))
    views = tuple(_with_objects(luck, view) for view in seen.members)
    began = luck.one((12, T0 - 9000), (1, T0 - 250))
    memory = msgspec.structs.replace(
        memory, cycle=3, since=began, held=(*memory.held, *copied), pairs=dict(sorted(_pairs(luck, snap).items()))
    )
    return msgspec.structs.replace(
        snap,
        observation=msgspec.structs.replace(seen, schedds=(*seen.schedds, queue), objects=objects, members=views),
        terms=tuple(takes_jobs(luck, one) for one in snap.terms),
        memory=memory,
    )


def some_kind(luck: Luck, key: str, people: tuple[Principal, ...]) -> DemandClass:
    """Jobs alike; now and then of several pods, with objects, fields or a length of their own."""
    cores, gib = luck.choice(SHAPES)
    shape = JobShape(
        namespace=luck.choice(("lab", "lab", "reana")),
        pods=luck.one((4, 1), (2, 2), (1, 3), (0.5, 9)),
        gang=luck.now_and_then(0.3),
        images=luck.one((6, ("lab/x:1",)), (1, ("lab/x:1", "other/y:1"))),
        objects=tuple(sorted(luck.sample(OBJECTS, luck.one((8, 0), (1, 1), (1, 2))))),
        grants=tuple(sorted(luck.sample(GRANTS, luck.one((8, 0), (1, 1), (0.5, 2))))),
        tolerations=luck.one((4, ()), (1, (Toleration("site", "Exists", "", ""),))),
    )
    return demand(
        key,
        0,
        Resources(cores * 1000, gib * 1024, luck.choice((1, 1, 10)) * 1024, luck.one((12, 0), (1, 1)), 1),
        pool="",
        principal=luck.choice(people),
        schedd="hub",
        length=JobLength(luck.choice((600, 600, 5000, 40_000)), luck.choice(("assumed", "activeDeadlineSeconds"))),
        requirements=" && ".join(luck.sample(CLAUSES, luck.one((8, 0), (2, 1), (1, 2)))),
        job=shape,
    )


def some_jobs(luck: Luck, kind: DemandClass) -> tuple[QueuedJob, ...]:
    """Jobs of one kind that want to run; some of their owners have thought better of it."""
    assert kind.job is not None
    namespace, since = kind.job.namespace, T0 - luck.choice((100, 300))
    return tuple(
        QueuedJob(
            f"{namespace}/{kind.key}-{number}",
            f"uid-{kind.key}-{number}",
            kind.principal,
            kind.key,
            since,
            state=luck.one((12, "waiting"), (1, "suspended")),
            priority=luck.choice((0, 0, 5)),
        )
        for number in range(luck.one((3, 1), (2, 3), (1, 8)))
    )


def some_copy(
    luck: Luck, where: tuple[tuple[MemberView, ...], tuple[DemandClass, ...]], number: int
) -> tuple[Held | ObjectView, ...]:
    """A copy that stands: its pods wait for nodes, or run."""
    views, kinds = where
    view, kind = luck.choice(views), luck.choice(kinds)
    if not view.node_groups or kind.job is None:
        return ()
    shape = msgspec.structs.replace(kind.job, pods=min(kind.job.pods, 3))
    place = placement(
        f"2-{number}",
        view.name,
        node_group=luck.choice(view.node_groups).name,
        form="job",
        pool="",
        schedd="hub",
        principal=kind.principal,
        class_key=kind.key,
        size=kind.request,
        created_at=T0 - 900,
        job=f"{shape.namespace}/copied-{number}",
        job_uid=f"uid-copied-{number}",
        pods=shape.pods,
        gang=shape.gang,
    )
    names = [f"fs-{place.id}-{letter}" for letter in "abc"[: shape.pods]]
    if luck.now_and_then(0.3):
        waits = (pod(name, "pending", node=luck.choice(("", "n1")), started_at=None) for name in names)
        seen = thing(place, *waits, kind="Job", status=JobStatus(active=shape.pods, started_at=T0 - 100))
        return held(place, "starting", since=T0 - 100, nodes=shape.pods), seen
    runs = (pod(name, node=luck.choice(("n1", "n2")), started_at=T0 - 800) for name in names)
    status = JobStatus(active=shape.pods, ready=shape.pods, started_at=T0 - 850)
    stands = held(place, "claimed", since=T0 - 800, claims=shape.pods, claimed_at=T0 - 800, nodes=shape.pods)
    return msgspec.structs.replace(stands, job_started_at=T0 - 850), thing(place, *runs, kind="Job", status=status)


def _of_copy(copy: Held) -> QueuedJob:
    place = copy.placement
    return QueuedJob(place.job, place.job_uid, place.principal, place.class_key, T0 - 1000)


def takes_jobs(luck: Luck, file: MemberTerms) -> MemberTerms:
    """The file, which usually takes Jobs and what most of them name."""
    forms = luck.one((12, (*file.forms, "job")), (1, ("job",)), (1, file.forms))
    said: dict[str, Any] = {
        "objects": luck.one((4, ("*",)), (1, ("ConfigMap/*",)), (1, ())),
        "copied": luck.one((2, ()), (1, ("ConfigMap", "Secret"))),
        "tolerations": luck.one((2, ()), (1, ("*",))),
        "grants": luck.one((2, ("*",)), (1, ("hostPath=/cvmfs",)), (1, ())),
        "namespaces": luck.one((6, ()), (1, ("reana",))),
    }
    return msgspec.structs.replace(file, forms=forms, jobs=JobTerms(**said))


def _with_objects(luck: Luck, view: MemberView) -> MemberView:
    there = luck.sample(OBJECTS, luck.one((4, 3), (1, 2), (1, 0)))
    return msgspec.structs.replace(view, objects=tuple(sorted(there)))


def _pairs(luck: Luck, snap: Snapshot) -> dict[str, PairMemory]:
    """Places where Jobs failed of late, now and then."""
    pairs = dict(snap.memory.pairs)
    for view in snap.observation.members:
        for one in view.node_groups:
            if luck.now_and_then(0.05):
                failed = Reason(Cause.IMAGE_PULL, "pod", have="not found")
                pairs[f"{view.name}/{one.name}/(jobs)"] = PairMemory(
                    failures=3, closed_until=T0 + 100, last_failure=failed
                )
    return pairs
