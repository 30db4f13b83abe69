"""RE2 for users' Jobs: what keeps them is named, all of it and nothing else, for one pod and for several at once."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import msgspec
import pytest

from fedsched.matchmaker.model import JobShape, Memory, QueuedJob, ScheddView, Taint, Toleration
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import SEEN, T0, demand, group, member, res, snapshot, terms
from tests.properties import test_reasons as of_startds
from tests.properties.test_reasons import (
    Fact,
    Step,
    World,
    all_of,
    decide,
    memory,
    named,
    of_group,
    of_terms,
    rooms,
    share,
    standing,
    view,
)

TAKES = {"forms": ("startd-job", "job")}
TAINT = Taint("dedicated", "other", "NoSchedule")


def base(pods: int = 1, **asked: Any) -> World:
    """Three Jobs of one kind in a queue, one member with two nodes that have room for them."""
    there = member("m1", group("g", 2, res(8, 32, 100, pods=50)))
    who = demand().principal
    kind = demand(
        "k",
        idle=0,
        request=asked.pop("request", res(4, 8)),
        pool="",
        schedd="hub",
        job=JobShape("lab", pods, gang=pods > 1),
        **asked,
    )
    jobs = tuple(QueuedJob(f"lab/{n}", f"uid-{n}", who, "k", T0 - 100) for n in "abc")
    queue = ScheddView("hub", "", seen_at=T0, reads=5, kind="jobs", classes=(kind,), jobs=jobs)
    snap = snapshot(members=(there,), schedds=(queue,), terms=(terms("m1", **TAKES),))
    return msgspec.structs.replace(snap, memory=Memory(cycle=3, at=T0 - 5, since=T0 - 900)), of_startds.WIDE


def shape(**changes: Any) -> Step:
    """Its Jobs ask for something else beside resources."""

    def step(world: World) -> World:
        snap, policy = world
        views = tuple(
            msgspec.structs.replace(
                s,
                classes=tuple(
                    msgspec.structs.replace(d, job=msgspec.structs.replace(d.job or JobShape(), **changes))
                    for d in s.classes
                ),
            )
            for s in snap.observation.schedds
        )
        return msgspec.structs.replace(
            snap, observation=msgspec.structs.replace(snap.observation, schedds=views)
        ), policy

    return step


def of_jobs(**changes: Any) -> Step:
    """[jobs] of the member's file says something else beside what it says."""

    def step(world: World) -> World:
        snap, policy = world
        new = tuple(
            msgspec.structs.replace(one, jobs=msgspec.structs.replace(one.jobs, **changes)) for one in snap.terms
        )
        return msgspec.structs.replace(snap, terms=new), policy

    return step


def unseen(*names: str, since: float = T0 - 50) -> Step:
    """Our memory is younger than the Jobs, and these members were not seen since."""

    def step(world: World) -> World:
        snap, policy = memory(since=since)(world)
        more = tuple(member(name, group("g", 0, res(0)), at=T0) for name in names if name != "m1")
        members = tuple(
            msgspec.structs.replace(one, seen_at=T0 if one.name not in names else since - 1)
            for one in (*snap.observation.members, *more)
        )
        files = (*snap.terms, *(terms(one.name, **TAKES) for one in more))
        seen = msgspec.structs.replace(snap.observation, members=members)
        return msgspec.structs.replace(snap, observation=seen, terms=files), policy

    return step


NAMES = (("ConfigMap", "a"), ("PersistentVolumeClaim", "w"))
ALLOWS = ("ConfigMap/*", "PersistentVolumeClaim/*")
SHARED = (
    *("no room", "kept free", "quota", "ceiling", "trial", "in flight", "silent", "lost", "stale capacity"),
    *("no anchor", "stale schedd", "principal's ceiling", "cordon", "drain", "pause", "deny", "observe"),
    *("nodes cordoned", "clause", "member's requirements", "too small", "principal", "limit range", "failing fast"),
    *("tier closed", "credential", "group's quota", "group's limit", "borrowing", "gate", "scattered"),
)
"""Facts of startds that keep a Job of one pod in the same way."""
FACTS: dict[str, Fact] = {
    **{name: of_startds.FACTS[name] for name in SHARED},
    "namespace": Fact((Cause.NAMESPACE_REFUSED,), of_jobs(namespaces=("reana",)), of_jobs(namespaces=("reana", "la*"))),
    "object not allowed": Fact(
        (Cause.OBJECT_MISSING,),
        all_of(shape(objects=NAMES[:1]), view(objects=NAMES)),
        of_jobs(objects=ALLOWS),
        of_jobs(objects=("ConfigMap/b",)),
    ),
    "object missing": Fact(
        (Cause.OBJECT_MISSING,),
        all_of(shape(objects=NAMES[:1]), of_jobs(objects=ALLOWS)),
        view(objects=NAMES),
        view(objects=NAMES[1:]),
    ),
    "object not copied": Fact(
        (Cause.OBJECT_MISSING,), shape(objects=NAMES[:1]), of_jobs(copied=("ConfigMap",)), of_jobs(copied=("Secret",))
    ),
    "two objects": Fact(
        (Cause.OBJECT_MISSING, Cause.OBJECT_MISSING),
        all_of(shape(objects=NAMES), of_jobs(objects=ALLOWS)),
        view(objects=NAMES),
        view(objects=NAMES[1:]),
    ),
    "field": Fact(
        (Cause.FIELD_REFUSED,),
        shape(grants=("hostPath=/cvmfs spec.template.spec.volumes[0].hostPath",)),
        of_jobs(grants=("hostPath=/cvmfs",)),
        of_jobs(grants=("hostNetwork", "hostPath=/data")),
    ),
    "two fields": Fact(
        (Cause.FIELD_REFUSED, Cause.FIELD_REFUSED),
        shape(grants=("hostNetwork spec.template.spec.hostNetwork", "privileged x.privileged")),
        of_jobs(grants=("hostNetwork", "privileged")),
        of_jobs(grants=("hostNetwork",)),
    ),
    "images": Fact(
        (Cause.IMAGE_REFUSED,),
        all_of(shape(images=("x/y:1", "z/a:1")), of_terms(images=("z/*",))),
        of_terms(images=("z/*", "x/*")),
        of_terms(images=("z/*", "x/z*")),
    ),
    "own taint": Fact(
        (Cause.TAINTED,),
        all_of(of_group(barred=(TAINT,)), shape(tolerations=(Toleration("dedicated", "Exists", "", ""),))),
        of_jobs(tolerations=("dedicated",)),
        of_jobs(tolerations=("gpu",)),
    ),
    "taint not tolerated": Fact(
        (Cause.TAINTED,),
        all_of(of_group(barred=(TAINT,)), of_jobs(tolerations=("*",))),
        shape(tolerations=(Toleration("dedicated", "Equal", "other", "NoSchedule"),)),
        shape(tolerations=(Toleration("dedicated", "Equal", "ours", "NoSchedule"),)),
    ),
    "too many pods": Fact(
        (Cause.TOO_MANY_PODS,), shape(pods=9, gang=True), shape(pods=2, gang=True), shape(pods=5, gang=True)
    ),
    "pods together": Fact(
        (Cause.NO_ROOM,),
        all_of(shape(pods=4, gang=True), rooms(res(8, 24, 100, pods=50), res(4, 8, 100, pods=50))),
        rooms(res(8, 24, 100, pods=50), res(8, 16, 100, pods=50)),
        rooms(res(8, 24, 100, pods=50), res(7, 16, 100, pods=50)),
    ),
    "pods and none fits": Fact(
        (Cause.NO_ROOM,),
        all_of(shape(pods=2, gang=True), rooms(res(1, 24, 100, pods=50))),
        rooms(res(8, 24, 100, pods=50)),
        rooms(res(4, 24, 100, pods=50)),
    ),
    "quota of pods": Fact(
        (Cause.QUOTA_FULL,),
        all_of(shape(pods=3, gang=True), of_startds.quota(8000)),
        of_startds.quota(12_000),
        of_startds.quota(11_000),
    ),
    "ceiling of pods": Fact(
        (Cause.CEILING_REACHED,),
        all_of(shape(pods=3, gang=True), of_startds.ceiling(16)),
        of_startds.ceiling(24),
        of_startds.ceiling(23),
    ),
    "group's limit of pods": Fact(
        (Cause.GROUP_LIMIT,),
        all_of(
            shape(pods=3, gang=True),
            share("physics", limit=Resources(cpu_milli=8000), limit_names=frozenset({"cpu_milli"})),
        ),
        share("physics", limit=Resources(cpu_milli=12_000), limit_names=frozenset({"cpu_milli"})),
        share("physics", limit=Resources(cpu_milli=11_999), limit_names=frozenset({"cpu_milli"})),
    ),
    "form": Fact((Cause.FORM_REFUSED,), of_terms(forms=("startd-job",)), of_terms(forms=("job",))),
    "backing off": Fact(
        (Cause.BACKING_OFF,),
        memory(pairs={"m1/g/(jobs)": msgspec.structs.replace(SEEN, failures=3, closed_until=T0 + 100)}),
        memory(pairs={}),
    ),
    "rebuilding": Fact((Cause.REBUILDING,), unseen("m1"), unseen(), unseen("m1", since=T0 - 60)),
    "rebuilding two": Fact((Cause.REBUILDING, Cause.REBUILDING), unseen("m1", "m9"), unseen(), unseen("m9")),
}


def built(*names: str) -> World:
    world = base()
    for name in names:
        world = FACTS[name].add(world)
    return world


def without(world: World, *names: str) -> World:
    for name in names:
        world = FACTS[name].relieve(world)
    return world


@pytest.mark.parametrize("pods", [1, 2, 4])
def test_without_any_fact_in_the_way_every_job_is_placed_with_all_its_pods(pods: int) -> None:
    plan, report = decide(base(pods=pods, request=res(1)))
    assert (report.idle, report.placed, report.unmet, report.why) == (3, 3, 0, None)
    assert [held.nodes for held in plan.held] == [pods] * 3


@pytest.mark.parametrize("name", FACTS)
def test_one_fact_in_the_way_of_jobs_is_named_alone_and_removing_it_changes_the_verdict(name: str) -> None:
    fact, world = FACTS[name], built(name)
    _, report = decide(world)
    assert (report.placed, report.unmet) == (0, 3)
    assert named(report) == sorted(fact.causes)
    assert standing(without(world, name)) > standing(world)


@pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if fact.half])
def test_changing_a_fact_in_the_way_of_jobs_too_little_changes_nothing(name: str) -> None:
    fact, world = FACTS[name], built(name)
    assert fact.half
    assert standing(fact.half(world)) == standing(world)


NOW = (
    "pods together",
    "kept free",
    "in flight",
    "no anchor",
    "stale schedd",
    "backing off",
    "credential",
)
EVER = (
    *("clause", "principal", "limit range", "namespace", "object missing", "field", "own taint", "images"),
    *("too many pods", "form"),
)
APART = {frozenset({"pods together", "kept free"})}
PAIRS = [pair for kind in (NOW, EVER) for pair in combinations(kind, 2) if frozenset(pair) not in APART]


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_two_facts_in_the_way_of_jobs_are_both_named_and_only_both_together_help(pair: tuple[str, str]) -> None:
    world = built(*pair)
    _, report = decide(world)
    assert named(report) == sorted(FACTS[pair[0]].causes + FACTS[pair[1]].causes)
    now = standing(world)
    for one in pair:
        assert standing(without(world, one)) == now
    assert standing(without(world, *pair)) > now
