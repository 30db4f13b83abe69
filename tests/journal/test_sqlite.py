"""What the journal promises: durable, private, one writer, bounded, and never in the way of a start."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from fedsched.journal import (
    Commit,
    Done,
    Holder,
    Intent,
    JournalError,
    LeaseHeldError,
    LeaseLostError,
    Limits,
    Recorded,
    SqliteJournal,
    open_journal,
)
from fedsched.journal.archive import Tail
from fedsched.matchmaker.model import (
    ClassReport,
    DeletePod,
    MemberMemory,
    MemberView,
    Memory,
    NodeGroup,
    Observation,
    Order,
    Outcome,
    Plan,
    Policy,
    Quota,
    Room,
    Snapshot,
)
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources

ROOT = Path(__file__).parents[2]
AT = 1_700_000_000.0
CHANGE = DeletePod("m1", "p", "pod", "uid")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "fedsched.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path)
    opened.acquire_lease(Holder.mine(), 30, AT)
    yield opened
    opened.close()


def commit(number: int, at: float = AT, padding: str = "", intents: tuple[Intent, ...] = ()) -> Commit:
    """A cycle with something of everything that is hard to store."""
    memory = Memory(cycle=number, serial=number, members={"m1": MemberMemory("lost", at)})
    reason = Reason(Cause.NO_ROOM, "memory_mib", "8", "4", at=at)
    report = ClassReport("k", 3, 0, 1, 2, Verdict.NOT_NOW, reason, ((2, reason),))
    quota = Quota("q", Resources(other=(("x.y/z", 1),)), frozenset({"x.y/z", "jobs"}), 4)
    room = Room(Resources(cpu_milli=1), 2)
    group = NodeGroup("g", Resources(), 2, 2, 0, (room,), attributes=(("A", padding),))
    view = MemberView("m1", node_groups=(group,), quotas=(quota,))
    plan = Plan(number, at, (), (report,), memory)
    snapshot = Snapshot(Observation(at, members=(view,)), Memory(), ())
    return Commit(Recorded(snapshot, plan, issued=(CHANGE,), policy="p"), Policy(), intents)


def holder(started: int = 1, pid: int = 1, **changes: str) -> Holder:
    me = Holder.mine()
    fields = {"host": me.host, "machine": me.machine, "boot": me.boot, "namespace": me.namespace} | changes
    return Holder(fields["host"], fields["machine"], fields["boot"], fields["namespace"], pid, started)


def test_a_cycle_comes_back_as_it_was_written(journal: SqliteJournal, path: Path) -> None:
    journal.commit_cycle(commit(1))
    journal.close()
    again = SqliteJournal(path)
    assert again.last_cycle() == again.cycle(1) == commit(1).recorded
    assert again.memory() == commit(1).recorded.plan.memory
    assert again.cycles() == ((1, AT),)
    assert again.cycle(2) is None
    again.close()


def test_a_new_journal_remembers_nothing_and_says_so(journal: SqliteJournal) -> None:
    assert journal.memory() == Memory()
    assert journal.epoch() == 0
    assert journal.last_cycle() is None
    assert not journal.outcomes_since_last()
    assert not journal.open_intents()
    assert not journal.orders()


def test_outcomes_are_read_again_until_a_cycle_that_read_them_is_committed(journal: SqliteJournal) -> None:
    first, second = (Outcome(CHANGE, "done", AT + n) for n in range(2))
    journal.done((Done("1", first),))
    assert journal.outcomes_since_last() == (first,)
    journal.done((Done("2", second),))
    journal.commit_cycle(commit(1))
    assert journal.outcomes_since_last() == (second,), "what came after the reading is not lost"
    journal.commit_cycle(commit(2))
    assert journal.outcomes_since_last() == ()


def test_an_intent_ends_with_its_outcome_or_without_one_when_it_was_taken_back(journal: SqliteJournal) -> None:
    intents = tuple(Intent(f"1-1-{n}", 1, 1, AT, CHANGE) for n in range(3))
    journal.commit_cycle(commit(1, intents=intents))
    assert journal.open_intents() == intents
    journal.done((Done("1-1-0", Outcome(CHANGE, "gone", AT)), Done("1-1-1", None)))
    assert journal.open_intents() == intents[2:]
    assert len(journal.outcomes_since_last()) == 1


def test_an_epoch_is_never_used_twice_and_a_new_one_forgets_old_intents(journal: SqliteJournal, path: Path) -> None:
    journal.raise_epoch(7)
    journal.commit_cycle(commit(1, intents=(Intent("7-1-0", 1, 7, AT, CHANGE),)))
    for used in (7, 6):
        with pytest.raises(JournalError, match="not above 7"):
            journal.raise_epoch(used)
    journal.raise_epoch(8)
    assert journal.open_intents() == ()
    journal.close()
    again = SqliteJournal(path)
    assert again.epoch() == 8
    again.close()


def test_orders_are_added_replaced_and_removed_by_processes_without_the_lease(
    journal: SqliteJournal, path: Path
) -> None:
    other = open_journal(f"sqlite:{path}")
    other.add_order(Order("cordon", "m1", "first"))
    other.add_order(Order("cordon", "m1", "second"))
    other.add_order(Order("deny", "*@bad", "mining"))
    assert [(o.kind, o.reason) for o in journal.orders()] == [("cordon", "second"), ("deny", "mining")]
    assert other.remove_order("cordon", "m1")
    assert not other.remove_order("cordon", "m1")
    assert [o.kind for o in journal.orders()] == ["deny"]
    other.close()


def test_only_the_holder_of_the_lease_writes_cycles(journal: SqliteJournal, path: Path) -> None:
    other = SqliteJournal(path)
    with pytest.raises(LeaseLostError, match="does not hold the lease"):
        other.commit_cycle(commit(1))
    with pytest.raises(LeaseLostError, match="does not hold the lease"):
        other.done(())
    other.close()
    assert journal.last_cycle() is None


def test_a_lease_of_somebody_who_may_live_is_refused_until_it_expires(path: Path) -> None:
    first, second = SqliteJournal(path), SqliteJournal(path)
    far = holder(host="elsewhere", machine="another", boot="b", namespace="n")
    first.acquire_lease(far, 30, AT)
    with pytest.raises(LeaseHeldError, match="process 1 on elsewhere holds the lease for another 20 s"):
        second.acquire_lease(Holder.mine(), 30, AT + 10)
    second.acquire_lease(Holder.mine(), 30, AT + 31)
    with pytest.raises(LeaseLostError, match="took it; it must stop"):
        first.renew_lease(30, AT + 32)
    with pytest.raises(LeaseLostError):
        first.commit_cycle(commit(1))
    first.release_lease()
    assert second.lease() is not None, "giving back what is not ours changes nothing"
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("before", "gone"),
    [
        (holder(pid=2**22 - 3), True),
        (holder(pid=1, started=12345678), True),
        (holder(boot="an earlier boot"), bool(Holder.mine().machine)),
        (holder(pid=2**22 - 3, namespace="pid:[1]"), False),
        (holder(pid=2**22 - 3, machine="other", boot="other"), False),
        (Holder.mine(), False),
    ],
    ids=["no such process", "the number was used again", "rebooted", "other container", "other machine", "ourselves"],
)
def test_a_holder_is_taken_for_gone_only_when_that_can_be_seen(before: Holder, *, gone: bool) -> None:
    assert before.is_surely_gone(Holder.mine()) is gone


HOLDING = """
import sys, time
from pathlib import Path
from fedsched.journal import Holder, SqliteJournal
journal = SqliteJournal(Path(sys.argv[1]))
journal.acquire_lease(Holder.mine(), 3600, time.time())
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_keeps_the_lease_while_it_lives_and_loses_it_when_it_is_killed(path: Path) -> None:
    arguments = [sys.executable, "-c", HOLDING, str(path)]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        journal = SqliteJournal(path)
        with pytest.raises(LeaseHeldError, match=f"process {child.pid} on "):
            journal.acquire_lease(Holder.mine(), 30, time.time())
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        journal.acquire_lease(Holder.mine(), 30, time.time())
        journal.close()


def test_files_are_nobody_elses_to_read(journal: SqliteJournal, path: Path) -> None:
    journal.commit_cycle(commit(1))
    assert len(list(path.parent.iterdir())) > 1
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("damage", ["middle", "header", "text"])
def test_a_broken_file_is_moved_aside_by_the_daemon_only(path: Path, damage: str) -> None:
    whole = SqliteJournal(path)
    whole.acquire_lease(Holder.mine(), 30, AT)
    for number in range(20):
        whole.commit_cycle(commit(number, padding="".join(chr(33 + (i * number) % 90) for i in range(8000))))
    whole.close()
    content = bytearray(path.read_bytes())
    if damage == "middle":
        content[4096 : 4096 * 12] = b"\x5a" * 4096 * 11
    elif damage == "header":
        content[:100] = b"\0" * 99 + b"1"
    path.write_bytes(b"this is no database, but it is long enough\n" * 100 if damage == "text" else content)
    broken = path.read_bytes()
    with suppress(JournalError), closing(SqliteJournal(path)) as reader:
        reader.last_cycle()
    assert path.read_bytes()[4096:] == broken[4096:], "a reader changes nothing"
    daemon = SqliteJournal(path, rebuild=True)
    assert daemon.moved_aside is not None
    assert daemon.moved_aside.name == "fedsched.db.broken-1"
    assert daemon.last_cycle() is None
    daemon.acquire_lease(Holder.mine(), 30, AT)
    daemon.commit_cycle(commit(1))
    daemon.close()


def test_a_journal_of_a_newer_fedsched_is_refused_and_left_as_it_is(journal: SqliteJournal, path: Path) -> None:
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(JournalError, match="schema 99 is newer"):
        SqliteJournal(path, rebuild=True)
    assert [file.name for file in path.parent.iterdir() if "broken" in file.name] == []


def test_a_place_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=r"file/fedsched\.db"):
        SqliteJournal(tmp_path / "file" / "fedsched.db")
    with pytest.raises(JournalError, match="sqlite:"):
        open_journal("redis://nowhere")


def test_cycles_are_kept_within_size_and_age_and_the_newest_always(path: Path) -> None:
    journal = SqliteJournal(path, Limits(age_s=100, size=20_000))
    journal.acquire_lease(Holder.mine(), 30, AT)
    for number in range(1, 60):
        journal.commit_cycle(commit(number, AT + number, padding=str(hash(str(number)) ** 60)))
    kept = journal.cycles()
    assert 1 < len(kept) < 59
    assert kept[-1][0] == 59
    assert sum(len(row[0]) for row in journal._all("SELECT body FROM bodies")) <= 20_000
    newest = journal._all("SELECT number FROM cycles WHERE first = (SELECT max(first) FROM cycles)")
    assert journal.sweep(AT + 1000) == len(kept) - len(newest)
    assert journal.cycles() == kept[-len(newest) :]
    journal.commit_cycle(commit(60, padding="".join(str(hash(str(n))) for n in range(5000))))
    assert [number for number, _ in journal.cycles()] == [60], "one that is larger than the limit is kept alone"
    journal.close()


def test_a_failed_commit_leaves_nothing_of_itself(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.commit_cycle(commit(1))
    journal.done((Done("x", Outcome(CHANGE, "done", AT)),))
    journal.outcomes_since_last()

    def broken(_tail: Tail) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(journal._archive, "_shrunk", broken)
    with pytest.raises(JournalError, match="check that the disk has room"):
        journal.commit_cycle(commit(2))
    monkeypatch.undo()
    assert journal.memory().cycle == 1
    assert len(journal.outcomes_since_last()) == 1
    journal.commit_cycle(commit(2))
    assert [journal.cycle(number) for number in (1, 2)] == [commit(number).recorded for number in (1, 2)]


def test_a_reader_of_a_broken_file_is_told_what_mends_it(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, but it is long enough\n" * 100)
    with pytest.raises(JournalError, match="`fedsched serve` moves a broken journal aside"):
        SqliteJournal(path)
