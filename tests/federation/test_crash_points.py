"""kill -9 between any two writes of a real placement: exactly one object per decision, none lost (L4, FA3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.federation.harness import Federation, eventually
from tests.federation.kept import PATIENT, join_and_keep, waiting_jobs
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.kubeapi import ApiError
from tests.laboratory.pool import Pool

JOBS = "/apis/batch/v1/namespaces/fedsched/jobs"
CORE = "/api/v1/namespaces/fedsched"


@pytest.fixture(scope="module")
def plane(lab: Laboratory) -> Iterator[ControlPlane]:
    with lab.part() as part:
        made = part.control_plane("crash")
        made.add_fake_nodes("n", 1, cpu=64, memory="256Gi")
        yield made


@pytest.fixture
def hub(federation: Callable[..., Federation], plane: ControlPlane) -> Federation:
    one = federation(policy=PATIENT)
    join_and_keep(one, plane, "crash")
    forget(one, plane)
    return one


def forget(hub: Federation, plane: ControlPlane) -> None:
    """As it was right after the join: no journal, no fence, no worker files, no token, no placement."""
    for file in hub.folder.glob("fedsched.db*"):
        file.unlink()
    ours = "labelSelector=fedsched.io%2Frole%20in%20(fence,worker-files,startd-token,placement)"
    for where in (JOBS, f"{CORE}/configmaps", f"{CORE}/secrets"):
        for thing in plane.api.items(f"{where}?{ours}"):
            try:
                plane.api.delete(f"{where}/{thing['metadata']['name']}")
            except ApiError as error:
                if error.status != 404:
                    raise
    eventually("the namespace is empty", lambda: not hub.pods(plane) and not hub.jobs(plane), 30)


def once(hub: Federation, crash_at: str = "") -> int:
    """One cycle in a process of its own; its exit code."""
    hub.start("--once", environment={"FEDSCHED_CRASH_AT": crash_at}, wait=False)
    assert hub.daemon is not None
    code = hub.daemon.wait(60)
    hub.daemon = None
    return code


def test_x(hub: Federation, plane: ControlPlane, guest_pool: Pool) -> None:
    with waiting_jobs(guest_pool, (1, 1)):
        for n in range(3):
            t = time.monotonic()
            print(once(hub), time.monotonic() - t)
            print([j["metadata"]["name"] for j in hub.jobs(plane)])
        print(hub.log())
