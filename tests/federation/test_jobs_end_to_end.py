"""A user's Job with nothing but a label runs at a member, and every client of the hub sees it as local (D5 D6 L8)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kubernetes import client, watch

from tests.federation.harness import eventually
from tests.federation.hub import HubCluster, JobFederation, alive, condition, copies, users_job
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane

REAL = {"nodeSelector": {"topology.kubernetes.io/zone": "real"}}
"""Where a real kubelet runs containers; the simulated nodes of the others run pods as processes."""


class Site(NamedTuple):
    """A running federation: the program, its hub cluster, its members by name."""

    fed: JobFederation
    hub: HubCluster
    planes: dict[str, ControlPlane]


@pytest.fixture(scope="module")
def site(lab: Laboratory, jobs_only: Callable[..., JobFederation]) -> Iterator[Site]:
    """A hub without nodes and three members: real nodes at j1, simulated ones at j2 and j3."""
    with lab.part() as part:
        planes = part.control_planes("j1", "j2", "j3")
        hub = HubCluster(part.control_plane("hub", kwok=False))
        part.real_node(planes["j1"], "real-j1", labels={"topology.kubernetes.io/zone": "real"})
        for name in ("j2", "j3"):
            planes[name].add_fake_nodes("n", 2, cpu=16, labels={"topology.kubernetes.io/zone": name})
            part.pod_runner(planes[name])
        fed = jobs_only()
        fed.add_queue(hub)
        for name, plane in planes.items():
            fed.join_for_jobs(plane, name)
        fed.start()
        yield Site(fed, hub, planes)
        fed.stop()


def pods_of(site: Site, uid: str) -> list[dict[str, Any]]:
    """Pods at members that belong to a user's Job."""
    query = f"/api/v1/namespaces/fedsched/pods?labelSelector=fedsched.io%2Fjob-uid%3D{uid}"
    return [pod for plane in site.planes.values() for pod in plane.api.items(query)]


@pytest.mark.timeout(400)
def test_a_job_by_kubectl_runs_in_a_members_pod_and_every_client_sees_it_as_local(site: Site, tmp_path: Path) -> None:
    hub, watched = site.hub, tmp_path / "watched"
    api = client.BatchV1Api(hub.plane.client())
    seen: list[tuple[int, int]] = []
    names = ["get", "job", "plain", "-n", "atlas", "-w", "--no-headers"]
    assert "created" in hub.apply(users_job("plain", "echo spoken; sleep 6", pod=REAL))
    began = time.monotonic()
    with (
        watched.open("w") as out,
        subprocess.Popen([*hub.plane.kubectl_command(), *names], stdout=out) as watching,
    ):
        try:
            for event in watch.Watch().stream(
                api.list_namespaced_job, "atlas", field_selector="metadata.name=plain", timeout_seconds=120
            ):
                status = event["object"].status
                seen.append((status.active or 0, status.succeeded or 0))
                if status.completion_time:
                    break
            said = hub.plane.kubectl("wait", "--for=condition=complete", "--timeout=50s", "job/plain", "-n", "atlas")
            took = time.monotonic() - began
            eventually("kubectl get -w shows its end", lambda: "1/1" in watched.read_text(), 30)
        finally:
            watching.terminate()
    told = watched.read_text()
    whole = api.read_namespaced_job("plain", "atlas")
    print(
        f"plain: over after {took:.1f} s; the official client saw (active, succeeded) {seen}; kubectl get -w:\n{told}"
    )
    print(f"plain: {json.dumps(hub.status('plain'))}")
    assert "condition met" in said
    assert (1, 0) in seen
    assert seen[-1][1] == 1
    assert whole.spec.managed_by == "fedsched.io/hub", "the admission policy set it, not the user"
    assert whole.status.start_time <= whole.status.completion_time
    assert not hub.plane.api.items("/api/v1/pods"), "nothing runs in the hub"
    assert hub.condition("plain", "fedsched.io/Placed")["message"].startswith("at j1, "), "where the real kubelet is"


@pytest.mark.timeout(300)
def test_logs_are_read_without_knowing_the_member_while_it_runs_and_afterwards(site: Site) -> None:
    def said() -> str:
        return site.fed.run("logs", "atlas/talks", check=False).stdout

    uid = site.hub.create(users_job("talks", "echo spoken; sleep 20; echo last words", pod=REAL))
    eventually("what it said is there while it runs", lambda: "spoken" in said(), 60)
    assert site.hub.status("talks")["active"] == 1
    site.hub.wait("talks", "Complete", 90)
    eventually("its copy is gone", lambda: not copies(site.planes, uid), 60)
    eventually("its last words are kept", lambda: "last words" in said(), 30)


ENDS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "exit-7": ({"script": "echo bad; exit 7"}, "BackoffLimitExceeded", "7", ""),
    "oom": ({"script": "tail /dev/zero", "memory": "32Mi"}, "BackoffLimitExceeded", "OOMKilled", "137"),
    "deadline": ({"script": "sleep 60", "spec": {"activeDeadlineSeconds": 4}}, "DeadlineExceeded", "", ""),
    "backoff": ({"script": "exit 3", "spec": {"backoffLimit": 1}}, "BackoffLimitExceeded", "3", ""),
}
"""What the Job is, the reason with which it fails, and two words of the message."""


@pytest.mark.timeout(400)
def test_failures_come_back_with_reason_and_exit_code(site: Site) -> None:
    for name, (how, *_) in ENDS.items():
        site.hub.create(users_job(name, pod=REAL, **how))
    for name, (_, reason, *words) in ENDS.items():
        failed = condition(site.hub.wait(name, "Failed", 90), "Failed")
        print(f"{name}: {failed['reason']}: {failed['message']}; failed {site.hub.status(name).get('failed')}")
        assert failed["reason"] == reason
        for word in words:
            assert word in failed["message"]
        assert site.hub.condition(name, "FailureTarget")["reason"] == reason, "clients that go by it see it, too"
    assert site.hub.status("backoff")["failed"] == 2, "it was tried again at the member, as it asks"


@pytest.mark.timeout(120)
def test_what_is_deleted_in_the_hub_ends_at_the_member(site: Site) -> None:
    uid = site.hub.create(users_job("dropped", "while :; do sleep 0.2; done", pod=REAL))
    eventually("its process lives", lambda: alive("dropped"), 60)
    site.hub.plane.kubectl("delete", "job", "dropped", "-n", "atlas", "--wait=false")
    eventually("its copy is gone", lambda: not copies(site.planes, uid), 30)
    assert not alive("dropped")
    eventually("and it does not stay in the hub", lambda: not site.hub.plane.api.find(site.hub.path("dropped")), 30)


@pytest.mark.timeout(300)
def test_a_suspended_job_leaves_its_member_and_a_resumed_one_runs_again(site: Site) -> None:
    uid = site.hub.create(users_job("pausing", "while :; do sleep 0.2; done", pod=REAL))
    eventually("its process lives", lambda: alive("pausing"), 60)
    first = set(copies(site.planes, uid))
    site.hub.plane.kubectl("patch", "job", "pausing", "-n", "atlas", "-p", '{"spec":{"suspend":true}}')
    eventually("the hub says so", lambda: site.hub.condition("pausing", "Suspended"), 30)
    eventually("its copy is gone", lambda: not copies(site.planes, uid), 30)
    assert not alive("pausing")
    eventually("nothing is active", lambda: not site.hub.status("pausing").get("active"), 30)
    print(f"pausing: {json.dumps(site.hub.status('pausing'))}")
    site.hub.plane.kubectl("patch", "job", "pausing", "-n", "atlas", "-p", '{"spec":{"suspend":false}}')
    eventually("it lives again", lambda: alive("pausing"), 60)
    assert not first & set(copies(site.planes, uid)), "as another copy"
    eventually("the hub says so", lambda: site.hub.status("pausing").get("active") == 1, 30)
    eventually("and not that it is suspended", lambda: not site.hub.condition("pausing", "Suspended"), 30)
    site.hub.plane.kubectl("delete", "job", "pausing", "-n", "atlas", "--wait=false")


@pytest.mark.timeout(120)
def test_each_index_of_an_indexed_job_is_told_apart(site: Site) -> None:
    indexed = {"completions": 3, "parallelism": 3, "completionMode": "Indexed", "backoffLimitPerIndex": 0}
    script = 'echo "index $JOB_COMPLETION_INDEX"; [ $JOB_COMPLETION_INDEX != 1 ]'
    site.hub.create(users_job("indexed", script, pod=REAL, spec=indexed | {"backoffLimit": 6}))
    status = site.hub.wait("indexed", "Failed", 90)["status"]
    print(f"indexed: {json.dumps(status)}")
    assert (status["completedIndexes"], status["failedIndexes"]) == ("0,2", "1")
    said = site.fed.run("logs", "atlas/indexed").stdout
    assert {f"index {number}" for number in range(3)} <= {line.split("  ")[-1] for line in said.splitlines()}, said


@pytest.mark.timeout(180)
def test_a_gang_that_fits_nowhere_at_once_starts_nothing_and_one_that_fits_starts_whole(site: Site) -> None:
    gang: dict[str, Any] = {"annotations": {"fedsched.io/gang": "true"}, "memory": "1Gi"}
    eight = site.hub.create(users_job("eight", "sleep 600", cpu="6", spec={"completions": 8, "parallelism": 8}, **gang))
    four = site.hub.create(users_job("four", "sleep 600", cpu="6", spec={"completions": 4, "parallelism": 4}, **gang))
    eventually("four run together", lambda: site.hub.status("four").get("active") == 4, 60)
    assert len({pod["metadata"]["labels"]["fedsched.io/placement"] for pod in pods_of(site, four)}) == 1
    why = site.fed.run("explain", "atlas/eight", check=False).stdout
    print(f"eight: {why}")
    assert not copies(site.planes, eight), "six pods would have found a place"
    assert "8" in why
    for name in ("eight", "four"):
        site.hub.plane.kubectl("delete", "job", name, "-n", "atlas", "--wait=false")
    eventually("all is gone", lambda: not copies(site.planes, four), 30)
