"""FS6, FA9: users whose turns alternate get what they would get if each turn were looked at by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.fill.rotation import Again, Rotation
from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.model import (
    Budgets,
    Group,
    Plan,
    Policy,
    Principal,
    PrincipalTerms,
    Ramp,
    Ramping,
    Snapshot,
    Startds,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause
from tests.matchmaker.builders import T0, demand, group, member, res, schedd, snapshot, terms
from tests.matchmaker.plainly import one_at_a_time, place_by_place
from tests.matchmaker.test_room import known
from tests.matchmaker.test_runs import MANY, WIDE, federation
from tests.sameness import digest

PEOPLE = tuple(Principal(("physics", "bio")[number % 2], f"u{number}@x") for number in range(6))
CORES = frozenset({"cpu_milli"})


@contextmanager
def noted() -> Iterator[list[str]]:
    """Classes whose startds are noted, and "" for each turn that is looked at. All that is noted is counted at last."""
    found, plain, rotations = list[str](), Rotation.again, set[Rotation]()

    def seen(rotation: Rotation, turn: Turn) -> Again | None:
        rotations.add(rotation)
        again = plain(rotation, turn)
        found.append(turn.ask.demand.key if again is not None else "")
        return again

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rotation, "again", seen)
        yield found
    assert not any(rotation._noted for rotation in rotations)


def decided(seen: Snapshot, policy: Policy) -> tuple[Plan, int]:
    """The plan, which is the one of turns that are looked at one by one, and how many were noted."""
    with noted() as found:
        plan = negotiate(seen, policy)
    assert digest(plan) == digest(one_at_a_time(seen, policy))
    assert digest(plan) == digest(place_by_place(seen, policy))
    assert not any(one and one == other for one, other in pairwise(found)), "whose turn comes again has a row"
    return plan, sum(map(bool, found))


def alternating(
    *cores: float, its: dict[str, object] | None = None, idle: int = 20, nodes: int = 9, **more: object
) -> Snapshot:
    """One class for each, of so many cores; two members, of which the first has `its` file."""
    asked = [
        demand(f"c{number}", idle, res(one, 1), principal=PEOPLE[number], **more) for number, one in enumerate(cores)
    ]
    return federation(asked, its, nodes=nodes)


@pytest.mark.parametrize("cores", [(1, 1), (1, 2, 3), (4, 1, 2, 1)])
def test_of_users_who_alternate_most_startds_are_noted(cores: tuple[float, ...]) -> None:
    plan, count = decided(alternating(*cores), Policy(ramp=MANY))
    assert len(plan.held) == 20 * len(cores)
    assert count >= 10 * len(cores)


@pytest.mark.parametrize("most", [1, 2, 3, 7, 8])
def test_no_more_is_in_flight_than_may_be_and_others_are_told_at_once(most: int) -> None:
    """FA9: the other member is what is considered besides, and it shuts in the midst of a rotation."""
    its: dict[str, object] = {"budgets": Budgets(objects_in_flight=most)}
    plan, _ = decided(alternating(1, 1, 2, its=its), Policy(ramp=MANY))
    assert [held.placement.member for held in plan.held].count("m0") == most


@pytest.mark.parametrize("most", [3, 4, 9])
def test_two_node_groups_of_one_member_share_what_may_be_in_flight(most: int) -> None:
    """Ann's go to nodes with devices, Bob's to others; each considers the other member."""
    plain, devices = res(16, 64, 100, pods=30), res(8, 64, 100, 4, pods=30)
    views = (
        member("m0", group("g", 9, plain), group("x", 9, devices)),
        member("m1", group("g", 9, plain), group("x", 9, devices)),
    )
    files = (terms("m0", **{**WIDE, "budgets": Budgets(objects_in_flight=most)}), terms("m1", **WIDE))
    asked = (
        demand("a", 20, res(2), principal=PEOPLE[0]),
        demand("b", 20, res(2, 1, 1, 1), principal=PEOPLE[1]),
        demand("c", 20, res(1), principal=PEOPLE[2]),
    )
    plan, count = decided(known(snapshot(members=views, terms=files, schedds=(schedd(*asked),))), Policy(ramp=MANY))
    assert [held.placement.member for held in plan.held].count("m0") == most
    assert count


def test_a_probe_goes_alone() -> None:
    """MA6: of a node group whose slots nobody has seen."""
    seen = alternating(1, 1, 2)
    memory = msgspec.structs.replace(
        seen.memory, pairs={key: one for key, one in seen.memory.pairs.items() if "m0" not in key}
    )
    plan, count = decided(msgspec.structs.replace(seen, memory=memory), Policy(ramp=MANY))
    assert [held.placement.member for held in plan.held].count("m0") == 1
    assert count


def test_a_probe_goes_alone_also_where_nobody_looks_in_between() -> None:
    """Each can run at one member only, so that nothing that the other takes is considered."""
    seen = alternating(1, 1)
    asked = [
        demand(f"c{n}", 20, res(), principal=PEOPLE[n], requirements=f'TARGET.FedschedMember == "m{n}"') for n in (0, 1)
    ]
    memory = msgspec.structs.replace(
        seen.memory, pairs={key: one for key, one in seen.memory.pairs.items() if "m0" not in key}
    )
    observation = msgspec.structs.replace(seen.observation, schedds=(schedd(*asked),))
    plan, _ = decided(msgspec.structs.replace(seen, memory=memory, observation=observation), Policy(ramp=MANY))
    assert [held.placement.member for held in plan.held].count("m0") == 1


def test_who_is_larger_by_right_has_rows() -> None:
    policy = Policy(ramp=MANY, principals=(PrincipalTerms("u1@x", factor=3.0), PrincipalTerms("*u1@x", factor=3.0)))
    plan, count = decided(alternating(1, 1, 1, idle=40), policy)
    assert len(plan.held) == 120
    assert count


def test_what_was_noted_last_is_counted_before_anybody_is_told() -> None:
    """One may grow no more and steps aside first; another needs a whole node, and so all room was looked at before."""
    sizes = ((1, 3), (1, 3), (13, 3), (16, 1))
    asked = [demand(f"c{n}", idle, res(cores, 1), principal=PEOPLE[n]) for n, (cores, idle) in enumerate(sizes)]
    seen = federation(asked, nodes=1)
    memory = msgspec.structs.replace(seen.memory, ramps={"c2": Ramping(1, T0 + 60, 1)})
    plan, count = decided(msgspec.structs.replace(seen, memory=memory), Policy(ramp=MANY))
    assert count == 4
    told = next(report for report in plan.classes if report.key == "c2")
    assert {one.member: one.blocker and one.blocker.cause for one in told.members}["m0"] == Cause.NO_ROOM


def test_full_nodes_end_a_rotation_and_it_goes_on_elsewhere() -> None:
    plan, count = decided(alternating(5, 3, 4, idle=40, nodes=4), Policy(ramp=MANY))
    assert {held.placement.member for held in plan.held} == {"m0", "m1"}
    assert count


@pytest.mark.parametrize(
    ("policy", "memory"),
    [
        (Policy(ramp=Ramp(first=5, max_starts=1_000)), {}),
        (Policy(ramp=Ramp(first=1_000, max_starts=11)), {}),
        (Policy(ramp=MANY), {"ramps": {"c0": Ramping(9, T0 + 60, 6)}}),
        (Policy(ramp=MANY, groups=(Group("physics", limit=res(7), limit_names=CORES), Group("bio"))), {}),
        (Policy(ramp=MANY, startds=Startds(pack_cpu_milli=4_000)), {}),
    ],
    ids=["ramp", "together", "used", "limit", "packed"],
)
def test_limits_hold_in_the_midst_of_a_rotation(policy: Policy, memory: dict[str, object]) -> None:
    seen = alternating(1, 1, 2, 1)
    seen = msgspec.structs.replace(seen, memory=msgspec.structs.replace(seen.memory, **memory))
    _, count = decided(seen, policy)
    assert count


def test_the_next_job_of_another_priority_is_looked_at() -> None:
    plan, count = decided(alternating(1, 2, 1, idle=9, priorities=((5, 4), (0, 5))), Policy(ramp=MANY))
    assert {held.placement.priority for held in plan.held} == {0, 5}
    assert count


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from((0.5, 1, 1, 2, 5)), min_size=2, max_size=6),
    st.integers(1, 30),
    st.integers(1, 6),
    st.sampled_from((1_000, 9, 4)),
    st.sampled_from((0, 4_000)),
)
def test_rotations_are_turns_one_after_the_other(
    cores: list[float], idle: int, nodes: int, in_flight: int, pack: int
) -> None:
    its: dict[str, object] = {"budgets": Budgets(objects_in_flight=in_flight)}
    policy = Policy(ramp=MANY, startds=Startds(pack_cpu_milli=pack))
    _, count = decided(alternating(*cores, its=its, idle=idle, nodes=nodes), policy)
    event(f"{min(count, 20) // 5 * 5} or more noted")
