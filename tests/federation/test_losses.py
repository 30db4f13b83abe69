"""Losses at members: pods killed hard, startds that cannot join, namesakes; each with its reason (FA8, X8, L5)."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

import pytest

from fedsched.journal import open_journal
from tests.federation.harness import POLICY, STARTD_RIGHTS, Federation, claimed, eventually, sleep_job
from tests.federation.kept import events
from tests.federation.replayed import replayed
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.podrunner import PodRunner
from tests.laboratory.pool import Pool
from tests.laboratory.realnode import RealNode

STRICT = (
    "backoff_failures = 1\nbackoff_s = 3600\n"
    + POLICY.replace("idle_s = 20", "idle_s = 15")
    .replace("pending_s = 60", "pending_s = 150")
    .replace("join_s = 40", "join_s = 120")
) + "\n"
"""A startd that nobody sees ends by itself after idle_s; one failure closes its kind on its group, and for so long that
nothing is tried again however long the others take."""

BARE = ("--no-counterfactuals", "--no-estimate")
BROKEN = {
    "wrong-token": ("never-joined", "exit code 5: the collector refused the token"),
    "closed-path": ("never-joined", "exit code 4: no way to the collector"),
    "no-image": ("image-pull", "ErrImagePull"),
    "says-never": ("probe-failed", "exit code 3: the probe says never"),
    "says-not-now": ("probe-failed", "said no"),
}
"""Member -> the failure of its placements, and words of its reason."""

LEASE_S = 20


class Lost(NamedTuple):
    """One federation with a member that works and members that are broken, each in its own way."""

    hub: Federation
    plane: ControlPlane
    runner: PodRunner
    jobs: dict[str, int]


def job_for(member: str, seconds: float = 2, more: str = "") -> str:
    """A job that only slots of one member can run."""
    wants = f'requirements = TARGET.FedschedMember == "{member}"\njob_lease_duration = {LEASE_S}\n'
    return sleep_job(seconds, 1, 128, wants + more)


def tokens_by_member(hub: Federation) -> None:
    """Startd tokens come from a command: a good one for every member but "wrong-token"."""
    pool = hub.pool
    hub.write_token("good", pool.token(f"fedsched@{pool.trust_domain}", STARTD_RIGHTS, 86_400))
    head, payload, signature = pool.token(f"fedsched@{pool.trust_domain}", STARTD_RIGHTS, 86_400).split(".")
    hub.write_token("bad", ".".join([head, payload, signature[::-1]]))
    script = hub.folder / "tokens" / "print"
    script.write_text('case $1 in wrong-token) cat "$2/bad" ;; *) cat "$2/good" ;; esac\n')
    command = json.dumps(["/bin/sh", str(script), "{member}", str(script.parent)])
    text = (hub.folder / "fedsched.toml").read_text()
    wanted = text.replace('startd_token_file = "tokens/startd"\n', f"startd_token_command = {command}\n")
    assert wanted != text
    (hub.folder / "fedsched.toml").write_text(wanted)


@pytest.fixture(scope="module")
def lost(
    lab: Laboratory,
    control_plane: ControlPlane,
    real_node: RealNode,
    target_pool: Pool,
    guest_pool: Pool,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lost]:
    """Everything at once, because each failure takes its time to show."""
    hub = Federation(tmp_path_factory.mktemp("losses") / "hub", target_pool, policy=STRICT)
    tokens_by_member(hub)
    with lab.part() as part:
        plane, far = part.control_plane("loss"), part.control_plane("far")
        for one in (plane, far):
            one.add_fake_nodes("n", 2, cpu=16, memory="64Gi")
        runner, beyond = part.pod_runner(plane), part.pod_runner(far)
        beyond.cut(target_pool.host, target_pool.port)
        for name in ("fine", "wrong-token", "says-never", "says-not-now"):
            hub.join(plane, name, "--namespace", name)
        hub.join(far, "closed-path", "--namespace", "closed-path")
        hub.join(control_plane, "no-image", "--namespace", "no-image")
        hub.add_to_member("says-never", "overrides", 'probe = "exit 3"')
        hub.add_to_member("says-not-now", "overrides", 'probe = "exit 1"')
        images = ('image_pull_policy = "Never"', 'image_pull_policy = "IfNotPresent"')
        hub.edit_member("no-image", images, ("docker.io/fedsched/startd:lab", "127.0.0.1:9/nobody/nothing:1"))
        jobs = {name: guest_pool.submit("alice", job_for(name)) for name in BROKEN}
        hub.start()
        try:
            yield Lost(hub, plane, runner, jobs)
        finally:
            print(f"--- daemon, last lines\n{hub.log()[-3000:]}")
            hub.stop()
            guest_pool.run("condor_rm", *[str(cluster) for cluster in jobs.values()], user="alice")
    assert real_node.name
    assert replayed(hub)


def rows(hub: Federation) -> dict[str, dict[str, Any]]:
    """Rows of `fedsched q` by class."""
    return {row["demand"]["key"]: row for row in hub.json("q")["classes"]}


def failures(hub: Federation, member: str) -> list[str]:
    """What was told of failed placements at a member."""
    return [e["text"] for e in events(hub, "notice") if e["kind"] == "placement-failed" and e["member"] == member]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("member", BROKEN)
def test_a_placement_that_cannot_serve_fails_with_its_reason(lost: Lost, member: str) -> None:
    cause, words = BROKEN[member]
    hub, job = lost.hub, f"{lost.jobs[member]}.0"

    def told() -> dict[str, Any] | None:
        done = hub.run("explain", job, *BARE, "-o", "json", check=False)
        if done.returncode:
            return None
        lines = json.loads(done.stdout)["explanation"].get("members", [])
        mine = next((line for line in lines if line["member"] == member), None)
        return mine if mine and (mine.get("reason") or {}).get("cause") == "backing-off" else None

    line = eventually(f"explain names the failure at {member}", told, 240, partial(hub.said, "explain", job, *BARE))
    print(f"{member}: {line['text']}")
    assert cause in line["reason"]["have"]
    assert words in line["reason"]["have"]
    row = next(row for row in rows(hub).values() if job in row["demand"]["examples"])
    assert row["word"] == "backing-off"
    said = failures(hub, member)
    assert len(said) == 1, "said once, and not tried again while it rests"
    assert cause in said[0]
    plane = lost.plane if member not in {"closed-path", "no-image"} else None
    if plane:
        eventually("its object is cleared", lambda: not hub.jobs(plane, member), 40)


def running_at(guest: Pool, cluster: int) -> bool:
    """Whether the job runs now, as its schedd tells it."""
    return bool(guest.jobs(f"ClusterId == {cluster} && JobStatus == 2", ["ClusterId"]))


def waits_at(guest: Pool, cluster: int) -> bool:
    """Whether the job does not run now."""
    return not running_at(guest, cluster)


def lose_by_report(lost: Lost, namespace: str, pod: str) -> None:
    """The node is back and says that the pod has failed."""
    lost.runner.report(namespace, pod)


def lose_by_removal(lost: Lost, namespace: str, pod: str) -> None:
    """Somebody removes the pod of a dead node by force; nothing is said about its end."""
    lost.plane.api.delete(f"/api/v1/namespaces/{namespace}/pods/{pod}", grace_s=0)


def invalidations(hub: Federation, pod: str) -> list[dict[str, Any]]:
    """What became of the removals of a pod's ads."""
    return [e for e in events(hub, "change") if e["kind"] == "invalidate" and e.get("pod") == pod]


def lost_at(hub: Federation, pod: str) -> int:
    """The cycle that told that the pod's placement failed; 0 before."""
    told = (one for one in events(hub, "notice") if one["kind"] == "placement-failed" and pod[:-6] in one["text"])
    return next((int(one["cycle"]) for one in told), 0)


def kill_hard(lost: Lost, target: Pool, pod: str, how: Callable[[Lost, str, str], None]) -> None:
    """The pod's processes vanish; the member tells it in some way, and the ads go within a cycle."""
    lost.runner.kill("fine", pod)
    assert target.slots(f'FedschedPod == "{pod}"'), "nobody told the collector"
    how(lost, "fine", pod)
    told = time.monotonic()
    eventually("the ghost ads are gone", lambda: not target.ads("Any", f'FedschedPod == "{pod}"'), 60)
    waited = time.monotonic() - told
    (first, *_) = eventually("fedsched says so", lambda: invalidations(lost.hub, pod), 10)
    assert first["result"] == "done"
    eventually("its failure is told", lambda: lost_at(lost.hub, pod), 20)
    issuing, known = int(first["intent"].split("-")[1]), lost_at(lost.hub, pod)
    print(f"{how.__name__}: ghost ads gone {waited:.1f} s after the member told, in cycle {issuing}, lost in {known}")
    assert issuing <= known, "the first cycle that knows it removes them"
    assert "pod-lost" in failures(lost.hub, "fine")[-1]


@pytest.mark.timeout(600)
def test_after_a_hard_kill_the_ghost_is_gone_in_a_cycle_and_the_job_runs_again_when_its_lease_ends(
    lost: Lost, guest_pool: Pool, target_pool: Pool
) -> None:
    hub, ways = lost.hub, {"bob": lose_by_report, "carol": lose_by_removal}
    clusters = {user: guest_pool.submit(user, job_for("fine", 45)) for user in ways}
    for cluster in clusters.values():
        eventually("the job runs", partial(running_at, guest_pool, cluster), 90)
    eventually("the cycle saw the claims", lambda: events(hub, "cycle")[-1]["phases"].get("claimed") == 2, 30)
    pods = {ad["FedschedUser"].split("@")[0]: ad["FedschedPod"] for ad in claimed(target_pool)}
    before = {job["metadata"]["uid"] for job in hub.jobs(lost.plane, "fine")}
    killed = time.monotonic()
    for user, how in ways.items():
        kill_hard(lost, target_pool, pods[user], how)
    for user, cluster in clusters.items():
        eventually("the lease ended", partial(waits_at, guest_pool, cluster), LEASE_S + 40)
        print(f"{user}: idle again {time.monotonic() - killed:.1f} s after the first kill, lease {LEASE_S} s")
    again: set[str] = set()
    for user, cluster in clusters.items():
        done = eventually("the job is done", partial(guest_pool.history, f"ClusterId == {cluster}"), 150)[0]
        again |= {job["metadata"]["uid"] for job in hub.jobs(lost.plane, "fine")} - before
        print(f"{user}: done {time.monotonic() - killed:.1f} s after the kill, started {done['NumShadowStarts']} times")
        assert done["ExitCode"] == 0
        assert done["NumShadowStarts"] == 2
    assert again, "its demand was placed again"


OURS_IN_PART = {
    "no-label": {},
    "half-our-labels": {"app.kubernetes.io/managed-by": "fedsched", "fedsched.io/placement": "1-1"},
    "another-federation": {
        "app.kubernetes.io/managed-by": "fedsched",
        "app.kubernetes.io/part-of": "another",
        "fedsched.io/member": "named",
        "fedsched.io/role": "placement",
        "fedsched.io/placement": "1-2",
    },
}
"""Jobs that look more or less like ours and are not: name -> labels."""


def foreign_job(name: str, labels: dict[str, str]) -> dict[str, Any]:
    """A Job of somebody else, which never starts a pod."""
    container = {"name": "theirs", "image": "docker.io/fedsched/busybox:lab", "command": ["sleep", "1"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "named", "labels": labels},
        "spec": {"suspend": True, "template": template},
    }


@pytest.mark.timeout(600)
def test_a_namesake_that_is_not_ours_survives_everything_untouched(
    lost: Lost, federation: Callable[..., Federation], guest_pool: Pool
) -> None:
    hub, plane = federation("namesake"), lost.plane
    hub.join(plane, "named", "--namespace", "named")
    cluster = guest_pool.submit("carol", job_for("named"))
    hub.start(environment={"FEDSCHED_CRASH_AT": "create-object:1"}, wait=False)
    assert hub.daemon is not None
    assert hub.daemon.wait(90) == -signal.SIGKILL, "it ends just before it writes its first object"
    with closing(open_journal(f"sqlite:{hub.folder}/fedsched.db")) as journal:
        (intended,) = (held.placement.object_name for held in journal.memory().held)
    jobs = "/apis/batch/v1/namespaces/named/jobs"
    for name, labels in {intended: {}, **OURS_IN_PART}.items():
        plane.api.create(foreign_job(name, labels))
    for name in (intended, *OURS_IN_PART):
        plane.api.wait(f"{jobs}/{name}", lambda job: bool(job and (job.get("status") or {}).get("conditions")))
    before = {job["metadata"]["name"]: job["metadata"]["resourceVersion"] for job in plane.api.items(jobs)}
    assert set(before) == {intended, *OURS_IN_PART}
    hub.start()
    eventually("the name is taken, and it is said", lambda: failures(hub, "named"), 40)
    assert "foreign-object" in failures(hub, "named")[0]
    assert intended in failures(hub, "named")[0]
    eventually("the job runs on a startd of another name", lambda: guest_pool.history(f"ClusterId == {cluster}"), 90)
    eventually("ours have left", lambda: not hub.pods(plane, "named") and not owned(hub, plane), 60)
    assert hub.stop() == 0
    admin = ("--kubeconfig", str(plane.kubeconfig), "--cluster-context", plane.name)
    parted = hub.run("unjoin", "named", *admin, "--deadline", "0", check=False, timeout_s=150)
    print(parted.stdout)
    assert "not ours" in parted.stdout + parted.stderr, "why the namespace stays"
    after = {job["metadata"]["name"]: job["metadata"]["resourceVersion"] for job in plane.api.items(jobs)}
    assert after == before


def owned(hub: Federation, plane: ControlPlane) -> list[dict[str, Any]]:
    """Jobs with all of our labels."""
    return [
        job for job in hub.jobs(plane, "named") if job["metadata"]["labels"].get("app.kubernetes.io/part-of") == "lab"
    ]
