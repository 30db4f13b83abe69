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


def shapes() -> list[tuple[str, int, int, int]]:
    """(requirements, cpus, memory in MiB, jobs) of 40 shapes with 500 jobs together, none like another."""
    found = []
    for index in range(SHAPES):
        cpus = (1, 2, 4, 12)[index % 4]
        jobs = JOBS // SHAPES + (1 if index < JOBS % SHAPES else 0)
        found.append((f"TARGET.Memory >= {index}", cpus, 256 * (1 + index % 10), jobs))
    return found


@pytest.mark.timeout(600)
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
    for index, (requirements, cpus, memory, jobs) in enumerate(shapes()):
        guest = (first, second)[index % 2]
        guest.submit("alice", sleep_job(3, cpus, memory, f"requirements = {requirements}", jobs))
    first.submit("bob", sleep_job(3, 1, 128, 'request_gpus = 1\nrequirements = TARGET.FedschedMember == "m3"', 1))
    hub.start("--dispatch=none")

    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = hub.json("q")["classes"]
        return found

    def whole() -> bool:
        counted = [row["demand"] for row in rows() if "bob" not in row["demand"]["principal"]["user"]]
        return len(counted) == SHAPES and sum(demand["idle"] for demand in counted) == JOBS

    eventually("both schedds' queues are seen, class by class, with exact counts", whole, 60)
    hub.stop()
    hub.start()
    eventually("the GPU class has its startd, on the one member that has GPUs", lambda: _gpu(hub, members["m3"]), 60)
    assert not _gpu(hub, members["m1"])
    assert not _gpu(hub, members["m2"])
    eventually(
        "a slot of ours is claimed",
        lambda: claimed(target_pool),
        120,
    )
    second.stop_daemon("SCHEDD")

    def stale() -> list[dict[str, Any]]:
        theirs = [row for row in rows() if ".d." in row["demand"]["schedd"]]
        return [row for row in theirs if row["word"] == "schedd-stale" and row["demand"]["idle"] > 0]

    eventually("the stopped schedd's classes are stale, with their last counts", stale, 60)
    seen: Counter[str] = Counter()
    for plane in members.values():
        names = [job["metadata"]["labels"]["fedsched.io/placement"] for job in hub.jobs(plane)]
        seen.update(names)
        for pod in hub.pods(plane):
            cpus = int(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"])
            assert cpus != 12 or plane.name == "m2", f"a 12-core startd on {plane.name}"
    assert all(count == 1 for count in seen.values()), "the same placement twice"
    eventually("a 12-core startd on m2", lambda: _twelve(hub, members["m2"]) or first.history("RequestCpus == 12"), 200)
    twelve = next(row["demand"]["key"] for row in rows() if row["demand"]["request"]["cpu_milli"] == 12_000)
    verdicts = {line["member"]: line for line in hub.json("explain", twelve)["explanation"]["members"]}
    assert verdicts["m1"]["verdict"] == "never"
    assert verdicts["m1"]["reason"]["cause"] == "node-too-small"


def _twelve(hub: Federation, plane: ControlPlane) -> bool:
    return any(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "12" for pod in hub.pods(plane))


def _gpu(hub: Federation, plane: ControlPlane) -> bool:
    return any("nvidia.com/gpu" in pod["spec"]["containers"][0]["resources"]["requests"] for pod in hub.pods(plane))
