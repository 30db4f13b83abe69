"""A DaemonSet over a labelled node group: new nodes join, nothing is privileged unasked, it leaves by selector (L2)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.federation.harness import Federation, eventually, sleep_job
from tests.federation.kept import events
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

SETS = "/apis/apps/v1/namespaces/fedsched/daemonsets?labelSelector=fedsched.io%2Fplacement"
GROUP = """
[[node_group]]
name = "batch"
selector = { farm = "batch" }
"""
PARKED = "fedsched.io/parked"


@pytest.fixture(scope="module")
def farm(lab: Laboratory) -> Iterator[ControlPlane]:
    """Two nodes of the group that is lent, and a large one that is not."""
    with lab.part() as part:
        plane = part.control_plane("farm")
        plane.add_fake_nodes("batch", 2, cpu=1, memory="4Gi", labels={"farm": "batch"})
        plane.add_fake_nodes("service", 1, cpu=32, memory="128Gi", labels={"farm": "service"})
        part.pod_runner(plane)
        yield plane


def join_as_daemonset(hub: Federation, plane: ControlPlane, **overrides: str) -> None:
    hub.join(plane, "", "--form", "startd-daemonset")
    hub.edit_member(plane.name, ("share = ", 'daemonset_groups = ["batch"]\nshare = '))
    file = hub.member_file(plane.name)
    file.write_text(file.read_text() + GROUP)
    for key, value in overrides.items():
        hub.add_to_member(plane.name, "overrides", f"{key} = {value}")


def sets(plane: ControlPlane) -> list[dict[str, Any]]:
    return plane.api.items(SETS)


def running(hub: Federation, plane: ControlPlane) -> list[str]:
    """Nodes on which a pod of ours runs."""
    return sorted(pod["spec"]["nodeName"] for pod in hub.pods(plane) if pod["status"]["phase"] == "Running")


class Departure:
    """How a DaemonSet goes, in seconds: its startds, its selector, its pods, itself."""

    def __init__(self, hub: Federation, plane: ControlPlane, pool: Pool) -> None:
        self.hub, self.plane, self.pool = hub, plane, pool
        self.begin = time.monotonic()
        self.seen: dict[str, float] = {}

    def look(self) -> bool:
        there = sets(self.plane)
        pods = self.hub.pods(self.plane)
        slots = self.pool.slots('FedschedMember == "farm"')
        selector = there[0]["spec"]["template"]["spec"]["nodeSelector"] if there else {}
        for what, so in (
            ("startds gone", not slots),
            ("selector flipped", PARKED in selector),
            ("pods gone", not pods),
            ("object gone", not there),
        ):
            if so and what not in self.seen:
                self.seen[what] = time.monotonic() - self.begin
        return not there and not pods

    def __str__(self) -> str:
        return " → ".join(f"{what} {at:.1f} s" for what, at in self.seen.items())


@pytest.mark.timeout(600)
def test_a_daemonset_serves_its_node_group_and_leaves_by_selector_after_its_startds(
    federation: Callable[..., Federation], farm: ControlPlane, target_pool: Pool, guest_pool: Pool
) -> None:
    hub = federation()
    join_as_daemonset(hub, farm)
    begin = time.monotonic()
    first = guest_pool.submit("alice", sleep_job(40, 1, count=3))
    hub.start()
    eventually("a pod on each node of the group", lambda: running(hub, farm) == ["batch-0", "batch-1"], 60)
    print(f"both pods run after {time.monotonic() - begin:.1f} s")
    assert [one["spec"]["updateStrategy"]["type"] for one in sets(farm)] == ["OnDelete"]
    for pod in hub.pods(farm):
        assert not pod["spec"].get("hostNetwork")
        context = pod["spec"]["containers"][0]["securityContext"]
        assert not context.get("privileged")
        assert context["capabilities"]["drop"] == ["ALL"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True

    farm.add_fake_nodes("late", 1, cpu=1, memory="4Gi", labels={"farm": "batch"})
    try:
        added = time.monotonic()
        eventually("the added node gets its pod", lambda: "late-0" in running(hub, farm), 60)
        print(f"the added node has its pod after {time.monotonic() - added:.1f} s")
        on_it = 'FedschedMember == "farm" && FedschedNode == "late-0"'
        eventually("and its startd serves", lambda: target_pool.slots(on_it), 60)
        eventually("all jobs are done", lambda: len(guest_pool.history(f"ClusterId == {first}")) == 3, 180)
        assert {job["ExitCode"] for job in guest_pool.history(f"ClusterId == {first}")} == {0}
        assert len(sets(farm)) == 1

        departure = Departure(hub, farm, target_pool)
        eventually("it is gone", departure.look, 150)
        print(f"daemonset after its last job: {departure}")
        assert list(departure.seen) == ["startds gone", "selector flipped", "pods gone", "object gone"]

        def carried_out() -> list[str]:
            return [e["kind"] for e in events(hub, "change") if e["result"] == "done"]

        eventually("the last change is told", lambda: "delete-object" in carried_out(), 20)
        done = carried_out()
        assert "delete-pod" not in done, "no pod was deleted under its startd"
        assert done.index("park") < done.index("delete-object")
        left = [o for o in hub.objects(farm) if "fedsched.io/placement" in o["metadata"]["labels"]]
        assert not left
    finally:
        farm.api.delete("/api/v1/nodes/late-0")


@pytest.mark.timeout(600)
def test_a_privileged_daemonset_that_the_site_refuses_fails_with_that_reason_and_goes(
    federation: Callable[..., Federation], farm: ControlPlane, guest_pool: Pool
) -> None:
    hub = federation()
    join_as_daemonset(hub, farm, allow_privileged="true", allow_host_network="true")
    cluster = guest_pool.submit("alice", sleep_job(5, 1))
    try:
        hub.start()

        def said() -> list[str]:
            return [e["text"] for e in events(hub, "notice") if e["kind"] == "placement-failed"]

        told = eventually("the failure is told", said, 60)
        print(told[0])
        assert "pod-refused" in told[0]
        assert "PodSecurity" in told[0]
        assert hub.pods(farm) == []
    finally:
        guest_pool.run("condor_rm", str(cluster), user="alice")
    eventually("nothing of it is left", lambda: not sets(farm), 60)
