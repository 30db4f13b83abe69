"""Copies of users' Jobs in a simulated member live and end as a Job controller and kubelets have it."""

from __future__ import annotations

import msgspec
import pytest

from fedsched.matchmaker.model import CreateObject, NodeGroup
from fedsched.sim.backups import backup, restore
from fedsched.sim.copies import COPY_TTL_S, LONGEST_GRACE_S
from fedsched.sim.scenario import Faults, QuotaCut, Window
from fedsched.sim.world import SimWorld
from tests.sim.builders import JOB, member, placement
from tests.sim.queued import copy, delete, hub, job, seen, sim_job


def room(made: SimWorld) -> NodeGroup:
    return made.observe(made.now()).members[0].node_groups[0]


def end(made: SimWorld, number: int = 1) -> tuple[str, str]:
    """How a copy ended, and why it says so."""
    status = seen(made, number).status
    assert status is not None
    reasons = (one.reason for one in status.conditions if one.type in {"Complete", "Failed"})
    return seen(made, number).finished, next(reasons, "")


def test_a_copy_runs_all_its_pods_at_once_and_is_complete_when_enough_succeeded() -> None:
    made = hub(sim_job(pods=2, completions=4))
    assert copy(made).result == "done"
    made.sleep(60)
    status = seen(made).status
    assert status is not None
    assert (status.active, status.ready, status.succeeded) == (2, 2, 0)
    made.sleep(240)
    status = seen(made).status
    assert status is not None
    assert (status.active, status.succeeded, status.failed) == (0, 4, 0)
    assert [one.type for one in status.conditions] == ["SuccessCriteriaMet", "Complete"]
    assert status.completed_at is not None


def test_no_startd_joins_from_a_copy() -> None:
    made = hub(sim_job())
    copy(made)
    made.sleep(90)
    assert seen(made).pods[0].phase == "running"
    assert made.observe(made.now()).pools[0].slots == ()


def test_a_pod_that_fails_is_tried_again_up_to_the_limit_and_its_exit_code_is_seen() -> None:
    made = hub(sim_job("twice", exits=(7, 7)), sim_job("never", exits=(7,) * 9, backoff_limit=1))
    copy(made, "twice", 1)
    copy(made, "never", 2)
    made.sleep(600)
    assert end(made, 1) == ("complete", "CompletionsReached")
    assert end(made, 2) == ("failed", "BackoffLimitExceeded")
    assert [pod.exit_code for pod in seen(made, 2).pods] == [7, 7]


@pytest.mark.parametrize(("lives_s", "own_s", "most_s"), [(200, 0, 200.0), (3600, 150, 150.0)])
def test_a_copy_ends_at_the_sooner_of_both_deadlines_while_its_member_is_silent(
    lives_s: int, own_s: int, most_s: float
) -> None:
    quiet = member(faults=Faults(silent=(Window(20.0, 900.0),)))
    made = hub(sim_job(runs_s=5000.0, deadline_s=own_s), members=(quiet,))
    copy(made, lifetime_s=lives_s)
    made.sleep(most_s + 2 + LONGEST_GRACE_S + 10)
    copy_ = made.members["m1"].api.things["fs-p-1"].copy
    assert copy_ is not None
    assert not copy_.may_run(made.now())
    made.sleep(900)
    assert end(made) == ("failed", "DeadlineExceeded")


def test_a_pod_keeps_its_own_deadline_when_nobody_controls_it() -> None:
    made = hub(sim_job(runs_s=5000.0))
    copy(made, lifetime_s=100)
    made.sleep(30)
    made.members["m1"].api.controller.stopped_until = made.now() + 1000
    made.sleep(60)
    assert seen(made).pods[0].phase == "running"
    made.sleep(60 + LONGEST_GRACE_S)
    assert seen(made).pods[0].end_reason == "DeadlineExceeded"


def test_a_copy_waits_for_room_as_any_pod_and_for_its_quota_with_a_reason() -> None:
    made = hub(sim_job(request=msgspec.structs.replace(JOB, cpu_milli=6000), pods=3))
    copy(made, size=msgspec.structs.replace(JOB, cpu_milli=6000))
    made.sleep(30)
    assert sorted(pod.phase for pod in seen(made).pods) == ["pending", "running", "running"]
    cut = member(faults=Faults(quotas=(QuotaCut(Window(0.0, 60.0), 1),)))
    made = hub(sim_job(pods=2), members=(cut,))
    copy(made)
    made.sleep(30)
    assert (len(seen(made).pods), seen(made).refused) == (1, "403: exceeded quota: pods=1")
    made.sleep(60)
    assert (len(seen(made).pods), seen(made).refused) == (2, "")


def test_a_deleted_copy_stays_until_its_last_pod_is_gone() -> None:
    made = hub(sim_job(runs_s=1000.0))
    free = room(made).rooms
    copy(made)
    made.sleep(60)
    assert delete(made, version="another").result == "conflict"
    assert delete(made, version=seen(made).resource_version).result == "done"
    made.sleep(0.5)
    assert seen(made).deleting
    assert seen(made).pods[0].deleting
    made.sleep(LONGEST_GRACE_S + 1)
    assert made.observe(made.now()).objects == ()
    assert room(made).rooms == free


def test_a_finished_copy_vanishes_after_its_time() -> None:
    made = hub(sim_job())
    copy(made)
    made.sleep(300)
    assert end(made)[0] == "complete"
    made.sleep(COPY_TTL_S)
    assert made.observe(made.now()).objects == ()


def test_a_copy_is_made_of_what_its_queue_holds_then() -> None:
    made = hub(sim_job(deleted_at=20.0), silent_queues=(("hub", Window(40.0, 60.0)),))
    its = job(made)
    wanted = placement(made.now(), 1, "job")
    wanted = msgspec.structs.replace(wanted, schedd="hub", job=its.id, job_uid=its.uid)
    for at, result in ((30.0, "refused"), (50.0, "retry")):
        made.sleep(at - made.monotonic())
        assert made.act(CreateObject("m1", wanted)).result == result


def test_an_older_backup_brings_back_what_had_ended_and_takes_away_what_is_newer() -> None:
    made = hub(sim_job("old"), sim_job("new"), sim_job("runs", runs_s=1000.0))
    copy(made, "old", 1)
    copy(made, "runs", 3)
    made.sleep(60)
    api = made.members["m1"].api
    api.fence = 5
    kept = backup(api)
    made.claim("m1", 9)
    made.sleep(120)
    assert end(made, 1)[0] == "complete"
    started = seen(made, 3).pods
    copy(made, "new", 2)
    made.sleep(60)
    restored = restore(api, kept, made.now())
    assert api.fence == 5
    assert [pod.placement.id for pod in restored.killed if pod.placement] == ["p-2"]
    made.sleep(50)
    back = seen(made, 1)
    assert (back.finished, [pod.phase for pod in back.pods], back.uid) == ("", ["running"], restored.revived[0])
    assert len(restored.revived) == 1
    assert [pod.uid for pod in seen(made, 3).pods] == [pod.uid for pod in started]
    assert all(one.name != "fs-p-2" for one in made.observe(made.now()).objects)
    made.sleep(200)
    assert end(made, 1)[0] == "complete"
