"""What comes back is judged by what was known before: forgotten by right or by mistake, running or over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fedsched.journal import Recorded, open_journal
from fedsched.matchmaker.model import CreateObject, Held, MemberMemory, Memory, Plan, Policy, Snapshot
from fedsched.sim.backups import backup, restore
from fedsched.study.invariants import Broken, Checker
from tests.sim.builders import placement
from tests.sim.queued import copy, delete, hub, job, seen, sim_job


@pytest.fixture
def checker(tmp_path: Path) -> Iterator[Checker]:
    """A world with a Job that ends after 100 s; no journal of its own is written."""
    journal = open_journal(f"sqlite:{tmp_path / 'j.db'}")
    yield Checker(hub(sim_job(runs_s=100.0)), journal, Policy(), ())
    journal.close()


def cycle(checker: Checker, *held: Held, known: tuple[Held, ...] = ()) -> str:
    """What is found in a cycle that sees the world as it is, knew these before, and holds those after it."""
    view = checker.world.observe(checker.world.now())
    members = {one.name: MemberMemory(good_at=view.at) for one in view.members}
    plan = Plan(1, view.at, held, (), Memory(members=members, held=held))
    try:
        checker.told(Recorded(Snapshot(view, Memory(held=known), ()), plan))
    except Broken as error:
        return str(error)
    return ""


def adopted(checker: Checker) -> Held:
    there = seen(checker.world)
    assert there.placement is not None
    return Held(there.placement, "starting", checker.world.now(), uid=there.uid, adopted=True)


def test_what_nobody_was_answered_of_nor_saw_until_it_was_given_up_may_be_adopted_later(checker: Checker) -> None:
    copy(checker.world)
    there = adopted(checker)
    assert "forgotten and adopted" not in cycle(checker, there)
    assert "forgotten and adopted" not in cycle(checker, there, known=(there,))


def test_what_was_seen_is_not_to_be_forgotten_and_adopted(checker: Checker) -> None:
    copy(checker.world)
    ours = msgspec.structs.replace(adopted(checker), adopted=False)
    cycle(checker, ours, known=(ours,))
    assert "FA3 nobody adopts what he made himself" in cycle(checker, adopted(checker))


def test_a_copy_that_comes_back_when_nobody_needs_it_goes(checker: Checker) -> None:
    assert "FA7 a copy that came back goes" in back(checker, after_s=50.0)


def test_a_copy_that_comes_back_as_one_that_is_over_may_stay_like_every_end(checker: Checker) -> None:
    assert "came back" not in back(checker, after_s=300.0)


def test_a_copy_that_a_new_journal_only_saw_on_its_way_out_may_have_been_evicted(checker: Checker) -> None:
    make(checker, 1)
    checker.world.sleep(60.0)
    delete(checker.world)
    cycle(checker)
    assert "FA4 a copy that vanished" not in again(checker)


def test_a_copy_that_was_seen_before_somebody_else_deleted_it_is_not_run_again(checker: Checker) -> None:
    make(checker, 1)
    checker.world.sleep(60.0)
    cycle(checker)
    delete(checker.world)
    cycle(checker)
    assert "FA4 a copy that vanished is not run again" in again(checker)


def again(checker: Checker) -> str:
    """What is found when the Job is placed again, once nothing of its first copy is left."""
    world = checker.world
    world.sleep(60.0)
    assert not world.members["m1"].api.things
    make(checker, 2)
    return cycle(checker)


def make(checker: Checker, number: int) -> None:
    """A copy that this fedsched makes."""
    its = job(checker.world)
    base = placement(checker.world.now(), number, "job")
    of = msgspec.structs.replace(base, job=its.id, job_uid=its.uid, schedd="hub")
    checker.act(CreateObject("m1", of))


def back(checker: Checker, after_s: float) -> str:
    """What two cycles find of a copy that a backup brings back as it was so long after it was made."""
    world = checker.world
    copy(world)
    world.sleep(after_s)
    api = world.members["m1"].api
    kept = backup(api)
    api.remove(api.things["fs-p-1"])
    checker.restored("m1", restore(api, kept, world.now()).revived)
    there = adopted(checker)
    other = msgspec.structs.replace(
        there, placement=msgspec.structs.replace(there.placement, id="p-2"), phase="claimed"
    )
    cycle(checker, there, known=(other,))
    return cycle(checker, there, known=(other, there))
