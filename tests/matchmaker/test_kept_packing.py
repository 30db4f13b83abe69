"""What a round found out of startds for several jobs is of use to the next where they are as large then."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import MemberMemory, Policy, Room, Snapshot, Startds
from fedsched.matchmaker.negotiate import Kept, negotiate, negotiated
from fedsched.matchmaker.options.packing import Packing
from fedsched.matchmaker.options.sweep import Found
from fedsched.matchmaker.resources import Resources
from tests.bench.round import federation, policy
from tests.bench.standing import remembered
from tests.matchmaker.builders import SEEN, demand, group, member, res, schedd, snapshot, terms
from tests.matchmaker.test_kept import CHANGES, LATER_S, PACKING, SIZE, clocked
from tests.matchmaker.test_room import known
from tests.sameness import digest


def _same(one: Found | None, other: Found) -> bool:
    return one is not None and one.misses is other.misses


SOME = ("nothing", "room and jobs", "users", "an order", "sizes of nodes", "who is there", "room of DaemonSets")


@pytest.mark.parametrize("what", SOME)
def test_a_round_with_startds_for_several_jobs_makes_the_plan_of_one_that_was_told_nothing(what: str) -> None:
    change, keeps = CHANGES[what]
    first, rules = clocked(federation(SIZE)), msgspec.structs.replace(policy(), startds=PACKING)
    plan, kept = negotiated(first, rules, Kept())
    second, rules = change(remembered(first, plan.memory, LATER_S), rules)
    after, more = negotiated(second, rules, kept)
    assert digest(after) == digest(negotiate(second, rules))
    assert kept.ground is not None
    assert more.ground is not None
    before = kept.ground.sweeps
    # Other users ask for other amounts: nothing of what was asked before is asked again.
    assert any(_same(before.get(key), found) for key, found in more.ground.sweeps.items()) is (
        keeps and what != "users"
    )


def full_to(cores: int) -> Snapshot:
    """Nodes of eight cores that have so many left, and somebody whose jobs want a slot of all eight."""
    nodes = group("g0", 9, res(8, 64, 100, pods=9), rooms=(Room(res(cores, 64, 100, pods=9), 9),))
    picky = demand("a", idle=8, request=res(1, 1), requirements="TARGET.Cpus >= 8")
    return known(snapshot(members=(member("m0", nodes),), terms=(terms("m0"),), schedds=(schedd(picky),)))


@pytest.mark.parametrize(("before", "now", "placed"), [(8, 4, 0), (4, 8, 8), (8, 8, 8), (4, 4, 0)])
def test_a_startd_that_holds_more_or_fewer_jobs_now_is_matched_anew(before: int, now: int, placed: int) -> None:
    """What tells places from each other is the same in both rounds; sizes may not be."""
    rules = Policy(startds=Startds(pack_cpu_milli=8000))
    _, kept = negotiated(full_to(before), rules, Kept())
    plan, more = negotiated(full_to(now), rules, kept)
    assert more.ground is not None
    assert more.ground.earlier
    assert sum(report.placed for report in plan.classes) == placed
    assert digest(plan) == digest(negotiate(full_to(now), rules))


HUGE = 1 << 62
amounts = st.builds(res, st.integers(0, 9), st.integers(0, 9), st.just(9), st.integers(0, 1), st.integers(0, 2))
rooms = st.lists(st.builds(Room, amounts, st.integers(1, 3)), max_size=3).map(tuple)


@settings(max_examples=100, deadline=None)
@given(
    specs=st.lists(st.tuples(rooms, rooms | st.none()), max_size=4),
    cores=st.integers(1, 4),
    asked=st.booleans(),
    huge=st.booleans(),
)
def test_room_that_changed_holds_as_many_as_room_that_was_always_so(
    *, specs: list[tuple[tuple[Room, ...], tuple[Room, ...] | None]], cores: int, asked: bool, huge: bool
) -> None:
    """asked: somebody asked the round before, too. huge: one place has then more than columns hold."""
    old = [place(number, before) for number, (before, _) in enumerate(specs)]
    new = [place(number, before if after is None else after) for number, (before, after) in enumerate(specs)]
    request, packing = res(cores, 1, 0), Packing(old)
    if asked:
        packing.units(request, 5)
    if huge and new:
        new[0] = place(0, (Room(Resources(HUGE, HUGE, HUGE, 0, 9), 1),))
    expected = Packing(new).units(request, 5)
    for _ in range(2):
        packing = packing.renewed(new)
        assert np.array_equal(packing.units(request, 5), expected)


def place(number: int, its: tuple[Room, ...]) -> Place:
    what = group(f"g{number}", 9, rooms=its)
    return Place(terms("m"), member("m", what), what, MemberMemory(), SEEN)
