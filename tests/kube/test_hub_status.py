"""Statuses that are told to a hub's Jobs: what the API server takes, and what its clients then see."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kubernetes import client, watch

from fedsched.kube.jobs.status_body import moment
from fedsched.matchmaker.model import JobCondition, JobStatus
from fedsched.matchmaker.model.names import CONDITION_PLACED, CONDITION_PREEMPTED
from tests.kube.hub_site import Hub, condition, grown, job, jobs, seen, tell, told, until
from tests.laboratory.kubeapi import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fedsched.federation.hub_queue import HubQueue

pytestmark = pytest.mark.kube
PLACED = condition(CONDITION_PLACED, "m1", "placed at m1 as fs-1")
T0 = 1_800_000_000.0


@pytest.fixture(scope="module")
def queue(hub: Hub) -> Iterator[HubQueue]:
    """One queue for all of these."""
    with hub.reading() as made:
        yield made


def official(hub: Hub) -> Any:
    """The official client."""
    return client.BatchV1Api(hub.plane.client())


def complete(**changed: Any) -> JobStatus:
    """One that ended well."""
    status = JobStatus(succeeded=1, started_at=T0, completed_at=T0 + 60, conditions=(PLACED, condition("Complete")))
    return grown(status, **changed)


def failed(reason: str, message: str = "", **changed: Any) -> JobStatus:
    """One that ended badly."""
    end = condition("Failed", reason, message, T0 + 60)
    return grown(JobStatus(failed=1, started_at=T0, conditions=(PLACED, end)), **changed)


def test_a_plain_job_runs_and_completes_for_every_client_that_watches(hub: Hub, space: str, queue: HubQueue) -> None:
    """L6: it is seen as if it ran here."""
    api, states = official(hub), []
    hub.create(space, "plain")
    listed = api.list_namespaced_job(space)
    told(queue, f"{space}/plain", JobStatus(conditions=(PLACED,)))
    told(queue, f"{space}/plain", JobStatus(active=1, started_at=T0, conditions=(PLACED,)))
    told(queue, f"{space}/plain", JobStatus(active=1, ready=1, started_at=T0, conditions=(PLACED,)))
    told(queue, f"{space}/plain", complete())
    stream = watch.Watch().stream(
        api.list_namespaced_job, space, resource_version=listed.metadata.resource_version, timeout_seconds=20
    )
    for event in stream:
        status = event["object"].status
        states.append((status.active, status.ready, status.succeeded))
        if any(one.type == "Complete" and one.status == "True" for one in status.conditions or ()):
            break
    assert states == [(None, 0, None), (1, 0, None), (1, 1, None), (None, 0, 1)]
    last = api.read_namespaced_job_status("plain", space).status
    assert [one.type for one in last.conditions] == [CONDITION_PLACED, "SuccessCriteriaMet", "Complete"]
    assert (last.start_time.timestamp(), last.completion_time.timestamp()) == (T0, T0 + 60)


ENDS = {
    "BackoffLimitExceeded": ({"backoffLimit": 2}, "Job has reached the specified backoff limit", 3),
    "DeadlineExceeded": ({"activeDeadlineSeconds": 60}, "Job was active longer than specified deadline", 1),
    "PodFailurePolicy": ({}, "Container main failed with exit code 7", 1),
    "UnknownFinished": ({}, "its copy vanished before its end was seen", 0),
    "Cancelled": ({}, "by anna: not needed", 0),
}


@pytest.mark.parametrize("reason", ENDS)
def test_each_kind_of_failure_is_taken_with_its_reason(hub: Hub, space: str, queue: HubQueue, reason: str) -> None:
    given, message, failures = ENDS[reason]
    hub.create(space, "bad", **given)
    after = told(queue, f"{space}/bad", failed(reason, message, failed=failures))
    assert (after.state, after.status.failed) == ("over", failures)
    last = official(hub).read_namespaced_job_status("bad", space).status
    assert [(one.type, one.reason) for one in last.conditions[1:]] == [("FailureTarget", reason), ("Failed", reason)]
    assert last.completion_time is None
    assert last.conditions[-1].message == message


def test_a_job_that_never_started_can_fail_for_its_start_is_its_end(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "refused")
    end = condition("Failed", "Refused", "spec.template.spec.hostIPC: may not be set", T0)
    after = told(queue, f"{space}/refused", JobStatus(conditions=(end,)))
    assert after.status.started_at == T0


def test_an_indexed_job_shows_its_indexes(hub: Hub, space: str, queue: HubQueue) -> None:
    """P8: each index is known."""
    given = {"completionMode": "Indexed", "completions": 5, "parallelism": 3, "backoffLimitPerIndex": 1}
    hub.create(space, "indexed", **given)
    base = JobStatus(active=3, ready=3, started_at=T0, conditions=(PLACED,))
    told(queue, f"{space}/indexed", grown(base, succeeded=2, completed_indexes="0,3", failed_indexes=""))
    end = condition("Failed", "FailedIndexes", "Job has failed indexes", T0 + 9)
    last = grown(base, succeeded=4, failed=2, completed_indexes="0-1,3-4", failed_indexes="2", conditions=(PLACED, end))
    after = told(queue, f"{space}/indexed", last).status
    assert (after.completed_indexes, after.failed_indexes, after.active, after.ready) == ("0-1,3-4", "2", 0, 0)


def test_indexes_that_do_not_fit_are_left_out_and_the_rest_is_told(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "odd", completionMode="Indexed", completions=3, parallelism=2)
    hub.create(space, "plain", completions=3)
    status = JobStatus(active=1, succeeded=2, started_at=T0, completed_indexes="0-1,7,x", failed_indexes="2")
    assert told(queue, f"{space}/odd", status).status.completed_indexes == "0-1"
    assert told(queue, f"{space}/plain", status).status.completed_indexes == ""


def test_counters_and_the_start_stay_when_a_second_copy_begins_at_nothing(
    hub: Hub, space: str, queue: HubQueue
) -> None:
    """L8: preempted, and placed again elsewhere."""
    hub.create(space, "again", completions=4, parallelism=2)
    gone = condition(CONDITION_PREEMPTED, "Preempted", "at m1 for physics.urgent")
    waits = JobCondition(CONDITION_PLACED, "False", "NoRoom", "nothing is free")
    first = JobStatus(active=2, succeeded=1, failed=1, started_at=T0, conditions=(PLACED,))
    told(queue, f"{space}/again", first)
    told(queue, f"{space}/again", JobStatus(conditions=(waits, gone)))
    again = JobStatus(active=2, started_at=T0 + 900, conditions=(PLACED, gone))
    after = told(queue, f"{space}/again", again).status
    assert (after.started_at, after.succeeded, after.failed, after.active) == (T0, 1, 1, 2)


def test_a_suspended_job_says_so_and_starts_anew(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "held")
    name = f"{space}/held"
    told(queue, name, JobStatus(active=1, started_at=T0, conditions=(PLACED,)))
    hub.admin.patch(jobs(space, "held"), {"spec": {"suspend": True}})
    seen(queue, name, lambda one: one.state == "suspended")
    held = condition("Suspended", "JobSuspended", "Job suspended")
    assert told(queue, name, JobStatus(conditions=(held,))).status.started_at is None
    hub.admin.patch(jobs(space, "held"), {"spec": {"suspend": False}})
    seen(queue, name, lambda one: one.state == "waiting")
    resumed = JobCondition("Suspended", "False", "JobResumed", "Job resumed")
    told(queue, name, JobStatus(conditions=(resumed,)))
    after = told(queue, name, JobStatus(active=1, started_at=T0 + 500, conditions=(resumed, PLACED))).status
    assert after.started_at == T0 + 500


def test_an_announced_end_is_written_with_the_end_alone_so_that_another_end_stays_possible(
    hub: Hub, space: str, queue: HubQueue
) -> None:
    hub.create(space, "lost")
    name = f"{space}/lost"
    announced = JobStatus(active=1, started_at=T0, conditions=(PLACED, condition("SuccessCriteriaMet")))
    after = told(queue, name, announced)
    assert [one.type for one in after.status.conditions] == [CONDITION_PLACED]
    assert tell(queue, after, announced).what.startswith("the Job shows it already")
    assert told(queue, name, failed("UnknownFinished")).state == "over"


def test_what_has_ended_stays_ended(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "done")
    after = told(queue, f"{space}/done", complete())
    for other in (failed("Cancelled"), JobStatus(active=1)):
        outcome = tell(queue, after, other)
        assert outcome.result == "refused"
        assert "Complete already" in outcome.what
    assert official(hub).read_namespaced_job_status("done", space).status.succeeded == 1


def test_an_older_resource_version_is_a_conflict_and_a_job_that_is_gone_is_gone(
    hub: Hub, space: str, queue: HubQueue
) -> None:
    hub.create(space, "moves")
    before = seen(queue, f"{space}/moves")
    hub.admin.patch(jobs(space, "moves"), {"metadata": {"labels": {"step": "2"}}})
    assert tell(queue, before, complete()).result == "conflict"  # whether or not the change is seen by now
    seen(queue, f"{space}/moves", lambda one: one.resource_version != before.resource_version)
    outcome = tell(queue, before, complete())
    assert (outcome.result, "has changed since" in outcome.what) == ("conflict", True)
    hub.admin.delete(jobs(space, "moves"), grace_s=0)
    until(lambda: not any(one.uid == before.uid for one in queue.latest().jobs), "its end")
    assert tell(queue, before, complete()).result == "gone"
    hub.create(space, "moves")
    seen(queue, f"{space}/moves")
    assert tell(queue, before, complete()).result == "gone"


def test_conditions_of_others_are_not_shown_to_decisions_and_stay(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "shared")
    strange = {"type": "example.org/Billed", "status": "True", "reason": "Yes", "lastTransitionTime": moment(T0)}
    last = hub.admin.patch(f"{jobs(space, 'shared')}/status", {"status": {"conditions": [strange]}})
    seen(queue, f"{space}/shared", lambda one: one.resource_version == last["metadata"]["resourceVersion"])
    assert told(queue, f"{space}/shared", JobStatus(conditions=(PLACED,))).status.conditions[0].type == CONDITION_PLACED
    types = [one["type"] for one in hub.job(space, "shared")["status"]["conditions"]]
    assert types == ["example.org/Billed", CONDITION_PLACED]


def test_hostile_words_of_a_member_reach_the_hub_clean_and_short(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "words")
    after = told(queue, f"{space}/words", failed("Bad\x1b[31m", "line\nbreak \x1b]0;title\x07" + "x" * 100_000))
    end = after.status.condition("Failed")
    assert end is not None
    raw = hub.job(space, "words")["status"]["conditions"][-1]
    assert raw["message"].isprintable()
    assert len(raw["message"]) <= 4096


def test_events_tell_what_happened_once_each(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "told")
    name = f"{space}/told"
    told(queue, name, JobStatus(conditions=(JobCondition(CONDITION_PLACED, "False", "NoRoom", "it waits", T0),)))
    told(queue, name, JobStatus(active=1, started_at=T0, conditions=(PLACED,)))
    told(queue, name, JobStatus(active=1, ready=1, started_at=T0, conditions=(PLACED,)))
    told(queue, name, failed("BackoffLimitExceeded", "too often"))
    path = f"/api/v1/namespaces/{space}/events"
    events = until(lambda: (found := hub.admin.items(path)) and len(found) >= 2 and found, "two events")
    assert sorted((one["reason"], one["type"]) for one in events) == [
        ("BackoffLimitExceeded", "Warning"),
        ("Placed", "Normal"),
    ]
    assert {one["involvedObject"]["uid"] for one in events} == {seen(queue, name).uid}


RULES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "active>0 is invalid for finished job": ({}, [{"active": 1, "startTime": moment(T0), "conditions": "Failed"}]),
    "startTime is required for finished job": ({}, [{"conditions": "Failed"}]),
    "without the FailureTarget=true condition": ({}, [{"startTime": moment(T0), "conditions": ["Failed"]}]),
    "without the SuccessCriteriaMet=true condition": (
        {},
        [{"startTime": moment(T0), "completionTime": moment(T0), "conditions": ["Complete"]}],
    ),
    "completionTime is required for Complete jobs": ({}, [{"startTime": moment(T0), "conditions": "Complete"}]),
    "cannot set completionTime when there is no Complete=True condition": ({}, [{"completionTime": moment(T0)}]),
    "must be equal to or after `startTime`": (
        {},
        [{"startTime": moment(T0), "completionTime": moment(T0 - 1), "conditions": "Complete"}],
    ),
    "cannot set Complete=True and Failed=true conditions": (
        {},
        [
            {
                "startTime": moment(T0),
                "completionTime": moment(T0),
                "conditions": ["SuccessCriteriaMet", "Complete", "FailureTarget", "Failed"],
            }
        ],
    ),
    "cannot disable the terminal FailureTarget=True condition": (
        {},
        [{"conditions": ["FailureTarget"]}, {"conditions": []}],
    ),
    "cannot disable the SuccessCriteriaMet=True condition": (
        {},
        [{"conditions": ["SuccessCriteriaMet"]}, {"conditions": []}],
    ),
    "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions": (
        {},
        [{"conditions": ["SuccessCriteriaMet", "FailureTarget"]}],
    ),
    "cannot decrease the failed counter": ({}, [{"failed": 2}, {"failed": 1}]),
    "cannot decrease the succeeded counter": ({"completions": 3}, [{"succeeded": 2}, {"succeeded": 1}]),
    "field is immutable for unsuspended job once set": ({}, [{"startTime": moment(T0)}, {"startTime": moment(T0 + 1)}]),
    "cannot set more ready pods than active": ({}, [{"active": 1, "ready": 2}]),
    "terminating>0 is invalid for finished job": (
        {},
        [{"startTime": moment(T0), "terminating": 1, "conditions": "Failed"}],
    ),
    "cannot set non-empty completedIndexes when non-indexed": ({"completions": 3}, [{"completedIndexes": "0"}]),
    "too large index": ({"completionMode": "Indexed", "completions": 2}, [{"completedIndexes": "0,2"}]),
    "cannot set non-null failedIndexes when backoffLimitPerIndex is null": (
        {"completionMode": "Indexed", "completions": 2},
        [{"failedIndexes": "0"}],
    ),
    "must be empty for finished job": (
        {},
        [{"startTime": moment(T0), "uncountedTerminatedPods": {"failed": ["a"]}, "conditions": "Failed"}],
    ),
}
"""What a server answers -> the Job's spec, and statuses of which it refuses the last."""


@pytest.mark.parametrize("words", RULES)
def test_the_rules_by_which_we_write_are_the_servers_own(hub: Hub, space: str, words: str) -> None:
    """What is known of its rules stands in kube/jobs/status_body; a server that changed them is noticed here."""
    spec, statuses = RULES[words]
    hub.admin.create(job(space, "rule", **spec))
    *before, last = [_raw(status) for status in statuses]
    for status in before:
        hub.admin.patch(f"{jobs(space, 'rule')}/status", {"status": status})
    with pytest.raises(ApiError) as refused:
        hub.admin.patch(f"{jobs(space, 'rule')}/status", {"status": last})
    assert refused.value.status == 422
    assert words in str(refused.value)


def _raw(status: dict[str, Any]) -> dict[str, Any]:
    """A condition's name stands for it and what it needs."""
    needs = {"Failed": ["FailureTarget", "Failed"], "Complete": ["SuccessCriteriaMet", "Complete"]}
    given = status.get("conditions", [])
    types = needs[given] if isinstance(given, str) else given
    return {
        **status,
        "conditions": [{"type": one, "status": "True", "lastTransitionTime": moment(T0)} for one in types],
    }


def test_a_paused_hub_gets_the_status_later_and_says_retry_meanwhile(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "later")
    one = seen(queue, f"{space}/later")
    hub.plane.pause()
    try:
        began = time.monotonic()
        outcome = tell(queue, one, complete())
        assert (outcome.result, time.monotonic() - began < 15) == ("retry", True)
    finally:
        hub.plane.resume()
    after = until(lambda: _retold(queue, one.id), "the status")
    assert after.state == "over"


def _retold(queue: HubQueue, id_: str) -> Any:
    one = seen(queue, id_)
    if one.state == "over":
        return one
    tell(queue, one, complete())
    return None


def test_no_secret_is_in_what_a_bundle_shows(hub: Hub, space: str, queue: HubQueue) -> None:
    volumes = [
        {"name": "s", "secret": {"secretName": "pass"}},
        {"name": "c", "configMap": {"name": "settings"}},
    ]
    hub.create(space, "bundled", volumes=volumes)
    one = seen(queue, f"{space}/bundled")
    for kind, name, data in (("Secret", "pass", {"word": "c2VjcmV0"}), ("ConfigMap", "settings", {"a": "b"})):
        metadata = {"name": name, "namespace": space}
        hub.admin.create({"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data})
    bundle = queue.bundle(one.id, one.uid, ())
    assert bundle is not None
    assert (bundle.manifest["metadata"]["uid"], bundle.copies) == (one.uid, ())
    assert queue.bundle(one.id, "another-uid", ()) is None
    # This hub's namespaces are a pattern, so our account may read no object in them: the member says what it lacks.
    assert queue.bundle(one.id, one.uid, ("ConfigMap", "Secret")) == msgspec.structs.replace(bundle, copies=())
