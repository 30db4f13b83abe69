"""Builders of nouns for tests of the matchmaker: say what matters, the rest is plausible."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.matchmaker.model import (
    DemandClass,
    Held,
    JobLength,
    MemberTerms,
    MemberView,
    Memory,
    NodeGroup,
    ObjectView,
    Observation,
    PairMemory,
    Placement,
    PodView,
    PoolView,
    Principal,
    Room,
    ScheddView,
    SlotView,
    Snapshot,
)
from fedsched.matchmaker.resources import Resources

T0 = 1_800_000_000.0
SEEN = PairMemory(attributes=(("Arch", '"X86_64"'),), seen_at=T0)
"""A pair on which a real slot was seen: nothing is held back by a probe (MA6)."""


def res(cpu: float = 1, gib: float = 2, disk_gib: float = 1, gpus: int = 0, pods: int = 1) -> Resources:
    return Resources(int(cpu * 1000), int(gib * 1024), int(disk_gib * 1024), gpus, pods)


def demand(key: str = "c1", idle: int = 1, request: Resources | None = None, **more: Any) -> DemandClass:
    base = DemandClass(
        key=key,
        pool="a",
        schedd="schedd-b",
        principal=Principal("physics", "alice@b"),
        request=request or res(),
        length=JobLength(600, "assumed"),
        idle=idle,
        priorities=((0, idle),),
        examples=("1.0",),
        oldest_at=T0 - 100,
    )
    return msgspec.structs.replace(base, **more)


def schedd(*classes: DemandClass, name: str = "schedd-b", seen_at: float | None = T0, reads: int = 5) -> ScheddView:
    return ScheddView(name, "a", seen_at=seen_at, reads=reads, classes=classes)


def group(name: str = "g", nodes: int = 10, free: Resources | None = None, **more: Any) -> NodeGroup:
    free = free or res(8, 32, 100, pods=100)
    base = NodeGroup(name, free, nodes, nodes, 0, (Room(free, nodes),))
    return msgspec.structs.replace(base, **more)


def member(name: str = "m1", *groups: NodeGroup, at: float = T0, **more: Any) -> MemberView:
    base = MemberView(
        name, contact="ok", contact_at=at, seen_at=at, node_groups=groups or (group(),), anchor_uid=f"anchor-{name}"
    )
    return msgspec.structs.replace(base, **more)


def terms(name: str = "m1", **more: Any) -> MemberTerms:
    return msgspec.structs.replace(MemberTerms(name, mode="on"), **more)


def placement(id_: str = "1-1", member: str = "m1", **more: Any) -> Placement:
    base = Placement(
        id=id_,
        member=member,
        node_group="g",
        form="startd-job",
        pool="a",
        schedd="schedd-b",
        principal=Principal("physics", "alice@b"),
        class_key="c1",
        size=res(),
        created_at=T0 - 50,
        expires_at=T0 + 50_000,
        lifetime_s=43_200,
        retire_s=1800,
        idle_s=300,
        first_refusal_s=300,
        epoch=1,
    )
    return msgspec.structs.replace(base, **more)


def held(place: Placement | None = None, phase: str = "unclaimed", **more: Any) -> Held:
    base = Held(place or placement(), phase, T0 - 40, written_at=T0 - 50, uid="uid-1")  # type: ignore[arg-type]  # tests pass literals
    return msgspec.structs.replace(base, **more)


def pod(name: str = "fs-1-1-abc", phase: str = "running", **more: Any) -> PodView:
    base = PodView(name, f"uid-{name}", "7", phase, node="n1", created_at=T0 - 45, started_at=T0 - 40)  # type: ignore[arg-type]  # tests pass literals
    return msgspec.structs.replace(base, **more)


def thing(place: Placement | None = None, *pods: PodView, **more: Any) -> ObjectView:
    place = place or placement()
    base = ObjectView(
        place.object_name,
        "Job" if place.form == "startd-job" else "DaemonSet",
        "uid-1",
        "5",
        place.member,
        place.id,
        place.epoch,
        "digest",
        place.created_at,
        place,
        pods=pods,
    )
    return msgspec.structs.replace(base, **more)


def slot(place: Placement | None = None, pod_name: str = "fs-1-1-abc", **more: Any) -> SlotView:
    place = place or placement()
    base = SlotView(
        f"slot1@{pod_name}",
        "a",
        place.id,
        place.member,
        place.node_group,
        pod_name,
        place.size,
        msgspec.structs.replace(place.size, pods=0),
        T0,
        unclaimed_since=T0 - 10,
        started_at=T0 - 30,
        attributes=(("Arch", '"X86_64"'),),
    )
    return msgspec.structs.replace(base, **more)


def snapshot(**more: Any) -> Snapshot:
    """A snapshot at T0 with one member, one schedd with one idle job, a pool that answers; override by keyword."""
    at = more.pop("at", T0)
    members = more.pop("members", (member(at=at),))
    seen = Observation(
        at,
        schedds=more.pop("schedds", (schedd(demand(), seen_at=at),)),
        members=members,
        pools=more.pop("pools", (PoolView("a", seen_at=at, slots=more.pop("slots", ())),)),
        objects=more.pop("objects", ()),
    )
    base = Snapshot(seen, Memory(at=at - 5), tuple(terms(m.name) for m in members))
    return msgspec.structs.replace(base, **more)
