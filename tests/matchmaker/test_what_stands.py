"""PR2, PR4: what is special about what stands is found in one walk; whoever it is who would have to go."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.book import HOLD_ROOM_S
from fedsched.matchmaker.book.booking import refusal_key
from fedsched.matchmaker.model import MemberMemory, SitePod
from fedsched.matchmaker.preempt import Evictions
from fedsched.matchmaker.preempt.exchange import Exchange
from fedsched.matchmaker.preempt.land import Land, nodes_of
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, res
from tests.matchmaker.preempting import asked, full, line, place_of, shares, startd, wish

BOARD = (("example.com/board", 1),)
HALVES = shares(line("/a@x", 0, 4), line("/b@x", 8, 4))


def gone(found: Evictions) -> list[str]:
    return sorted(found.victims)


def with_board(stand: Standing) -> Standing:
    size = msgspec.structs.replace(stand.held.placement.size, other=BOARD)
    record = msgspec.structs.replace(stand.held.placement, size=size)
    return Standing(msgspec.structs.replace(stand.held, placement=record), stand.object, stand.slots)


def test_a_device_that_only_startds_of_ours_hold_comes_back_when_one_goes() -> None:
    """MA2: no view shows one that is free."""
    startds = (startd("1-0", "/b@x"), with_board(startd("1-1", "/b@x")))
    asks = (wish("c1", "/a@x", full(), request=msgspec.structs.replace(res(4, 4), other=BOARD)),)
    assert gone(asked(asks, startds, HALVES)) == ["1-1"]
    assert gone(asked(asks, startds[:1], HALVES)) == []


def test_a_device_that_a_member_s_pods_need_beside_comes_back_with_any_of_them() -> None:
    """MA2: as above."""
    here = place_of("m1", ("n1", Resources(pods=50)), pod_overhead=Resources(other=BOARD))
    assert gone(asked((wish("c1", "/a@x", (here,)),), (startd("1-0", "/b@x"),), HALVES)) == ["1-0"]


def test_what_has_no_pod_counts_to_nobody_and_goes_though_nobody_holds_more_than_its_right() -> None:
    """PR2: its node is a record's alone."""
    tree = shares(line("/a@x", 0, 4), line("/b@x", 4, 4))
    one = startd("1-0", "/b@x", claims=())
    nothing = Standing(msgspec.structs.replace(one.held, nodes=0), one.object, one.slots)
    assert gone(asked((wish("c1", "/a@x", full()),), (nothing,), tree)) == ["1-0"]
    assert gone(asked((wish("c1", "/a@x", full()),), (one,), tree)) == []


def test_a_pod_that_has_ended_frees_no_node() -> None:
    """PR1: nobody waits for the room that it had."""
    one = startd("1-0", "/b@x")
    ended = msgspec.structs.replace(one.pods[0], phase="failed")
    assert one.object is not None
    thing = msgspec.structs.replace(one.object, pods=(ended,))
    assert nodes_of(one) == {"n1": 1}
    assert nodes_of(Standing(one.held, thing, one.slots)) == {}
    assert nodes_of(Standing(one.held, None, one.slots)) == {}


def test_a_node_that_no_view_lists_is_in_the_group_of_the_last_of_ours_there_by_name() -> None:
    """Nothing depends on the order in which they are given."""
    records = [msgspec.structs.replace(startd(f"1-{n}", "/b@x").held.placement, node_group=f"g{9 - n}") for n in (0, 1)]
    both = [startd(one.id, "/b@x") for one in records]
    there = [
        Standing(msgspec.structs.replace(stand.held, placement=record), stand.object)
        for stand, record in zip(both, records, strict=True)
    ]
    for standing in (there, there[::-1]):
        assert list(Land.of(place_of("m1")).nodes(standing, T0)) == [("n1", "g8", Resources())]


def test_room_is_held_for_what_the_owner_waits_for_while_it_may_be_waiting_for_room() -> None:
    """OW2: one that waits longer waits for something else."""
    pods = tuple(SitePod(f"p{age}", res(1), T0 - age, nodes=("n1",)) for age in (1, HOLD_ROOM_S - 1, HOLD_ROOM_S))
    land = Land.of(place_of("m1", ("n1", res(8)), site_pods=pods))
    assert [free for _, _, free in land.nodes((startd("1-0", "/b@x"),), T0)] == [res(8) - res(1) - res(1)]


def test_nobody_goes_where_something_beside_room_keeps_the_class_from_there() -> None:
    """PR1: another member of the class has no room, and nobody to ask."""
    said = Reason(Cause.ADMISSION_REFUSED, "shape", at=T0)
    shut = place_of("m2", ("n1", Resources(pods=50)))
    shut = msgspec.structs.replace(shut, memory=MemberMemory(refusals=((refusal_key(res(4, 4)), said),)))
    there = (startd("1-0", "/b@x", member="m2"),)
    bare = msgspec.structs.replace(shut, memory=MemberMemory())
    for second, goes in ((shut, []), (bare, ["1-0"])):
        assert gone(asked((wish("c1", "/a@x", (*full(), second)),), there, HALVES)) == goes


def test_whose_turn_it_is_is_asked_again_when_somebody_s_share_has_changed() -> None:
    """PR2: also of what is above it."""
    tree = {one.path: one for one in (line("g", 4, 8), line("g/b@x", 4, 8, 2))}
    exchange = Exchange(tree, "fair")
    assert exchange.standing("g/b@x") == (True, (0.5, 0.5))
    exchange.move("g/b@x", -3_000)
    assert exchange.standing("g/b@x") == (False, (0.125, 0.125))
