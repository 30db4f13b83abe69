"""A hub as its queue sees it: states, hostile Jobs, age while it hangs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fedsched.federation import hub_queue
from fedsched.kube.join import credentials
from fedsched.matchmaker.model import JobStatus, Principal
from fedsched.matchmaker.model.names import LABEL_GROUP, LABEL_QUEUE, NOTE_GANG, NOTE_REQUIREMENTS
from tests.kube.hub_site import Hub, condition, current, job, jobs, seen, tell, told, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fedsched.federation.hub_queue import HubQueue

pytestmark = pytest.mark.kube


@pytest.fixture(scope="module")
def queue(hub: Hub) -> Iterator[HubQueue]:
    """One queue for all of these."""
    with hub.reading() as made:
        yield made


def test_a_job_is_demand_of_its_namespace_and_group_with_its_own_wishes(hub: Hub, space: str, queue: HubQueue) -> None:
    """D6: who, what, and under which wishes."""
    notes = {NOTE_REQUIREMENTS: "TARGET.Cvmfs =?= true", NOTE_GANG: "true"}
    labels = {LABEL_QUEUE: "hub", LABEL_GROUP: "physics.atlas"}
    given = {"parallelism": 3, "completions": 5, "nodeSelector": {"disk": "ssd"}, "activeDeadlineSeconds": 1800}
    for name in ("a", "b"):
        hub.create(space, name, labels=labels, notes=notes, **given)
    hub.create(space, "c")
    first, second, third = (seen(queue, f"{space}/{name}") for name in "abc")
    view = queue.latest()
    assert (view.kind, view.name, view.error) == ("jobs", "hub", "")
    assert first.principal == Principal("physics.atlas", space)
    assert third.principal == Principal(f"guest.{space}", space)
    assert first.class_key == second.class_key != third.class_key
    (demand,) = [one for one in view.classes if one.key == first.class_key]
    assert demand.job is not None
    assert (demand.idle, demand.job.pods, demand.job.gang, demand.length.seconds) == (2, 3, True, 1800)
    assert demand.examples == (f"{space}/a", f"{space}/b")
    assert "Cvmfs" in demand.requirements
    assert '"ssd"' in demand.requirements
    assert [one.id for one in view.jobs] == sorted(one.id for one in view.jobs)


def test_the_priority_is_that_of_the_class_in_the_hub_and_follows_it(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "urgent", priorityClassName=f"urgent-{space}")
    assert seen(queue, f"{space}/urgent").priority == 0
    item = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": f"urgent-{space}"}}
    hub.admin.create({**item, "value": 700})
    try:
        seen(queue, f"{space}/urgent", lambda one: one.priority == 700)
        hub.create(space, "next", priorityClassName=f"urgent-{space}")
        assert seen(queue, f"{space}/next").priority == 700
    finally:
        hub.admin.delete(f"/apis/scheduling.k8s.io/v1/priorityclasses/urgent-{space}")
    seen(queue, f"{space}/urgent", lambda one: one.priority == 0)


def test_each_job_is_in_the_state_that_its_owner_put_it_in(hub: Hub, space: str, queue: HubQueue) -> None:
    hub.create(space, "waits")
    hub.create(space, "held", suspend=True)
    hub.create(space, "none-at-a-time", parallelism=0)
    hub.create(space, "refused", containers=[{"name": "main", "image": "x", "tty": True}])
    kept = job(space, "going")
    kept["metadata"]["finalizers"] = ["example.org/wait"]
    hub.admin.create(kept)
    hub.admin.delete(jobs(space, "going"))
    states = {"waits": "waiting", "held": "suspended", "none-at-a-time": "suspended", "going": "deleting"}
    until(lambda: {name: seen(queue, f"{space}/{name}").state for name in states} == states, "all as they are")
    hub.admin.patch(jobs(space, "going"), {"metadata": {"finalizers": None}})
    refused = seen(queue, f"{space}/refused")
    assert (refused.state, refused.class_key) == ("refused", "")
    assert refused.problem.startswith("spec.template.spec.containers[0].tty: ")


def test_a_labelled_job_from_before_the_policy_is_foreign_told_once_and_never_touched(
    fresh_control_plane: Callable[[str], Any], tmp_path: Path
) -> None:
    hub = Hub(fresh_control_plane("before"), tmp_path)
    hub.admin.create(job("default", "early"))
    pods = "/api/v1/namespaces/default/pods"
    until(lambda: hub.admin.items(pods), "the hub's own controller runs it")
    states, _ = hub.join()
    assert states["Jobs"] == "unknown"
    with hub.reading() as queue:
        one = seen(queue, "default/early")
        assert one.state == "foreign"
        done = JobStatus(succeeded=1, conditions=(condition("Complete"),))
        outcome = tell(queue, one, done)
        assert (outcome.result, "another controller" in outcome.what) == ("refused", True)
        events = until(
            lambda: [
                one for one in hub.admin.items("/api/v1/namespaces/default/events") if one["reason"] == "NotQueued"
            ],
            "an event",
        )
        hub.create("default", "late")
        seen(queue, "default/late")
        hub.admin.patch(jobs("default", "early"), {"metadata": {"labels": {"x": "y"}}})
        seen(queue, "default/early", lambda now: now.resource_version != one.resource_version)
        assert len(events) == 1
    hub.admin.patch(jobs("default", "early"), {"metadata": {"labels": {LABEL_QUEUE: None}}})  # it may be let go


def test_hostile_jobs_cost_themselves_alone(hub: Hub, space: str, queue: HubQueue) -> None:
    many = [{"name": f"c{number}", "image": "x"} for number in range(3_000)]
    hub.create(space, "many", containers=many)
    big = {"name": "main", "image": "x", "args": ["y" * 1_150_000]}
    hub.create(space, "big", containers=[big])
    odd = {
        "name": "main",
        "image": "x",
        "args": ["\x1b[31m\u202e\x07"],
        "env": [{"name": "A", "value": "\x1b]0;t\x07"}],
    }
    hub.create(space, "odd", containers=[odd])
    hub.create(space, "well")
    problem = seen(queue, f"{space}/big").problem
    assert "at most" in problem
    assert problem.startswith("spec: ")
    assert seen(queue, f"{space}/many").state == "refused"
    assert seen(queue, f"{space}/many").problem.isprintable()
    assert seen(queue, f"{space}/odd").problem.isprintable()
    assert seen(queue, f"{space}/well").state == "waiting"
    refusal = condition("Failed", "Refused", problem)
    assert told(queue, f"{space}/big", JobStatus(conditions=(refusal,))).state == "over"


def test_a_hub_that_hangs_ages_and_comes_back_and_one_that_was_killed_too(
    fresh_control_plane: Callable[[str], Any], tmp_path: Path
) -> None:
    hub = Hub(fresh_control_plane("faults"), tmp_path)
    hub.join()
    hub.create("default", "stays")
    woken: list[float] = []
    with hub.reading(lambda: woken.append(time.monotonic())) as queue:
        seen(queue, "default/stays")
        before = current(queue, time.time())
        hub.plane.pause()
        frozen = time.time()
        until(lambda: queue.latest().error, "silence is noticed")
        view = queue.latest()
        assert view.seen_at is not None
        assert view.seen_at <= frozen + 1
        assert view.jobs == before.jobs
        reads = view.reads
        hub.plane.resume()
        assert current(queue, time.time()).reads > reads
        until(lambda: not queue.latest().error, "it is well again")
        hub.plane.kill()
        until(lambda: "refused" in queue.latest().error, "its end is noticed")
        assert [one.id for one in queue.latest().jobs] == ["default/stays"]
        hub.plane.restart()
        hub.create("default", "new")
        seen(queue, "default/new")
        assert [one.id for one in current(queue, time.time()).jobs] == ["default/new", "default/stays"]
        until(lambda: not queue.latest().error, "it is well once more")


def test_without_a_credential_the_queue_says_what_to_do_and_begins_when_it_is_there(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_queue, "RETRY_S", 0.1)
    other = Hub(hub.plane, tmp_path)
    with other.reading() as queue:
        assert "fedsched hub join hub" in queue.latest().error
        assert queue.latest().seen_at is None
        stored = credentials.load(hub.settings.credentials / "hub.json")
        credentials.save(other.settings.credentials / "hub.json", stored)
        current(queue, 0.0)
        assert stored.token not in repr(queue.latest())


def test_the_token_is_renewed_before_its_end(hub: Hub, tmp_path: Path) -> None:
    other = Hub(hub.plane, tmp_path)
    stored = credentials.load(hub.settings.credentials / "hub.json")
    old = msgspec.structs.replace(stored, issued_at=time.time() - 70, expires_at=time.time() + 30)
    path = other.settings.credentials / "hub.json"
    credentials.save(path, old)
    with other.reading():
        until(lambda: (credentials.load(path).expires_at or 0) > time.time() + 300, "a fresh token")
    assert credentials.load(path).token != old.token
