"""Members that are cut off and come back, or come back as they once were: one live copy of a Job at most (R4 L6)."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import pytest

from tests.federation.harness import eventually
from tests.federation.hub import HubCluster, JobFederation, copies, ended, running_copies, users_job
from tests.federation.kept import cycles_after, events, told
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane

PARTITIONS = int(os.environ.get("FEDSCHED_PARTITIONS", "2"))
"""20 are the promise, a few are what every run can afford."""
AT_ONCE = 2
"""Of five members: were most of them silent, the hub would suspect itself and move nothing."""
SILENT_S, LOST_S, MARGIN_S, DEADLINE_S = 3, 4, 2, 10
CUT_S = 30.0
"""Longer than a member takes to be lost, and than a copy there can live on."""
PARALLEL = 12
"""Jobs that are not over, at any time."""
ROOM = 3
"""Jobs that one member has room for: all members are needed."""
POLICY = f"""
[ramp]
first = 200
ramp_interval_s = 1

[silence]
slow_s = 2
silent_s = {SILENT_S}
lost_s = {LOST_S}
margin_s = {MARGIN_S}

[startds]
lifetime_s = 3600
pending_s = 60
keep_finished_s = 2
"""
BRISK = """
[cadence]
cycle_s = 0.5
debounce_s = 0.2
contact_s = 0.5
"""
SCRIPTS = (
    "sleep 3",
    "trap '' TERM; sleep 1; sleep 1",
    "sleep 2",
    "trap '' TERM; while :; do sleep 0.3; done",
)
"""One in four ignores its end and goes on until it is killed at its deadline."""


class Checker:
    """Looks at the machine's processes all the time: which Jobs have a live copy, which ever had two at once."""

    def __init__(self) -> None:
        self.twice: dict[str, set[str]] = {}
        self.ran: dict[str, set[str]] = {}
        self.looks = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(0.05):
            self.looks += 1
            for job, pods in running_copies().items():
                self.ran.setdefault(job, set()).update(pods)
                if len(pods) > 1:
                    self.twice[job] = pods

    def stop(self) -> None:
        """Looks no more."""
        self._stopped.set()
        self._thread.join(10)


class Crowd:
    """Jobs that are made one after the other, so that some are in every state at every moment."""

    def __init__(self, hub: HubCluster) -> None:
        self.hub, self.made = hub, 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(0.2):
            left = sum(not ended(job) for job in self.hub.jobs())
            for _ in range(PARALLEL - left):
                script = SCRIPTS[self.made % len(SCRIPTS)]
                self.hub.create(users_job(f"c{self.made}", script, cpu="1", spec={"activeDeadlineSeconds": DEADLINE_S}))
                self.made += 1

    def stop(self) -> None:
        """Makes no more."""
        self._stopped.set()
        self._thread.join(10)


class Site(NamedTuple):
    """A running federation whose members' pods are processes of this machine."""

    fed: JobFederation
    hub: HubCluster
    planes: dict[str, ControlPlane]


@pytest.fixture
def site(lab: Laboratory, jobs_only: Callable[..., JobFederation]) -> Iterator[Site]:
    """Five members; runners beside them end pods at their deadlines though API servers hang, as kubelets do."""
    with lab.part() as part:
        planes = part.control_planes("c1", "c2", "c3", "c4", "c5")
        hub = HubCluster(part.control_plane("chub", kwok=False))
        for plane in planes.values():
            plane.add_fake_nodes("n", 1, cpu=ROOM)
            part.pod_runner(plane)
        fed = jobs_only("cuts", policy=POLICY, cadence=BRISK)
        fed.add_queue(hub)
        for name, plane in planes.items():
            fed.join_for_jobs(plane, name)
        fed.start()
        yield Site(fed, hub, planes)
        fed.stop()


def cut(plane: ControlPlane, *, dies: bool) -> None:
    """Out of reach for longer than all limits, then back."""
    (plane.kill if dies else plane.pause)()
    time.sleep(CUT_S)  # the length of a partition is what is tested, there is nothing to poll for
    (plane.restart if dies else plane.resume)()


def ready(fed: JobFederation, name: str) -> bool:
    """Whether a member is ready, as people are told."""
    return any(row["name"] == name and row["state"] == "ready" for row in fed.json("clusters")["members"])


@pytest.mark.timeout(900)
def test_in_partitions_no_job_ever_has_two_live_copies_and_none_is_lost(site: Site) -> None:
    checker, crowd = Checker(), Crowd(site.hub)
    began = time.time()
    eventually("Jobs run", lambda: len(checker.ran) >= PARALLEL, 60)

    def cuts(hand: int) -> None:
        names = sorted(site.planes)[hand::AT_ONCE]
        for number in range(PARTITIONS // AT_ONCE):
            name = names[number % len(names)]
            cut(site.planes[name], dies=(number + hand) % 2 == 1)
            eventually(f"{name} is ready again", partial(ready, site.fed, name), 120)

    with ThreadPoolExecutor(AT_ONCE) as hands:
        for done in [hands.submit(cuts, hand) for hand in range(AT_ONCE)]:
            done.result()
    crowd.stop()
    eventually("every Job is over", lambda: all(ended(job) for job in site.hub.jobs()), 120)
    checker.stop()
    jobs = {job["metadata"]["name"]: job for job in site.hub.jobs()}
    lost = sum("is lost" in text for name in site.planes for _, text in told(site.fed, "member-state", began, name))
    ends = Counter(
        next(c["reason"] for c in job["status"]["conditions"] if c["type"] == ended(job)) for job in jobs.values()
    )
    again = sum(len(pods) > 1 for pods in checker.ran.values())
    print(
        f"{PARTITIONS} partitions in {time.time() - began:.0f} s, a member was lost {lost} times; {crowd.made} Jobs, "
        f"ends {dict(ends)}; {again} ran again elsewhere; looked {checker.looks} times; "
        f"two live copies: {checker.twice or 'never'}"
    )
    assert not checker.twice
    assert lost >= PARTITIONS // 2, "the cuts were long enough to matter"
    assert again, "and some Jobs had to run elsewhere"
    assert len(jobs) == crowd.made
    for name, job in jobs.items():
        forever = int(name[1:]) % len(SCRIPTS) == len(SCRIPTS) - 1
        assert name in checker.ran, "it ran"
        assert ended(job) == "Failed" if forever else ended(job) in {"Complete", "Failed"}


@pytest.mark.timeout(600)
def test_a_copy_that_an_older_backup_revives_goes_within_a_cycle_and_nothing_else_is_touched(
    lab: Laboratory, jobs_only: Callable[..., JobFederation]
) -> None:
    with lab.part() as part:
        planes = part.control_planes("b1", "b2")
        hub = HubCluster(part.control_plane("bhub", kwok=False))
        for plane in planes.values():
            plane.add_fake_nodes("n", 1, cpu=8)
            part.pod_runner(plane)
        fed = jobs_only("backup", cadence=BRISK)
        fed.add_queue(hub)
        for name, plane in planes.items():
            fed.join_for_jobs(plane, name)
        fed.edit_member("b2", ('mode = "on"', 'mode = "observe"'))
        fed.start()
        kept = hub.create(users_job("kept", "sleep 36000"))
        short = hub.create(users_job("short", "sleep 20"))
        b1 = planes["b1"]
        eventually("both run", lambda: hub.status("short").get("ready") == hub.status("kept").get("ready") == 1, 60)
        foreign = [b1.api.create(thing) for thing in strangers()]
        revived = set(copies(planes, short))
        copy = b1.save()
        hub.wait("short", "Complete")
        eventually("its copy is swept", lambda: not copies(planes, short), 60)
        cycles_after(fed, time.time(), 2)  # what was ordered of the first copy is behind us
        stays = copies(planes, kept)
        restored = time.time()
        b1.restore(copy)
        assert set(copies(planes, short)) == revived, "it is there again"
        back = time.time()
        eventually("it goes", lambda: not copies(planes, short), 100)
        gone = time.time()
        cycles_after(fed, gone, 4)
        said = told(fed, "revived", restored, "b1")
        deleted = [
            one["at"] for one in events(fed, "cycle") if one["at"] > restored and "delete-object" in one["issued"]
        ]
        print(f"backup: restored after {back - restored:.1f} s, the copy gone {gone - back:.1f} s later; told {said}")
        assert said, "people are told"
        assert deleted[0] - restored == pytest.approx(said[0][0], abs=0.01), "the cycle that first saw it removed it"
        assert all("atlas/short" in text for _, text in said)
        assert max(deleted) < gone + 2, "and nothing else was removed"
        assert hub.over("short") == "Complete"
        now = copies(planes, kept)
        assert {k: v["metadata"]["uid"] for k, v in now.items()} == {k: v["metadata"]["uid"] for k, v in stays.items()}
        for thing in foreign:
            found = b1.api.find(path_of(thing))
            assert found, f"{thing['metadata']['name']} is nobody's of ours"
            assert found["metadata"]["uid"] == thing["metadata"]["uid"]
            assert "deletionTimestamp" not in found["metadata"]
        fed.stop()


def strangers() -> list[dict[str, Any]]:
    """Things of other people in our namespace, one of which looks like ours."""
    alike = users_job("fs-feedc0de-1", "", namespace="fedsched", spec={"suspend": True})
    alike["metadata"]["labels"] = {"fedsched.io/job-uid": "0", "app.kubernetes.io/managed-by": "somebody"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "fedsched"}}
    return [alike, config]


def path_of(thing: dict[str, Any]) -> str:
    """Where an object is."""
    kind = "jobs" if thing["kind"] == "Job" else "configmaps"
    root = "/apis/batch/v1" if kind == "jobs" else "/api/v1"
    return f"{root}/namespaces/{thing['metadata']['namespace']}/{kind}/{thing['metadata']['name']}"
