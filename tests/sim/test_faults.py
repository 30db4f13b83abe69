"""What goes wrong in a simulated federation goes wrong as it does outside."""

from __future__ import annotations

import pytest

from fedsched.loop import Unreachable
from fedsched.matchmaker.model import CreateObject, DeletePod
from fedsched.sim.scenario import Admission, Faults, NodeLoss, QuotaCut, Stale, Window
from tests.sim.builders import batch, jobs, member, place, placement, trace_job, world

EVER = float("inf")


def test_a_lost_node_takes_its_pods_and_its_room_and_comes_back_empty() -> None:
    made = world(member(faults=Faults(node_losses=(NodeLoss(100.0, "std", 2, 300.0),))), lease_s=60.0)
    place(made, 1)
    made.sleep(99)
    assert made.observe(made.now()).pools[0].slots[0].claims
    made.sleep(2)
    seen = made.observe(made.now())
    assert seen.members[0].node_groups[0].ready == 0
    assert seen.members[0].node_groups[0].nodes == 2
    assert not seen.members[0].node_rooms
    assert (seen.objects[0].finished, seen.objects[0].pods) == ("failed", ())
    assert seen.pools[0].slots[0].seen_at == made.scenario.begins + 100  # a ghost until it is invalidated
    place(made, 2)
    made.sleep(60)
    assert "insufficient" in made.observe(made.now()).objects[1].pods[0].problem
    assert jobs(made)["1.0"].lost_s == pytest.approx(100 - 40)
    made.sleep(150)
    seen = made.observe(made.now())
    assert seen.members[0].node_groups[0].ready == 2
    assert seen.objects[1].pods[0].phase == "running"


def test_a_lost_node_that_stays_lost_stays_lost() -> None:
    made = world(member(faults=Faults(node_losses=(NodeLoss(10.0, "std"),))))
    made.sleep(100_000)
    assert made.observe(made.now()).members[0].node_groups[0].ready == 1


def test_a_stale_view_tells_its_age_while_writes_go_on() -> None:
    made = world(member(faults=Faults(stale=(Stale(Window(30.0, 230.0), 60.0),))))
    made.sleep(50)
    place(made, 1)
    made.sleep(30)
    seen = made.observe(made.now())
    assert seen.members[0].contact == "ok"
    assert seen.members[0].contact_at == made.now()
    assert seen.members[0].seen_at == made.scenario.begins + 30
    assert not seen.members[0].node_rooms
    assert seen.objects[0].pods[0].node
    made.sleep(20)
    seen = made.observe(made.now())
    assert seen.members[0].seen_at == made.scenario.begins + 90
    assert seen.members[0].node_rooms
    made.sleep(200)
    assert made.observe(made.now()).members[0].seen_at == made.now()


def test_a_pod_that_never_starts_says_nothing_and_goes_at_its_deadline() -> None:
    made = world(member(faults=Faults(no_start=1.0)))
    place(made, 1)
    made.sleep(3599)
    pod = made.observe(made.now()).objects[0].pods[0]
    assert (pod.phase, pod.problem) == ("pending", "")
    assert pod.node
    made.sleep(1)
    thing = made.observe(made.now()).objects[0]
    assert (thing.finished, thing.finished_reason) == ("failed", "DeadlineExceeded")
    room = made.observe(made.now()).members[0].node_groups[0].rooms
    assert [(one.free.cpu_milli, one.nodes) for one in room] == [(8000, 2)]


def test_a_node_that_boots_slowly_starts_pods_late() -> None:
    slow = member()
    made = world(type(slow)(slow.terms, slow.groups, pull_s=0.0, boot_s=300.0))
    place(made, 1)
    made.sleep(299)
    assert made.observe(made.now()).objects[0].pods[0].phase == "pending"
    made.sleep(1)
    assert made.observe(made.now()).objects[0].pods[0].phase == "running"


def test_no_member_answers_while_the_hub_is_silent() -> None:
    made = world(member("m1"), member("m2"), silent_hub=(Window(10.0, 20.0),))
    made.sleep(15)
    assert {view.contact for view in made.observe(made.now()).members} == {"timeout"}
    assert made.act(CreateObject("m2", placement(made.now()))).result == "retry"
    with pytest.raises(Unreachable):
        made.claim("m1", 2)
    made.sleep(5)
    assert {view.contact for view in made.observe(made.now()).members} == {"ok"}


def test_a_cut_quota_is_seen_and_refuses_what_is_more_and_ends_nothing() -> None:
    made = world(member(faults=Faults(quotas=(QuotaCut(Window(50.0, 90.0), 1),))))
    place(made, 1, 2)
    made.sleep(60)
    refused = made.act(CreateObject("m1", placement(made.now(), 3)))
    assert refused.result == "refused"
    assert "exceeded quota: pods=1" in refused.what
    seen = made.observe(made.now())
    assert seen.members[0].quotas[0].left.pods == -1
    assert {thing.pods[0].phase for thing in seen.objects} == {"running"}
    made.sleep(40)
    assert not made.observe(made.now()).members[0].quotas
    place(made, 3)


def test_what_admission_takes_is_missing_in_the_slot_and_told() -> None:
    made = world(member(faults=Faults(admission=(Admission(Window(0.0, 10.0), 0.5),))))
    place(made, 1)
    made.sleep(10)
    place(made, 2)
    made.sleep(60)
    seen = made.observe(made.now())
    assert [slot.size.cpu_milli for slot in seen.pools[0].slots] == [1000, 2000]
    assert [thing.pods[0].fact for thing in seen.objects] == ["admission made 1 core of 2 cores", ""]
    assert [len(slot.claims) for slot in seen.pools[0].slots] == [0, 1]  # a job of two cores


def test_jobs_of_a_schedd_that_is_gone_hang_until_their_lease_ends_and_wait_again_when_it_is_back() -> None:
    made = world(
        batches=(batch(count=4, runs_s=1000.0),), lease_s=100.0, gone_schedds=(("ce1", Window(100.0, 1300.0)),)
    )
    place(made, 1, share="any")
    made.sleep(199)
    seen = made.observe(made.now())
    assert (seen.schedds[0].error, seen.schedds[0].seen_at) == ("did not answer in time", made.scenario.begins + 95)
    assert seen.pools[0].slots[0].claims
    made.sleep(1)
    assert not made.observe(made.now()).pools[0].slots[0].claims
    assert made.observe(made.now()).schedds
    made.sleep(800)
    assert not made.observe(made.now()).schedds  # its ad has expired
    made.sleep(305)
    seen = made.observe(made.now())
    assert (seen.schedds[0].error, seen.schedds[0].classes[0].idle) == ("", 4)
    assert jobs(made)["1.0"].lost_s == pytest.approx(160, abs=20)


def test_a_schedd_that_is_back_before_its_leases_end_has_lost_nothing() -> None:
    made = world(lease_s=300.0, gone_schedds=(("ce1", Window(100.0, 200.0)),))
    place(made, 1)
    made.sleep(1000)
    assert {job.starts for job in jobs(made).values()} == {1}


def test_nobody_submits_where_the_schedd_is_gone_and_a_world_without_it_can_be_over() -> None:
    both = (batch(), batch(at=50.0, count=2))
    back = world(batches=both, gone_schedds=(("ce1", Window(40.0, 80.0)),))
    back.sleep(100)
    assert sorted({job.submitted_at - back.scenario.begins for job in jobs(back).values()}) == [0.0, 80.0]
    gone = world(batches=both, gone_schedds=(("ce1", Window(40.0, EVER)),))
    gone.sleep(39)
    assert not gone.quiet
    gone.sleep(100_000)
    assert len(jobs(gone)) == 4
    assert gone.quiet


def test_a_withdrawn_pods_job_has_failed_and_is_cleared_by_its_time_to_live() -> None:
    made = world()
    place(made, 1)
    made.sleep(2)
    pod = made.observe(made.now()).objects[0].pods[0]
    assert made.act(DeletePod("m1", "p-1", pod.name, pod.uid, pod.resource_version)).result == "done"
    made.sleep(10)
    thing = made.observe(made.now()).objects[0]
    assert (thing.finished, thing.finished_reason) == ("failed", "BackoffLimitExceeded")
    made.sleep(600)
    assert not made.observe(made.now()).objects


def test_silent_while_a_schedds_jobs_go_on_is_not_gone() -> None:
    made = world(jobs=(trace_job(1),), silent_schedds=(("ce1", Window(0.0, 1000.0)),))
    made.sleep(500)
    seen = made.observe(made.now()).schedds[0]
    assert (seen.error, seen.seen_at, seen.classes) == ("did not answer in time", None, ())
    made.sleep(505)
    assert made.observe(made.now()).schedds[0].classes
