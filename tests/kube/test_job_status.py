"""How copies stand, as clients read a Job's status: from real Jobs, and bounded whatever stands there."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fedsched.kube.jobs.status import LONGEST_INDEXES, LONGEST_MESSAGE, MOST_CONDITIONS, job_status
from fedsched.kube.objects import own_object
from fedsched.kube.pod_state import pod_view
from fedsched.kube.wire_own import OwnItem, OwnPodItem, OwnStatus
from fedsched.matchmaker.model import JobStatus, ObjectView, names
from tests.kube.job_builders import job
from tests.kube.job_site import JobSite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fedsched.kube.capacity import CapacityReader
    from tests.laboratory.controlplane import ControlPlane

Object = dict[str, Any]


@pytest.fixture
def site(control_plane: ControlPlane, namespace: str) -> JobSite:
    return JobSite(control_plane, namespace)


@contextmanager
def watched(site: JobSite) -> Iterator[CapacityReader]:
    reader = site.reader()
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


def ended(site: JobSite, manifest: Object, notes: dict[str, str], **changed: Any) -> tuple[ObjectView, JobStatus]:
    """The copy once it and its pods are over; simulated pods do what `notes` say."""
    site.nodes(2)
    site.member = site.member_file(annotations=tuple(notes.items()))
    site.actuator = site.new_actuator()
    site.copied(manifest, **changed)
    with watched(site) as reader:
        # A pod's own end arrives on another stream than the Job's.
        view = site.seen(
            reader, lambda each: each.status and each.status.over and all(pod.ended_at for pod in each.pods)
        )
    assert view.status is not None
    return view, view.status


def test_a_job_that_completes_is_seen_as_complete(site: JobSite) -> None:
    view, status = ended(site, job(), {"sim/seconds": "1s"})
    assert (status.succeeded, status.failed, status.active) == (1, 0, 0)
    assert status.started_at is not None
    assert status.completed_at is not None
    assert status.completed_at >= status.started_at
    assert [each.type for each in status.conditions if each.status == "True"] == ["SuccessCriteriaMet", "Complete"]
    assert (view.finished, view.desired_pods) == ("complete", 1)


def test_a_job_that_fails_tells_its_exit_code_and_why(site: JobSite) -> None:
    view, status = ended(site, job(backoffLimit=0), {"sim/seconds": "1s", "sim/exit": "7"})
    failed = status.condition("Failed")
    assert failed is not None
    assert (failed.reason, status.failed, status.succeeded) == ("BackoffLimitExceeded", 1, 0)
    assert "backoff limit" in failed.message
    assert [pod.exit_code for pod in view.pods] == [7]


def test_an_indexed_job_tells_which_of_its_indexes_completed(site: JobSite) -> None:
    asked = job(completionMode="Indexed", completions=3, parallelism=2)
    _, status = ended(site, asked, {"sim/seconds": "1s"}, pods=2)
    assert (status.completed_indexes, status.failed_indexes, status.succeeded) == ("0-2", None, 3)


def test_a_jobs_own_deadline_is_told_as_its_end(site: JobSite) -> None:
    _, status = ended(site, job(activeDeadlineSeconds=2), {"sim/seconds": "600s"})
    failed = status.condition("Failed")
    assert failed is not None
    assert failed.reason == "DeadlineExceeded"


def test_a_running_job_tells_its_pods(site: JobSite) -> None:
    site.nodes(2)
    site.copied(job(parallelism=2, completions=4), pods=2)
    with watched(site) as reader:
        view = site.seen(reader, lambda each: each.status is not None and each.status.ready == 2)
    assert view.status is not None
    assert (view.status.active, view.status.over, view.desired_pods) == (2, False, 2)
    assert view.placement is not None
    assert view.placement.job == "lab/fit"


def test_a_status_that_somebody_filled_with_rubbish_is_read_within_bounds(site: JobSite) -> None:
    made = site.copied(job())
    condition = {"type": "Odd", "status": "True", "reason": "Why", "message": "x\n" * 250_000}
    site.admin.patch(f"{site.batch}/{made['metadata']['name']}/status", {"status": {"conditions": [condition]}})
    with watched(site) as reader:
        view = site.seen(reader, lambda each: each.status is not None and each.status.condition("Odd"))
    assert view.status is not None
    odd = view.status.condition("Odd")
    assert odd is not None
    assert len(odd.message) == LONGEST_MESSAGE
    assert odd.message.isprintable()


def read_status(status: Any) -> JobStatus:
    return job_status(msgspec.json.decode(json.dumps(status), type=OwnStatus))


@pytest.mark.parametrize("value", ["many", -1, 2**40, 1.5, [1], {"a": 1}, None, True])
def test_a_count_that_is_none_is_nothing(value: Any) -> None:
    fields = ("active", "ready", "terminating", "succeeded", "failed")
    assert read_status(dict.fromkeys(fields, value)) == JobStatus()


@pytest.mark.parametrize("value", ["soon", 7, [], "9" * 10_000, "2026-11-21T18:00:00"])
def test_a_time_that_is_none_is_nothing(value: Any) -> None:
    assert read_status({"startTime": value, "completionTime": value}) == JobStatus()


@pytest.mark.parametrize("value", ["0,", "a", "0-", "0\n", 3, ["0"], "0," * LONGEST_INDEXES + "1"])
def test_indexes_that_are_none_are_nothing(value: Any) -> None:
    assert read_status({"completedIndexes": value, "failedIndexes": value}) == JobStatus()


def test_no_failed_index_is_not_the_same_as_nothing_said() -> None:
    assert read_status({"failedIndexes": ""}).failed_indexes == ""
    assert read_status({}).failed_indexes is None


def test_conditions_are_bounded_in_number_and_words() -> None:
    one = {"type": "A", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": "2026-11-21T18:00:00Z"}
    odd = [one | {"status": "Perhaps"}, one | {"type": "\u202e"}, one | {"reason": "not a word"}]
    found = read_status({"conditions": [*odd, *[one] * 100]}).conditions
    assert len(found) == MOST_CONDITIONS - 2
    assert (found[0].reason, found[1].reason, found[1].at) == ("", "R", 1_795_284_000.0)


def item(**labels: str) -> OwnItem:
    named = {names.LABEL_PLACEMENT: "p-0001"} | labels
    made = {"metadata": {"name": "fs-p-0001", "uid": "u", "labels": named}, "status": {"active": 1}}
    return msgspec.json.decode(json.dumps(made), type=OwnItem)


def test_only_copies_of_users_jobs_have_a_status() -> None:
    startd, copy = own_object(item(), "Job"), own_object(item(**{names.LABEL_JOB: "u-1"}), "Job")
    assert startd is not None
    assert copy is not None
    assert (startd.view.status, copy.view.status) == (None, JobStatus(active=1))


def pod(main: list[Object], init: list[Object] | None = None, phase: str = "Failed") -> OwnPodItem:
    """A pod of a user's Job with the ends of its containers; the init container `side` is a sidecar."""

    def statuses(given: list[Object]) -> list[Object]:
        return [{"name": each["name"], "state": {"terminated": each} if "exitCode" in each else {}} for each in given]

    made = {
        "metadata": {"name": "x", "uid": "u"},
        "spec": {"initContainers": [{"name": "first"}, {"name": "side", "restartPolicy": "Always"}]},
        "status": {
            "phase": phase,
            "containerStatuses": statuses(main),
            "initContainerStatuses": statuses(init or []),
        },
    }
    return msgspec.json.decode(json.dumps(made), type=OwnPodItem)


def end(name: str, code: int, reason: str = "Error", at: str = "2026-11-21T18:00:00Z") -> Object:
    return {"name": name, "exitCode": code, "reason": reason, "finishedAt": at}


@pytest.mark.parametrize(
    ("main", "init", "expected"),
    [
        ([end("a", 0, "Completed"), end("b", 7)], [], (7, "Error")),
        ([end("a", 137, "OOMKilled"), end("b", 0, "Completed")], [], (137, "OOMKilled")),
        ([end("a", 0, "Completed")], [end("first", 0, "Completed"), end("side", 143)], (0, "Completed")),
        ([{"name": "a"}], [end("first", 3), {"name": "side"}], (3, "Error")),
        ([{"name": "a"}], [end("first", 0, "Completed"), end("side", 137)], (None, "")),
    ],
)
def test_the_end_of_a_pod_is_that_of_the_container_that_failed(
    main: list[Object], init: list[Object], expected: tuple[int | None, str]
) -> None:
    view = pod_view(pod(main, init))
    assert (view.exit_code, view.end_reason) == expected
