"""A simulated queue of Kubernetes Jobs takes and tells what the API of a hub cluster does."""

from __future__ import annotations

from typing import Any

import pytest

from fedsched.matchmaker.model import JobCondition, JobStatus
from fedsched.sim.job_status import refusals
from fedsched.sim.scenario import Window
from tests.sim.queued import hub, job, sim_job, tell

TARGET, FAILED = JobCondition("FailureTarget", "True", "x"), JobCondition("Failed", "True", "x")
MET, COMPLETE = JobCondition("SuccessCriteriaMet", "True"), JobCondition("Complete", "True")


def test_a_queue_tells_its_jobs_by_name_and_one_class_for_each_kind() -> None:
    made = hub(sim_job("b"), sim_job("a"), sim_job("wide", pods=2), sim_job("later", at=100.0))
    view = made.observe(made.now()).schedds[-1]
    assert (view.name, view.kind, view.pool) == ("hub", "jobs", "")
    assert [one.id for one in view.jobs] == ["lab/a", "lab/b", "lab/wide"]
    assert sorted((one.job.pods, one.idle) for one in view.classes if one.job) == [(1, 2), (2, 1)]
    made.sleep(120)
    assert [one.id for one in made.observe(made.now()).schedds[-1].jobs][2] == "lab/later"


def test_owners_suspend_resume_edit_and_delete_and_each_is_another_version() -> None:
    made = hub(sim_job(suspended=(Window(10.0, 20.0),), edited_at=(30.0,), deleted_at=40.0, lingers_s=10.0))
    found = []
    for _ in range(6):
        found += [(one.state, one.resource_version) for one in made.observe(made.now()).schedds[-1].jobs]
        made.sleep(10)
    assert found == [("waiting", "1"), ("suspended", "2"), ("waiting", "3"), ("waiting", "4"), ("deleting", "5")]


def test_a_name_may_come_again_as_another_job() -> None:
    made = hub(sim_job(deleted_at=10.0), sim_job(at=20.0))
    first = job(made)
    made.sleep(30)
    again = job(made)
    assert (first.id, first.uid) != (again.id, again.uid)
    assert made.queues["hub"].find(first.id, first.uid) is None


def test_a_status_needs_the_version_that_was_seen_and_the_job_that_was_meant() -> None:
    made = hub(sim_job())
    assert tell(made, version="77").result == "conflict"
    assert tell(made, active=1).result == "done"
    made.sleep(2)
    assert (job(made).status.active, job(made).resource_version) == (1, "2")
    assert tell(made, active=1).result == "done"
    made.sleep(2)
    assert job(made).resource_version == "2"


def test_a_silent_queue_shows_what_it_showed_and_takes_nothing() -> None:
    made = hub(sim_job("a"), sim_job("b", at=20.0), silent_queues=(("hub", Window(10.0, 60.0)),))
    made.sleep(40)
    view = made.observe(made.now()).schedds[-1]
    assert [one.id for one in view.jobs] == ["lab/a"]
    assert view.error
    assert view.seen_at is not None
    assert made.now() - view.seen_at > 30
    assert tell(made, active=1).result == "retry"
    made.sleep(60)
    assert [one.id for one in made.observe(made.now()).schedds[-1].jobs] == ["lab/a", "lab/b"]


def test_a_world_is_quiet_when_all_its_jobs_are_over_or_gone() -> None:
    made = hub(sim_job("a"), sim_job("b", deleted_at=30.0))
    assert not made.quiet
    made.sleep(40)
    now = made.now()
    assert tell(made, started_at=now - 9, completed_at=now, conditions=(MET, COMPLETE)).result == "done"
    assert made.quiet


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"succeeded": 2}, {"succeeded": 1}),
        ({"failed": 2}, {"failed": 1}),
        ({}, {"active": 1, "ready": 2}),
        ({"started_at": 1.0}, {"started_at": 2.0}),
        ({"started_at": 1.0}, {}),
        ({}, {"started_at": 1.0, "conditions": (FAILED,)}),
        ({}, {"started_at": 1.0, "completed_at": 2.0, "conditions": (COMPLETE,)}),
        ({}, {"started_at": 1.0, "conditions": (MET, COMPLETE)}),
        ({}, {"completed_at": 1.0}),
        ({}, {"started_at": 1.0, "active": 1, "conditions": (TARGET, FAILED)}),
        ({}, {"conditions": (TARGET, FAILED)}),
        ({"conditions": (TARGET,)}, {}),
        ({}, {"started_at": 3.0, "completed_at": 2.0, "conditions": (MET, COMPLETE)}),
        ({}, {"started_at": 1.0, "completed_at": 2.0, "conditions": (TARGET, MET, COMPLETE)}),
    ],
)
def test_what_an_api_server_would_not_take_is_not_taken(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert list(refusals(JobStatus(**old), JobStatus(**new), suspended=False))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"active": 2, "ready": 2}, {"active": 1, "succeeded": 1}),
        ({"active": 1, "started_at": 1.0}, {"failed": 1, "started_at": 1.0, "conditions": (TARGET, FAILED)}),
        ({"conditions": (MET,)}, {"started_at": 1.0, "completed_at": 2.0, "conditions": (MET, COMPLETE)}),
    ],
)
def test_what_it_would_take_is_taken(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert not list(refusals(JobStatus(**old), JobStatus(**new), suspended=False))


def test_a_suspended_jobs_start_may_be_taken_back() -> None:
    assert not list(refusals(JobStatus(started_at=1.0), JobStatus(), suspended=True))
