"""Changes of classes' reasons in the journal's file, bounded by age and number; what is a change is not said here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

TABLES = """
CREATE TABLE turns (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, at REAL NOT NULL, standing INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX turns_key ON turns (key, serial);
CREATE INDEX turns_at ON turns (at);
"""
MOST = 100_000
"""So many turns are kept, the newest: some tens of MiB; what stands is kept beyond."""
MOST_OF_A_CLASS = 500
"""A class that turns in every cycle takes no more than this."""
STEP = 1000
"""The number is looked at once per so many turns."""


class Row(NamedTuple):
    """One turn to keep. at: epoch seconds. standing: whether it has a reason, which then is still so."""

    key: str
    at: float
    standing: bool
    body: bytes


class Turns:
    """The turns of one journal. Raises sqlite3.Error. Writes belong into a transaction of the caller."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def append(self, rows: Iterable[Row]) -> None:
        """Keep them, and drop what is then too much."""
        rows = tuple(rows)
        if not rows:
            return
        before = self._newest()
        self._db.executemany("INSERT INTO turns (key, at, standing, body) VALUES (?, ?, ?, ?)", rows)
        oldest = "SELECT serial FROM turns WHERE key = ? ORDER BY serial DESC LIMIT 1 OFFSET ?"
        keys = [(row.key, row.key, MOST_OF_A_CLASS) for row in rows]
        self._db.executemany(f"DELETE FROM turns WHERE key = ? AND serial <= ({oldest})", keys)  # noqa: S608 - constant
        if before // STEP != (newest := self._newest()) // STEP:
            self._drop("serial <= ?", newest - MOST)

    def of(self, key: str, since: float) -> list[bytes]:
        """Turns of one class from `since` (epoch seconds) on, oldest first, with the last one before."""
        before = "SELECT max(serial) FROM turns WHERE key = ? AND at < ?"
        rows = self._db.execute(
            f"SELECT body FROM turns WHERE key = ? AND serial >= coalesce(({before}), 0) ORDER BY serial",  # noqa: S608 - a constant
            (key, key, since),
        )
        return [body for (body,) in rows]

    def standing(self) -> list[bytes]:
        """The last turn of each class whose reason stands."""
        last = "SELECT max(serial) FROM turns GROUP BY key"
        return [body for (body,) in self._db.execute(f"SELECT body FROM turns WHERE standing AND serial IN ({last})")]  # noqa: S608 - a constant

    def sweep(self, oldest_at: float) -> None:
        """Drop what is older."""
        self._drop("at < ?", oldest_at)

    def _drop(self, where: str, value: float) -> None:
        """What stands stays: a class may wait for one reason longer than anything is kept."""
        later = "EXISTS (SELECT 1 FROM turns AS later WHERE later.key = turns.key AND later.serial > turns.serial)"
        self._db.execute(f"DELETE FROM turns WHERE {where} AND (NOT standing OR {later})", (value,))  # noqa: S608 - constants

    def _newest(self) -> int:
        serial: int | None = self._db.execute("SELECT max(serial) FROM turns").fetchone()[0]
        return serial or 0
