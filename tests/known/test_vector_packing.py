"""Vector bin packing by shape (Panigrahy, Talwar, Uyeda, Wieder: Heuristics for Vector Bin Packing, 2011), by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import MemberMemory, Room
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import SEEN, group, member, res, terms

EMPTY = res(16, 16, 100, 2, pods=100)
CORES, MEMORY = res(3, 1, 0), res(1, 3, 0)
"""A unit that asks for cores above all, and one that asks for memory."""


def room(*free: Resources, empty: Resources = EMPTY, can_grow_to: int = 0) -> GroupRoom:
    """A node group with one node for each; none where it has still to grow."""
    bars = tuple(Room(one, nodes) for one, nodes in sorted(Counter(free).items()))
    its = group("g", len(free), empty, rooms=bars, can_grow_to=can_grow_to)
    return GroupRoom(Place(terms("m"), member("m", its), its, MemberMemory(), SEEN))


def taken(its: GroupRoom, *units: Resources) -> int:
    """How many find room, in turns, until none does."""
    count = 0
    while turn := sum(its.take(unit) for unit in units):
        count += turn
    return count


@pytest.mark.parametrize("units", [(CORES, MEMORY), (MEMORY, CORES)])
def test_nodes_that_are_worn_unevenly_take_eight_units_where_best_fit_by_size_puts_four(
    units: tuple[Resources, Resources],
) -> None:
    """4 cores and 12 GiB, 12 cores and 4 GiB: four of each kind, where each goes to the node of its shape.

    Cores first to the node with fewest cores would leave 11 GiB there with one core.
    """
    assert taken(room(res(4, 12, 50, pods=50), res(12, 4, 50, pods=50)), *units) == 8


def test_a_large_request_finds_whole_nodes_however_many_small_units_came_before_it() -> None:
    """Five whole nodes, a tenth of each busy with what the cluster runs there: four units are one node's memory."""
    its = room(*[res(15, 15, 90, 2, pods=90)] * 5)
    assert sum(its.take(MEMORY) for _ in range(10)) == 10
    assert its.fitting(res(12, 12, 75, 2, pods=75)) == 3


def test_a_node_whose_only_device_is_used_is_not_whole_however_much_else_is_free_there() -> None:
    its = room(res(16, 16, 100, 0, pods=100), res(14, 14, 90, 1, pods=90), empty=res(16, 16, 100, 1, pods=100))
    assert its.take(res(1, 1, 0))
    assert its.bars[res(14, 14, 90, 1, pods=90)] == 1


def test_of_nodes_with_the_same_shape_the_fuller_one_takes_the_unit() -> None:
    its = room(res(8, 8, 50, 1, pods=50), res(4, 4, 25, 1, pods=25), empty=res(16, 16, 100, pods=100))
    assert its.take(res(1, 1, 0))
    assert its.bars == {res(8, 8, 50, 1, pods=50): 1, res(3, 3, 25, 1, pods=24): 1}


def test_an_extended_resource_is_part_of_the_shape() -> None:
    """What asks for boards goes where boards are what is left most of."""
    few, many, unit = (Resources(8000, 8192, 0, 0, 50, (("example.com/board", n),)) for n in (2, 7, 1))
    empty = Resources(16_000, 16_384, 0, 0, 100, (("example.com/board", 8),))
    its = room(few, many, empty=empty)
    assert its.take(Resources(100, 100, 0, 0, 1, unit.other))
    assert its.bars[few] == 1


def test_new_nodes_are_begun_one_by_one() -> None:
    its = room(can_grow_to=3)
    assert all(its.take_growth(MEMORY) for _ in range(6))
    assert its.growth == {EMPTY: 1, res(11, 1, 100, 2, pods=95): 1, res(15, 13, 100, 2, pods=99): 1}
