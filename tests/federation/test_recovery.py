"""A hub that comes back or is overtaken: changes behind its back, a lost journal, higher epochs (R5 R6 R10)."""

from __future__ import annotations

import copy
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from fedsched.journal import open_journal
from tests.federation.harness import Federation, eventually
from tests.federation.kept import (
    BRISK,
    PATIENT,
    cycles_after,
    events,
    give_node_groups,
    identities,
    issued_after,
    joined,
    settled,
    told,
    waiting_jobs,
)
from tests.laboratory import Laboratory
from tests.laboratory.controlplane import ControlPlane
from tests.laboratory.pool import Pool

RECORD = "fedsched.io/placement-record"
PLACEMENT = "fedsched.io/placement"
EPOCH = "fedsched.io/epoch"
Thing = dict[str, Any]


@pytest.fixture(scope="module")
def planes(lab: Laboratory) -> Iterator[dict[str, ControlPlane]]:
    with lab.part() as part:
        made = part.control_planes("r1", "r2", "r3")
        give_node_groups(made.values())
        yield made


@pytest.fixture
def hub(federation: Callable[..., Federation]) -> Federation:
    return federation(policy=PATIENT, cadence=BRISK)


def jobs_path(namespace: str, name: str = "") -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs" + (f"/{name}" if name else "")


def fence_path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps/fedsched-fence"


def like(job: Thing, name: str) -> Thing:
    """A manifest of another Job with the same labels, annotations, owner and pods."""
    kept = {
        key: copy.deepcopy(job["metadata"][key]) for key in ("namespace", "labels", "annotations", "ownerReferences")
    }
    kept["labels"] = {k: v for k, v in kept["labels"].items() if "controller-uid" not in k and "job-name" not in k}
    spec = copy.deepcopy(job["spec"])
    spec.pop("selector", None)
    template = spec["template"]["metadata"]
    template["labels"] = {
        k: v for k, v in template["labels"].items() if "controller-uid" not in k and "job-name" not in k
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": kept | {"name": name}, "spec": spec}


def renamed(job: Thing, placement_id: str) -> Thing:
    """The same Job as another placement of ours: name, labels and record agree."""
    made = like(job, f"fs-{placement_id}")
    record = msgspec.json.decode(made["metadata"]["annotations"][RECORD])
    made["metadata"]["annotations"][RECORD] = msgspec.json.encode(record | {"id": placement_id}).decode()
    made["metadata"]["labels"][PLACEMENT] = placement_id
    made["spec"]["template"]["metadata"]["labels"][PLACEMENT] = placement_id
    return made


def foreign(job: Thing, name: str, **labels: str) -> Thing:
    """A namesake in the style of ours that is not ours: other labels, no owner."""
    made = like(job, name)
    made["metadata"] = {"name": name, "namespace": job["metadata"]["namespace"], "labels": labels}
    made["spec"]["template"]["metadata"] = {"annotations": {"sim/seconds": "36000s"}}
    return made


@pytest.mark.timeout(600)
@pytest.mark.parametrize("meanwhile", ["dead", "cut-off"])
def test_what_was_done_behind_its_back_is_swept_adopted_or_left_alone_exactly(
    hub: Federation, planes: dict[str, ControlPlane], guest_pool: Pool, meanwhile: str
) -> None:
    """Cut off: the hub hears of nothing for a while and finds its streams as they are, its memory in its head."""
    namespace = joined(hub, planes, f"behind-{meanwhile}")
    r1, r2 = planes["r1"].api, planes["r2"].api
    hub.start()
    with waiting_jobs(guest_pool, (1, 4)):
        before = settled(hub, planes, 4, namespace)
        if meanwhile == "dead":
            assert hub.stop(signal.SIGKILL) == -signal.SIGKILL
        else:
            hub.send(signal.SIGSTOP)
        one, two = sorted(hub.jobs(planes["r1"], namespace), key=lambda job: str(job["metadata"]["name"]))
        three, four = sorted(hub.jobs(planes["r2"], namespace), key=lambda job: str(job["metadata"]["name"]))
        # deleted: the first placement. changed: the second lost its record, the third was labelled by its site.
        r1.delete(jobs_path(namespace, one["metadata"]["name"]))
        r1.patch(jobs_path(namespace, two["metadata"]["name"]), {"metadata": {"annotations": {RECORD: None}}})
        r2.patch(jobs_path(namespace, three["metadata"]["name"]), {"metadata": {"labels": {"site/seen": "yes"}}})
        # added: one that an earlier run made whole, a forgery under our labels, a namesake, another federation's.
        whole = r2.create(renamed(four, "feedc0de-7"))
        forged = r2.create(like(four, "fs-forged"))
        namesake = r2.create(foreign(four, "fs-feedc0de-8"))
        other = {"app.kubernetes.io/managed-by": "fedsched", "app.kubernetes.io/part-of": "elsewhere"}
        others = r2.create(foreign(four, "fs-feedc0de-9", **other))
        gone_jobs = {one["metadata"]["uid"], two["metadata"]["uid"], forged["metadata"]["uid"]}
        began = time.time()
        if meanwhile == "dead":
            hub.start()
        else:
            hub.send(signal.SIGCONT)

        def done() -> bool:
            now = set(identities(hub, planes, namespace).values())
            return not now & gone_jobs and len(now) >= 4

        eventually("the orphans are swept and their demand has a place", done, 60)
        cycles_after(hub, time.time(), 10)
        there = identities(hub, planes, namespace)
        changes = issued_after(hub, began)
        orphans = [text for name in planes for _, text in told(hub, "orphan", began, name)]
        print(f"behind its back, {meanwhile}: changes {changes}, orphans {orphans}")
        print(f"behind its back, {meanwhile}: adopted {told(hub, 'adopted', began, 'r2')}")
    kept = {three["metadata"]["uid"], four["metadata"]["uid"], whole["metadata"]["uid"]}
    assert kept <= set(there.values()), "healthy ones stay, whoever made or labelled them"
    assert len(there) == 4, "four jobs, four placements: the adopted one serves one of them"
    assert set(there.values()) - kept - set(before.values()), "the lost demand is placed under a new name"
    assert [text for _, text in told(hub, "adopted", began, "r2")] == ["Job fs-feedc0de-7 is adopted"]
    assert r2.get(jobs_path(namespace, "fs-feedc0de-8"))["metadata"]["uid"] == namesake["metadata"]["uid"]
    assert r2.get(jobs_path(namespace, "fs-feedc0de-9"))["metadata"]["uid"] == others["metadata"]["uid"]
    assert r2.get(jobs_path(namespace, three["metadata"]["name"]))["metadata"]["labels"]["site/seen"] == "yes"
    assert hub.stop() == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["deleted", "broken"])
def test_without_its_journal_the_hub_rebuilds_from_the_members_above_every_epoch_and_touches_nothing(
    hub: Federation, planes: dict[str, ControlPlane], guest_pool: Pool, how: str
) -> None:
    namespace = joined(hub, planes, f"journal-{how}")
    hub.start()
    with waiting_jobs(guest_pool, (1, 4)):
        before = settled(hub, planes, 4, namespace)
        old = events(hub, "started")[-1]["epoch"]
        assert hub.stop(signal.SIGKILL) == -signal.SIGKILL
        for file in hub.folder.glob("fedsched.db*"):
            file.unlink() if how == "deleted" else file.write_bytes(b"no database" * 4096)
        higher = old + 1_000_000
        planes["r2"].api.patch(fence_path(namespace), {"data": {"epoch": str(higher)}})
        hub.folder.joinpath("daemon.log").unlink()
        began = time.time()
        hub.start()
        settled(hub, planes, 4, namespace)
        cycles_after(hub, time.time(), 10)
        epoch = events(hub, "started")[-1]["epoch"]
        adopted = [text for name in planes for _, text in told(hub, "adopted", began, name)]
        print(f"journal {how}: epoch {old}, then {higher} at a member, ours now {epoch}; {sorted(adopted)}")
        assert issued_after(hub, began) == [], "no object made, changed or removed"
        assert identities(hub, planes, namespace) == before
        assert sorted(adopted) == sorted(f"Job {name.split('/')[1]} is adopted" for name in before)
        assert epoch > higher
        with closing(open_journal(f"sqlite:{hub.folder}/fedsched.db")) as journal:
            assert {held.uid for held in journal.memory().held} == set(before.values())
    # and it is still the master of what it adopted: with the demand gone nothing pends, with more demand it places
    with waiting_jobs(guest_pool, (1, 6)):
        eventually("it places again", lambda: len(identities(hub, planes, namespace)) > len(before), 60)
        fences = {name: planes[name].api.get(fence_path(namespace))["data"]["epoch"] for name in planes}
    assert str(epoch) in fences.values()
    assert hub.stop() == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("where", ["fence", "object"])
def test_a_higher_epoch_that_appears_anywhere_stops_the_hub_and_nothing_is_written_after_it(
    hub: Federation, planes: dict[str, ControlPlane], guest_pool: Pool, where: str
) -> None:
    namespace = joined(hub, planes, f"higher-{where}")
    hub.start()
    with waiting_jobs(guest_pool, (1, 2)):
        before = settled(hub, planes, 2, namespace)
        epoch = events(hub, "started")[-1]["epoch"]
        standing = hub.jobs(planes["r1"], namespace)[0]
        appeared = time.time()
        if where == "fence":
            planes["r1"].api.patch(fence_path(namespace), {"data": {"epoch": str(epoch + 1)}})
        else:
            made = renamed(standing, "feedc0de-1")
            made["metadata"]["labels"][EPOCH] = str(epoch + 1)
            before |= {"r1/fs-feedc0de-1": planes["r1"].api.create(made)["metadata"]["uid"]}
        daemon = hub.daemon
        assert daemon is not None
        eventually("it stops", lambda: daemon.poll() is not None, 60)
        took = time.time() - appeared
        said = events(hub, "stopped")[-1]["why"]
        print(f"higher epoch in a {where}: stopped after {took:.1f} s with {daemon.returncode}: {said}")
        assert daemon.returncode == 1
        assert f"epoch {epoch + 1}" in said
        assert "another fedsched" in said
        assert issued_after(hub, appeared) == []
        assert identities(hub, planes, namespace) == before
    hub.stop()
