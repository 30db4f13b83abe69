"""E3: every change of a class's reason is durable with the cycle that made it, and what is kept of them is bounded."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.journal import Commit, Holder, JournalError, Limits, Recorded, SqliteJournal, open_journal, turns
from fedsched.loop import Loop, Mind, Options
from fedsched.matchmaker.explain import stand, turned
from fedsched.matchmaker.model import ClassReport, MemberTerms, Memory, Observation, Plan, Policy, Snapshot, Turn
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from tests.loop.shelf import Shelf, VirtualClock

AT = 1_700_000_000.0


def report(key: str, cause: Cause | None, member: str = "m1", have: str = "") -> ClassReport:
    """Three idle jobs, all short for this cause; none for None."""
    why = Reason(cause, "memory_mib", "8", have, member, "big", at=AT) if cause else None
    return ClassReport(key, 3, 0, 0 if why else 3, 3 if why else 0, why.verdict if why else Verdict.NOW, why)


def plan(number: int, *reports: ClassReport) -> Plan:
    at = AT + 10 * number
    return Plan(number, at, (), reports, Memory(cycle=number, at=at))


class Keeper:
    """Cycles as a loop commits them, one after the other."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.journal = journal
        self.standing = {turn.key: turn for turn in journal.standing_turns()}
        self.number = journal.memory().cycle

    def cycle(self, *reports: ClassReport) -> tuple[Turn, ...]:
        self.number += 1
        decided = plan(self.number, *reports)
        new = turned(self.standing, decided)
        recorded = Recorded(Snapshot(Observation(decided.at), Memory(), ()), decided, policy="p")
        self.journal.commit_cycle(Commit(recorded, Policy(), turns=new))
        self.standing = stand(self.standing, new)
        return new


def opened(path: Path, limits: Limits | None = None) -> SqliteJournal:
    journal = SqliteJournal(path, limits or Limits(outlives_power=False))
    journal.acquire_lease(Holder.mine(), 3600, AT)
    return journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fedsched.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with closing(opened(path)) as made:
        yield made


@pytest.fixture
def inline(journal: SqliteJournal) -> Callable[..., tuple[Loop, VirtualClock]]:
    """Loops over the journal of these tests."""
    journal.raise_epoch(1)

    def make(world: Shelf, mind: Mind) -> tuple[Loop, VirtualClock]:
        clock = VirtualClock(AT)
        return Loop(world, journal, mind, clock, Options(inline=True, quiet=True)), clock

    return make


def causes(found: tuple[Turn, ...]) -> list[tuple[int, str]]:
    return [(turn.cycle, turn.reason.cause if turn.reason else "") for turn in found]


def test_every_change_of_a_reason_is_told_with_its_cycle_and_nothing_else(journal: SqliteJournal) -> None:
    keeper = Keeper(journal)
    for what in (Cause.NO_ROOM, Cause.NO_ROOM, Cause.QUOTA_FULL, None, None, Cause.NO_ROOM):
        keeper.cycle(report("k", what))
    told = journal.turns("k")
    assert causes(told) == [(1, "no-room"), (3, "quota-full"), (4, ""), (6, "no-room")]
    assert [(turn.idle, turn.unmet, turn.at) for turn in told[1:3]] == [(3, 3, AT + 30), (3, 0, AT + 40)]
    assert journal.turns("other") == ()


def test_numbers_alone_are_no_change_but_another_member_is(journal: SqliteJournal) -> None:
    keeper = Keeper(journal)
    keeper.cycle(report("k", Cause.NO_ROOM, have="4"))
    assert keeper.cycle(report("k", Cause.NO_ROOM, have="3")) == ()
    (turn,) = keeper.cycle(report("k", Cause.NO_ROOM, member="m2"))
    assert turn.reason is not None
    assert turn.reason.member == "m2"


def test_a_class_that_is_gone_is_told_once_and_then_forgotten(journal: SqliteJournal) -> None:
    keeper = Keeper(journal)
    keeper.cycle(report("k", Cause.NO_ROOM), report("well", None))
    (gone,) = keeper.cycle()
    assert (gone.key, gone.idle, gone.reason) == ("k", 0, None)
    assert keeper.cycle() == ()
    assert keeper.standing == {}
    assert journal.standing_turns() == ()


def test_since_tells_what_came_after_and_how_it_stood_before(journal: SqliteJournal) -> None:
    keeper = Keeper(journal)
    for what in (Cause.NO_ROOM, Cause.RAMP, Cause.BUDGET):
        keeper.cycle(report("k", what))
    assert causes(journal.turns("k", AT + 25)) == [(2, "ramp"), (3, "budget")]
    assert causes(journal.turns("k", AT + 20)) == [(1, "no-room"), (2, "ramp"), (3, "budget")], "its own moment counts"
    assert causes(journal.turns("k", AT + 900)) == [(3, "budget")]


def test_a_restart_tells_nothing_again(journal: SqliteJournal, path: Path) -> None:
    Keeper(journal).cycle(report("k", Cause.NO_ROOM), report("well", None))
    journal.close()
    with closing(opened(path)) as again:
        keeper = Keeper(again)
        assert keeper.cycle(report("k", Cause.NO_ROOM), report("well", None)) == ()
        assert causes(keeper.cycle(report("k", None), report("well", None))) == [(3, "")]


@settings(max_examples=40)
@given(st.lists(st.sampled_from([None, Cause.NO_ROOM, Cause.RAMP, "gone"]), max_size=20), st.integers(0, 20))
def test_turns_say_for_every_cycle_what_it_said_whenever_the_daemon_began_anew(
    said: list[Cause | str | None], again: int
) -> None:
    with TemporaryDirectory() as folder, closing(opened(Path(folder) / "j.db")) as journal:
        keeper = Keeper(journal)
        for number, what in enumerate(said):
            keeper = Keeper(journal) if number == again else keeper
            keeper.cycle(*() if what == "gone" else (report("k", Cause(what) if what else None),))
        told = journal.turns("k")
        for number, what in enumerate(said, 1):
            last = [turn for turn in told if turn.cycle <= number][-1:]
            reason = last[0].reason if last else None
            assert (reason.cause if reason else None) == (None if what == "gone" else what)
        for one, next_one in pairwise(told):
            assert (one.reason and one.reason.cause) != (next_one.reason and next_one.reason.cause)


def test_a_class_that_turns_in_every_cycle_takes_a_bounded_part(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_OF_A_CLASS", 5)
    keeper = Keeper(journal)
    for number in range(20):
        keeper.cycle(report("k", (Cause.NO_ROOM, Cause.RAMP)[number % 2]), report("calm", Cause.BUDGET))
    assert [turn.cycle for turn in journal.turns("k")] == [16, 17, 18, 19, 20]
    assert len(journal.turns("calm")) == 1


def test_all_together_are_bounded_and_what_stands_outlives_the_bound(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST", 30)
    monkeypatch.setattr(turns, "STEP", 10)
    keeper = Keeper(journal)
    for number in range(40):
        mine = [report(f"k{n}", (Cause.NO_ROOM, Cause.RAMP)[number % 2]) for n in range(4)]
        keeper.cycle(report("calm", Cause.BUDGET), *mine)
    (count,) = journal._all("SELECT count(*) FROM turns")[0]
    assert count <= 30 + 10 + 1
    assert causes(journal.turns("calm")) == [(1, "budget")]
    assert causes(journal.turns("k0"))[-1] == (40, "ramp")


def test_the_sweep_drops_what_is_too_old_but_never_what_still_stands(path: Path) -> None:
    with closing(opened(path, Limits(age_s=100, outlives_power=False))) as journal:
        keeper = Keeper(journal)
        keeper.cycle(report("waits", Cause.NO_ROOM), report("over", Cause.NO_ROOM), report("turns", Cause.NO_ROOM))
        keeper.cycle(report("waits", Cause.NO_ROOM), report("turns", Cause.RAMP))
        journal.sweep(AT + 1000)
        assert [causes(journal.turns(key)) for key in ("waits", "over", "turns")] == [
            [(1, "no-room")],
            [],
            [(2, "ramp")],
        ]


def test_a_journal_of_the_schema_before_keeps_its_cycles_and_gets_its_turns(journal: SqliteJournal, path: Path) -> None:
    Keeper(journal).cycle(report("k", Cause.NO_ROOM))
    journal.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE turns")
        db.execute("PRAGMA user_version = 3")
        db.commit()
    with pytest.raises(JournalError, match="schema 3 is older"):
        open_journal(f"sqlite:{path}", reading=True)
    with closing(opened(path)) as again:
        assert again.cycles() == ((1, AT + 10),)
        assert again.standing_turns() == ()
        assert causes(Keeper(again).cycle(report("k", Cause.NO_ROOM))) == [(2, "no-room")]


def test_a_reader_in_another_thread_sees_what_was_committed_and_writes_nothing(
    journal: SqliteJournal, path: Path
) -> None:
    keeper = Keeper(journal)
    keeper.cycle(report("k", Cause.NO_ROOM))
    seen: list[tuple[Turn, ...]] = []

    def read() -> None:
        with closing(open_journal(f"sqlite:{path}", reading=True)) as reader:
            seen.append(reader.turns("k"))
            keeper_cycle.wait(10)
            seen.append(reader.turns("k"))
            with pytest.raises(JournalError, match="readonly"):
                reader.forget_ended(("a",))

    keeper_cycle = threading.Event()
    thread = threading.Thread(target=read)
    thread.start()
    keeper.cycle(report("k", Cause.RAMP))
    keeper_cycle.set()
    thread.join(10)
    assert causes(seen[-1]) == [(1, "no-room"), (2, "ramp")]
    with pytest.raises(JournalError, match="unable to open"):
        open_journal(f"sqlite:{path.parent / 'absent.db'}", reading=True)
    assert not (path.parent / "absent.db").exists()


def test_the_loop_commits_turns_with_the_cycle_and_a_new_loop_goes_on(
    tmp_path: Path, journal: SqliteJournal, inline: Callable[..., tuple[Loop, VirtualClock]]
) -> None:
    said: list[ClassReport] = []

    def negotiate(snapshot: Snapshot, _policy: Policy) -> Plan:
        cycle = snapshot.memory.cycle + 1
        return Plan(cycle, snapshot.at, (), tuple(said), Memory(cycle=cycle, at=snapshot.at))

    mind = Mind(negotiate, lambda _seen, _plan: (), Policy(), (MemberTerms("m1"),))
    loop, clock = inline(Shelf(tmp_path / "w"), mind)
    for what in (Cause.NO_ROOM, Cause.NO_ROOM, Cause.RAMP):
        said[:] = [report("k", what)]
        clock.sleep(10)
        loop.cycle()
    again, _ = inline(Shelf(tmp_path / "w"), mind)
    again.cycle()
    assert causes(journal.turns("k")) == [(1, "no-room"), (3, "ramp")]
    turn = journal.turns("k")[-1]
    assert msgspec.structs.replace(turn, reason=None) == Turn("k", 3, clock.now(), 3, 3, Verdict.NOT_NOW)
