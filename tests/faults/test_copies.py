"""The properties of copies are broken by what they forbid: two that live, an end that is not one, a second run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedsched.journal import open_journal
from fedsched.matchmaker.model import Change, CreateObject, DeleteObject, JobCondition, Policy, TellJob
from fedsched.sim.backups import backup, restore
from fedsched.sim.world import SimWorld
from fedsched.study.invariants import Broken, Checker
from tests.sim.builders import member, placement
from tests.sim.queued import hub, job, seen, sim_job


@pytest.fixture
def world() -> SimWorld:
    return hub(sim_job(runs_s=1000.0), members=(member("m1"), member("m2")))


@pytest.fixture
def checker(world: SimWorld, tmp_path: Path) -> Iterator[Checker]:
    journal = open_journal(f"sqlite:{tmp_path / 'j.db'}")
    yield Checker(world, journal, Policy(), ())
    journal.close()


def make(world: SimWorld, number: int, where: str = "m1", **more: Any) -> Change:
    its = job(world)
    base = placement(world.now(), number, "job")
    of = {"member": where, "job": its.id, "job_uid": its.uid, "schedd": "hub"}
    return CreateObject(where, msgspec.structs.replace(base, **(of | more)))


def broken(checker: Checker) -> str:
    """What was found since the last time, but for what is said of every write that no journal knows."""
    try:
        checker.verify()
    except Broken as error:
        return "\n".join(line for line in str(error).splitlines() if "no intent is open" not in line)
    return ""


def test_a_second_copy_beside_one_that_may_run_is_found(checker: Checker, world: SimWorld) -> None:
    checker.act(make(world, 1))
    assert not broken(checker)
    world.sleep(60)
    checker.act(make(world, 2, "m2"))
    assert "FA4 a job never has two live copies" in broken(checker)


def test_a_copy_whose_last_pod_still_ends_lives_and_one_that_is_gone_does_not(
    checker: Checker, world: SimWorld
) -> None:
    checker.act(make(world, 1))
    world.sleep(60)
    there = seen(world)
    checker.past.deleted.add(there.uid)
    checker.act(DeleteObject("m1", "p-1", there.name, "Job", there.uid))
    world.sleep(0.5)
    checker.act(make(world, 2, "m2"))
    assert "two live copies" in broken(checker)
    world.members["m2"].api.remove(world.members["m2"].api.things["fs-p-2"])
    checker.past.copies.clear()
    world.sleep(60)
    checker.act(make(world, 3, "m2"))
    assert not broken(checker)


def test_a_copy_beyond_its_deadline_is_no_live_one(checker: Checker, world: SimWorld) -> None:
    checker.act(make(world, 1, lifetime_s=60))
    world.sleep(120)
    checker.act(make(world, 2, "m2"))
    assert not broken(checker)


def test_what_a_backup_revives_counts_when_it_was_seen_for_a_cycle(checker: Checker, world: SimWorld) -> None:
    checker.act(make(world, 1))
    world.sleep(30)
    api = world.members["m1"].api
    kept = backup(api)
    api.remove(api.things["fs-p-1"])
    checker.past.deleted.add("m1-object-000001")
    checker.restored("m1", restore(api, kept, world.now()).revived)
    checker.act(make(world, 2, "m2"))
    assert not broken(checker)
    world.members["m2"].api.remove(world.members["m2"].api.things["fs-p-2"])
    checker.past.revived["m1-object-000001"] = 2
    checker.act(make(world, 3, "m2"))
    assert "two live copies" in broken(checker)


def test_a_copy_that_was_known_and_vanished_is_not_to_be_run_again(checker: Checker, world: SimWorld) -> None:
    checker.act(make(world, 1))
    world.sleep(30)
    checker.before.known.add(seen(world).uid)
    world.members["m1"].api.remove(world.members["m1"].api.things["fs-p-1"])
    checker.act(make(world, 2, "m2"))
    assert "FA4 a copy that vanished is not run again" in broken(checker)


def test_a_copy_of_which_nobody_ever_heard_is_no_end(checker: Checker, world: SimWorld) -> None:
    checker.act(make(world, 1))
    world.members["m1"].api.remove(world.members["m1"].api.things["fs-p-1"])
    checker.act(make(world, 2, "m2"))
    assert not broken(checker)


def test_a_job_that_is_over_is_not_to_be_placed(checker: Checker, world: SimWorld) -> None:
    its = job(world)
    ends = tuple(JobCondition(kind, "True", "Cancelled") for kind in ("FailureTarget", "Failed"))
    status = msgspec.structs.replace(its.status, started_at=world.now(), conditions=ends)
    checker.act(TellJob("hub", its.id, its.uid, its.resource_version, status))
    assert not broken(checker)
    world.sleep(5)
    checker.act(make(world, 1))
    assert "FA4 what is over is never placed again" in broken(checker)


def test_a_status_that_no_api_server_takes_is_found(checker: Checker, world: SimWorld) -> None:
    its = job(world)
    status = msgspec.structs.replace(its.status, conditions=(JobCondition("Failed", "True"),))
    checker.act(TellJob("hub", its.id, its.uid, its.resource_version, status))
    assert "RE1 a status is one that the api takes" in broken(checker)
