"""Recorded cycles in the journal's file: groups of a whole cycle and differences to it; bytes only, no meaning.

Whoever drops, drops whole groups from the oldest on, so that everything that is kept can be read.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from fedsched.journal.bodies import Chained
from fedsched.journal.deltas import pack, unpack

TABLES = """
CREATE TABLE cycles (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, first INTEGER NOT NULL, size INTEGER NOT NULL, policy TEXT NOT NULL
);
CREATE INDEX cycles_first ON cycles (first);
CREATE TABLE bodies (number INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE policies (digest TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""
GROUP = 20
"""Cycles of a group at most: so many are unpacked, at most, to read one."""
SHARE = 4
"""A group takes at most this part of the bytes that are kept, and half this part of the time."""


class Limits(msgspec.Struct, frozen=True):
    """How much of the past is kept: cycles not older than so many seconds, in at most so many bytes.

    outlives_power: False where nobody needs the journal once the machine has lost its power, as in a simulation: a
    commit does not wait for the disk. What a killed process has committed is there all the same.
    """

    age_s: float = 168 * 3600.0
    size: int = 512 * 1024 * 1024
    outlives_power: bool = True


class Body(Protocol):
    """One cycle's bytes, whichever way it is kept."""

    def body(self, *, alone: bool) -> bytes:
        """alone: to be read without the cycle before."""


class Entry(NamedTuple):
    """One cycle to keep. at: epoch seconds. policy: digest of the policy that it was decided under."""

    number: int
    at: float
    policy: str
    written: Body


class Tail(NamedTuple):
    """The newest cycle as this process wrote it, and its group so far: first number and time, length, packed bytes.

    kept: packed bytes of all groups.
    """

    number: int
    body: bytes
    first: int
    began_at: float
    length: int
    size: int
    kept: int


class Archive:
    """The cycles of one journal. Raises sqlite3.Error, and DeltaError for what cannot be read.

    Writes belong into a transaction of the caller, who says with `settle` that it went well.
    """

    def __init__(self, db: sqlite3.Connection, limits: Limits) -> None:
        self._db = db
        self._limits = limits
        self._tail: Tail | None = None

    def append(self, entry: Entry, policy: bytes) -> Tail:
        """Keep one cycle and what names its policy, drop what is then too much; for `settle` after the commit."""
        # A number that is there already cannot be, or is of another history: the two are never mixed.
        self._forget("number >= ?", entry.number)
        tail, packed = self._going_on(entry) or self._beginning(entry)
        row = (entry.number, entry.at, tail.first, len(packed), entry.policy)
        self._db.execute("INSERT INTO cycles VALUES (?, ?, ?, ?, ?)", row)
        self._db.execute("INSERT INTO bodies VALUES (?, ?)", (entry.number, packed))
        self._db.execute("INSERT OR IGNORE INTO policies VALUES (?, ?)", (entry.policy, policy))
        return tail._replace(kept=self._shrunk(tail))

    def settle(self, tail: Tail | None) -> None:
        """The next cycle may be a difference to this one; None: it stands alone, somebody else may have written."""
        self._tail = tail

    def sweep(self, at: float) -> int:
        """Drop groups that are wholly too old, but never the newest; how many cycles that were."""
        old = "first IN (SELECT first FROM cycles GROUP BY first HAVING max(at) < ?)"
        newest = "(SELECT max(first) FROM cycles)"
        gone = self._forget(f"{old} AND first < {newest}", at - self._limits.age_s)
        if gone and self._tail is not None:
            self._tail = self._tail._replace(kept=self._kept())
        return gone

    def numbers(self) -> tuple[tuple[int, float], ...]:
        """Number and time of each cycle that is kept, oldest first."""
        return tuple(self._db.execute("SELECT number, at FROM cycles ORDER BY number"))

    def body(self, number: int | None = None) -> Chained | None:
        """One cycle's bytes, the newest's for None; None when it is not kept.

        One statement, so that a process that reads while another drops sees all of the group or nothing.
        """
        which = "SELECT max(number) FROM cycles" if number is None else "SELECT ?"
        rows = self._db.execute(
            f"SELECT body FROM bodies WHERE number <= ({which}) AND number >= "  # noqa: S608 - constants
            f"(SELECT first FROM cycles WHERE number = ({which})) ORDER BY number",
            () if number is None else (number, number),
        ).fetchall()
        newest = deque(_unpacked(packed for (packed,) in rows), maxlen=1)
        return newest[0] if newest else None

    def bodies(self, first: int, last: int) -> Iterator[Chained]:
        """The bytes of all cycles between two numbers, oldest first; what is dropped meanwhile is left out."""
        between = "SELECT DISTINCT first FROM cycles WHERE number BETWEEN ? AND ? ORDER BY first"
        group = (
            "SELECT number, body FROM cycles JOIN bodies USING (number) WHERE first = ? AND number <= ? ORDER BY number"
        )
        for (begin,) in self._db.execute(between, (first, last)).fetchall():
            rows = self._db.execute(group, (begin, last)).fetchall()
            for (number, _), found in zip(rows, _unpacked(packed for _, packed in rows), strict=True):
                if number >= first:
                    yield found

    def policy(self, digest: str) -> bytes | None:
        """The policy of that digest; None when no cycle that is kept names it."""
        row = self._db.execute("SELECT body FROM policies WHERE digest = ?", (digest,)).fetchone()
        return row[0] if row else None

    def _going_on(self, entry: Entry) -> tuple[Tail, bytes] | None:
        """The cycle as the next of the present group; None where a new one must begin."""
        tail = self._tail
        if tail is None or tail.length >= GROUP or self._newest() != tail.number:
            return None
        if not 0 <= entry.at - tail.began_at <= self._limits.age_s / (2 * SHARE):
            return None
        body = entry.written.body(alone=False)
        packed = pack(body, tail.body)
        size = tail.size + len(packed)
        if size > self._limits.size // SHARE:
            return None
        tail = tail._replace(number=entry.number, body=body, length=tail.length + 1)
        return tail._replace(size=size, kept=tail.kept + len(packed)), packed

    def _beginning(self, entry: Entry) -> tuple[Tail, bytes]:
        body = entry.written.body(alone=True)
        packed = pack(body)
        kept = self._kept() + len(packed)
        return Tail(entry.number, body, entry.number, entry.at, 1, len(packed), kept), packed

    def _shrunk(self, tail: Tail) -> int:
        """Drop the oldest groups until the rest is within the limit; bytes kept. The newest group stays in any case."""
        kept = tail.kept
        while kept > self._limits.size:
            oldest = self._db.execute("SELECT min(first) FROM cycles").fetchone()[0]
            if oldest == tail.first:
                break
            kept -= self._db.execute("SELECT sum(size) FROM cycles WHERE first = ?", (oldest,)).fetchone()[0]
            self._forget("first = ?", oldest)
        return kept

    def _forget(self, where: str, value: float) -> int:
        """Delete these cycles, and the policies that no cycle names any more; how many cycles."""
        which = f"SELECT number FROM cycles WHERE {where}"  # noqa: S608 - constants of this module
        self._db.execute(f"DELETE FROM bodies WHERE number IN ({which})", (value,))  # noqa: S608 - the same
        gone = self._db.execute(f"DELETE FROM cycles WHERE {where}", (value,)).rowcount  # noqa: S608 - the same
        if gone:
            self._db.execute("DELETE FROM policies WHERE digest NOT IN (SELECT policy FROM cycles)")
        return gone

    def _newest(self) -> int | None:
        number: int | None = self._db.execute("SELECT max(number) FROM cycles").fetchone()[0]
        return number

    def _kept(self) -> int:
        size: int = self._db.execute("SELECT coalesce(sum(size), 0) FROM cycles").fetchone()[0]
        return size


def _unpacked(group: Iterable[bytes]) -> Iterator[Chained]:
    """The cycles of a group, from its first one on."""
    before = b""
    for packed in group:
        body = unpack(packed, before)
        yield Chained(body, before)
        before = body
