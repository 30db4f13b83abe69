"""Many shapes, two schedds, three members: right places, right totals, one schedd lost half-way (D1 D2 S1 S5 M27)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.federation.harness import POLICY, Federation, claimed, eventually, sleep_job
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.podrunner import PodRunner
from tests.laboratory.pool import Pool

SHAPES = 40
JOBS = 500
LARGE = 12
"""Cores that only the nodes of m2 have."""


def shapes() -> list[tuple[int, str]]:
    """(which schedd, submit file) of 40 shapes with 500 jobs together, none like another; all sizes at both schedds.

    Jobs of 12 cores have the higher priority: only one member has nodes for them, and nothing smaller is in their way.
    """
    found = []
    for index in range(SHAPES):
        cpus = (1, 2, 4, LARGE)[index % 4]
        more = f"requirements = TARGET.Memory >= {index}\npriority = {10 if cpus == LARGE else 0}"
        jobs = JOBS // SHAPES + (1 if index < JOBS % SHAPES else 0)
        found.append(((index // 4) % 2, sleep_job(3, cpus, 256 * (1 + index % 10), more, jobs)))
    return found


@pytest.mark.timeout(1200)
def test_five_hundred_jobs_of_forty_shapes_go_where_they_fit_and_a_stopped_schedd_is_stale_not_zero(
    federation: Callable[..., Federation],
    members: dict[str, ControlPlane],
    pod_runner: Callable[[ControlPlane], PodRunner],
    fresh_pool: Callable[..., Pool],
) -> None:
    # a target of its own: the startds that are cut off at the end leave ads behind, and other tests count slots
    target_pool = fresh_pool("e", daemons=("COLLECTOR", "NEGOTIATOR"), rights_for="fedsched@pool-e")
    hub = federation(
        pool=target_pool,
        policy=POLICY.replace("first = 4", "first = 2").replace("stale_demand_s = 20", "stale_demand_s = 15"),
    )
    members["m1"].add_fake_nodes("a", 10, cpu=8, memory="32Gi", labels={"shape": "small"})
    members["m2"].add_fake_nodes("b", 2, cpu=16, memory="64Gi", labels={"shape": "large"})
    members["m3"].add_fake_nodes(
        "g", 1, cpu=8, memory="64Gi", labels={"nvidia.com/gpu.product": "A100"}, extended={"nvidia.com/gpu": 4}
    )
    for plane in members.values():
        pod_runner(plane)
        # real startds on two cores: a few are enough to show where they go
        hub.join(plane, plane.name, mode="trial(3)")
    first, second = fresh_pool("c", flock_to=target_pool), fresh_pool("d", flock_to=target_pool)
    for guest, description in shapes():
        (first, second)[guest].submit("alice", description)
    first.submit("bob", sleep_job(3, 1, 128, 'request_gpus = 1\nrequirements = TARGET.FedschedMember == "m3"', 1))
    hub.start("--dispatch=none")

    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = hub.json("q")["classes"]
        return found

    def whole() -> bool:
        counted = [row["demand"] for row in rows() if "bob" not in row["demand"]["principal"]["user"]]
        return len(counted) == SHAPES and sum(demand["idle"] for demand in counted) == JOBS

    eventually("both schedds' queues are seen, class by class, with exact counts", whole, 120)
    hub.stop()
    hub.start()
    eventually("the GPU class has its startd, on the one member that has GPUs", lambda: _gpu(hub, members["m3"]), 120)
    assert not _gpu(hub, members["m1"])
    assert not _gpu(hub, members["m2"])
    eventually(f"a {LARGE}-core startd on m2", lambda: _large(hub, members["m2"]), 120)
    eventually("a slot of ours is claimed", lambda: claimed(target_pool), 120)
    second.stop_daemon("SCHEDD")

    def stale() -> list[dict[str, Any]]:
        theirs = [row for row in rows() if ".d." in row["demand"]["schedd"]]
        return [row for row in theirs if row["word"] == "schedd-stale" and row["demand"]["idle"] > 0]

    theirs = eventually("the stopped schedd's classes are stale, with their last counts", stale, 120)
    served = f"RequestCpus == {LARGE}"
    eventually(
        "the large jobs of the schedd that lives are served",
        lambda: first.history(served) or first.jobs(f"{served} && JobStatus == 2"),
        200,
    )
    seen: Counter[str] = Counter()
    for plane in members.values():
        seen.update(job["metadata"]["labels"]["fedsched.io/placement"] for job in hub.jobs(plane))
        assert plane.name == "m2" or not _large(hub, plane), f"a {LARGE}-core startd on {plane.name}"
    assert all(count == 1 for count in seen.values()), "the same placement twice"
    # a stale class: its schedd is gone, so nothing takes it out of the queue while it is asked for
    large = next(row["demand"]["key"] for row in theirs if row["demand"]["request"]["cpu_milli"] == 1000 * LARGE)
    verdicts = {line["member"]: line for line in hub.json("explain", large)["explanation"]["members"]}
    assert verdicts["m1"]["verdict"] == "never"
    assert verdicts["m1"]["reason"]["cause"] == "node-too-small"


def _large(hub: Federation, plane: ControlPlane) -> bool:
    return any(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == str(LARGE) for pod in hub.pods(plane))


def _gpu(hub: Federation, plane: ControlPlane) -> bool:
    return any("nvidia.com/gpu" in pod["spec"]["containers"][0]["resources"]["requests"] for pod in hub.pods(plane))
