"""The simulated world behaves as clusters, pools and schedds do, so that what the loop learns there holds outside."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fedsched.matchmaker.model import (
    CreateObject,
    DeleteObject,
    DeletePod,
    OrderLeave,
    ParkDaemonSet,
    Policy,
)
from fedsched.sim.scenario import Faults, Scenario, Window
from fedsched.study.run import SimRun
from tests.sim.builders import batch, member, place, placement, world
from tests.sim.spike import conference_spike, policy


def test_equal_seeds_give_equal_histories_and_others_do_not(tmp_path: Path) -> None:
    reports = []
    for run_number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(run_number)
        folder.mkdir()
        run = SimRun(conference_spike(), policy(), folder, seed)
        run.until(900)
        reports.append((run.plan, run.watch.report()))
        run.close()
    assert reports[0] == reports[1]
    assert reports[0] != reports[2]


def test_the_order_in_which_members_are_written_down_does_not_change_their_luck() -> None:
    one, two = member("m1"), member("m2")
    first, second = world(one, two), world(two, one)
    for made in (first, second):
        made.act(CreateObject("m1", placement(made.now())))
        made.sleep(60)
    assert first.observe(first.now()).objects == second.observe(second.now()).objects


def test_a_startd_joins_after_pull_and_start_serves_the_jobs_and_leaves_nothing() -> None:
    made = world()
    assert made.act(CreateObject("m1", placement(made.now()))).result == "done"
    made.sleep(2)
    seen = made.observe(made.now())
    assert seen.objects[0].pods[0].phase == "pending"
    assert seen.objects[0].pods[0].pulling
    assert not seen.pools[0].slots
    made.sleep(58)
    assert made.observe(made.now()).pools[0].slots[0].claims
    made.sleep(800)
    assert not made.observe(made.now()).schedds[0].classes
    thing = made.observe(made.now()).objects[0]
    assert thing.finished == "complete"
    made.act(DeleteObject("m1", "p-1", thing.name, "Job", thing.uid))
    assert made.quiet


def test_a_startd_serves_one_of_the_users_who_are_charged_as_one_and_every_one_of_them_gets_his_own(
    tmp_path: Path,
) -> None:
    theirs = tuple(msgspec.structs.replace(batch(count=12), user=user) for user in ("ann@ce1", "ann@ce2"))
    both = world(batches=theirs)
    (ce1,) = both.observe(both.now()).schedds
    assert sorted(demand.user for demand in ce1.classes) == ["ann@ce1", "ann@ce2"]
    made = world(batches=theirs[:1])
    place(made, 1, user="ann@ce2")
    made.sleep(60)
    assert not made.observe(made.now()).pools[0].slots[0].claims
    place(made, 2, user="ann@ce1")
    made.sleep(60)
    assert [bool(slot.claims) for slot in made.observe(made.now()).pools[0].slots] == [False, True]
    run = SimRun(Scenario((member(nodes=3),), theirs), Policy(), tmp_path, seed=5)
    report = run.until(4 * 3600)
    run.close()
    assert (report.done, report.jobs, report.left) == (24, 24, ())


def test_a_pod_holds_its_room_and_what_does_not_fit_stays_pending() -> None:
    made = world()
    for number in range(12):
        made.act(CreateObject("m1", placement(made.now(), number)))
    made.sleep(5)
    seen = made.observe(made.now())
    pending = [o for o in seen.objects if not o.pods[0].node]
    assert len(pending) == 4  # two nodes of eight cores take four startds of two cores each
    assert "insufficient cpu_milli" in pending[0].pods[0].problem
    assert {room.free.cpu_milli for room in seen.members[0].node_groups[0].rooms} == {0}


def test_creating_twice_is_harmless_and_a_namesake_that_is_not_ours_is_left_alone() -> None:
    made = world()
    one = placement(made.now())
    assert made.act(CreateObject("m1", one)).result == "done"
    assert made.act(CreateObject("m1", one)).result == "done"
    other = placement(made.now(), 2)
    made.members["m1"].api.adopt_stranger(other.object_name, other, made.now())
    assert made.act(CreateObject("m1", other)).result == "conflict"
    stranger = made.members["m1"].api.things[other.object_name]
    assert made.act(DeleteObject("m1", "p-2", stranger.name, "Job", stranger.uid)).result == "conflict"
    assert other.object_name in made.members["m1"].api.things


def test_a_pod_that_changed_since_it_was_seen_survives_its_withdrawal() -> None:
    made = world()
    made.act(CreateObject("m1", placement(made.now())))
    made.sleep(2)
    pod = made.observe(made.now()).objects[0].pods[0]
    made.sleep(40)
    withdraw = DeletePod("m1", "p-1", pod.name, pod.uid, pod.resource_version)
    assert made.act(withdraw).result == "conflict"
    assert made.observe(made.now()).objects[0].pods[0].phase == "running"


def test_a_startd_told_to_leave_finishes_its_job_and_takes_no_other() -> None:
    made = world(batches=(batch(count=8),))
    made.act(CreateObject("m1", placement(made.now())))
    made.sleep(70)
    seen = made.observe(made.now())
    pod, job = seen.objects[0].pods[0], seen.pools[0].slots[0].claims[0].job
    made.act(OrderLeave("m1", "p-1", pod.name, pod.uid, made.now()))
    made.sleep(180)
    after = made.observe(made.now())
    assert not after.pools[0].slots
    assert after.objects[0].finished == "complete"
    jobs = {one.id: one for one in made.schedds[0].jobs}
    assert jobs[job].done_at
    assert jobs[job].starts == 1
    assert sum(one.done_at is not None for one in jobs.values()) == 1


def test_a_vacated_job_is_idle_again_within_ten_seconds() -> None:
    made = world()
    made.act(CreateObject("m1", placement(made.now())))
    made.sleep(70)
    pod = made.observe(made.now()).objects[0].pods[0]
    waiting = made.observe(made.now()).schedds[0].classes[0].idle
    made.act(DeletePod("m1", "p-1", pod.name, pod.uid, grace_s=30))
    made.sleep(10)
    assert made.observe(made.now()).schedds[0].classes[0].idle == waiting + 1


def test_a_pod_killed_hard_leaves_a_ghost_and_a_job_that_hangs_until_its_lease_ends() -> None:
    made = world(member(faults=Faults(losses=((70.0, 1),))), lease_s=300.0)
    made.act(CreateObject("m1", placement(made.now())))
    made.sleep(75)
    seen = made.observe(made.now())
    assert seen.objects[0].finished == "failed"
    assert seen.pools[0].slots
    idle = seen.schedds[0].classes[0].idle
    made.pool.invalidate(seen.pools[0].slots[0].pod)
    assert not made.observe(made.now()).pools[0].slots
    assert made.observe(made.now()).schedds[0].classes[0].idle == idle
    made.sleep(310)
    assert made.observe(made.now()).schedds[0].classes[0].idle == idle + 1


def test_a_silent_member_keeps_its_last_view_and_does_nothing_that_is_asked() -> None:
    made = world(member(faults=Faults(silent=(Window(30, 90),))))
    made.sleep(29)
    before = made.observe(made.now()).members[0]
    made.sleep(20)
    during = made.observe(made.now()).members[0]
    assert during.contact == "timeout"
    assert during.seen_at is not None
    assert before.seen_at is not None
    assert during.seen_at - before.seen_at <= 2
    assert made.act(CreateObject("m1", placement(made.now()))).result == "retry"
    made.sleep(60)
    assert made.observe(made.now()).members[0].contact == "ok"
    assert not made.observe(made.now()).objects


def test_a_lost_answer_hides_a_write_that_happened() -> None:
    made = world(member(faults=Faults(lost_answer=1.0)))
    assert made.act(CreateObject("m1", placement(made.now()))).result == "retry"
    assert len(made.observe(made.now()).objects) == 1


def test_a_higher_epoch_at_a_member_stops_us_there() -> None:
    made = world()
    made.members["m1"].api.fence = 9
    assert made.act(CreateObject("m1", placement(made.now()))).result == "fenced"
    assert made.observe(made.now()).members[0].fence_epoch == 9


def test_a_daemonset_covers_every_node_of_its_group_and_leaves_when_parked() -> None:
    made = world(member(nodes=3))
    made.act(CreateObject("m1", placement(made.now(), form="startd-daemonset")))
    made.sleep(60)
    seen = made.observe(made.now()).objects[0]
    assert len({pod.node for pod in seen.pods}) == 3
    made.act(ParkDaemonSet("m1", "p-1", seen.name, seen.uid))
    made.sleep(70)
    assert not made.observe(made.now()).objects[0].pods


def test_a_silent_schedd_is_stale_and_not_empty() -> None:
    made = world(silent_schedds=(("ce1", Window(10, 1000)),))
    made.sleep(100)
    view = made.observe(made.now()).schedds[0]
    assert view.error
    assert view.seen_at is not None
    assert made.now() - view.seen_at > 80
    assert view.classes[0].idle == 4


@pytest.mark.parametrize(
    "faults",
    [
        Faults(lost_answer=0.3),
        Faults(timeout=0.3),
        Faults(no_join=0.2),
        Faults(losses=((120.0, 2), (400.0, 1))),
        Faults(silent=(Window(100, 260),)),
    ],
    ids=["lost answers", "timeouts", "slots that never come", "hard losses", "silence"],
)
def test_whatever_goes_wrong_every_job_runs_and_nothing_is_left_behind(tmp_path: Path, faults: Faults) -> None:
    """The real loop, journal and matchmaker against one kind of trouble at the first of two members."""
    scenario = Scenario((member("m1", faults, 3), member("m2")), (batch(count=30), batch(5, at=900)), lease_s=240.0)
    run = SimRun(scenario, Policy(), tmp_path, seed=5)
    report = run.until(float("inf"))
    run.close()
    assert report.done == report.jobs == 35
    assert report.left == ()
    assert report.peak_idle > 8  # it was contended
