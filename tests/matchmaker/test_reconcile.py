"""FA7, FA8: what memory, objects, pods and ads say together."""

from __future__ import annotations

import msgspec
import pytest

from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import (
    Change,
    Claim,
    CreateObject,
    DeleteObject,
    DeletePod,
    InvalidateAds,
    Memory,
    NodeRoom,
    Outcome,
    ParkDaemonSet,
    Plan,
    Policy,
    PoolView,
    Principal,
    SitePod,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, demand, held, member, placement, pod, schedd, slot, snapshot, thing

POLICY = Policy()
ALICE = Principal("physics", "alice@b")


def decide(snap: Snapshot) -> tuple[Plan, tuple[Change, ...]]:
    plan = negotiate(snap, POLICY)
    return plan, changes(snap.observation, plan)


def remembering(*mine: object, at: float = T0) -> Memory:
    return Memory(at=at - 5, held=tuple(mine))  # type: ignore[arg-type]  # builders make Held


def nobody() -> tuple[object, ...]:
    return (schedd(reads=9),)


def test_a_decided_object_is_asked_for_until_it_was_written_and_never_again() -> None:
    mine = held(phase="intended", written_at=None, uid="")
    snap = snapshot(memory=remembering(mine), schedds=(schedd(demand(idle=1)),))
    plan, todo = decide(snap)
    assert [c for c in todo if isinstance(c, CreateObject)] == [CreateObject("m1", mine.placement)]
    done = Outcome(CreateObject("m1", mine.placement), "done", T0, uid="u")
    plan, todo = decide(msgspec.structs.replace(snap, outcomes=(done,)))
    assert todo == ()
    assert plan.held[0].written_at == T0


def test_a_written_object_that_vanished_is_over_and_not_run_again() -> None:
    mine = held(phase="claimed", slot_seen_at=T0 - 30, claimed_at=T0 - 20)
    plan, todo = decide(snapshot(memory=remembering(mine), schedds=(schedd(demand(idle=0)),)))
    assert plan.held == ()
    assert todo == ()


def test_absence_in_a_view_older_than_the_writing_means_nothing() -> None:
    mine = held(phase="starting", written_at=T0 - 1)
    plan, _ = decide(snapshot(memory=remembering(mine), schedds=(schedd(demand(idle=1)),)))
    assert [h.placement.id for h in plan.held] == [mine.placement.id]


def test_a_complete_job_whose_ad_was_never_seen_has_failed() -> None:
    mine = held(phase="starting")
    ended = thing(mine.placement, pod(phase="succeeded", exit_code=0), finished="complete")
    plan, _ = decide(snapshot(memory=remembering(mine), objects=(ended,)))
    failure = plan.held[0].failure
    assert failure is not None
    assert failure.cause is Cause.NEVER_JOINED


@pytest.mark.parametrize(
    ("code", "cause", "words"),
    [
        (3, Cause.PROBE_FAILED, "the probe says never"),
        (4, Cause.NEVER_JOINED, "no way to the collector"),
        (5, Cause.NEVER_JOINED, "refused the token"),
        (70, Cause.CRASHED, "exit code 70"),
    ],
)
def test_what_the_entry_script_says_by_its_exit_code_is_the_reason(code: int, cause: Cause, words: str) -> None:
    mine = held(phase="starting")
    ended = thing(mine.placement, pod(phase="failed", exit_code=code, end_reason="Error"), finished="failed")
    plan, _ = decide(snapshot(memory=remembering(mine), objects=(ended,)))
    failure = plan.held[0].failure
    assert failure is not None
    assert failure.cause is cause
    assert words in failure.have


def test_a_startd_that_we_saw_and_that_could_not_see_itself_has_not_failed() -> None:
    mine = held(phase="unclaimed", slot_seen_at=T0 - 100)
    ended = thing(mine.placement, pod(phase="failed", exit_code=4, end_reason="Error"), finished="failed")
    plan, _ = decide(snapshot(memory=remembering(mine), objects=(ended,)))
    assert plan.held[0].failure is None


def test_a_job_that_failed_with_its_pod_removed_behind_our_back_is_a_lost_pod() -> None:
    mine = held(phase="claimed", slot_seen_at=T0 - 100)
    failed = thing(mine.placement, finished="failed", finished_reason="BackoffLimitExceeded")
    plan, _ = decide(snapshot(memory=remembering(mine), objects=(failed,)))
    failure = plan.held[0].failure
    assert failure is not None
    assert failure.cause is Cause.POD_LOST


def test_a_pod_that_the_members_scheduler_preempts_is_vacated_and_no_failure() -> None:
    mine = held(phase="claimed", slot_seen_at=T0 - 100)
    going = pod(deleting=True, taken_by="PreemptionByScheduler")
    failed = thing(mine.placement, going, finished="failed", finished_reason="BackoffLimitExceeded")
    plan, _ = decide(first := snapshot(memory=remembering(mine), objects=(failed,)))
    seen = plan.held[0]
    assert (seen.wanted, seen.failure) == ("clear", None)
    assert seen.why is not None
    assert (seen.why.cause, seen.why.what) == (Cause.OWNER, "PreemptionByScheduler")
    gone = thing(mine.placement, finished="failed", finished_reason="BackoffLimitExceeded")
    seen_next = msgspec.structs.replace(first.observation, objects=(gone,))
    later, _ = decide(msgspec.structs.replace(first, memory=plan.memory, observation=seen_next))
    assert later.held[0].failure is None


def test_a_pod_that_ran_and_vanished_is_lost_before_its_job_says_so_and_is_no_pending_one() -> None:
    mine = held(phase="claimed", slot_seen_at=T0 - 100, pod_started_at=T0 - 110)
    plan, todo = decide(snapshot(memory=remembering(mine), objects=(thing(mine.placement),), schedds=nobody()))
    one = next(h for h in plan.held if h.placement.id == mine.placement.id)
    assert one.failure is not None
    assert one.failure.cause is Cause.POD_LOST
    assert [notice.kind for notice in plan.notices] == ["placement-failed"]
    assert [type(change) for change in todo] == [DeleteObject]


def test_a_killed_startd_that_had_joined_does_not_close_its_group() -> None:
    joined, never = held(phase="claimed", slot_seen_at=T0 - 100), held(phase="starting")
    for mine, failures in ((joined, 0), (never, 1)):
        dead = thing(mine.placement, pod(phase="failed", exit_code=137, end_reason="Error"), finished="failed")
        plan, _ = decide(snapshot(memory=remembering(mine), objects=(dead,)))
        failure = plan.held[0].failure
        assert failure is not None
        assert failure.cause is Cause.POD_LOST
        assert [pair.failures for pair in plan.memory.pairs.values()] == [failures]


@pytest.mark.parametrize(("result", "cause"), [("conflict", Cause.FOREIGN_OBJECT), ("refused", Cause.WRITE_REFUSED)])
def test_a_placement_that_was_never_written_is_told_although_nothing_is_left_of_it(result: str, cause: Cause) -> None:
    mine = held(phase="intended", written_at=None, uid="")
    answer = Outcome(CreateObject("m1", mine.placement), result, T0 - 1, what="it is not ours")  # type: ignore[arg-type] # one of its words
    seen = msgspec.structs.replace(snapshot(memory=remembering(mine)), outcomes=(answer,))
    plan, _ = decide(seen)
    assert mine.placement.id not in {one.placement.id for one in plan.held}
    (text,) = [notice.text for notice in plan.notices if notice.kind == "placement-failed"]
    assert str(cause) in text
    assert "it is not ours" in text


def test_a_startd_that_reached_its_deadline_has_not_failed() -> None:
    mine = held(phase="claimed", slot_seen_at=T0 - 100)
    failed = thing(mine.placement, finished="failed", finished_reason="DeadlineExceeded")
    plan, _ = decide(snapshot(memory=remembering(mine), objects=(failed,)))
    assert plan.held[0].failure is None


def test_a_pod_that_was_withdrawn_before_it_ran_has_not_failed() -> None:
    mine = held(phase="starting", wanted="withdraw")
    withdrawn = thing(mine.placement, finished="failed", finished_reason="BackoffLimitExceeded")
    plan, _ = decide(snapshot(memory=remembering(mine), objects=(withdrawn,)))
    assert plan.held[0].failure is None


def test_a_running_pod_whose_slot_never_came_is_vacated_after_the_join_limit() -> None:
    mine = held(phase="starting")
    stuck = thing(mine.placement, pod(started_at=T0 - 200, created_at=T0 - 210))
    plan, todo = decide(snapshot(memory=remembering(mine), objects=(stuck,)))
    one = next(h for h in plan.held if h.placement.id == mine.placement.id)
    assert one.failure is not None
    assert one.failure.cause is Cause.NEVER_JOINED
    assert [type(c) for c in todo if not isinstance(c, CreateObject)] == [DeletePod]


def test_a_silent_collector_is_not_a_gone_startd() -> None:
    mine = held(phase="claimed", slot_seen_at=T0 - 400, claimed_at=T0 - 300, written_at=T0 - 500)
    running = thing(mine.placement, pod(started_at=T0 - 450))
    quiet = PoolView("a", seen_at=T0 - 200, error="timeout")
    plan, todo = decide(snapshot(memory=remembering(mine), objects=(running,), pools=(quiet,)))
    assert plan.held[0].phase == "claimed"
    assert plan.held[0].failure is None
    assert todo == ()


def test_an_ad_whose_pod_is_gone_is_a_ghost_and_is_invalidated() -> None:
    mine = held(phase="claimed", slot_seen_at=T0 - 100)
    dead = thing(mine.placement, pod(phase="failed", exit_code=137), finished="failed")
    ghost = slot(mine.placement, started_at=T0 - 100)
    _, todo = decide(snapshot(memory=remembering(mine), objects=(dead,), slots=(ghost,)))
    assert InvalidateAds("a", mine.placement.id, ghost.pod, "m1") in todo


def test_an_ad_that_is_newer_than_our_view_of_the_member_is_no_ghost() -> None:
    fresh = slot(started_at=T0 - 1)
    _, todo = decide(snapshot(slots=(fresh,), schedds=nobody()))
    assert todo == ()


def test_an_object_of_ours_that_memory_does_not_know_is_adopted() -> None:
    place = placement()
    plan, todo = decide(snapshot(objects=(thing(place, pod()),), slots=(slot(place),), schedds=nobody()))
    assert [(h.placement, h.adopted, h.phase) for h in plan.held] == [(place, True, "unclaimed")]
    assert todo == ()


def test_an_object_with_our_labels_and_no_record_of_ours_is_swept_with_its_uid() -> None:
    odd = msgspec.structs.replace(thing(), placement=None)
    copy = thing(placement(), name="somebody-copied-it", uid="copy")
    _, todo = decide(snapshot(objects=(odd,), schedds=nobody()))
    assert todo == (DeleteObject("m1", "1-1", odd.name, "Job", "uid-1"),)
    _, todo = decide(snapshot(objects=(thing(placement(), pod()), copy), slots=(slot(),), schedds=nobody()))
    assert todo == (DeleteObject("m1", "1-1", "somebody-copied-it", "Job", "copy"),)


def test_a_returning_members_objects_are_adopted_and_nothing_healthy_is_deleted() -> None:
    places = [placement(f"1-{i}") for i in range(5)]
    objects = tuple(thing(p, pod(f"{p.object_name}-x"), uid=p.id) for p in places)
    slots = tuple(
        slot(p, f"{p.object_name}-x", claims=(Claim(ALICE, 1000, T0 - 9),), unclaimed_since=None) for p in places
    )
    plan, todo = decide(snapshot(objects=objects, slots=slots, schedds=nobody()))
    assert len(plan.held) == 5
    assert todo == ()


def test_a_pending_placement_without_demand_is_withdrawn_after_two_reads_and_not_after_one() -> None:
    mine = held(phase="starting")
    waiting = thing(mine.placement, pod(phase="pending", started_at=None, node=""))
    once = snapshot(memory=remembering(mine), objects=(waiting,), schedds=(schedd(reads=5),))
    plan, todo = decide(once)
    assert todo == ()
    again = msgspec.structs.replace(once, memory=msgspec.structs.replace(plan.memory, at=T0 - 5))
    _, todo = decide(again)
    assert todo == ()
    later = snapshot(memory=again.memory, objects=(waiting,), schedds=(schedd(reads=6),))
    _, todo = decide(later)
    assert todo == (DeletePod("m1", "1-1", "fs-1-1-abc", "uid-fs-1-1-abc", "7"),)


def test_a_stale_schedd_withdraws_nothing_and_places_nothing() -> None:
    mine = held(phase="starting")
    waiting = thing(mine.placement, pod(phase="pending", started_at=None, node=""))
    stale = schedd(demand(idle=5), seen_at=T0 - 500)
    plan, todo = decide(snapshot(memory=remembering(mine), objects=(waiting,), schedds=(stale,)))
    assert todo == ()
    assert plan.classes[0].why is not None
    assert plan.classes[0].why.cause is Cause.SCHEDD_STALE


def test_a_pod_that_started_while_it_was_being_withdrawn_survives() -> None:
    mine = held(phase="starting", wanted="withdraw")
    plan, todo = decide(snapshot(memory=remembering(mine), objects=(thing(mine.placement, pod()),), slots=(slot(),)))
    assert plan.held[0].wanted == "run"
    assert todo == ()


def test_an_image_that_cannot_be_pulled_fails_the_placement_and_closes_the_pair_after_three() -> None:
    mine = held(phase="starting")
    stuck = thing(mine.placement, pod(phase="pending", problem="ErrImagePull: not found", created_at=T0 - 90))
    plan, todo = decide(snapshot(memory=remembering(mine), objects=(stuck,)))
    one = next(h for h in plan.held if h.placement.id == "1-1")
    assert one.failure is not None
    assert one.failure.cause is Cause.IMAGE_PULL
    assert any(isinstance(c, DeletePod) for c in todo)
    assert plan.memory.pairs["m1/g/"].failures == 1


def test_idle_startds_are_told_to_leave_and_claimed_ones_are_not_touched() -> None:
    idle, busy = held(), held(placement("1-2"), uid="uid-2")
    objects = (thing(idle.placement, pod()), thing(busy.placement, pod("fs-1-2-x"), uid="uid-2"))
    slots = (
        slot(idle.placement, unclaimed_since=T0 - 1000),
        slot(busy.placement, "fs-1-2-x", claims=(Claim(ALICE, 1000, T0 - 900),), unclaimed_since=None),
    )
    plan, todo = decide(snapshot(memory=remembering(idle, busy), objects=objects, slots=slots, schedds=nobody()))
    assert [c.pod for c in todo] == ["fs-1-1-abc"]  # type: ignore[union-attr]  # only leave orders are in it
    assert {h.placement.id: h.wanted for h in plan.held} == {"1-1": "leave", "1-2": "run"}


def test_nothing_is_sent_to_a_member_in_doubt() -> None:
    mine = held(phase="intended", written_at=None, uid="")
    old = member("m1", at=T0 - 100)
    quiet = msgspec.structs.replace(old, contact="timeout", contact_at=T0)
    memory = remembering(mine)
    plan = negotiate(snapshot(members=(quiet,), memory=memory), POLICY)
    for step in range(1, 12):
        at = T0 + 10 * step
        view = msgspec.structs.replace(quiet, contact_at=at)
        snap = snapshot(at=at, members=(view,), memory=plan.memory)
        plan = negotiate(snap, POLICY)
    assert plan.memory.members["m1"].state == "unreachable"
    assert changes(snap.observation, plan) == ()


def test_a_site_pod_that_needs_a_node_makes_our_unclaimed_startd_go_first() -> None:
    idle, busy = held(), held(placement("1-2"), uid="uid-2")
    objects = (thing(idle.placement, pod()), thing(busy.placement, pod("fs-1-2-x"), uid="uid-2"))
    slots = (
        slot(idle.placement),
        slot(busy.placement, "fs-1-2-x", claims=(Claim(ALICE, 1000, T0 - 900),), unclaimed_since=None),
    )
    site = SitePod("site/web", Resources(1000, 1024), T0 - 10, ("n1",))
    view = member("m1", site_pods=(site,), node_rooms=(NodeRoom("n1", "g", Resources()),))
    snap = snapshot(members=(view,), memory=remembering(idle, busy), objects=objects, slots=slots, schedds=nobody())
    plan, todo = decide(snap)
    assert {h.placement.id: h.wanted for h in plan.held} == {"1-1": "vacate", "1-2": "run"}
    assert [(c.pod, c.grace_s) for c in todo if isinstance(c, DeletePod)] == [("fs-1-1-abc", 30)]
    assert plan.held[0].why is not None
    assert plan.held[0].why.cause is Cause.OWNER


def test_a_daemonset_leaves_by_order_then_by_selector_then_its_object_goes() -> None:
    place = placement(form="startd-daemonset")
    mine = held(place, wanted="leave", leave_ordered_at=T0 - 100, phase="leaving")
    asleep = thing(place, pod(leave_ordered_at=T0 - 100))
    _, todo = decide(snapshot(memory=remembering(mine), objects=(asleep,), slots=(slot(place, leaving=True),)))
    assert not any(isinstance(c, ParkDaemonSet) for c in todo)
    _, todo = decide(snapshot(memory=remembering(mine), objects=(asleep,), schedds=nobody()))
    assert todo == (ParkDaemonSet("m1", "1-1", "fs-1-1", "uid-1"),)
    _, todo = decide(
        snapshot(
            memory=remembering(mine), objects=(msgspec.structs.replace(asleep, parked=True, pods=()),), schedds=nobody()
        )
    )
    assert todo == (DeleteObject("m1", "1-1", "fs-1-1", "DaemonSet", "uid-1"),)


def test_a_cordoned_nodes_startd_of_a_daemonset_leaves_and_the_others_stay() -> None:
    place = placement(form="startd-daemonset")
    mine = held(place)
    both = thing(place, pod("fs-1-1-a", node="n1"), pod("fs-1-1-b", node="n2"))
    rooms = (NodeRoom("n1", "g", Resources(), cordoned=True), NodeRoom("n2", "g", Resources()))
    slots = (slot(place, "fs-1-1-a"), slot(place, "fs-1-1-b"))
    snap = snapshot(
        members=(member("m1", node_rooms=rooms),),
        memory=remembering(mine),
        objects=(both,),
        slots=slots,
        schedds=nobody(),
    )
    plan, todo = decide(snap)
    assert [getattr(c, "pod", "") for c in todo] == ["fs-1-1-a"]
    assert (plan.held[0].wanted, plan.held[0].phase) == ("run", "unclaimed")


def test_a_daemonset_gives_the_owner_one_node_and_keeps_the_rest() -> None:
    place = placement(form="startd-daemonset")
    both = thing(place, pod("fs-1-1-a", node="n1"), pod("fs-1-1-b", node="n2"))
    rooms = (NodeRoom("n1", "g", Resources()), NodeRoom("n2", "g", Resources()))
    site = SitePod("site/web", Resources(500, 512), T0 - 10, ("n2",))
    view = member("m1", node_rooms=rooms, site_pods=(site,))
    snap = snapshot(
        members=(view,),
        memory=remembering(held(place)),
        objects=(both,),
        slots=(slot(place, "fs-1-1-b"),),
        schedds=nobody(),
    )
    plan, todo = decide(snap)
    assert [(c.pod, c.grace_s) for c in todo if isinstance(c, DeletePod)] == [("fs-1-1-b", 30)]
    assert plan.held[0].wanted == "run"


def test_what_stands_at_a_member_that_was_forgotten_counts_no_more_and_its_demand_is_placed_elsewhere() -> None:
    lost = held(placement("1-1", member="m9"), phase="claimed")
    snap = snapshot(memory=remembering(lost), schedds=(schedd(demand(idle=1)),))
    plan, todo = decide(snap)
    assert [h.placement.member for h in plan.held] == ["m1"]
    assert [type(change) for change in todo] == [CreateObject]
    assert [notice.kind for notice in plan.notices] == ["forgotten"]
