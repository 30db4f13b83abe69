"""Lent capacity: what counts as lent, how it is smoothed, and its mean (FS1, FS2, OW3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker.model import MemberMemory, Order, Quota, Room, Sharing, Taint
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.lent import MEAN_S, Reference, lent_now, mean, member_lends, smooth
from tests.matchmaker.builders import T0, group, held, member, placement, pod, res, snapshot, terms, thing

CPU = frozenset({"cpu_milli"})
OVERHEAD = terms().pod_overhead


def ours(count: int = 1, **more: Any) -> list[Standing]:
    """Startds of four cores with a pod on a node each."""
    out = []
    for index in range(count):
        place = placement(f"1-{index}", size=res(4, 8, 10))
        out.append(Standing(held(place, "claimed"), thing(place, pod(f"p{index}", **more))))
    return out


def test_what_others_leave_and_what_we_hold_is_lent() -> None:
    lent = member_lends(terms(), member("m1", group(free=res(8, 32, 100), nodes=10)), ours(2), ())
    assert lent.cpu_milli == 80_000 + 8_000
    assert lent.memory_mib == 320 * 1024 + 2 * (8 * 1024 + OVERHEAD.memory_mib)


def test_a_pod_without_a_node_is_still_in_the_free_room() -> None:
    assert member_lends(terms(), member(), ours(2, node="", phase="pending"), ()).cpu_milli == 80_000


def test_a_quota_bounds_what_is_lent_with_ours_added_back() -> None:
    view = member(quotas=(Quota("q", Resources(cpu_milli=10_000), CPU),))
    lent = member_lends(terms(), view, ours(2), ())
    assert lent.cpu_milli == 18_000
    assert lent.memory_mib > 300 * 1024


def test_the_members_ceiling_and_what_it_keeps_free_are_not_lent() -> None:
    ceiling = terms(ceiling=Resources(cpu_milli=20_000), ceiling_names=CPU)
    assert member_lends(ceiling, member(), (), ()).cpu_milli == 20_000
    keeps = terms(leave_free=(("*", res(30, 0, 0)),))
    assert member_lends(keeps, member(), (), ()).cpu_milli == 50_000


def test_a_member_that_observes_lends_nothing_and_one_on_trial_so_many_nodes_worth() -> None:
    assert member_lends(terms(mode="observe"), member(), (), ()) == Resources()
    assert member_lends(terms(mode="trial", trial=2), member(), (), ()).cpu_milli == 16_000


def test_nodes_whose_taint_the_members_file_does_not_tolerate_are_not_lent() -> None:
    barred = group("t", barred=(Taint("dedicated", "other", "NoSchedule"),))
    assert member_lends(terms(), member("m1", group(), barred), (), ()) == member_lends(terms(), member(), (), ())


def test_growth_that_is_not_bought_counts_as_nothing() -> None:
    """S9: a template and an autoscaler's promise are no capacity."""
    template = group("t", nodes=0, template=True, can_grow_to=50, rooms=(Room(res(8, 32), 5),))
    growing = group("g", nodes=10, can_grow_to=100)
    assert member_lends(terms(), member("m1", growing, template), (), ()).cpu_milli == 80_000


def test_a_cordoned_member_lends_what_stands_there_and_no_more() -> None:
    order = Order("cordon", "m1", "broken fan")
    assert member_lends(terms(), member(), ours(2), (order,)).cpu_milli == 8_000


def test_room_below_zero_takes_nothing_from_other_nodes() -> None:
    crowded = group(nodes=2, rooms=(Room(res(8, 32), 1), Room(Resources(cpu_milli=-4000), 1)))
    assert member_lends(terms(), member("m1", crowded), (), ()).cpu_milli == 8_000


def lent(state: str, before: tuple[tuple[str, float], ...] = (("cpu_milli", 50_000.0),)) -> dict[str, Any]:
    memory = {"m1": MemberMemory(state=state, lent=before, lent_at=T0 - 300)}  # type: ignore[arg-type]  # a literal
    return smooth(lent_now(snapshot(), (), memory), memory, Sharing(smoothing_s=300.0), T0)


def test_lent_capacity_is_smoothed_with_its_half_life() -> None:
    assert lent("ready")["m1"][0]["cpu_milli"] == pytest.approx(65_000)


def test_a_silent_member_keeps_its_last_value_and_a_lost_one_lends_nothing() -> None:
    assert lent("unreachable")["m1"] == ({"cpu_milli": 50_000.0}, T0 - 300)
    assert lent("lost")["m1"][0] == {}


def test_the_first_look_counts_at_once() -> None:
    memory = {"m1": MemberMemory()}
    got = smooth(lent_now(snapshot(), (), memory), memory, Sharing(), T0)
    assert got["m1"][0]["cpu_milli"] == 80_000


def test_the_mean_is_exact_over_time_until_thirty_days_were_seen() -> None:
    """Ten days of 100 cores and ten of 400 are 250."""
    first = mean(Reference({}, 0.0, 0.0), {"cpu_milli": 100.0}, T0)
    ten = mean(first, {"cpu_milli": 100.0}, T0 + 10 * 86_400)
    twenty = mean(ten, {"cpu_milli": 400.0}, T0 + 20 * 86_400)
    assert twenty.amounts["cpu_milli"] == pytest.approx(250)


@given(st.lists(st.floats(1, 20 * 86_400), min_size=1, max_size=20))
def test_the_mean_does_not_depend_on_how_often_it_was_looked_at(steps: list[float]) -> None:
    start = Reference({"cpu_milli": 1000.0}, T0, T0 - 86_400)
    fine, at = start, T0
    for step in steps:
        at += step
        fine = mean(fine, {"cpu_milli": 5000.0}, at)
    assert fine.amounts["cpu_milli"] == pytest.approx(
        mean(start, {"cpu_milli": 5000.0}, at).amounts["cpu_milli"], rel=1e-9
    )


def test_a_resource_that_nobody_lent_before_counts_in_full_on_its_first_day() -> None:
    """Else the first GPU would weigh more than the whole federation."""
    old = Reference({"cpu_milli": 1000.0}, T0, T0 - MEAN_S)
    assert mean(old, {"cpu_milli": 1000.0, "gpus": 4.0}, T0 + 5).amounts["gpus"] == pytest.approx(4.0)


def test_members_are_summed_whatever_their_order() -> None:
    memory = {"m1": MemberMemory(), "m2": MemberMemory()}
    two = snapshot(members=(member("m1"), member("m2")))
    turned = msgspec.structs.replace(two, terms=two.terms[::-1])
    assert lent_now(two, (), memory) == lent_now(turned, (), memory)
