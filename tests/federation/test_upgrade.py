"""Upgrades under running jobs: other files, another build, a collector begun anew; nobody is evicted (FA7, O3)."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fedsched
from tests.federation.harness import FAST, POLICY, STARTD_RIGHTS, Federation, claimed, eventually, sleep_job
from tests.federation.kept import events
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.podrunner import PodRunner
from tests.laboratory.pool import Pool

OFTEN = FAST + "credential_check_s = 2\n"
"""Upkeep (tokens, sweeping of worker files) every two seconds."""

TOKEN_S = 60
"""Life of the first startd token: two startds join in it, on a busy machine, too."""


@pytest.fixture(scope="module")
def site(lab: Laboratory) -> Iterator[tuple[ControlPlane, PodRunner]]:
    """One member whose pods run as processes."""
    with lab.part() as part:
        plane = part.control_plane("up")
        plane.add_fake_nodes("n", 2, cpu=8, memory="32Gi")
        yield plane, part.pod_runner(plane)


def another_build(folder: Path) -> Path:
    """The program with a pod template and worker files that differ; its folder, for PYTHONPATH."""
    package = Path(fedsched.__file__).parent
    shutil.copytree(package, folder / "fedsched", ignore=shutil.ignore_patterns("__pycache__"))
    spec = folder / "fedsched/kube/pod_spec.py"
    assert "GRACE_S = 60" in spec.read_text()
    spec.write_text(spec.read_text().replace("GRACE_S = 60", "GRACE_S = 75"))
    watch = folder / "fedsched/condor/worker/files/watch"
    watch.write_text(watch.read_text() + "# the next version\n")
    return folder


def worker_maps(plane: ControlPlane) -> set[str]:
    """Names of the ConfigMaps of worker files."""
    selector = "labelSelector=fedsched.io%2Frole%3Dworker-files"
    return {each["metadata"]["name"] for each in plane.api.items(f"/api/v1/namespaces/fedsched/configmaps?{selector}")}


def identities(things: list[dict[str, Any]]) -> dict[str, str]:
    """The uid of each, by name."""
    return {thing["metadata"]["name"]: thing["metadata"]["uid"] for thing in things}


def runs(guest: Pool, cluster: int) -> list[dict[str, Any]]:
    """The jobs that run, with how often they were started."""
    return guest.jobs(f"ClusterId == {cluster} && JobStatus == 2", ["ProcId", "NumShadowStarts", "JobCurrentStartDate"])


def cycles_pass(hub: Federation, count: int) -> None:
    """So many further cycles."""
    before = len(events(hub, "cycle"))
    eventually(f"{count} cycles more", lambda: len(events(hub, "cycle")) >= before + count, 60)


@pytest.mark.timeout(900)
def test_neither_changed_overrides_nor_a_new_build_evicts_a_claimed_startd(
    federation: Callable[..., Federation],
    site: tuple[ControlPlane, PodRunner],
    guest_pool: Pool,
    target_pool: Pool,
    tmp_path: Path,
) -> None:
    plane, _ = site
    hub = federation(cadence=OFTEN)
    hub.join(plane)
    hub.start()
    cluster = guest_pool.submit("alice", sleep_job(120, 1, 128, count=3))
    eventually("three jobs run", lambda: len(runs(guest_pool, cluster)) == 3, 90)
    eventually("three claims are seen", lambda: events(hub, "cycle")[-1]["phases"].get("claimed") == 3, 60)
    pods, jobs, old = identities(hub.pods(plane)), identities(hub.jobs(plane)), worker_maps(plane)
    assert len(old) == 1

    hub.add_to_member("up", "overrides", 'probe = "exit 0"')
    hub.add_to_member("up", "overrides.env", 'SITE_CACHE = "squid.example"')
    assert hub.daemon is not None
    hub.daemon.send_signal(signal.SIGHUP)
    eventually("the files were read again", lambda: events(hub, "reloaded"), 20)
    cycles_pass(hub, 3)
    assert identities(hub.pods(plane)).items() >= pods.items()

    assert hub.stop() == 0
    hub.start(environment={"PYTHONPATH": str(another_build(tmp_path / "next"))})
    cycles_pass(hub, 3)
    assert identities(hub.pods(plane)).items() >= pods.items()
    second = guest_pool.submit("bob", sleep_job(2, 1, 128))
    eventually("the new build's own startd serves", lambda: guest_pool.history(f"ClusterId == {second}"), 90)
    graces = {
        pod["spec"]["terminationGracePeriodSeconds"] for pod in hub.pods(plane) if pod["metadata"]["name"] not in pods
    }
    new = worker_maps(plane) - old
    print(f"worker files {old} -> {new}; graces of new pods {graces}")
    assert graces == {75}, "the template did change"
    assert len(new) == 1
    assert worker_maps(plane) >= old, "what running startds refer to stays"
    assert identities(hub.jobs(plane)).items() >= jobs.items()

    eventually("the jobs are done", lambda: len(guest_pool.history(f"ClusterId == {cluster}")) == 3, 180)
    done = guest_pool.history(f"ClusterId == {cluster}")
    starts = [job["NumShadowStarts"] for job in done]
    print(f"started {starts} times, exit codes {[job['ExitCode'] for job in done]}")
    assert starts == [1, 1, 1], "zero evictions"
    assert {job["ExitCode"] for job in done} == {0}
    eventually("the old files are swept when nothing refers to them", lambda: not worker_maps(plane) & old, 120)
    assert not claimed(target_pool)


@pytest.mark.timeout(900)
def test_a_collector_that_begins_anew_after_the_first_token_has_expired_loses_no_slot(
    federation: Callable[..., Federation],
    site: tuple[ControlPlane, PodRunner],
    fresh_pool: Callable[..., Pool],
) -> None:
    """A collector that starts knows nobody: every startd must prove itself again, and its first token is of no use."""
    plane, runner = site
    target = fresh_pool("t", daemons=("COLLECTOR", "NEGOTIATOR"), rights_for="fedsched@pool-t")
    guest = fresh_pool("g", flock_to=target)
    hub = federation(pool=target, cadence=OFTEN, policy=POLICY.replace("idle_s = 20", "idle_s = 600"))
    hub.join(plane, "up", "--namespace", "renewed")
    hub.renew_startd_token(TOKEN_S)
    expires = time.time() + TOKEN_S
    hub.start()
    cluster = guest.submit("alice", sleep_job(140, 1, 128, count=2))
    eventually("two jobs run", lambda: len(runs(guest, cluster)) == 2, TOKEN_S)
    assert time.time() < expires, "they joined with the first token"
    pods, slots = identities(hub.pods(plane, "renewed")), {ad["Name"] for ad in target.slots()}
    hub.write_token("startd", target.token(f"fedsched@{target.trust_domain}", STARTD_RIGHTS, 86_400))

    def renewed() -> bool:
        return all("the token was renewed" in runner.log("renewed", name) for name in pods)

    eventually("both running startds took the renewed token", renewed, 90)
    print(f"renewed in the pods {time.time() - expires:+.0f} s from the first token's end")
    eventually("the first token has expired", lambda: time.time() > expires + 1, TOKEN_S)
    target.restart_daemon("COLLECTOR")
    restarted = time.monotonic()
    assert {ad["Name"] for ad in target.slots()} < slots, "it begins with nothing"
    eventually("every slot is back", lambda: {ad["Name"] for ad in target.slots()} >= slots, 90)
    print(f"all {len(slots)} slots back {time.monotonic() - restarted:.0f} s after the collector's restart")
    cycles_pass(hub, 3)
    assert identities(hub.pods(plane, "renewed")) == pods
    assert not [e for e in events(hub, "notice") if e["kind"] == "placement-failed"]
    changes = {e["kind"] for e in events(hub, "change")}
    assert changes == {"create"}, "fedsched did nothing about it"
    eventually("the jobs are done", lambda: len(guest.history(f"ClusterId == {cluster}")) == 2, 240)
    assert [job["NumShadowStarts"] for job in guest.history(f"ClusterId == {cluster}")] == [1, 1]
