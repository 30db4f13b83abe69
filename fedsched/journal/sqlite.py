"""The journal in one SQLite file: durable at every commit, private, moved aside when it is broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fedsched.journal.archive import Archive, Entry, Limits
from fedsched.journal.bodies import Chained, Written, decode, memory_of, read
from fedsched.journal.bodies import encode as _encode
from fedsched.journal.crashpoints import checkpoint
from fedsched.journal.deltas import DeltaError
from fedsched.journal.forecasts import MOST, Forecast
from fedsched.journal.jobs import OF_JOBS, stray_orders, sweep_jobs
from fedsched.journal.lease import Holder, JournalError, Lease, LeaseHeldError, LeaseLostError
from fedsched.journal.opening import explained, move_aside, open_to_read, open_to_write
from fedsched.journal.protocol import OrderKind
from fedsched.journal.records import Account, Commit, Done, Intent, Recorded
from fedsched.journal.runs import Run
from fedsched.journal.turns import Row, Turns
from fedsched.matchmaker.model import Memory, Order, Outcome, Policy, ScheddView, Turn

T = TypeVar("T")
_WRITE_ACCOUNT = """INSERT INTO accounts VALUES (?, ?, ?)
ON CONFLICT (placement) DO UPDATE SET ended = excluded.ended, body = excluded.body"""


class SqliteJournal:
    """One connection, for the thread that opened it. `moved_aside`: where a broken file went; None if it was sound."""

    def __init__(
        self, path: Path, limits: Limits | None = None, *, rebuild: bool = False, reading: bool = False
    ) -> None:
        """Open or create. A broken file is moved aside when `rebuild`, else JournalError says so.

        reading: nothing is created and nothing can be written, so that no writer ever waits for this connection.
        """
        self._path = path
        limits = limits or Limits()
        self._me: bytes | None = None
        self._read_up_to = 0
        self._left: tuple[Memory, bytes] | None = None
        """What the cycle that was written last left to the next one."""
        self.moved_aside: Path | None = None
        try:
            self._db = open_to_read(path) if reading else open_to_write(path, limits, thorough=rebuild)
        except sqlite3.DatabaseError as error:
            # OperationalError is a lock or a full disk: the file itself may be sound.
            if not rebuild or isinstance(error, sqlite3.OperationalError):
                raise self._error(error) from None
            self.moved_aside = move_aside(path)
            self._db = open_to_write(path, limits, thorough=False)
        except OSError as error:
            raise JournalError(f"journal {path}: {error.strerror}; check its folder and owner") from None
        self._archive = Archive(self._db, limits)
        self._turns = Turns(self._db)
        self._kept_s = limits.age_s

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
        with self._named():
            found = self._archive.body()
        if found is None:
            return self._load("memory", Memory) or Memory()  # of an older fedsched, whose cycles are not read
        return self._read(lambda: memory_of(found.body))

    def outcomes_since_last(self) -> tuple[Outcome, ...]:
        """See Journal."""
        rows = self._all("SELECT serial, body FROM outcomes ORDER BY serial")
        self._read_up_to = rows[-1][0] if rows else 0
        return tuple(self._decode(body, Outcome) for _, body in rows)

    def commit_cycle(self, commit: Commit) -> None:
        """See Journal."""
        plan, begun = commit.recorded.plan, commit.recorded.snapshot.memory
        left = self._left
        written = Written(commit.recorded, left[1] if left is not None and left[0] is begun else None)
        entry = Entry(plan.cycle, plan.at, commit.recorded.policy, written)
        with self._transaction():
            self._still_ours()
            tail = self._archive.append(entry, _encode(commit.policy))
            intents = [(i.id, _encode(i)) for i in commit.intents]
            self._db.executemany("INSERT OR REPLACE INTO intents VALUES (?, ?)", intents)
            self._db.execute("DELETE FROM outcomes WHERE serial <= ?", (self._read_up_to,))
            accounts = [(a.placement, 0, _encode(a)) for a in commit.accounts]
            accounts += [(a.placement, 1, _encode(a)) for a in commit.ended]
            self._db.executemany(_WRITE_ACCOUNT, accounts)
            runs = [(run.id, _encode(run)) for run in commit.runs]
            self._db.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?)", runs)
            self._turns.append(Row(t.key, t.at, t.reason is not None, _encode(t)) for t in commit.turns)
        self._archive.settle(tail)
        self._left = plan.memory, written.memory

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
            for found in self._archive.bodies(first, last):
                yield self._cycle(found)

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

    def ended_runs(self) -> tuple[Run, ...]:
        """See Journal."""
        return tuple(self._decode(body, Run) for (body,) in self._all("SELECT body FROM runs ORDER BY id"))

    def forget_runs(self, ids: tuple[str, ...]) -> None:
        """See Journal."""
        with self._transaction():
            self._db.executemany("DELETE FROM runs WHERE id = ?", [(one,) for one in ids])

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

    def turns(self, key: str, since: float = 0.0) -> tuple[Turn, ...]:
        """See Journal."""
        with self._named():
            return tuple(self._decode(body, Turn) for body in self._turns.of(key, since))

    def standing_turns(self) -> tuple[Turn, ...]:
        """See Journal."""
        with self._named():
            return tuple(self._decode(body, Turn) for body in self._turns.standing())

    def sweep(self, at: float) -> int:
        """See Journal. The newest cycle is never dropped."""
        queues = _queues(self.last_cycle()) if any(order.kind in OF_JOBS for order in self.orders()) else ()
        with self._transaction():
            self._turns.sweep(at - self._kept_s)
            sweep_jobs(self._db, at, self._kept_s)
            for order in stray_orders(self.orders(), queues, at):
                self._db.execute("DELETE FROM orders WHERE kind = ? AND target = ?", (order.kind, order.target))
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
            found = self._archive.body(number)
        return None if found is None else self._cycle(found)

    def _cycle(self, found: Chained) -> Recorded:
        return self._read(lambda: read(found))

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
        return self._read(lambda: decode(body, kind))

    def _read(self, reading: Callable[[], T]) -> T:
        try:
            return reading()
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
        return explained(self._path, error)


def _queues(last: Recorded | None) -> tuple[ScheddView, ...]:
    return () if last is None else tuple(view for view in last.observation.schedds if view.kind == "jobs")
