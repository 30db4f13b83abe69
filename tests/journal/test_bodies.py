"""A recorded cycle says once what stands in it twice, and comes back as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from fedsched.journal import Account, Commit, JournalError, Recorded, SqliteJournal, open_journal
from fedsched.journal.archive import GROUP
from fedsched.journal.bodies import Chained, Written, encode, memory_of, read
from fedsched.journal.deltas import pack
from fedsched.matchmaker.model import (
    Held,
    MemberMemory,
    Memory,
    Observation,
    Order,
    Placement,
    Plan,
    Policy,
    Principal,
    QueuedJob,
    ScheddView,
    Snapshot,
)
from fedsched.matchmaker.resources import Resources
from tests.journal.test_archive import opened

AT = 1_700_000_000.0
NOTHING = Memory()


def held(number: int) -> Held:
    """One startd that stands."""
    who, size = Principal("g", "u"), Resources(1000, 2048)
    what = Placement(
        f"1-{number}", "m", "g", "startd-job", "pool", "schedd", who, "k", size, AT, AT + 9, 3600, 600, 60, 0, 1
    )
    return Held(what, "claimed", AT)


def cycles(count: int, begun: Memory = NOTHING) -> Iterator[Recorded]:
    """Cycles as a loop makes them: each begins with the memory that the one before left, the very object."""
    for number in range(begun.cycle + 1, begun.cycle + count + 1):
        left = Memory(cycle=number, at=AT + number, held=(*begun.held, held(number)))
        plan = Plan(number, AT + number, left.held, (), left)
        yield Recorded(Snapshot(Observation(AT + number), begun, ()), plan, policy="p")
        begun = left


def keep(journal: SqliteJournal, *some: Recorded) -> None:
    for one in some:
        journal.commit_cycle(Commit(one, Policy(name="p")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fedsched.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    with closing(opened(path)) as made:
        yield made


def test_cycles_that_follow_each_other_come_back_whole_each_by_itself_and_in_one_pass(
    journal: SqliteJournal, path: Path
) -> None:
    some = list(cycles(2 * GROUP + 3))
    keep(journal, *some)
    for reader in (journal, open_journal(f"sqlite:{path}", reading=True)):
        assert list(reader.history(1, 999)) == some
        assert list(reader.history(GROUP, GROUP + 3)) == some[GROUP - 1 : GROUP + 3]
        assert [reader.cycle(one.plan.cycle) for one in some] == some
        assert reader.last_cycle() == some[-1]


@pytest.mark.parametrize("number", [1, 2, GROUP, GROUP + 1, GROUP + 2])
def test_what_the_last_cycle_left_is_what_the_next_process_begins_with(path: Path, number: int) -> None:
    some = list(cycles(number))
    with closing(opened(path)) as journal:
        keep(journal, *some)
        assert journal.memory() == some[-1].plan.memory
    with closing(opened(path)) as again:
        begun = again.memory()
        assert begun == some[-1].plan.memory
        more = list(cycles(3, begun))
        keep(again, *more)
        assert list(again.history(1, 999)) == [*some, *more]


def test_a_placement_that_stands_is_written_once_in_a_cycle_that_follows_and_twice_in_one_that_stands_alone() -> None:
    before, one = list(cycles(40))[-2:]
    name = b"1-7"  # also in the snapshot of both, and in both plans
    known = Written(before).memory
    written = Written(one, known)
    assert written.body(alone=False).count(name) == 1
    assert written.body(alone=True).count(name) == 2
    assert encode(one).count(name) == 3
    assert read(Chained(written.body(alone=True))) == one
    assert read(Chained(written.body(alone=False), Written(before).body(alone=True))) == one
    assert memory_of(written.body(alone=False)) == one.plan.memory


def test_in_the_journal_cycles_follow_each_other_from_the_second_of_a_group_on(journal: SqliteJournal) -> None:
    keep(journal, *cycles(3))
    bodies = list(journal._archive.bodies(1, 3))
    assert [found.body.count(b"1-1") for found in bodies] == [1, 1, 1]
    assert [bool(found.before) for found in bodies] == [False, True, True]


def test_a_cycle_that_began_with_another_memory_than_the_last_one_left_says_so(journal: SqliteJournal) -> None:
    first, second = cycles(2)
    other = Memory(cycle=7, at=AT, members={"m": MemberMemory("lost", AT)})
    second = msgspec.structs.replace(second, snapshot=msgspec.structs.replace(second.snapshot, memory=other))
    keep(journal, first, second)
    assert list(journal.history(1, 9)) == [first, second]
    assert memory_of(Written(second).body(alone=False)) == second.plan.memory


def test_a_plan_that_holds_something_else_than_its_memory_keeps_both(journal: SqliteJournal) -> None:
    """As a shadow's does, which carries nothing out."""
    first, second = cycles(2)
    second = msgspec.structs.replace(second, plan=msgspec.structs.replace(second.plan, held=(held(99),)))
    keep(journal, first, second)
    assert journal.last_cycle() == second


def test_a_commit_that_failed_is_not_what_the_next_cycle_follows(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = cycles(2)
    keep(journal, first)
    fresh = msgspec.structs.replace(first.plan.memory, at=AT + 50)
    failed = Recorded(Snapshot(Observation(AT), fresh, ()), Plan(2, AT, (), (), fresh), policy="p")

    def broken(_tail: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(journal._archive, "_shrunk", broken)
        with pytest.raises(JournalError):
            keep(journal, failed)
    assert journal.memory() == first.plan.memory
    third = Recorded(Snapshot(Observation(AT), fresh, ()), second.plan, policy="p")
    keep(journal, third)
    assert journal.cycle(2) == third


def test_a_journal_of_the_schema_before_keeps_its_cycles_its_accounts_and_its_memory(path: Path) -> None:
    some = list(cycles(4))
    with closing(opened(path)) as journal:
        keep(journal, some[0])
    account = Account("1-1", "m", "g", "startd-job", Principal("g", "u"), "pool", Resources(1000), AT)
    with closing(sqlite3.connect(path)) as db:  # as the fedsched before wrote it: everything out, and memory besides
        db.execute("UPDATE bodies SET body = ?", (pack(encode(some[0])),))
        db.execute("INSERT INTO bodies VALUES (2, ?)", (pack(encode(some[1]), encode(some[0])),))
        db.execute("INSERT INTO cycles SELECT 2, at + 1, first, size, policy FROM cycles")
        db.execute("INSERT INTO state VALUES ('memory', ?)", (encode(some[1].plan.memory),))
        db.execute("DROP TABLE accounts")
        db.execute("CREATE TABLE accounts (placement TEXT PRIMARY KEY, ended INTEGER, body BLOB) WITHOUT ROWID")
        db.execute("INSERT INTO accounts VALUES ('1-1', 0, ?)", (encode(account),))
        db.execute("PRAGMA user_version = 5")
        db.commit()
    with pytest.raises(JournalError, match="schema 5 is older"):
        open_journal(f"sqlite:{path}", reading=True)
    with closing(opened(path)) as again:
        assert again._all("SELECT body FROM state WHERE key = 'memory'") == []
        assert "WITHOUT" not in again._all("SELECT sql FROM sqlite_master WHERE name = 'accounts'")[0][0]
        assert list(again.history(1, 9)) == some[:2]
        assert again.memory() == some[1].plan.memory
        assert again.accounts() == (account,)
        more = list(cycles(2, again.memory()))
        keep(again, *more)
        assert list(again.history(1, 9)) == [*some[:2], *more]
        assert again.memory() == more[-1].plan.memory


def test_of_a_schema_whose_cycles_cannot_be_read_the_memory_stays(path: Path) -> None:
    memory = Memory(cycle=4, serial=9, held=(held(3),))
    with closing(opened(path)) as journal:
        journal.add_order(Order("cordon", "m", "why"))
        keep(journal, *cycles(2))
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO state VALUES ('memory', ?)", (encode(memory),))
        db.execute("PRAGMA user_version = 2")
        db.commit()
    with closing(opened(path)) as again:
        assert again.memory() == memory
        assert again.cycles() == ()
        keep(again, *cycles(1, memory))
        assert again.memory().cycle == 5
        assert [order.target for order in again.orders()] == ["m"]


@pytest.mark.parametrize(
    "body", [b"\x94", b"\x94\xc0\xc0\xc0\xc3", b"\x94\x80\x80\xc0\xc3", b"\x95\x80\x80\xc0\xc3\xc3", b"\xc1", b""]
)
def test_a_body_that_is_none_is_told_as_that_and_what_mends_it(path: Path, body: bytes) -> None:
    with closing(opened(path)) as journal:
        keep(journal, *cycles(1))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE bodies SET body = ?", (pack(body),))
        db.commit()
    with closing(SqliteJournal(path)) as journal, pytest.raises(JournalError, match="not readable"):
        journal.last_cycle()


def test_orders_for_jobs_that_no_queue_holds_any_more_go_when_the_journal_is_swept(journal: SqliteJournal) -> None:
    job = QueuedJob("ns/one", "alive", Principal("g", "u"), "k", AT)
    queue = ScheddView("jobs", "", seen_at=AT, kind="jobs", jobs=(job,))
    (one,) = cycles(1)
    seen = Snapshot(Observation(AT, schedds=(queue,)), NOTHING, ())
    keep(journal, msgspec.structs.replace(one, snapshot=seen))
    for target in ("alive", "over"):
        journal.add_order(Order("hold", target, "why", at=AT))
    journal.sweep(AT + 30)
    assert [order.target for order in journal.orders()] == ["alive", "over"], "they are young"
    journal.sweep(AT + 1e6)
    assert [order.target for order in journal.orders()] == ["alive"]
