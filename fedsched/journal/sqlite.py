"""The journal in one SQLite file: durable at every commit, private, moved aside when it is broken."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fedsched.journal.archive import TABLES, Archive, Entry, Limits
from fedsched.journal.crashpoints import checkpoint
from fedsched.journal.deltas import DeltaError
from fedsched.journal.forecasts import MOST, TABLE, Forecast
from fedsched.journal.lease import Holder, JournalError, Lease, LeaseHeldError, LeaseLostError
from fedsched.journal.protocol import OrderKind
from fedsched.journal.records import Account, Commit, Done, Intent, Recorded
from fedsched.matchmaker.model import Memory, Order, Outcome, Policy

SCHEMA = 3
_TABLES = """
CREATE TABLE state (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE orders (kind TEXT, target TEXT, body BLOB NOT NULL, PRIMARY KEY (kind, target)) WITHOUT ROWID;
CREATE TABLE intents (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE outcomes (serial INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE accounts (placement TEXT PRIMARY KEY, ended INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
"""
T = TypeVar("T")


class SqliteJournal:
    """One connection, for the thread that opened it. `moved_aside`: where a broken file went; None if it was sound."""

    def __init__(self, path: Path, limits: Limits | None = None, *, rebuild: bool = False) -> None:
        """Open or create. A broken file is moved aside when `rebuild`, else JournalError says so."""
        self._path = path
        limits = limits or Limits()
        self._me: bytes | None = None
        self._read_up_to = 0
        self.moved_aside: Path | None = None
        try:
            self._db = _open(path, limits, thorough=rebuild)
        except sqlite3.DatabaseError as error:
            # OperationalError is a lock or a full disk: the file itself may be sound.
            if not rebuild or isinstance(error, sqlite3.OperationalError):
                raise self._error(error) from None
            self.moved_aside = _move_aside(path)
            self._db = _open(path, limits, thorough=False)
        except OSError as error:
            raise JournalError(f"journal {path}: {error.strerror}; check its folder and owner") from None
        self._archive = Archive(self._db, limits)

    # -- lease and epoch

    def acquire_lease(self, me: Holder, ttl_s: float, at: float) -> None:
        """See Journal."""
        with self._transaction():
            held = self._load("lease", Lease)
            if held and held.refuses(me, at):
                raise LeaseHeldError(
                    f"journal {self._path}: {held.holder} holds the lease for another {held.expires_at - at:.0f} s; "
                    "stop it first, or wait if it is gone"
                )
            self._store("lease", Lease(me, at, at + ttl_s))
        self._me = _encode(me)
        self._archive.settle(None)

    def renew_lease(self, ttl_s: float, at: float) -> None:
        """See Journal."""
        with self._transaction():
            held = self._still_ours()
            self._store("lease", Lease(held.holder, held.taken_at, at + ttl_s))

    def release_lease(self) -> None:
        """See Journal."""
        with self._transaction():
            held = self._load("lease", Lease)
            if held and _encode(held.holder) == self._me:
                self._db.execute("DELETE FROM state WHERE key = 'lease'")
        self._me = None

    def lease(self) -> Lease | None:
        """See Journal."""
        return self._load("lease", Lease)

    def epoch(self) -> int:
        """See Journal."""
        return self._load("epoch", int) or 0

    def raise_epoch(self, epoch: int) -> None:
        """See Journal."""
        with self._transaction():
            if epoch <= self.epoch():
                raise JournalError(f"journal {self._path}: epoch {epoch} is not above {self.epoch()}, which was used")
            self._store("epoch", epoch)
            self._db.execute("DELETE FROM intents")

    # -- the loop's

    def memory(self) -> Memory:
        """See Journal."""
        return self._load("memory", Memory) or Memory()

    def outcomes_since_last(self) -> tuple[Outcome, ...]:
        """See Journal."""
        rows = self._all("SELECT serial, body FROM outcomes ORDER BY serial")
        self._read_up_to = rows[-1][0] if rows else 0
        return tuple(self._decode(body, Outcome) for _, body in rows)

    def commit_cycle(self, commit: Commit) -> None:
        """See Journal."""
        plan = commit.recorded.plan
        entry = Entry(plan.cycle, plan.at, commit.recorded.policy, _encode(commit.recorded))
        with self._transaction():
            self._still_ours()
            self._store("memory", plan.memory)
            tail = self._archive.append(entry, _encode(commit.policy))
            intents = [(i.id, _encode(i)) for i in commit.intents]
            self._db.executemany("INSERT OR REPLACE INTO intents VALUES (?, ?)", intents)
            self._db.execute("DELETE FROM outcomes WHERE serial <= ?", (self._read_up_to,))
            accounts = [(a.placement, 0, _encode(a)) for a in commit.accounts]
            accounts += [(a.placement, 1, _encode(a)) for a in commit.ended]
            self._db.executemany("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)", accounts)
        self._archive.settle(tail)

    def done(self, ends: tuple[Done, ...]) -> None:
        """See Journal."""
        with self._transaction():
            self._still_ours()
            self._db.executemany("DELETE FROM intents WHERE id = ?", [(end.intent,) for end in ends])
            outcomes = [(_encode(end.outcome),) for end in ends if end.outcome]
            self._db.executemany("INSERT INTO outcomes (body) VALUES (?)", outcomes)

    def open_intents(self) -> tuple[Intent, ...]:
        """See Journal."""
        return tuple(self._decode(body, Intent) for (body,) in self._all("SELECT body FROM intents ORDER BY id"))

    # -- people's orders

    def orders(self) -> tuple[Order, ...]:
        """See Journal."""
        rows = self._all("SELECT body FROM orders ORDER BY kind, target")
        return tuple(self._decode(body, Order) for (body,) in rows)

    def add_order(self, order: Order) -> None:
        """See Journal."""
        with self._transaction():
            row = (order.kind, order.target, _encode(order))
            self._db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", row)

    def remove_order(self, kind: OrderKind, target: str) -> bool:
        """See Journal."""
        with self._transaction():
            gone = self._db.execute("DELETE FROM orders WHERE kind = ? AND target = ?", (kind, target))
            return gone.rowcount > 0

    # -- the past

    def last_cycle(self) -> Recorded | None:
        """See Journal."""
        return self._recorded(None)

    def cycle(self, number: int) -> Recorded | None:
        """See Journal."""
        return self._recorded(number)

    def cycles(self) -> tuple[tuple[int, float], ...]:
        """See Journal."""
        with self._named():
            return self._archive.numbers()

    def history(self, first: int, last: int) -> Iterator[Recorded]:
        """See Journal."""
        with self._named():
            for body in self._archive.bodies(first, last):
                yield self._decode(body, Recorded)

    def policy(self, digest: str) -> Policy | None:
        """See Journal."""
        with self._named():
            body = self._archive.policy(digest)
        return None if body is None else self._decode(body, Policy)

    def accounts(self) -> tuple[Account, ...]:
        """See Journal."""
        return self._accounts(ended=0)

    def ended_accounts(self) -> tuple[Account, ...]:
        """See Journal."""
        return self._accounts(ended=1)

    def forget_ended(self, placements: tuple[str, ...]) -> None:
        """See Journal."""
        with self._transaction():
            rows = [(placement,) for placement in placements]
            self._db.executemany("DELETE FROM accounts WHERE ended = 1 AND placement = ?", rows)

    def keep_forecasts(self, kept: tuple[Forecast, ...], lost: tuple[Forecast, ...] = ()) -> None:
        """See Journal."""
        with self._transaction():
            rows = [(one.id, one.at, _encode(one)) for one in kept]
            self._db.executemany("INSERT OR REPLACE INTO forecasts VALUES (?, ?, ?)", rows)
            self._db.executemany("DELETE FROM forecasts WHERE id = ?", [(one.id,) for one in lost])
            newest = "SELECT id FROM forecasts ORDER BY at DESC, id LIMIT -1 OFFSET ?"
            self._db.execute(f"DELETE FROM forecasts WHERE id IN ({newest})", (MOST,))  # noqa: S608 - a constant

    def forecasts(self) -> tuple[Forecast, ...]:
        """See Journal."""
        rows = self._all("SELECT body FROM forecasts ORDER BY at, id")
        return tuple(self._decode(body, Forecast) for (body,) in rows)

    def sweep(self, at: float) -> int:
        """See Journal. The newest cycle is never dropped."""
        with self._transaction():
            return self._archive.sweep(at)

    def checkpoint(self) -> None:
        """See Journal."""
        with self._named():
            self._db.execute("PRAGMA incremental_vacuum(2000)").fetchall()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """See Journal."""
        self._db.close()

    # -- inside

    def _still_ours(self) -> Lease:
        """The lease, when it is this process that holds it; checked inside each writing transaction."""
        held = self._load("lease", Lease)
        if held is None or _encode(held.holder) != self._me:
            whose = f"{held.holder} took it" if held else "it was released"
            raise LeaseLostError(f"journal {self._path}: this process does not hold the lease: {whose}; it must stop")
        return held

    def _recorded(self, number: int | None) -> Recorded | None:
        with self._named():
            body = self._archive.body(number)
        return None if body is None else self._decode(body, Recorded)

    def _accounts(self, *, ended: int) -> tuple[Account, ...]:
        rows = self._all("SELECT body FROM accounts WHERE ended = ? ORDER BY placement", ended)
        return tuple(self._decode(body, Account) for (body,) in rows)

    def _load(self, key: str, kind: type[T]) -> T | None:
        rows = self._all("SELECT body FROM state WHERE key = ?", key)
        return self._decode(rows[0][0], kind) if rows else None

    def _store(self, key: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, _encode(value)))

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._named():
            return self._db.execute(query, values).fetchall()

    def _decode(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.msgpack.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing. Immediate: two processes that both mean to write wait instead of failing half-way."""
        with self._named():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                checkpoint("journal-commit")
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
            raise self._error(error) from None
        except DeltaError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> JournalError:
        text = f"a record is not readable ({error}); move the file away and start again"
        return JournalError(f"journal {self._path}: {text}")

    def _error(self, error: sqlite3.Error) -> JournalError:
        name = getattr(error, "sqlite_errorname", "")
        if name in {"SQLITE_BUSY", "SQLITE_LOCKED"}:
            return JournalError(f"journal {self._path}: another process is writing; try again")
        if isinstance(error, sqlite3.OperationalError):
            return JournalError(f"journal {self._path}: {error}; check that the disk has room and the file is ours")
        text = f"{error}; `fedsched serve` moves a broken journal aside and rebuilds from the members"
        return JournalError(f"journal {self._path}: {text}")


def _encode(value: Any) -> bytes:
    # Sorted, so that equal values have equal bytes.
    return msgspec.msgpack.encode(value, order="deterministic")


def _open(path: Path, limits: Limits, *, thorough: bool) -> sqlite3.Connection:
    """The connection, the file made private before anything is in it. Raises sqlite3.Error and OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # SQLite gives its side files the mode of this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    db = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute(f"PRAGMA synchronous = {'FULL' if limits.outlives_power else 'OFF'}")
        if thorough:
            _must_be_sound(db)
        _bring_up(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _must_be_sound(db: sqlite3.Connection) -> None:
    problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise sqlite3.DatabaseError(problem)


def _bring_up(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables when there are none. Raises JournalError for a file of a newer fedsched."""
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        db.execute("ROLLBACK")
        raise JournalError(
            f"journal {path}: schema {version} is newer than this fedsched's {SCHEMA}; run the newer one"
        )
    if version < SCHEMA:
        # Recorded cycles of an older schema go: what they knew cannot be decided again. All else is kept.
        for table in ("cycles", "bodies", "policies"):
            db.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in (_TABLES + TABLE + TABLES).strip().split(";\n"):
            db.execute(statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
        db.execute(f"PRAGMA user_version = {SCHEMA}")
    db.execute("COMMIT")


def _move_aside(path: Path) -> Path:
    """Rename the file and its side files to the first free NAME.broken-N; where the main one went."""
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
    return path.rename(aside)
