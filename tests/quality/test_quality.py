"""FS6, FS7, MA2: what a round reaches of what divisible units could, and that the plain ways place the same.

`python -m tests.bench quality` measures 200 cases of each kind; here are a dozen.
"""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from fedsched.matchmaker.model import MemberTerms, Plan, Policy, Ramp
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import demand, group, member, res, schedd, snapshot, terms
from tests.matchmaker.test_room import known
from tests.quality.bound import SURE, bound
from tests.quality.cases import TENTH, Case, case
from tests.quality.measure import decided, quality, same_one_by_one, same_place_by_place

DOZEN = range(12)
FEW = range(3)
"""Each of them is decided three times."""


@cache
def round_of(seed: int) -> tuple[Case, Plan]:
    its = case(seed)
    return its, decided(its)


def tiny(free: Resources, *asked: Resources, **more: object) -> Case:
    """One node with so much room, and one class of endless demand for each request."""
    file: MemberTerms = terms("m1", pod_overhead=Resources(), **more)
    classes = tuple(demand(f"k{number}", 1000, size) for number, size in enumerate(asked))
    view = member("m1", group("g", 1, free))
    snap = known(snapshot(members=(view,), terms=(file,), schedds=(schedd(*classes),)))
    may = {one.key: frozenset({("m1", "g")}) for one in classes}
    return Case(0, snap, Policy(ramp=Ramp(first=1000, max_starts=1000)), may)


@pytest.mark.parametrize("seed", FEW)
def test_a_round_takes_the_turns_that_are_taken_one_unit_at_a_time_in_the_same_order(seed: int) -> None:
    assert same_one_by_one(*round_of(seed))


@pytest.mark.parametrize("seed", FEW)
def test_a_round_that_asks_all_places_at_once_makes_the_plan_of_one_that_asks_each_byte_for_byte(seed: int) -> None:
    assert same_place_by_place(*round_of(seed))


@pytest.mark.parametrize("seed", DOZEN)
def test_no_round_places_more_than_divisible_units_could(seed: int) -> None:
    """A factor below 1 would mean that room or a limit was passed."""
    found = quality(*round_of(seed))
    assert found.reached <= 1 + SURE
    assert found.each <= 1 + SURE
    assert found.unserved


def test_a_dozen_rounds_reach_nine_tenths_of_their_bound_on_average() -> None:
    assert sum(quality(*round_of(seed)).reached for seed in DOZEN) / len(DOZEN) >= 0.9


@pytest.mark.parametrize("seed", DOZEN)
def test_no_request_of_a_case_is_above_a_tenth_of_its_node(seed: int) -> None:
    its, _ = round_of(seed)
    nodes = {(v.name, g.name): g.allocatable for v in its.snapshot.observation.members for g in v.node_groups}
    beside = {one.name: one.pod_overhead for one in its.snapshot.terms}
    for one in its.classes:
        for member_, group_ in its.may[one.key]:
            full = (one.request + beside[member_]).times(TENTH)
            assert all(nodes[member_, group_].get(name) >= amount for name, amount in full.items())


@pytest.mark.parametrize("seed", range(3))
def test_where_a_tenth_of_the_room_is_meant_no_request_is_above_that(seed: int) -> None:
    its = case(seed, "room")
    rooms = {(v.name, g.name): g.rooms for v in its.snapshot.observation.members for g in v.node_groups}
    beside = {one.name: one.pod_overhead for one in its.snapshot.terms}
    for one in its.classes:
        for place in its.may[one.key]:
            full = (one.request + beside[place[0]]).times(TENTH)
            assert all(room.free.get(name) >= amount for room in rooms[place] for name, amount in full.items())


def test_the_bound_of_one_class_is_its_room_divided() -> None:
    found = bound(tiny(res(10, 100, 100, pods=100), res(3, 1)), {"k0": 3}, frozenset({"k0"}))
    assert found.factor == pytest.approx(10 / 9)


def test_the_bound_of_two_classes_is_where_the_scarcer_resource_ends_for_their_mix() -> None:
    its = tiny(res(10, 10, 100, pods=100), res(2, 1), res(1, 2))
    assert bound(its, {"k0": 2, "k1": 2}, frozenset({"k0", "k1"})).factor == pytest.approx(10 / 6)
    assert bound(its, {"k0": 2, "k1": 2}, frozenset({"k0"})).factor == pytest.approx((10 - 2) / 4)


def test_a_ceiling_bounds_divisible_units_too() -> None:
    its = tiny(res(10, 10, 100, pods=100), res(1, 1), ceiling=res(6), ceiling_names=frozenset({"cpu_milli"}))
    assert bound(its, {"k0": 5}, frozenset({"k0"})).factor == pytest.approx(6 / 5)


def test_who_is_held_at_the_common_factor_stays_there_while_others_grow_on() -> None:
    """Two nodes, a class for each alone: the full one holds the common factor, not the other's own."""
    its = tiny(res(10, 100, 100, pods=100), res(1, 1), res(1, 1))
    view = member("m1", group("g", 1, res(10, 100, 100, pods=100)), group("h", 1, res(10, 100, 100, pods=100)))
    seen = msgspec.structs.replace(its.snapshot.observation, members=(view,))
    apart = {"k0": frozenset({("m1", "g")}), "k1": frozenset({("m1", "h")})}
    its = its._replace(snapshot=msgspec.structs.replace(its.snapshot, observation=seen), may=apart)
    found = bound(its, {"k0": 10, "k1": 5}, frozenset({"k0", "k1"}))
    assert found.factor == pytest.approx(1)
    assert found.each == {"k0": pytest.approx(1), "k1": pytest.approx(2)}
