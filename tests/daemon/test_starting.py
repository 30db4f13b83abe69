"""Before the first cycle: whom the first look waits for, and which epoch is taken (FA5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedsched.daemon.starting import first_look, new_epoch
from fedsched.journal import SqliteJournal
from fedsched.loop import Agenda
from fedsched.matchmaker.model import Change, MemberView, Observation, Outcome, PoolView, ScheddView

READ = MemberView("m1", contact="ok", contact_at=1.0, seen_at=1.0)
UNREAD = MemberView("m1", contact="ok", contact_at=1.0)
SILENT = MemberView("m1", contact="timeout", contact_at=1.0)
POOL = PoolView("a", seen_at=1.0)
FINDING = PoolView("a", seen_at=1.0, schedds_unasked=True)
ANSWERED = ScheddView("b", "a", seen_at=1.0)
FOUND = ScheddView("b", "a")


class Unfolding:
    """A world and a clock in one: each look sees the next of a list of observations; a wait takes its time."""

    def __init__(self, *observations: Observation) -> None:
        self._left = list(observations)
        self.looks = 0
        self._time = 0.0

    def observe(self, at: float) -> Observation:
        del at
        self.looks += 1
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]

    def wait(self, timeout_s: float) -> bool:
        self._time += timeout_s
        return False

    def act(self, change: Change) -> Outcome:
        raise AssertionError(change)

    def claim(self, member: str, epoch: int) -> int:
        raise AssertionError(member, epoch)

    def now(self) -> float:
        return self._time

    monotonic = now

    def sleep(self, seconds: float) -> None:
        self._time += seconds


def seen(member: MemberView, pool: PoolView, *schedds: ScheddView) -> Observation:
    return Observation(0.0, schedds, (member,), (pool,))


@pytest.mark.parametrize(
    "early",
    [seen(UNREAD, POOL, ANSWERED), seen(READ, FINDING), seen(READ, POOL, FOUND), seen(READ, PoolView("a"), ANSWERED)],
    ids=["objects of who answers are not read", "no list of schedds", "a schedd was not asked", "no slots"],
)
def test_the_first_look_waits_until_who_answers_was_read_whole(early: Observation) -> None:
    whole = seen(READ, POOL, ANSWERED)
    world = Unfolding(early, early, whole)
    assert first_look(world, world, Agenda(), 10) == whole
    assert world.looks == 3


def test_the_first_look_does_not_wait_for_a_member_that_was_asked_in_vain() -> None:
    world = Unfolding(seen(SILENT, POOL, ANSWERED))
    first_look(world, world, Agenda(), 10)
    assert world.looks == 1


def test_the_first_look_ends_at_its_limit_and_at_once_when_told_to_stop() -> None:
    world = Unfolding(seen(UNREAD, POOL))
    first_look(world, world, Agenda(), 10)
    assert 10 <= world.monotonic() < 11
    stopped = Agenda()
    stopped.stop()
    world = Unfolding(seen(UNREAD, POOL))
    first_look(world, world, stopped, 10)
    assert world.looks == 1


def test_the_epoch_is_above_the_journals_every_members_and_the_present_time(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "fedsched.db")
    high = Observation(0.0, members=(MemberView("m1", fence_epoch=70), MemberView("m2", fence_epoch=90)))
    assert new_epoch(journal, high, 50.7) == 91
    assert new_epoch(journal, Observation(0.0), 50.7) == 92
    assert new_epoch(journal, high, 500.2) == 501
    journal.close()
