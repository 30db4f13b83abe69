"""A guest's flocked job runs in a startd pod, on a real node and on a simulated one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.laboratory import startd_example

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.laboratory.controlplane import ControlPlane
    from tests.laboratory.podrunner import PodRunner
    from tests.laboratory.pool import Pool
    from tests.laboratory.realnode import RealNode

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
JOB = """\
executable = /bin/sh
transfer_executable = false
arguments = "-c 'id -u; sleep 2; exit 3'"
should_transfer_files = YES
when_to_transfer_output = ON_EXIT
output = $(Cluster).out
request_cpus = 1
request_memory = 64
request_disk = 1024
requirements = regexp("^{pod}", TARGET.LabPod)
queue
"""


@pytest.fixture
def restricted(control_plane: ControlPlane, target_pool: Pool, namespace: str) -> str:
    """A namespace under the "restricted" level with what a startd needs."""
    control_plane.api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": RESTRICTED}})
    token = target_pool.token("glidein@pool-a", authz=["READ", "ADVERTISE_STARTD", "ADVERTISE_MASTER"])
    for manifest in startd_example.standing(namespace, token):
        control_plane.api.create(manifest)
    return namespace


def run_flocked_job(
    plane: ControlPlane, pools: tuple[Pool, Pool], namespace: str, manifest: dict[str, Any]
) -> dict[str, Any]:
    """Creates a startd Job, submits at the guest, waits until both are over; the finished job's ad.

    Prints when what was seen.
    """
    target, guest = pools
    name = manifest["metadata"]["name"]
    begin = time.monotonic()
    seen: dict[str, float] = {}

    def note(what: str) -> None:
        seen[what] = round(time.monotonic() - begin, 1)

    cluster = guest.submit("alice", JOB.format(pod=name))
    plane.api.create(manifest)
    target.wait("slot", lambda: target.slots(f'regexp("^{name}", LabPod)'), 60)
    note("slot in collector")
    guest.wait(
        "running job",
        lambda: guest.jobs(f"ClusterId == {cluster} && JobStatus == 2") or guest.history(f"ClusterId == {cluster}"),
        60,
    )
    note("job running")
    done = guest.wait("finished job", lambda: guest.history(f"ClusterId == {cluster}"), 60)
    note("job done")
    plane.api.wait(f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}", succeeded, 60)
    note("Job Complete")
    print(json.dumps(seen))
    return dict(done[0])


def succeeded(job: dict[str, Any] | None) -> bool:
    return bool(job and job.get("status", {}).get("succeeded"))


def test_in_a_real_pod_under_restricted_with_inbound_closed(
    control_plane: ControlPlane, real_node: RealNode, target_pool: Pool, guest_pool: Pool, restricted: str
) -> None:
    manifest = startd_example.job(restricted, "pilot-real", target_pool.address, real_node.labels)

    ad = run_flocked_job(control_plane, (target_pool, guest_pool), restricted, manifest)

    assert ad["ExitCode"] == 3
    assert ad["LastRemoteHost"].startswith("slot1_1@pilot-real")


def test_in_a_pod_of_a_simulated_node_with_inbound_closed(
    control_plane: ControlPlane,
    pod_runner: Callable[..., PodRunner],
    target_pool: Pool,
    guest_pool: Pool,
    restricted: str,
) -> None:
    runner = pod_runner(control_plane)
    runner.close_inbound()
    control_plane.add_fake_nodes("flock", 1, labels={"fake": "flock"})
    manifest = startd_example.job(restricted, "pilot-fake", target_pool.address, {"fake": "flock"})

    ad = run_flocked_job(control_plane, (target_pool, guest_pool), restricted, manifest)

    assert ad["ExitCode"] == 3
    assert ad["LastRemoteHost"].startswith("slot1_1@pilot-fake")
    assert (guest_pool.home("alice") / f"{ad['ClusterId']}.out").read_text() == f"{startd_example.UID}\n"


def test_a_startd_that_cannot_reach_the_collector_never_shows_a_slot(
    control_plane: ControlPlane, pod_runner: Callable[..., PodRunner], target_pool: Pool, restricted: str
) -> None:
    runner = pod_runner(control_plane)
    runner.cut(target_pool.host, target_pool.port)
    control_plane.add_fake_nodes("cut", 1, labels={"fake": "cut"})

    control_plane.api.create(startd_example.job(restricted, "pilot-cut", target_pool.address, {"fake": "cut"}))
    target_pool.wait("running pod", runner.pods, 60)
    time.sleep(3)

    assert target_pool.slots('regexp("^pilot-cut", LabPod)') == []
    runner.heal()
    target_pool.wait("slot once healed", lambda: target_pool.slots('regexp("^pilot-cut", LabPod)'), 60)
