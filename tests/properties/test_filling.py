"""FS6, FS7, MA2, P10: filling gives what one-at-a-time filling gives, in any order, and never more than there is."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import (
    Budgets,
    ConcurrencyLimit,
    DemandClass,
    Group,
    MemberView,
    NodeGroup,
    Plan,
    Policy,
    Principal,
    PrincipalTerms,
    Ramp,
    Room,
    Sharing,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import SEEN, T0, demand, group, member, res, schedd, snapshot, terms
from tests.properties.reference_filling import Node, Reference, free

RAMP = Ramp(first=10_000, max_starts=10_000)
GROUPS = ("", "hep", "hep.cms", "bio")
BARE = {"pod_overhead": Resources(), "budgets": Budgets(objects_in_flight=100_000)}

sizes = st.builds(
    lambda cpu, gib, gpus: res(cpu, gib, 1, gpus),
    st.sampled_from((1, 2, 4, 7)),
    st.sampled_from((1, 2, 8, 30)),
    st.sampled_from((0, 0, 0, 1)),
)
rooms = st.builds(
    lambda cpu, gib, gpus, nodes: Room(res(cpu, gib, 50, gpus, pods=20), nodes),
    st.integers(1, 12),
    st.integers(2, 40),
    st.sampled_from((0, 0, 2)),
    st.integers(1, 3),
)


@st.composite
def node_groups(draw: st.DrawFn, name: str) -> NodeGroup:
    bars = {room.free: room for room in draw(st.lists(rooms, min_size=1, max_size=3))}
    nodes = sum(room.nodes for room in bars.values())
    empty = draw(st.sampled_from((res(64, 256, 500, 8, pods=110), res(8, 30, 50, 1, pods=20))))
    return group(name, nodes, empty, rooms=tuple(sorted(bars.values())))


@st.composite
def classes(draw: st.DrawFn, index: int) -> DemandClass:
    idle = draw(st.integers(1, 12))
    urgent = draw(st.integers(0, idle))
    priorities = tuple((p, n) for p, n in ((5, urgent), (0, idle - urgent)) if n)
    who = Principal(draw(st.sampled_from(GROUPS)), draw(st.sampled_from(("ann@x", "bob@x"))))
    age = draw(st.integers(0, 3))
    return demand(
        f"c{index}",
        idle,
        draw(sizes),
        principal=who,
        oldest_at=T0 - 100 * age,
        priorities=priorities,
        schedd="schedd-b",
    )


@st.composite
def states(draw: st.DrawFn) -> tuple[Snapshot, Policy]:
    members = tuple(
        member(f"m{i}", *(draw(node_groups(f"g{j}")) for j in range(draw(st.integers(1, 2)))))
        for i in range(draw(st.integers(1, 3)))
    )
    asked = tuple(draw(classes(i)) for i in range(draw(st.integers(1, 6))))
    weights = draw(st.lists(st.sampled_from((1.0, 2.0, 5.0)), min_size=3, max_size=3))
    groups = tuple(Group(path, weight=w) for path, w in zip(GROUPS[1:], weights, strict=True))
    factors = (PrincipalTerms("*ann@x", factor=draw(st.sampled_from((1.0, 3.0)))),)
    sharing = Sharing(slot_weight=draw(st.sampled_from(("", "Cpus"))))
    policy = Policy(ramp=RAMP, groups=groups, principals=factors, sharing=sharing)
    return state(members, asked), policy


def state(members: tuple[MemberView, ...], asked: tuple[DemandClass, ...]) -> Snapshot:
    """A snapshot in which nothing but room and shares decides."""
    snap = snapshot(
        members=members, schedds=(schedd(*asked),), terms=tuple(terms(view.name, mode="on", **BARE) for view in members)
    )
    pairs = {f"{view.name}/{one.name}/": SEEN for view in members for one in view.node_groups}
    return msgspec.structs.replace(snap, memory=msgspec.structs.replace(snap.memory, pairs=pairs))


def placed(plan: Plan) -> Counter[tuple[str, str, str]]:
    new = [held.placement for held in plan.held]
    return Counter((one.class_key, one.member, one.node_group) for one in new)


def reference(snap: Snapshot, plan: Plan) -> Reference:
    nodes = [
        Node(view.name, one.name, free(room.free), free(one.allocatable))
        for view in snap.observation.members
        for one in view.node_groups
        for room in one.rooms
        for _ in range(room.nodes)
    ]
    asked = [d for view in snap.observation.schedds for d in view.classes]
    lines = {line.path: line for line in plan.shares}
    return Reference(nodes, asked, lines, {d.key: d.request.cpu_milli for d in asked})


@settings(max_examples=150, deadline=None)
@given(states())
def test_turns_give_what_one_at_a_time_filling_gives(drawn: tuple[Snapshot, Policy]) -> None:
    snap, policy = drawn
    policy = msgspec.structs.replace(policy, sharing=Sharing(slot_weight="Cpus"))
    plan = negotiate(snap, policy)

    assert placed(plan) == reference(snap, plan).run()


@settings(max_examples=80, deadline=None)
@given(states(), st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_seen_does_not_matter(drawn: tuple[Snapshot, Policy], chance: object) -> None:
    snap, policy = drawn
    seen = snap.observation
    shuffle = chance.shuffle  # type: ignore[attr-defined]  # Hypothesis types its Random as object
    members, asked = list(seen.members), list(seen.schedds[0].classes)
    shuffle(members)
    shuffle(asked)
    groups = list(policy.groups)
    shuffle(groups)
    other = state(tuple(members), tuple(asked))

    turned = negotiate(other, msgspec.structs.replace(policy, groups=tuple(groups)))

    assert placed(turned) == placed(negotiate(snap, policy))


@settings(max_examples=150, deadline=None)
@given(states())
def test_nothing_usable_stays_idle_and_every_unmet_job_has_a_reason(drawn: tuple[Snapshot, Policy]) -> None:
    snap, policy = drawn
    policy = msgspec.structs.replace(policy, sharing=Sharing(slot_weight="Cpus"))
    plan = negotiate(snap, policy)
    left = reference(snap, plan)
    assert placed(plan) == left.run()
    for node in left.nodes:
        assert all(amount >= 0 for amount in node.free.values()), "more is placed on a node than it has"
    for report in plan.classes:
        asked = next(d for d in left.classes if d.key == report.key)
        assert report.served + report.placed + report.unmet == report.idle
        if report.unmet:
            assert report.why is not None
            assert not any(_fits(asked, n.free) for n in left.nodes)


def _fits(asked: DemandClass, room: dict[str, int]) -> bool:
    return all(room[name] >= amount for name, amount in asked.request.items())


@settings(max_examples=60, deadline=None)
@given(states())
def test_a_plan_carried_out_and_looked_at_again_asks_for_nothing_more(drawn: tuple[Snapshot, Policy]) -> None:
    snap, policy = drawn
    first = negotiate(snap, policy)
    assume(first.held)

    again = negotiate(msgspec.structs.replace(snap, memory=first.memory), policy)

    assert {h.placement.id for h in again.held} == {h.placement.id for h in first.held}


def test_a_thousand_small_jobs_behind_a_hundred_impossible_ones_start_in_the_first_cycle() -> None:
    stuck = demand("gpu", 100, res(1, 1, 1, gpus=8), oldest_at=T0 - 10_000, priorities=((50, 100),))
    small = demand("cpu", 1000, res(1, 1), oldest_at=T0 - 10)
    snap = state((member("m1", group("g", 20, res(64, 256, 500, 4, pods=110))),), (stuck, small))

    plan = negotiate(snap, Policy(ramp=RAMP))

    assert placed(plan) == {("cpu", "m1", "g"): 1000}


def test_a_floor_inside_a_group_is_not_eaten_by_many_small_principals_beside_it() -> None:
    """FS1: a group's own principals together are one child beside its groups."""
    groups = (
        Group("q", quota=res(8), quota_names=frozenset({"cpu_milli"})),
        Group("q.x", quota=res(7), quota_names=frozenset({"cpu_milli"})),
    )
    inside = demand("owed", 20, res(1, 1), principal=Principal("q.x", "owner@x"))
    small = tuple(demand(f"c{i}", 20, res(1, 1), principal=Principal("q", f"p{i}@x")) for i in range(6))
    snap = state((member("m1", group("g", 1, res(8, 64, 100, pods=110))),), (inside, *small))

    plan = negotiate(snap, Policy(ramp=RAMP, groups=groups, sharing=Sharing(slot_weight="Cpus")))

    assert placed(plan)["owed", "m1", "g"] == 7


@settings(max_examples=60, deadline=None)
@given(states(), st.integers(0, 12), st.integers(0, 12), st.integers(1, 5))
def test_no_round_passes_a_quota_a_limit_or_a_concurrency_limit(
    drawn: tuple[Snapshot, Policy], quota: int, limit: int, licences: int
) -> None:
    """FS1, Q5, Q7: hep's quota is its ceiling, bio has a limit, and every job needs one of few licences."""
    snap, policy = drawn
    cpu = frozenset({"cpu_milli"})
    groups = (Group("hep", quota=res(quota), quota_names=cpu), Group("bio", limit=res(limit), limit_names=cpu))
    asked = tuple(
        msgspec.structs.replace(one, concurrency=(("licence", 1),) if one.principal.group == "" else ())
        for one in snap.observation.schedds[0].classes
    )
    limits = (ConcurrencyLimit("licence", licences),)

    plan = negotiate(
        state(snap.observation.members, asked), msgspec.structs.replace(policy, groups=groups, limits=limits)
    )

    cores: Counter[str] = Counter()
    for held in plan.held:
        cores[held.placement.principal.group.partition(".")[0]] += held.placement.size.cpu_milli
    assert cores["hep"] <= quota * 1000
    assert cores["bio"] <= limit * 1000
    assert sum(held.placement.principal.group == "" for held in plan.held) <= licences
    for report in plan.classes:
        assert not report.unmet or report.why is not None
