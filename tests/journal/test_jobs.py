"""The journal as a queue: Jobs are there once, whole or not at all, and stay for a while after their end."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fedsched.journal import (
    JobTable,
    JournalError,
    Limits,
    Mark,
    NameTakenError,
    NewJob,
    SqliteJournal,
    SubmittedJob,
    job_table,
)
from fedsched.journal.jobs import stray_orders
from fedsched.matchmaker.model import JobCondition, JobStatus, Order, Principal, QueuedJob, ScheddView

AT = 1_800_000_000.0
ANN = Principal("guest.ann", "ann")
RUNNING = JobStatus(active=1, started_at=AT + 5)
COMPLETE = JobStatus(succeeded=1, conditions=(JobCondition("Complete", "True", at=AT + 60),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fedsched.db"


@pytest.fixture
def table(path: Path) -> Iterator[JobTable]:
    with closing(JobTable(path)) as opened:
        yield opened


def new(name: str, held: str = "", manifest: bytes = b"{}") -> NewJob:
    return NewJob(SubmittedJob(f"uid-{name}", "ann", name, "ann", ANN, AT), manifest, held)


def test_a_job_is_read_as_it_was_submitted(table: JobTable) -> None:
    table.add((new("a", manifest=b'{"x":1}'), new("b")))
    assert [(job.id, job.revision, job.status) for job in table.since(0)] == [
        ("ann/a", 1, JobStatus()),
        ("ann/b", 2, JobStatus()),
    ]
    assert (table.manifest("uid-a"), table.manifest("uid-z")) == (b'{"x":1}', None)
    assert (table.job("uid-b"), table.job("uid-z")) == (table.since(1)[0], None)


def test_a_name_that_is_taken_is_refused_with_whose_it_is_and_nothing_is_added(table: JobTable) -> None:
    table.add((new("a"),))
    with pytest.raises(NameTakenError, match=r"there already: ann/a \(uid uid-a\)"):
        table.add((new("b"), new("a")))
    with pytest.raises(NameTakenError, match=r"ann/c \(twice\)"):
        table.add((new("c"), new("c")))
    assert table.uids() == {"uid-a"}


def test_a_status_is_written_where_the_job_is_as_it_was_seen(table: JobTable) -> None:
    table.add((new("a"),))
    assert table.tell("uid-a", 1, RUNNING, AT + 5).result == "done"
    assert table.tell("uid-a", 1, RUNNING, AT + 6).result == "done", "the same again is no conflict"
    assert table.tell("uid-a", 1, COMPLETE, AT + 60).result == "stale"
    assert table.tell("uid-z", 1, COMPLETE, AT + 60) == ("gone", None)
    (job,) = table.since(1)
    assert (job.status, job.revision, job.ended_at) == (RUNNING, 2, None)


def test_what_changed_is_found_without_reading_the_rest(table: JobTable) -> None:
    table.add((new("a"), new("b"), new("c")))
    seen = table.mark()
    assert table.since(seen.revision) == ()
    table.tell("uid-b", 2, RUNNING, AT)
    assert [job.id for job in table.since(seen.revision)] == ["ann/b"]
    assert table.mark() == Mark(4, 0, 0)


def test_orders_of_people_are_seen_by_the_mark(path: Path, table: JobTable) -> None:
    with closing(SqliteJournal(path)) as journal:
        journal.add_order(Order("cancel", "uid-a", "why"))
        journal.add_order(Order("cancel", "uid-a", "why not"))
        assert table.mark().orders == 2
        journal.remove_order("cancel", "uid-a")
        assert table.mark().orders == 3


def test_a_job_may_come_on_hold_and_never_without_its_order(path: Path, table: JobTable) -> None:
    table.add((new("a", held="spec.suspend of its file"),))
    with closing(SqliteJournal(path)) as journal:
        (order,) = journal.orders()
    assert (order.kind, order.target, order.reason, order.by) == ("hold", "uid-a", "spec.suspend of its file", "ann")


def test_jobs_go_so_long_after_their_end_and_their_orders_before(path: Path, table: JobTable) -> None:
    table.add((new("a"), new("b"), new("c")))
    table.tell("uid-a", 1, COMPLETE, AT)
    table.tell("uid-b", 2, COMPLETE, AT + 5000)
    with closing(SqliteJournal(path, Limits(age_s=7200.0))) as journal:
        for uid in ("uid-a", "uid-b", "uid-c"):
            journal.add_order(Order("prio", uid, "", value=3))
        journal.add_order(Order("cordon", "uid-a", "a member of that name"))
        before = table.mark()
        journal.sweep(AT + 7300)
        assert [(order.kind, order.target) for order in journal.orders()] == [
            ("cordon", "uid-a"),
            ("prio", "uid-b"),
            ("prio", "uid-c"),
        ]
        assert table.uids() == {"uid-b", "uid-c"}
        assert table.manifest("uid-a") is None
        assert table.mark().swept == before.swept + 1
        journal.sweep(AT + 9000)
        assert [order.target for order in journal.orders() if order.kind == "prio"] == ["uid-c"]
        assert table.uids() == {"uid-b", "uid-c"}


def test_a_revision_is_never_used_again(path: Path, table: JobTable) -> None:
    table.add((new("a"),))
    table.tell("uid-a", 1, COMPLETE, AT)
    with closing(SqliteJournal(path)) as journal:
        journal.sweep(AT + 1e7)
    table.add((new("b"),))
    assert [job.revision for job in table.since(0)] == [3]


def test_more_jobs_than_may_wait_are_refused_and_those_that_are_over_do_not_count(
    table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_table, "MOST_JOBS", 2)
    table.add((new("a"), new("b")))
    with pytest.raises(JournalError, match="2 Jobs wait here and 1 would be added: at most 2 may"):
        table.add((new("c"),))
    table.tell("uid-a", 1, COMPLETE, AT)
    table.add((new("c"),))
    monkeypatch.setattr(job_table, "MOST_BYTES", 100)
    table.tell("uid-b", 2, COMPLETE, AT)
    with pytest.raises(JournalError, match="more than 0 MiB"):
        table.add((new("d", manifest=b" " * 101),))


def test_a_journal_of_the_schema_before_becomes_a_queue_and_keeps_its_orders(path: Path) -> None:
    with closing(SqliteJournal(path)) as journal:
        journal.add_order(Order("cordon", "m1", "why"))
    with closing(sqlite3.connect(path)) as db:
        for name in ("orders_added", "orders_gone"):
            db.execute(f"DROP TRIGGER {name}")
        for name in ("jobs", "manifests", "marks"):
            db.execute(f"DROP TABLE {name}")
        db.execute("PRAGMA user_version = 4")
    with pytest.raises(JournalError, match="schema 4 is older"):
        JobTable(path, reading=True)
    with closing(JobTable(path)) as table, closing(SqliteJournal(path)) as journal:
        table.add((new("a"),))
        assert [order.target for order in journal.orders()] == ["m1"]
    with closing(JobTable(path, reading=True)) as table:
        assert table.uids() == {"uid-a"}
        with pytest.raises(JournalError, match="readonly"):
            table.add((new("b"),))


def test_a_job_that_cannot_be_read_is_told_as_that(path: Path, table: JobTable) -> None:
    table.add((new("a"),))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE jobs SET body = x'c1'")
        db.commit()
    with pytest.raises(JournalError, match="a Job is not readable"):
        table.since(0)


def test_orders_for_jobs_of_other_queues_go_when_no_queue_holds_them() -> None:
    def seen(**more: object) -> ScheddView:
        job = QueuedJob("atlas/a", "uid-here", ANN, "c", AT)
        over = QueuedJob("atlas/b", "uid-over", ANN, "c", AT, state="over")
        return ScheddView("hub", "", kind="jobs", jobs=(job, over), **({"seen_at": AT} | more))  # type: ignore[arg-type]  # its fields

    kinds = ("hold", "cancel", "prio", "cordon")
    old = [Order(kind, target, "", at=AT) for kind in kinds for target in ("uid-here", "uid-over", "uid-gone")]  # type: ignore[arg-type]  # of these
    later = AT + 90_000
    assert {(one.kind, one.target) for one in stray_orders(old, (seen(),), later)} == {
        (kind, target) for kind in kinds[:3] for target in ("uid-over", "uid-gone")
    }
    assert stray_orders(old, (seen(),), AT + 80_000) == [], "it may not have been seen yet"
    for unread in (seen(seen_at=None), seen(error="silent")):
        assert stray_orders(old, (seen(), unread), later) == []
    assert stray_orders(old, (), later) == []


OTHER = """
import sys
from pathlib import Path
from fedsched.journal import SqliteJournal
journal = SqliteJournal(Path(sys.argv[1]))
print(*(order.target for order in journal.orders()))
journal.close()
"""


def test_a_second_connection_of_the_daemon_does_not_cost_it_its_writes(path: Path) -> None:
    """To close a descriptor of the file drops a process's locks on it; who leaves next would remove the log."""

    def seen_by_another_process() -> str:
        return subprocess.run(
            [sys.executable, "-c", OTHER, str(path)], capture_output=True, text=True, check=True
        ).stdout

    with closing(SqliteJournal(path)) as journal:
        journal.add_order(Order("cordon", "m1", "why"))
        with closing(JobTable(path)) as table:
            assert seen_by_another_process() == "m1\n"
            journal.add_order(Order("cordon", "m2", "why"))
            table.add((new("a"),))
            assert seen_by_another_process() == "m1 m2\n"
