"""The table of submitted Jobs over a connection of its own: adding, reading what changed, statuses; needs no lease."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from fedsched.journal.archive import Limits
from fedsched.journal.jobs import Mark, NameTakenError, NewJob, SubmittedJob, counted
from fedsched.journal.lease import JournalError
from fedsched.journal.opening import explained, open_to_read, open_to_write
from fedsched.matchmaker.model import JobStatus, Order

MOST_JOBS = 20_000
"""So many Jobs that are not over may wait here: each is looked at in every cycle."""
MOST_BYTES = 1 << 30
"""So much may the manifests of all Jobs take together."""


class Told(NamedTuple):
    """What became of a status: written; its Job is gone; or is not as it was seen. job: as it stands now."""

    result: Literal["done", "gone", "stale"]
    job: SubmittedJob | None


_COLUMNS = "body, status, ended_at, revision"


class JobTable:
    """One connection, for one thread at a time. Every method raises JournalError when the journal cannot be used.

    quick: a commit does not wait for the disk; for what can be written again. Times are epoch seconds.
    """

    def __init__(self, path: Path, *, reading: bool = False, quick: bool = False) -> None:
        self._path = path
        with self._named():
            if reading:
                self._db = open_to_read(path, any_thread=True)
            else:
                self._db = open_to_write(path, Limits(), thorough=False, any_thread=True)
        if quick and not reading:
            self._db.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Nothing may be asked afterwards."""
        self._db.close()

    # -- reading

    def mark(self) -> Mark:
        """What changes with every change: cheap, for asking often."""
        with self._named():
            return Mark(**dict(self._db.execute("SELECT name, value FROM marks")))

    def since(self, revision: int) -> tuple[SubmittedJob, ...]:
        """Jobs that were added or changed after that revision, oldest change first; 0 for all."""
        with self._named():
            query = f"SELECT {_COLUMNS} FROM jobs WHERE revision > ? ORDER BY revision"  # noqa: S608 - constants
            return tuple(_job(row) for row in self._db.execute(query, (revision,)))

    def uids(self) -> frozenset[str]:
        """Of all Jobs."""
        with self._named():
            return frozenset(uid for (uid,) in self._db.execute("SELECT uid FROM jobs"))

    def job(self, uid: str) -> SubmittedJob | None:
        """The Job with that uid."""
        with self._named():
            row = self._db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE uid = ?", (uid,)).fetchone()  # noqa: S608 - constants
            return None if row is None else _job(row)

    def manifest(self, uid: str) -> bytes | None:
        """JSON of the Job as it was submitted; None where it is gone."""
        with self._named():
            row = self._db.execute("SELECT body FROM manifests WHERE uid = ?", (uid,)).fetchone()
            return None if row is None else bytes(row[0])

    # -- writing

    def check(self, jobs: Iterable[NewJob]) -> None:
        """Raises what `add` would raise; nothing is written."""
        new = tuple(jobs)
        with self._named():
            self._refuse_taken(new)
            self._refuse_many(new)

    def cluster(self) -> int:
        """A number that nobody had before: what is submitted together is called by it."""
        with self._transaction():
            return counted(self._db, "clusters", 1)

    def add(self, jobs: Iterable[NewJob]) -> None:
        """All of them or none. Raises NameTakenError, and JournalError beyond what may wait here."""
        new = tuple(jobs)
        with self._transaction():
            self._refuse_taken(new)
            self._refuse_many(new)
            revision = self._revision(len(new))
            for number, one in enumerate(new, start=revision - len(new) + 1):
                job = msgspec.structs.replace(one.job, revision=number)
                values = (job.uid, job.namespace, job.name, number, None, len(one.manifest))
                self._db.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, *_bodies(job)))
                self._db.execute("INSERT INTO manifests VALUES (?, ?)", (job.uid, one.manifest))
                if one.held:
                    self._order(Order("hold", job.uid, one.held, job.account, job.submitted_at))

    def order(self, given: Iterable[Order], lifted: Iterable[tuple[str, str]] = ()) -> None:
        """Orders of people for many Jobs at once; lifted: (kind, uid) of those that stand no more."""
        with self._transaction():
            for one in given:
                self._order(one)
            self._db.executemany("DELETE FROM orders WHERE kind = ? AND target = ?", lifted)

    def tell(self, uid: str, revision: int, status: JobStatus, at: float) -> Told:
        """Write a Job's status if it is still as it was at that revision. The same status again changes nothing."""
        with self._transaction():
            row = self._db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE uid = ?", (uid,)).fetchone()  # noqa: S608 - constants
            if row is None:
                return Told("gone", None)
            job = _job(row)
            if job.status == status:
                return Told("done", job)
            if job.revision != revision:
                return Told("stale", job)
            ended, number = _ended(job, status, at), self._revision(1)
            new = (number, ended, msgspec.msgpack.encode(status), uid)
            self._db.execute("UPDATE jobs SET revision = ?, ended_at = ?, status = ? WHERE uid = ?", new)
            return Told("done", msgspec.structs.replace(job, status=status, ended_at=ended, revision=number))

    # -- inside

    def _order(self, order: Order) -> None:
        row = (order.kind, order.target, msgspec.msgpack.encode(order, order="deterministic"))
        self._db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", row)

    def _refuse_taken(self, new: tuple[NewJob, ...]) -> None:
        taken = []
        seen: set[str] = set()
        for one in new:
            key = (one.job.namespace, one.job.name)
            there = self._db.execute("SELECT uid FROM jobs WHERE namespace = ? AND name = ?", key).fetchone()
            if there or one.job.id in seen:
                taken.append(f"{one.job.id} (uid {there[0]})" if there else f"{one.job.id} (twice)")
            seen.add(one.job.id)
        if taken:
            more = f" and {len(taken) - 3} more" if len(taken) > 3 else ""
            raise NameTakenError(f"there already: {', '.join(taken[:3])}{more}", tuple(taken))

    def _refuse_many(self, new: tuple[NewJob, ...]) -> None:
        there = self._db.execute("SELECT count(*) FROM jobs WHERE ended_at IS NULL").fetchone()[0]
        if there + len(new) > MOST_JOBS:
            raise JournalError(f"{there} Jobs wait here and {len(new)} would be added: at most {MOST_JOBS} may")
        size = self._db.execute("SELECT coalesce(sum(size), 0) FROM jobs").fetchone()[0]
        if size + sum(len(one.manifest) for one in new) > MOST_BYTES:
            raise JournalError(f"the Jobs here take {size >> 20} MiB: with these more than {MOST_BYTES >> 20} MiB")

    def _revision(self, more: int) -> int:
        """The newest revision after so many more."""
        return counted(self._db, "revision", more)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._named():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explained(self._path, error) from None
        except OSError as error:
            raise JournalError(f"journal {self._path}: {error.strerror}; check its folder and owner") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            text = f"a Job is not readable ({error}); move the file away and start again"
            raise JournalError(f"journal {self._path}: {text}") from None


def _ended(job: SubmittedJob, status: JobStatus, at: float) -> float | None:
    if not status.over:
        return None
    return job.ended_at if job.ended_at is not None else at


def _bodies(job: SubmittedJob) -> tuple[bytes, bytes]:
    plain = msgspec.structs.replace(job, status=JobStatus())
    return msgspec.msgpack.encode(plain, order="deterministic"), msgspec.msgpack.encode(job.status)


def _job(row: tuple[bytes, bytes, float | None, int]) -> SubmittedJob:
    body, status, ended_at, revision = row
    job = msgspec.msgpack.decode(body, type=SubmittedJob)
    told = msgspec.msgpack.decode(status, type=JobStatus)
    return msgspec.structs.replace(job, status=told, ended_at=ended_at, revision=revision)
