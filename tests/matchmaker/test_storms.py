"""What random storms have found (`python -m tests.faults`), each as one small case: FA3, FA7, FA8, OW2, SU7."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import (
    Budgets,
    Claim,
    DeleteObject,
    DeletePod,
    MemberMemory,
    Memory,
    NodeRoom,
    Policy,
    PoolView,
    Principal,
    Room,
    SitePod,
    Startds,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import (
    SEEN,
    T0,
    demand,
    group,
    held,
    member,
    placement,
    pod,
    res,
    schedd,
    slot,
    snapshot,
    terms,
    thing,
)

POLICY = Policy()
ALICE = Principal("physics", "alice@b")


def test_a_startd_that_began_while_the_collector_is_silent_has_not_failed_to_join() -> None:
    mine = held(phase="starting")
    running = thing(mine.placement, pod(started_at=T0 - 125, created_at=T0 - 130))
    silent = PoolView("a", seen_at=T0 - 110, error="timeout")
    plan = negotiate(snapshot(memory=_with(mine), objects=(running,), pools=(silent,)), POLICY)
    assert plan.held[0].failure is None
    assert plan.held[0].wanted == "run"


def test_a_copy_of_our_record_under_another_name_is_not_the_object_that_vanished() -> None:
    mine = held(written_at=T0 - 500)
    copy = thing(mine.placement, name="somebody-copied-it", uid="copy")
    snap = snapshot(memory=_with(mine), objects=(copy,), schedds=(schedd(reads=9),))
    plan = negotiate(snap, POLICY)
    assert plan.held == ()
    assert changes(snap.observation, plan) == (DeleteObject("m1", "1-1", "somebody-copied-it", "Job", "copy"),)


def test_a_view_that_was_stamped_before_our_clock_was_set_back_proves_no_absence() -> None:
    mine, view = held(written_at=T0 - 10), member("m1", at=T0 + 30)
    snap = snapshot(members=(view,), memory=_with(mine), slots=(slot(mine.placement),), schedds=(schedd(reads=9),))
    plan = negotiate(snap, POLICY)
    assert [h.phase for h in plan.held] == ["unclaimed"]
    assert changes(snap.observation, plan) == ()
    mended = msgspec.structs.replace(snap.observation, members=(member("m1"),))
    assert negotiate(msgspec.structs.replace(snap, observation=mended), POLICY).held == ()


def test_a_site_group_with_some_room_on_each_node_holds_smaller_startds_instead_of_none() -> None:
    room = res(3, 32, 100, pods=100)
    view = member("m1", group(nodes=2, allocatable=res(4, 32, 100, pods=100), free=room))
    asked = demand(idle=2, request=res(2, 2, 1))
    packing = msgspec.structs.replace(POLICY, startds=Startds(pack_cpu_milli=4000))
    plan = negotiate(snapshot(members=(view,), schedds=(schedd(asked),)), packing)
    assert [(h.placement.size.cpu_milli, h.placement.units) for h in plan.held] == [(2000, 1)]


def test_what_is_done_to_a_placement_is_done_to_its_own_object_and_never_to_a_copy() -> None:
    mine = held(failure=None, wanted="vacate")
    real = thing(mine.placement, pod())
    copy = thing(None, pod("copied", uid="copied"), name="somebody-copied-it", uid="copy")
    copy = msgspec.structs.replace(copy, placement=None)
    snap = snapshot(memory=_with(mine), objects=(real, copy), slots=(slot(mine.placement),))
    todo = changes(snap.observation, negotiate(snap, POLICY))
    assert [c.pod for c in todo if isinstance(c, DeletePod)] == ["fs-1-1-abc"]


def test_a_site_pod_that_needs_more_to_go_than_a_minute_allows_gets_them_one_minute_after_the_other() -> None:
    places = [placement(), placement("1-2")]
    objects = (thing(places[0], pod()), thing(places[1], pod("fs-1-2-x"), uid="uid-2"))
    claimed = (Claim(ALICE, 1000, T0 - 900),)
    slots = (
        slot(places[0], claims=claimed, unclaimed_since=None),
        slot(places[1], "fs-1-2-x", claims=claimed, unclaimed_since=None),
    )
    site = SitePod("site/web", places[0].size + places[1].size, T0 - 10, ("n1",))
    view = member("m1", site_pods=(site,), node_rooms=(NodeRoom("n1", "g", Resources(memory_mib=999_999, pods=9)),))
    for allowed, go in ((2, 2), (1, 1)):
        snap = snapshot(
            members=(view,),
            memory=_with(held(places[0]), held(places[1], uid="uid-2")),
            objects=objects,
            slots=slots,
            schedds=(schedd(reads=9),),
            terms=(terms("m1", budgets=Budgets(evictions_per_min=allowed)),),
        )
        plan = negotiate(snap, POLICY)
        assert sum(h.wanted == "vacate" for h in plan.held) == go
        assert len(plan.memory.members["m1"].evictions) == go


def test_a_drop_of_demand_counts_after_two_reads_of_a_process_that_was_started_again() -> None:
    mine = held(phase="starting")
    waiting = thing(mine.placement, pod(phase="pending", started_at=None, node=""))
    noted = msgspec.structs.replace(_with(mine), drops={"c1": 5_000})
    plan = negotiate(snapshot(memory=noted, objects=(waiting,), schedds=(schedd(reads=1),)), POLICY)
    again = msgspec.structs.replace(plan.memory, at=T0 - 5)
    plan = negotiate(snapshot(memory=again, objects=(waiting,), schedds=(schedd(reads=2),)), POLICY)
    assert plan.held[0].wanted == "withdraw"


def _with(*mine: object) -> Memory:
    return Memory(at=T0 - 5, held=tuple(mine))  # type: ignore[arg-type]  # builders make Held


def test_what_was_left_for_a_site_pod_is_not_taken_again_while_the_rest_of_its_room_is_on_the_way() -> None:
    site = SitePod("site/web", res(4, 2, 0), T0 - 30, ("n1",), groups=("g",))
    left = res(2, 16, 50, pods=9)
    nodes = group(nodes=1, allocatable=res(4, 32, 100, pods=9), free=left)
    view = member("m1", nodes, site_pods=(site,), node_rooms=(NodeRoom("n1", "g", left),))
    claimed = (Claim(ALICE, 1000, T0 - 900),)
    objects, slots = (thing(None, pod()),), (slot(None, claims=claimed, unclaimed_since=None, free=Resources()),)
    terms_ = (terms("m1", budgets=Budgets(evictions_per_min=1)),)
    for evictions, placed in (((), 1), ((T0 - 20,), 0)):
        known = MemberMemory(evictions=evictions)
        memory = msgspec.structs.replace(_with(held()), members={"m1": known}, pairs={"m1/g/": SEEN})
        asked = (schedd(demand("c2", idle=1)),)
        seen = {"objects": objects, "slots": slots, "schedds": asked, "terms": terms_, "memory": memory}
        plan = negotiate(snapshot(members=(view,), **seen), msgspec.structs.replace(POLICY))
        assert sum(report.placed for report in plan.classes) == placed, evictions


def test_a_pod_that_started_after_it_was_given_up_as_pending_survives_and_serves() -> None:
    late = Reason(Cause.PENDING_TOO_LONG)
    mine = held(phase="starting", wanted="withdraw", why=late, failure=late)
    plan = negotiate(snapshot(memory=_with(mine), objects=(thing(mine.placement, pod()),)), POLICY)
    assert (plan.held[0].wanted, plan.held[0].failure) == ("run", None)


def test_nothing_new_begins_on_a_groups_other_nodes_either_while_one_is_left_for_a_site_pod() -> None:
    """Which node a pod of ours lands on is its scheduler's choice: it could be the one that we are leaving."""
    site = SitePod("site/web", res(4, 2, 0), T0 - 30, ("n1",), groups=("g",))
    left = res(2, 16, 50, pods=9)
    nodes = group(nodes=2, allocatable=res(4, 32, 100, pods=9))
    nodes = msgspec.structs.replace(nodes, rooms=(Room(left, 1), Room(res(3, 16, 50, pods=9), 1)))
    view = member("m1", nodes, site_pods=(site,), node_rooms=(NodeRoom("n1", "g", left),))
    for evictions, placed in (((), 2), ((T0 - 20,), 0)):
        memory = Memory(at=T0 - 5, members={"m1": MemberMemory(evictions=evictions)}, pairs={"m1/g/": SEEN})
        asked = (schedd(demand("c2", idle=2)),)
        plan = negotiate(snapshot(members=(view,), schedds=asked, memory=memory), POLICY)
        assert sum(report.placed for report in plan.classes) == placed, evictions
