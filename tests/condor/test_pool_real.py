"""Our startds in a real collector: claims by the principals of demand, ghosts removed, a restart survived (FA8)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from fedsched.condor.pool import PoolPoller
from fedsched.matchmaker.model import InvalidateAds, Principal
from tests.condor.pools import federation, job, polling, settings, until, watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.laboratory import Laboratory
    from tests.laboratory.pool import Pool

pytestmark = pytest.mark.condor
STARTD = """\
NEGOTIATOR_INTERVAL = 5
NUM_CPUS = 8
MEMORY = 8192
UPDATE_INTERVAL = 5
use feature:PartitionableSlot
FedschedPlacement = "p1"
FedschedMember = "m1"
FedschedNodeGroup = "big"
FedschedPod = "fs-p1-x"
FedschedEndAt = 4000000000
FedschedRetireAt = 3999990000
FedschedProbe = True
CvmfsAtlas = "2.11"
STARTD_ATTRS = $(STARTD_ATTRS) FedschedPlacement FedschedMember FedschedNodeGroup FedschedPod FedschedEndAt \\
  FedschedRetireAt FedschedProbe CvmfsAtlas
"""


@pytest.fixture(scope="module")
def farm(lab: Laboratory) -> Iterator[Pool]:
    """A target pool with one startd that looks like ours."""
    daemons = ("COLLECTOR", "NEGOTIATOR", "STARTD")
    pool = lab.pool("farm", daemons=daemons, rights_for="fedsched@pool-farm", config=STARTD)
    yield pool
    pool.stop()


@pytest.fixture(scope="module")
def guest(lab: Laboratory, farm: Pool) -> Iterator[Pool]:
    """A schedd that flocks there."""
    pool = lab.pool("fguest", daemons=("COLLECTOR", "SCHEDD"), flock_to=farm)
    yield pool
    pool.stop()


def test_claims_are_charged_to_the_principals_of_demand_and_counted_once(
    farm: Pool, guest: Pool, tmp_path: Path
) -> None:
    made = federation(settings(farm, tmp_path))
    with watching(made) as watcher, polling(made) as poller:
        until("the slot", lambda: watcher.latest().slots)
        (slot,) = watcher.latest().slots
        assert (slot.placement_id, slot.member, slot.node_group, slot.pod) == ("p1", "m1", "big", "fs-p1-x")
        assert (slot.size.cpu_milli, slot.size.memory_mib) == (8000, 8192)
        assert slot.unclaimed_since is not None
        assert slot.unclaimed_since <= time.time()
        assert (slot.end_at, slot.retire_at, slot.probe_ok, slot.leaving) == (4e9, 3999990000, True, False)
        assert slot.jobs_started == 0
        learnt = dict(slot.attributes)
        assert learnt["CvmfsAtlas"] == '"2.11"'
        assert {"Arch", "OpSys", "HasFileTransfer", "CondorVersion"} <= learnt.keys()
        assert not {name for name in learnt if "Load" in name or "Time" in name or name.startswith("Fedsched")}

        more = {"request_memory": 100, "accounting_group": "group_atlas.ml"}
        guest.submit("alice", job(3, request_cpus=2, **more))
        guest.submit("bob", job(4, request_cpus=1, request_memory=100, accounting_group="group_unlisted"))
        demand = {}

        def seen() -> bool:
            demand.update({c.principal: c for view in poller.latest() for c in view.classes})
            return sum(claim.cpu_milli for claim in watcher.latest().slots[0].claims) == 8000

        until("eight cores claimed", seen, 90)
        (slot,) = watcher.latest().slots
        cores: dict[Principal, int] = {}
        for claim in slot.claims:
            cores[claim.principal] = cores.get(claim.principal, 0) + claim.cpu_milli
        alice = Principal("group_atlas.ml", "alice@pool-fguest")
        bob = Principal(f"guest.{slot.claims[0].schedd}", "bob@pool-fguest")
        assert set(cores) == {alice, bob}
        assert sum(cores.values()) == 8000
        assert set(demand) == {alice, bob}
        assert slot.free.cpu_milli == 0
        assert slot.unclaimed_since is None
        waiting = len(slot.claims)
        until("the rest idle", lambda: sum(c.idle for v in poller.latest() for c in v.classes) == 7 - waiting)
        until("all at work", lambda: len(farm.slots('SlotType == "Dynamic" && Activity == "Busy"')) == waiting)
        guest.run("condor_rm", "-all")
        until("nothing claimed", lambda: not watcher.latest().slots[0].claims, 60)
        released = watcher.latest().slots[0].unclaimed_since
        assert watcher.latest().slots[0].jobs_started >= waiting
        assert released is not None
        assert time.time() - released < 60


def test_a_restarted_collector_loses_no_startd(farm: Pool, tmp_path: Path) -> None:
    with watching(federation(settings(farm, tmp_path))) as watcher:
        (before,) = until("the slot", lambda: watcher.latest().slots)
        farm.pause_daemon("STARTD")
        try:
            farm.kill_daemon("COLLECTOR")
            until("an answer of the new one, without the slot", lambda: _empty(farm), 90)
            asked = time.time()
            until("our own answer", lambda: (watcher.latest().seen_at or 0) > asked and not watcher.latest().error)
            (after,) = watcher.latest().slots
            assert after.name == before.name
            assert after.seen_at == pytest.approx(before.seen_at, abs=10)
            assert after.seen_at < asked
        finally:
            farm.resume_daemon("STARTD")
        until("the slot heard of again", lambda: watcher.latest().slots[0].seen_at > asked, 60)


def _listed(pool: Pool) -> list[dict[str, Any]]:
    return pool.ads("Any", "FedschedPlacement isnt undefined")


def _empty(pool: Pool) -> bool:
    return pool.try_run("condor_status", "-collector") is not None and not _listed(pool)


def test_a_ghost_is_removed_and_others_stay(farm: Pool, tmp_path: Path) -> None:
    farm.wait("the slot", lambda: _listed(farm))
    poller = PoolPoller(federation(settings(farm, tmp_path)), settings(farm, tmp_path))
    try:
        now = time.time()
        farm.pause_daemon("STARTD")
        assert poller.invalidate(InvalidateAds("farm", "p1", "another-pod"), now).result == "gone"
        assert poller.invalidate(InvalidateAds("farm", 'p1" || true || "', ""), now).result == "gone"
        assert len(poller.poll_once().slots) == 1
        done = poller.invalidate(InvalidateAds("farm", "p1", "fs-p1-x"), now)
        assert (done.result, done.what) == ("done", "")
        assert not _listed(farm)
        assert poller.invalidate(InvalidateAds("farm", "p1", "fs-p1-x"), now).result == "gone"
    finally:
        farm.resume_daemon("STARTD")
        poller.stop()


def test_a_token_without_the_right_to_invalidate_is_told(farm: Pool, tmp_path: Path) -> None:
    farm.wait("the slot", lambda: _listed(farm), 90)
    made = settings(farm, tmp_path)
    assert made.token_file is not None
    made.token_file.write_text(farm.token("fedsched@pool-farm", authz=["READ"]))
    poller = PoolPoller(federation(made), made)
    try:
        assert len(poller.poll_once().slots) == 1
        outcome = poller.invalidate(InvalidateAds("farm", "p1", "fs-p1-x"), time.time())
        assert outcome.result in {"refused", "retry"}
        assert "ADVERTISE_STARTD" in outcome.what
        assert made.token_file.read_text() not in repr(outcome)
        assert _listed(farm)
    finally:
        poller.stop()


def test_a_pool_that_is_gone_keeps_its_last_answer_with_its_age(
    fresh_pool: Callable[..., Pool], tmp_path: Path
) -> None:
    pool = fresh_pool("brief", daemons=("COLLECTOR", "STARTD"), rights_for="fedsched@pool-brief", config=STARTD)
    poller = PoolPoller(federation(settings(pool, tmp_path), query_limit_s=5), settings(pool, tmp_path))
    try:
        until("the slot", lambda: poller.poll_once().slots)
        seen = poller.latest().seen_at
        pool.kill()
        view = poller.poll_once()
        assert (len(view.slots), view.seen_at) == (1, seen)
        assert pool.address in view.error
        assert "condor_status -pool" in view.error
    finally:
        poller.stop()
