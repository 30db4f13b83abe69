"""Jobs that people submitted, as the journal keeps them, and the tables that keep them; who adds them is elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from fedsched.journal.lease import JournalError
from fedsched.matchmaker.model import JobStatus, Order, Principal, ScheddView

OF_JOBS = ("hold", "cancel", "prio")
"""Kinds of orders whose target is a Job's uid."""
STRAY_ORDERS_S = 86_400.0
"""Orders for Jobs that no queue holds go after so long: a queue may be taken out of the settings and put back."""
ORDERS_STAY_S = 3600.0
"""Orders for a Job go so long after its end: by then its copy is gone, and nobody asks why."""


class SubmittedJob(msgspec.Struct, frozen=True):
    """One Job as it was submitted and as it stands.

    account: of the operating system, who submitted. principal: who is charged, by the rules then. group: asked for,
    "" for none. priority: as asked. ended_at: epoch seconds, None while it is not over. revision: grows with every
    change of any Job; the resource version of its status. The manifest is read apart: it may be large.
    """

    uid: str
    namespace: str
    name: str
    account: str
    principal: Principal
    submitted_at: float
    group: str = ""
    priority: int = 0
    status: JobStatus = JobStatus()
    ended_at: float | None = None
    revision: int = 0

    @property
    def id(self) -> str:
        """Its name among all: "namespace/name"."""
        return f"{self.namespace}/{self.name}"


class NewJob(msgspec.Struct, frozen=True):
    """A Job to add. manifest: JSON of the batch/v1 Job. held: why it waits for `release`, "" where it does not."""

    job: SubmittedJob
    manifest: bytes
    held: str = ""


class Mark(msgspec.Struct, frozen=True):
    """Counters when it was looked: the newest revision, how often Jobs were swept and orders changed, clusters."""

    revision: int = 0
    swept: int = 0
    orders: int = 0
    clusters: int = 0


class NameTakenError(JournalError):
    """Jobs of these ids are there already; none was added."""

    def __init__(self, text: str, taken: tuple[str, ...]) -> None:
        super().__init__(text)
        self.taken = taken


TABLES = """
CREATE TABLE jobs (
    uid TEXT PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, ended_at REAL,
    size INTEGER NOT NULL, body BLOB NOT NULL, status BLOB NOT NULL, UNIQUE (namespace, name)
) WITHOUT ROWID;
CREATE INDEX jobs_revision ON jobs (revision);
CREATE INDEX jobs_ended ON jobs (ended_at);
CREATE TABLE manifests (uid TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO marks VALUES ('revision', 0), ('swept', 0), ('orders', 0), ('clusters', 0);
CREATE TRIGGER orders_added AFTER INSERT ON orders BEGIN
    UPDATE marks SET value = value + 1 WHERE name = 'orders'; END;
CREATE TRIGGER orders_gone AFTER DELETE ON orders BEGIN
    UPDATE marks SET value = value + 1 WHERE name = 'orders'; END;
"""


def sweep_jobs(db: sqlite3.Connection, at: float, kept_s: float) -> int:
    """Drop Jobs that ended so many seconds before `at`, and orders for those that are over or gone; how many Jobs.

    Belongs into a transaction of the caller. Raises sqlite3.Error.
    """
    old = [uid for (uid,) in db.execute("SELECT uid FROM jobs WHERE ended_at < ?", (at - kept_s,))]
    over = [uid for (uid,) in db.execute("SELECT uid FROM jobs WHERE ended_at < ?", (at - ORDERS_STAY_S,))]
    of_jobs = "kind IN ('hold', 'cancel', 'prio')"
    db.executemany(f"DELETE FROM orders WHERE {of_jobs} AND target = ?", [(uid,) for uid in (*over, *old)])  # noqa: S608 - constant
    db.executemany("DELETE FROM manifests WHERE uid = ?", [(uid,) for uid in old])
    db.executemany("DELETE FROM jobs WHERE uid = ?", [(uid,) for uid in old])
    if old:
        counted(db, "swept", 1)
    return len(old)


def stray_orders(orders: Iterable[Order], queues: Sequence[ScheddView], at: float) -> list[Order]:
    """Orders for Jobs that no queue holds any more, or that are over; none while a queue was not read. At: epoch s.

    queues: as the last cycle saw them. Young orders stay: their Job may just not have been seen yet.
    """
    if not queues or any(view.error or view.seen_at is None for view in queues):
        return []
    alive = {job.uid for view in queues for job in view.jobs if job.state != "over"}
    return [
        order
        for order in orders
        if order.kind in OF_JOBS and order.at < at - STRAY_ORDERS_S and order.target not in alive
    ]


def counted(db: sqlite3.Connection, name: str, more: int) -> int:
    """A counter of the file after so many more; it never goes back."""
    db.execute("UPDATE marks SET value = value + ? WHERE name = ?", (more, name))
    value: int = db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()[0]
    return value
