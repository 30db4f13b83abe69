"""What people read of a Kubernetes Job that really runs: its logs, its story, its lists, its record (L8 E1 D6 O9)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.federation.harness import eventually
from tests.federation.hub import HubCluster, JobFederation, alive, copies, users_job
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane

pytestmark = [pytest.mark.kube, pytest.mark.realnode]
REAL = {"nodeSelector": {"topology.kubernetes.io/zone": "real"}}
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  a1  (fs-\S+)( \(kept\))?  (.*)")


class Site(NamedTuple):
    """A running federation with a queue in a hub, and one member with a real kubelet."""

    fed: JobFederation
    hub: HubCluster
    plane: ControlPlane

    def api(self, path: str) -> dict[str, Any]:
        """What the daemon answers over its socket."""
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.fed.folder / "fedsched.sock"))) as client:
            found: dict[str, Any] = client.get(f"http://localhost/api/v1/{path}", timeout=30).json()
            return found


@pytest.fixture(scope="module")
def site(lab: Laboratory, jobs_only: Callable[..., JobFederation]) -> Iterator[Site]:
    with lab.part() as part:
        (plane,) = part.control_planes("a1").values()
        hub = HubCluster(part.control_plane("hub-a", kwok=False))
        part.real_node(plane, "real-a1", labels={"topology.kubernetes.io/zone": "real"})
        fed = jobs_only("answers")
        fed.add_queue(hub)
        fed.join_for_jobs(plane, "a1")
        fed.start()
        yield Site(fed, hub, plane)
        fed.stop()


def running(site: Site, job: dict[str, Any], pods: int = 1) -> str:
    """Makes a Job and waits until its pods run; its uid."""
    uid = site.hub.create(job)
    name = job["metadata"]["name"]
    eventually(f"{name} runs", lambda: len(alive(name)) >= pods, 60)
    return uid


@pytest.mark.timeout(400)
def test_a_jobs_logs_are_read_by_its_name_while_it_runs_and_after_its_pod_is_gone(site: Site) -> None:
    fed = site.fed
    two = users_job("chatty", "echo main speaks; exec sleep 600", pod=REAL)
    side = dict(two["spec"]["template"]["spec"]["containers"][0], name="side")
    side["command"] = ["/bin/sh", "-c", "echo side speaks; exec sleep 600"]
    two["spec"]["template"]["spec"]["containers"].append(side)
    uid = running(site, two)
    for name in ("atlas/chatty", "lab:atlas/chatty", "job/chatty", uid):
        eventually(f"{name} is read", lambda: fed.run("logs", name, check=False).stdout == "main speaks\n", 30)  # noqa: B023 - asked at once
    ask = ("logs", "atlas/chatty", "-c", "side")
    eventually("so is the other container", lambda: fed.run(*ask, check=False).stdout == "side speaks\n", 30)
    over_http = site.api("jobs/atlas/chatty/logs?tail=5")
    assert [line["text"] for line in over_http["lines"]] == ["main speaks"]
    socket = f"unix:{fed.folder / 'fedsched.sock'}"
    assert fed.run("logs", "job/chatty", "--server", socket, "-c", "side").stdout == "side speaks\n"

    def runs() -> dict[str, Any]:
        """A process is there before its member has said so to the hub."""
        found: dict[str, Any] = fed.json("explain", "atlas/chatty", "--no-estimate")
        return found if found["state"] == "running" else {}

    told = eventually("it is said to run", runs, 30)
    assert "at a1/" in told["explanation"]["sentence"]
    verdicts = {link["name"]: link["verdict"] for link in told["explanation"]["chain"]}
    assert verdicts.pop("startd") == "not used"
    assert set(verdicts.values()) == {"ok"}
    (line,) = [one for one in fed.json("q", "--jobs")["queued"] if one["job"] == "atlas/chatty"]
    assert (line["state"], line["member"], line["word"]) == ("running", "a1", "running")
    site.hub.plane.kubectl("delete", "job", "chatty", "-n", "atlas", "--wait=false")
    eventually("its copy is gone", lambda: not copies({"a1": site.plane}, uid), 60)
    eventually("what was kept is read", lambda: "main speaks" in fed.run("logs", "atlas/chatty").stdout, 30)
    (kept,) = fed.json("logs", uid)["lines"]
    assert (kept["kept"], kept["text"], kept["member"]) == (True, "main speaks", "a1")

    def story() -> set[str]:
        return {one["kind"] for one in fed.json("events", "atlas/chatty")["events"]}

    eventually("its story is whole", lambda: {"placed", "pod-started", "gone"} <= story(), 30)


@pytest.mark.timeout(400)
def test_lines_of_several_pods_are_interleaved_with_prefixes_and_followed_to_their_end(site: Site) -> None:
    fed = site.fed
    script = "for n in $(seq 15); do echo step $n of $HOSTNAME; sleep 1; done; exit 7"
    job = users_job("many", script, pod=REAL, spec={"parallelism": 2, "completions": 2, "backoffLimit": 0})
    site.hub.create(job)
    eventually("it has a pod", lambda: alive("many"), 60)
    said: list[str] = []
    ask = ("logs", "-f", "atlas/many")
    follower = threading.Thread(target=lambda: said.append(fed.run(*ask, check=False, timeout_s=180).stdout))
    follower.start()
    site.hub.wait("many", "Failed", 120)
    follower.join(60)
    assert not follower.is_alive()
    assert "step 1" in said[0]
    eventually("both are told", lambda: len(pods_told(fed.run("logs", "atlas/many", check=False).stdout)) == 2, 30)
    lines = [LINE.fullmatch(one) for one in fed.run("logs", "atlas/many").stdout.splitlines()]
    assert all(lines)
    told = fed.json("explain", "atlas/many", "--no-estimate")
    assert (told["state"], told["explanation"]["word"]) == ("finished", "BackoffLimitExceeded")
    print(told["explanation"]["sentence"], told["explanation"]["next"])


def pods_told(text: str) -> set[str]:
    """Pods whose lines stand there."""
    return {found[1] for line in text.splitlines() if (found := LINE.fullmatch(line))}


@pytest.mark.timeout(300)
def test_each_pod_of_a_job_is_one_record_with_its_exit_code(site: Site) -> None:
    site.hub.create(users_job("counted", "sleep 2; exit 3", pod=REAL))
    site.hub.wait("counted", "Failed")

    def records() -> list[dict[str, Any]]:
        files = sorted((site.fed.folder / "records").glob("runs-*.jsonl"))
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [one for one in lines if one["job"] == "atlas/counted"]

    eventually("its run is recorded", records, 60)
    (run,) = records()
    assert (run["form"], run["schedd"], run["member"], run["exit_code"], run["cause"]) == (
        "job",
        "lab",
        "a1",
        3,
        "failed",
    )
    assert run["node"]
    assert 1.5 <= run["seconds"] <= 10
