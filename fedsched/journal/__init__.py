"""The only state of fedsched, behind one protocol; it keeps what it is given and knows no meaning."""

from __future__ import annotations

from pathlib import Path

from fedsched.journal.archive import Limits
from fedsched.journal.forecasts import Forecast
from fedsched.journal.job_table import JobTable
from fedsched.journal.jobs import Mark, NameTakenError, NewJob, SubmittedJob
from fedsched.journal.lease import Holder, JournalError, LeaseHeldError, LeaseLostError
from fedsched.journal.protocol import Journal
from fedsched.journal.records import Account, Commit, Done, Intent, PlacementFiles, Recorded, digest
from fedsched.journal.runs import Run, RunFiles
from fedsched.journal.sqlite import SqliteJournal


def open_journal(
    url: str, limits: Limits | None = None, *, rebuild: bool = False, reading: bool = False
) -> SqliteJournal:
    """The journal that a federation's `journal = "…"` names.

    rebuild: only the daemon may move a broken one aside. reading: it must be there, and nothing is written.
    """
    return SqliteJournal(_path(url), limits, rebuild=rebuild, reading=reading)


def open_jobs(url: str, *, reading: bool = False, quick: bool = False) -> JobTable:
    """The Jobs that were submitted to that journal, over a connection of its own; needs no lease. See JobTable."""
    return JobTable(_path(url), reading=reading, quick=quick)


def size_of(url: str) -> int:
    """Bytes of the journal's files."""
    path = _path(url)
    files = (path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm"))
    return sum(file.stat().st_size for file in files if file.exists())


def _path(url: str) -> Path:
    kind, _, place = url.partition(":")
    if kind != "sqlite" or not place:
        raise JournalError(f'journal "{url}": expected "sqlite:" and a path')
    return Path(place)


__all__ = [
    "Account",
    "Commit",
    "Done",
    "Forecast",
    "Holder",
    "Intent",
    "JobTable",
    "Journal",
    "JournalError",
    "LeaseHeldError",
    "LeaseLostError",
    "Limits",
    "Mark",
    "NameTakenError",
    "NewJob",
    "PlacementFiles",
    "Recorded",
    "Run",
    "RunFiles",
    "SqliteJournal",
    "SubmittedJob",
    "digest",
    "open_jobs",
    "open_journal",
    "size_of",
]
