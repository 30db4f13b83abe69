"""Leave, vacate, and the owner of the cluster: work is finished or handed back at once, never lost (OW2, PR5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.federation.harness import POLICY, Federation, eventually, sleep_job
from tests.federation.kept import events
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool
from tests.laboratory.realnode import RealNode

PACKED = POLICY.replace("first = 4", "first = 2").replace("[startds]", "[startds]\npack_cpu_milli = {cores}000")
BUSYBOX = "docker.io/fedsched/busybox:lab"
IDLE, RUNS = 1, 2


class Site:
    """A member with one real node, which two of our startds fill, and what its own people run there."""

    def __init__(self, plane: ControlPlane, node: RealNode) -> None:
        self.plane, self.node = plane, node
        have = plane.api.get(f"/api/v1/nodes/{node.name}")["status"]["allocatable"]["cpu"]
        self.half = int(have) // 2
        self.namespace = plane.namespace("analysis")

    def clear(self) -> None:
        """Nothing runs on its node any more."""
        api, own = self.plane.api, f"/api/v1/namespaces/{self.namespace}/pods"
        for pod in api.items(own):
            api.delete(f"{own}/{pod['metadata']['name']}", grace_s=1)
        for job in Federation.jobs(self.plane):
            api.delete(f"/apis/batch/v1/namespaces/fedsched/jobs/{job['metadata']['name']}")
        eventually("the node is empty", lambda: not Federation.pods(self.plane) + api.items(own), 120)

    def run_pod(self, name: str, cpus: int, priority_class: str = "") -> str:
        """A pod of the site's own; its path."""
        asked = {"cpu": str(cpus), "memory": "64Mi"}
        container = {
            "name": "work",
            "image": BUSYBOX,
            "imagePullPolicy": "Never",
            "command": ["sleep", "3600"],
            "resources": {"requests": asked, "limits": asked},
        }
        spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 1}
        if priority_class:
            spec["priorityClassName"] = priority_class
        where = {"name": name, "namespace": self.namespace}
        self.plane.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": where, "spec": spec})
        return f"/api/v1/namespaces/{self.namespace}/pods/{name}"


@pytest.fixture(scope="module")
def standing_site(lab: Laboratory) -> Iterator[Site]:
    with lab.part() as part:
        plane = part.control_plane("leaving")
        node = part.real_node(plane, "real-9")
        node.close_inbound()
        yield Site(plane, node)


@pytest.fixture
def site(standing_site: Site) -> Iterator[Site]:
    """The site with nothing running there, before and after: no other test adopts a startd or meets its ghost."""
    standing_site.clear()
    yield standing_site
    standing_site.clear()


@pytest.fixture
def guest(guest_pool: Pool) -> Iterator[Pool]:
    """The guest pool; its queue is empty afterwards."""
    yield guest_pool
    if guest_pool.jobs():
        guest_pool.run("condor_rm", "alice", user="alice")
    eventually("the guest's queue is empty", lambda: not guest_pool.jobs(), 60)


class Watch:
    """What happens around an eviction, in seconds since the site's pod was created."""

    def __init__(self, hub: Federation, site: Site, guest: Pool, cluster: int) -> None:
        self.hub, self.site, self.guest, self.cluster = hub, site, guest, cluster
        self.begin = time.monotonic()
        self.seen: dict[str, float] = {}
        self.by = ""

    def note(self, what: str, there: Any) -> None:
        if there and what not in self.seen:
            self.seen[what] = time.monotonic() - self.begin

    def look(self, path: str) -> bool:
        going = [pod for pod in self.hub.pods(self.site.plane) if pod["metadata"].get("deletionTimestamp")]
        self.note("evicted", going)
        for pod in going:
            reasons = {c.get("reason") for c in pod["status"].get("conditions", [])}
            self.by = "kube-scheduler" if "PreemptionByScheduler" in reasons else "fedsched"
        self.note("idle at the guest", IDLE in status(self.guest, self.cluster))
        self.note("site pod runs", self.site.plane.api.get(path)["status"]["phase"] == "Running")
        return {"evicted", "idle at the guest", "site pod runs"} <= set(self.seen)

    def __str__(self) -> str:
        return f"by {self.by}: " + " → ".join(f"{what} {at:.1f} s" for what, at in self.seen.items())


def status(guest: Pool, cluster: int) -> list[int]:
    """JobStatus of a cluster's jobs that are still in the queue, sorted."""
    return sorted(job["JobStatus"] for job in guest.jobs(f"ClusterId == {cluster}", ["JobStatus"]))


def leaving(pool: Pool) -> list[dict[str, Any]]:
    """Slots of ours that say that they take no new work."""
    return pool.slots('FedschedMember == "leaving" && FedschedLeaving =?= true')


def placements(hub: Federation, plane: ControlPlane) -> list[dict[str, Any]]:
    """Everything of ours that is no standing part."""
    return [o for o in hub.objects(plane) if "fedsched.io/placement" in o["metadata"]["labels"]]


@pytest.mark.timeout(900)
def test_a_claimed_startd_told_to_leave_takes_no_new_claim_and_its_job_exits_0(
    federation: Callable[..., Federation], site: Site, target_pool: Pool, guest: Pool
) -> None:
    cores = 2 * site.half
    hub = federation(policy=PACKED.format(cores=cores))
    hub.join(site.plane)
    long = guest.submit("alice", sleep_job(50, site.half))
    short = guest.submit("alice", sleep_job(1, site.half))
    hub.start()
    eventually("the long job runs", lambda: status(guest, long) == [RUNS], 120)
    eventually("the short one is done", lambda: guest.history(f"ClusterId == {short} && ExitCode == 0"), 60)
    assert len(hub.pods(site.plane)) == 1, "both jobs shared one startd, which now has room again"

    told = time.monotonic()
    hub.run("drain", site.plane.name, "--reason", "maintenance")
    eventually("the startd says that it leaves", lambda: leaving(target_pool), 30)
    heard = time.monotonic() - told
    late = guest.submit("alice", sleep_job(1, site.half))
    eventually("the long job is done", lambda: guest.history(f"ClusterId == {long}"), 120)
    done = guest.history(f"ClusterId == {long}")[0]
    assert (done["ExitCode"], done["NumJobStarts"]) == (0, 1)
    eventually("its startd left by itself", lambda: not placements(hub, site.plane), 80)
    assert not [e for e in events(hub, "change") if e["kind"] == "delete-pod"], "nothing was deleted under it"
    never = guest.jobs(f"ClusterId == {late}", ["JobStatus", "NumShadowStarts"])[0]
    assert (never["JobStatus"], never.get("NumShadowStarts", 0)) == (IDLE, 0), "it was tried on a startd that left"

    def waiting() -> list[tuple[str, int]]:
        return [(row["word"], row["demand"]["idle"]) for row in hub.json("q")["classes"]]

    eventually("it alone waits, because of the drain", lambda: waiting() == [("draining", 1)], 20)
    hub.run("uncordon", site.plane.name)
    eventually("after the drain it runs", lambda: guest.history(f"ClusterId == {late} && ExitCode == 0"), 120)
    print(f"leave: ordered → slot says leaving {heard:.1f} s; job ended with exit 0 after one start")


@pytest.mark.timeout(900)
def test_a_drain_whose_deadline_is_over_hands_the_job_back_to_the_guest_within_10_s(
    federation: Callable[..., Federation], site: Site, target_pool: Pool, guest: Pool
) -> None:
    hub = federation()
    hub.join(site.plane)
    cluster = guest.submit("alice", sleep_job(600, site.half))
    hub.start()
    eventually("the job runs", lambda: status(guest, cluster) == [RUNS], 120)
    told = time.monotonic()
    hub.run("drain", site.plane.name, "--reason", "power cut", "--deadline", "1s")
    ordered = time.monotonic()
    eventually("the job is idle again", lambda: status(guest, cluster) == [IDLE], 30)
    idle = time.monotonic()
    eventually("its startd is gone", lambda: not placements(hub, site.plane), 40)
    eventually("no ad of it is left", lambda: not target_pool.slots('FedschedMember == "leaving"'), 20)
    print(f"vacate: drain given in {ordered - told:.1f} s, job idle {idle - ordered:.1f} s later")
    assert idle - ordered < 10
    assert guest.jobs(f"ClusterId == {cluster}", ["NumShadowStarts"])[0]["NumShadowStarts"] == 1


@pytest.mark.timeout(900)
@pytest.mark.parametrize("priority", ["lower", "the same"])
def test_a_pod_of_the_site_gets_its_node_and_the_guests_job_is_idle_again_at_once(
    federation: Callable[..., Federation], site: Site, guest: Pool, priority: str
) -> None:
    hub = federation()
    lower = priority == "lower"
    hub.join(site.plane, "", *([] if lower else ["--allow-same-priority"]), lower_priority=lower)
    cluster = guest.submit("alice", sleep_job(600, site.half, count=2))
    hub.start()
    eventually("both jobs run and the node is full", lambda: status(guest, cluster) == [RUNS, RUNS], 150)
    carried = {(pod["spec"]["nodeName"], pod["spec"].get("priorityClassName", "")) for pod in hub.pods(site.plane)}
    assert carried == {(site.node.name, "opportunistic" if lower else "")}

    path = site.run_pod(f"reconstruction-{'lower' if lower else 'same'}", site.half)
    watch = Watch(hub, site, guest, cluster)
    eventually("the site's pod runs and the guest knows", lambda: watch.look(path), 120)
    print(f"priority {priority}: {watch}")
    assert watch.seen["idle at the guest"] - watch.seen["evicted"] < 10
    assert watch.by == ("kube-scheduler" if lower else "fedsched")
    shadows = [job["NumShadowStarts"] for job in guest.jobs(f"ClusterId == {cluster}", ["NumShadowStarts"])]
    assert shadows == [1, 1], "the other job was not disturbed"
    whose = [e for e in events(hub, "notice") if e["kind"] == "placement-failed"]
    assert not whose, "an owner's eviction is no failure of the place"

    cycles = len(events(hub, "cycle"))
    eventually("fedsched has looked five times more", lambda: len(events(hub, "cycle")) >= cycles + 5, 60)
    assert site.plane.api.get(path)["status"]["phase"] == "Running"
    assert status(guest, cluster) == [IDLE, RUNS], "the owner keeps the node"
    site.plane.api.delete(path, grace_s=1)
    eventually("when the owner is done the job comes back", lambda: status(guest, cluster) == [RUNS, RUNS], 120)
