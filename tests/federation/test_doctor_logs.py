"""Two real members: logs and events of jobs there, before and after pods are gone; what doctor finds (L8 M29 N6)."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

import pytest

from tests.conftest import or_skipped
from tests.federation.harness import POLICY, Federation, claimed, eventually, sleep_job
from tests.federation.kept import events
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

pytestmark = [pytest.mark.kube, pytest.mark.condor, pytest.mark.realnode, pytest.mark.timeout(600)]
LONG_S = 600
PATIENT = POLICY.replace("join_s = 40", "join_s = 120")
LATE_S = 10.0
"""So much older than what was shown before a followed line may be."""
LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})  (m[123])  (fs-\S+)( \(kept\))?  .*")
SPACE = "/namespaces/fedsched"


class Scene:
    """A federation with two members that have a real node, one long job on each, and one member without any node."""

    def __init__(self, hub: Federation, planes: dict[str, ControlPlane], guest: Pool) -> None:
        self.hub = hub
        self.planes = planes
        self.guest = guest
        self.jobs = {name: self.submit("alice", name, LONG_S) for name in ("m1", "m2")}

    def submit(self, user: str, member: str, seconds: float) -> str:
        """A job that can only run there; its id."""
        only = f'requirements = TARGET.FedschedMember == "{member}"'
        return f"{self.guest.submit(user, sleep_job(seconds, 1, 64, only))}.0"


@pytest.fixture(scope="module")
def scene(
    lab: Laboratory, members: dict[str, ControlPlane], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    with or_skipped(), lab.part() as part:
        pool = part.pool("doc", daemons=("COLLECTOR", "NEGOTIATOR"), rights_for="fedsched@pool-doc")
        guest = part.pool("dog", flock_to=pool)
        for name in ("m1", "m2"):
            part.real_node(members[name], f"real-{name}", labels={"real": "true"})
        folder = tmp_path_factory.mktemp("doctor") / "hub"
        hub = Federation(folder, pool, policy=PATIENT)
        for name, plane in members.items():
            hub.join(plane, name)
        hub.start()
        try:
            made = Scene(hub, members, guest)
            eventually("both jobs run", lambda: len(claimed(pool)) >= 2, 150)
            eventually("the hub knows it", lambda: _claims_seen(hub) >= 2, 60)
            yield made
        except AssertionError:
            print(hub.run("q", check=False).stdout, hub.log()[:6000])
            raise
        finally:
            print(hub.log()[-2000:])
            hub.stop()


def _claims_seen(hub: Federation) -> int:
    """Startds that the last cycle saw claimed."""
    return sum(cycle["phases"].get("claimed", 0) for cycle in events(hub, "cycle")[-1:])


def lines(text: str) -> list[re.Match[str]]:
    return [found for line in text.splitlines() if (found := LINE.match(line))]


def test_logs_of_a_user_come_from_both_members_in_the_order_of_time(scene: Scene) -> None:
    def both_told() -> list[re.Match[str]]:
        """A claim is in the collector before its startd has written of the job."""
        found = lines(scene.hub.run("logs", "--user", "alice", check=False).stdout)
        whole = "\n".join(one[0] for one in found)
        return found if all(f"Remote job ID is {job}" in whole for job in scene.jobs.values()) else []

    found = eventually("each startd tells of its job", both_told, 60)
    assert {one[2] for one in found} == {"m1", "m2"}
    assert [one[1] for one in found] == sorted(one[1] for one in found)
    assert scene.hub.run("logs", "--user", "alice").returncode == 0


def test_logs_of_a_job_are_those_of_its_startd_alone_and_the_tail_is_its_end(scene: Scene) -> None:
    answer = scene.hub.json("logs", scene.jobs["m2"])
    assert answer["kind"] == "logs"
    assert {line["member"] for line in answer["lines"]} == {"m2"}
    assert not any(line["kept"] for line in answer["lines"])
    asked = ("logs", scene.jobs["m2"])

    def tails() -> bool:
        """Between two looks a startd that just took its job may say more; then it is silent."""
        return bool(scene.hub.json(*asked, "--tail", "3")["lines"] == scene.hub.json(*asked)["lines"][-3:])

    eventually("the tail is the end of the whole", tails, 60)


def test_a_job_that_nobody_knows_is_refused_with_the_next_command(scene: Scene) -> None:
    for verb in ("logs", "events"):
        said = scene.hub.run(verb, "987654.0", check=False)
        assert said.returncode == 1
        assert "no startd of ours served or serves 987654.0" in said.stderr
        assert "fedsched explain 987654.0" in said.stderr


def test_events_tell_the_story_of_one_job(scene: Scene) -> None:
    answer = scene.hub.json("events", scene.jobs["m1"])
    story = answer["events"]
    assert [one["at"] for one in story] == sorted(one["at"] for one in story)
    assert {one["member"] for one in story} <= {"m1", ""}
    told = {(one["source"], one["kind"]) for one in story}
    assert told >= {
        ("fedsched", "placed"),
        ("fedsched", "written"),
        ("kubernetes", "Scheduled"),
        ("kubernetes", "Started"),
        ("fedsched", "slot-seen"),
        ("condor", "claimed"),
    }
    claim = next(one for one in story if one["kind"] == "claimed")
    assert f"Job {scene.jobs['m1']}@" in claim["text"]
    placed = next(one for one in story if one["kind"] == "placed")
    assert "alice@" in placed["text"]


@contextmanager
def following(scene: Scene, *arguments: str) -> Iterator[Callable[[], str]]:
    """`fedsched logs -f …` in the background: what it said so far. Ended as a person ends it, with exit code 0."""
    out = scene.hub.folder / "followed"
    with out.open("wb") as file:
        # a shell that put these tests into the background has SIGINT ignored, and children inherit that
        start = (
            "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[0] = 'fedsched'; "
        )
        start += "from fedsched.cli import main; main(sys.argv[1:])"
        command = [sys.executable, "-c", start, "logs", "-f", *arguments]
        process = subprocess.Popen(
            command, cwd=scene.hub.folder, env=Federation._environment(), stdout=file, stderr=file
        )
        try:
            yield out.read_text
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0, out.read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def test_followed_logs_of_two_members_are_interleaved_by_time_as_they_are_written(scene: Scene) -> None:
    with following(scene, "--user", "alice", "--since", "1s") as said:
        eventually("it follows what is there", lambda: scene.hub.folder.joinpath("followed").exists(), 10)
        jobs = [scene.submit("alice", member, seconds) for member, seconds in (("m1", 20), ("m2", 1))]
        eventually("lines of new startds at both members", lambda: all(f"ID is {one}\n" in said() for one in jobs), 150)
        eventually("one writes on after the other began", lambda: _in_turns(lines(said())), 90)
        found = lines(said())
    newest = 0.0
    for one in found:
        assert newest - moment(one) < LATE_S, "a new pod is seen within seconds; what is seen comes in order"
        newest = max(newest, moment(one))
    members = [one[2] for one in found]
    assert members != sorted(members), "one member after the other is not interleaved"
    assert members != sorted(members, reverse=True)


def _in_turns(found: list[re.Match[str]]) -> bool:
    """Whether each member has lines that are later than some of the other's, by more than order allows for."""
    of = {name: [moment(one) for one in found if one[2] == name] for name in ("m1", "m2")}
    return all(max(of[one]) - min(of[other]) > LATE_S for one, other in (("m1", "m2"), ("m2", "m1")))


def moment(line: re.Match[str]) -> float:
    """When it was written, in epoch seconds."""
    return datetime.fromisoformat(line[1]).timestamp()


def test_the_log_of_a_startd_is_kept_after_its_pod_is_gone(scene: Scene) -> None:
    job = scene.submit("carol", "m1", 1)
    eventually("carol's job is done", lambda: scene.guest.history(f"ClusterId == {job[:-2]}"), 180)
    pods = {line["pod"] for line in scene.hub.json("logs", "--user", "carol")["lines"]}

    def gone() -> bool:
        there = {pod["metadata"]["name"] for pod in scene.hub.pods(scene.planes["m1"])}
        return not pods & there

    eventually("its pod is gone", gone, 120)
    after = eventually("it is in the records", lambda: scene.hub.json("logs", job)["lines"], 30)
    assert all(line["kept"] for line in after)
    assert {line["pod"] for line in after} <= pods
    whole = "\n".join(line["text"] for line in after)
    assert f"Remote job ID is {job}" in whole
    files = list((scene.hub.folder / "records" / "logs" / "m1").glob("*.log"))
    assert files
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)

    def ended() -> list[str]:
        """Its Job goes after its pod, and the next cycle tells it."""
        kinds = [str(one["kind"]) for one in scene.hub.json("events", job)["events"]]
        return kinds if kinds[-1] == "gone" else []

    assert "released" in eventually("the story ends with its end", ended, 60)


def test_a_member_that_does_not_answer_is_named_and_the_other_is_shown(scene: Scene) -> None:
    scene.planes["m2"].pause()
    try:
        said = scene.hub.run("logs", "--user", "alice", check=False)
    finally:
        scene.planes["m2"].resume()
    assert said.returncode == 3
    assert "m2 does not answer" in said.stderr
    assert {one[2] for one in lines(said.stdout) if not one[4]} == {"m1"}


def findings(scene: Scene, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    said = scene.hub.run("doctor", "-o", "json", *arguments, check=False, timeout_s=120)
    return said.returncode, json.loads(said.stdout)["findings"]


def test_a_healthy_federation_has_nothing_wrong(scene: Scene) -> None:
    def healthy() -> str:
        said = scene.hub.run("doctor", check=False, timeout_s=120)
        print(said.stdout)
        return said.stdout if said.returncode == 0 else ""

    said = eventually("all holds", healthy, 120)
    assert "no placement stands twice (FA3)" in said
    assert "0 faults, 0 unproven" in said
    assert "collector a, schedd " in said, "their clocks are compared as well"
    one = json.loads(scene.hub.run("doctor", "--member", "m1", "-o", "json", timeout_s=120).stdout)
    assert one["members"] == ["m1"]
    alone = json.loads(scene.hub.run("doctor", "--offline", "-o", "json").stdout)
    assert not alone["live"]
    assert alone["requests"] == 0


def job_of_ours(plane: ControlPlane) -> dict[str, Any]:
    """A Job of ours as one would copy it by hand."""
    job = Federation.jobs(plane)[0]
    meta = {key: job["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    template = job["spec"]["template"]
    for key in ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"):
        template["metadata"].get("labels", {}).pop(key, None)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {"suspend": True, "template": template, "backoffLimit": 0},
    }


@contextmanager
def broken(scene: Scene) -> Iterator[dict[str, str]]:
    """Everything broken at once, mended afterwards; what the doctor must say of each."""
    m1, m2, m3 = (scene.planes[name] for name in ("m1", "m2", "m3"))
    jobs = f"/apis/batch/v1{SPACE}/jobs"
    fence = f"/api/v1{SPACE}/configmaps/fedsched-fence"
    role = f"/apis/rbac.authorization.k8s.io/v1{SPACE}/roles/fedsched"
    pool: Pool = scene.hub.pool
    ghost = pool.folder / "ghost.ad"
    ghost.write_text(
        'MyType = "Machine"\nName = "slot1@ghost"\nMyAddress = "<127.0.0.1:1>"\nFedschedPlacement = "boo-1"\n'
        'FedschedMember = "m1"\nFedschedPod = "fs-boo-1-aaaaa"\nCpus = 1\nMemory = 64\nState = "Unclaimed"\n'
        'SlotType = "Partitionable"\nPartitionableSlot = true\nDaemonStartTime = 1000\n'
    )
    with ExitStack() as undo:
        copy = job_of_ours(m1)
        name = copy["metadata"]["name"]
        m2.api.create(copy)
        undo.callback(m2.api.delete, f"{jobs}/{name}")
        orphan = job_of_ours(m1)
        orphan["metadata"]["name"] = "fs-nobodys-1"
        orphan["metadata"]["labels"]["fedsched.io/placement"] = "nobodys-1"
        m1.api.create(orphan)
        undo.callback(m1.api.delete, f"{jobs}/fs-nobodys-1")
        pool.run("condor_advertise", "UPDATE_STARTD_AD", str(ghost))
        gone = pool.folder / "ghost.gone"
        gone.write_text('MyType = "Query"\nTargetType = "Machine"\nRequirements = Name == "slot1@ghost"\n')
        undo.callback(pool.run, "condor_advertise", "INVALIDATE_STARTD_ADS", str(gone))
        before = m1.api.get(fence)["data"]["epoch"]
        m1.api.patch(fence, {"data": {"epoch": str(int(before) + 1_000)}})
        undo.callback(m1.api.patch, fence, {"data": {"epoch": before}})
        rules = m2.api.get(role)["rules"]
        m2.api.patch(role, {"rules": [rule for rule in rules if rule["resources"] not in (["pods"], ["pods/log"])]})
        undo.callback(m2.api.patch, role, {"rules": rules})
        m3.api.delete(f"/api/v1{SPACE}/configmaps/fedsched-anchor")
        undo.callback(scene.hub.run, "join", "m3", *_as_admin(m3), check=False)
        yield {
            "no placement stands twice": f"{name} stands at m2 and says that it belongs to m1",
            "no object is an orphan": "fs-nobodys-1 at m1",
            "no ad is a ghost": "slot1@ghost",
            "no fence is above our epoch": f"m1 has seen epoch {int(before) + 1_000}",
            "the anchor stands and owns all": "m3 has no anchor",
            "we have every right that we need": "delete pods",
        }


def _as_admin(plane: ControlPlane) -> tuple[str, ...]:
    return ("--kubeconfig", str(plane.kubeconfig), "--cluster-context", plane.name, "--mode", "on")


def test_each_thing_that_is_really_broken_is_named_with_its_way_out(scene: Scene) -> None:
    assert scene.hub.stop() == 0  # a daemon would mend most of it, and stop at the fence
    try:
        with broken(scene) as wanted:

            def all_named() -> bool:
                code, found = findings(scene)
                faults = [one for one in found if one["state"] == "broken"]
                print(json.dumps(faults, indent=1))
                named = {
                    one["name"]
                    for one in faults
                    for name, text in wanted.items()
                    if one["name"] == name and text in one["evidence"]
                }
                assert all(one["fix"] for one in faults)
                return code == 1 and named == set(wanted)

            eventually("each is named", all_named, 120)
            told = scene.hub.run("logs", "--user", "alice", check=False)
            assert told.returncode == 3
            assert "may not read logs" in told.stderr
            assert "fedsched join m2" in told.stderr
            assert {one[2] for one in lines(told.stdout) if not one[4]} == {"m1"}
    finally:
        scene.hub.start()
