"""Opening the journal's file: private, its tables made or brought up to date, moved aside when it is broken."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from pathlib import Path

from fedsched.journal.archive import TABLES, Limits
from fedsched.journal.forecasts import TABLE
from fedsched.journal.jobs import TABLES as JOB_TABLES
from fedsched.journal.lease import JournalError
from fedsched.journal.runs import TABLE as RUN_TABLE
from fedsched.journal.turns import TABLES as TURN_TABLES

SCHEMA = 6
CYCLES_SINCE = 3
"""Recorded cycles of an older schema cannot be decided again."""
ROWS_SINCE = 6
"""Since then accounts have row numbers, and the newest cycle alone holds the memory."""
_TABLES = """
CREATE TABLE state (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE orders (kind TEXT, target TEXT, body BLOB NOT NULL, PRIMARY KEY (kind, target)) WITHOUT ROWID;
CREATE TABLE intents (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE outcomes (serial INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE accounts (placement TEXT PRIMARY KEY, ended INTEGER NOT NULL, body BLOB NOT NULL);
"""
# A row of a table without row numbers that is longer than a quarter of a page takes a page of its own besides: accounts
# are about that long, and are written in each cycle.
_MOVE_ACCOUNTS = (
    "ALTER TABLE accounts RENAME TO accounts_before",
    "CREATE TABLE accounts (placement TEXT PRIMARY KEY, ended INTEGER NOT NULL, body BLOB NOT NULL)",
    "INSERT INTO accounts SELECT placement, ended, body FROM accounts_before",
    "DROP TABLE accounts_before",
)


def open_to_write(path: Path, limits: Limits, *, thorough: bool, any_thread: bool = False) -> sqlite3.Connection:
    """The connection, the file made private before anything is in it. Raises sqlite3.Error and OSError.

    any_thread: for more than the thread that opens it, one at a time.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make_private(path)
    db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=not any_thread)
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


def _make_private(path: Path) -> None:
    """The file there, for us alone; SQLite gives its side files the same mode. Raises OSError.

    One that is there is never opened but by SQLite: to close any descriptor of it drops the locks of all connections
    that this process has to it, and another process, the last one as it seems, then takes the log of writes away.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None
    path.chmod(0o600)


def open_to_read(path: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    """A connection that changes nothing; the file must be there, with a schema of ours. Raises sqlite3.Error."""
    place = f"{path.absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(place, uri=True, timeout=10, isolation_level=None, check_same_thread=not any_thread)
    try:
        _version(db, path, least=SCHEMA)
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
    version = _version(db, path)
    if version < SCHEMA:
        for table in ("cycles", "bodies", "policies") if version < CYCLES_SINCE else ():
            db.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in (_TABLES + TABLE + RUN_TABLE + TABLES + TURN_TABLES + JOB_TABLES).strip().split(";\n"):
            db.execute(re.sub(r"^\s*CREATE (TABLE|INDEX|TRIGGER)", r"CREATE \1 IF NOT EXISTS", statement))
        for statement in _MOVE_ACCOUNTS if 0 < version < ROWS_SINCE else ():
            db.execute(statement)
        if version < ROWS_SINCE:
            db.execute("DELETE FROM state WHERE key = 'memory' AND EXISTS (SELECT 1 FROM cycles)")
        db.execute(f"PRAGMA user_version = {SCHEMA}")
    db.execute("COMMIT")


def _version(db: sqlite3.Connection, path: Path, least: int = 0) -> int:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise JournalError(
            f"journal {path}: schema {version} is newer than this fedsched's {SCHEMA}; run the newer one"
        )
    if version < least:
        raise JournalError(f"journal {path}: schema {version} is older than this fedsched's {SCHEMA}: fedsched serve")
    return version


def explained(path: Path, error: sqlite3.Error) -> JournalError:
    """What SQLite says, with the file and what to do."""
    name = getattr(error, "sqlite_errorname", "")
    if name in {"SQLITE_BUSY", "SQLITE_LOCKED"}:
        return JournalError(f"journal {path}: another process is writing; try again")
    if isinstance(error, sqlite3.OperationalError):
        return JournalError(f"journal {path}: {error}; check that the disk has room and the file is ours")
    text = f"{error}; `fedsched serve` moves a broken journal aside and rebuilds from the members"
    return JournalError(f"journal {path}: {text}")


def move_aside(path: Path) -> Path:
    """Rename the file and its side files to the first free NAME.broken-N; where the main one went."""
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
    return path.rename(aside)
