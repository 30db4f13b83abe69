"""The only state of fedsched, behind one protocol; it keeps what it is given and knows no meaning."""

from __future__ import annotations

from pathlib import Path

from fedsched.journal.archive import Limits
from fedsched.journal.forecasts import Forecast
from fedsched.journal.lease import Holder, JournalError, LeaseHeldError, LeaseLostError
from fedsched.journal.protocol import Journal
from fedsched.journal.records import Account, Commit, Done, Intent, PlacementFiles, Recorded, digest
from fedsched.journal.sqlite import SqliteJournal


def open_journal(
    url: str, limits: Limits | None = None, *, rebuild: bool = False, reading: bool = False
) -> SqliteJournal:
    """The journal that a federation's `journal = "…"` names.

    rebuild: only the daemon may move a broken one aside. reading: it must be there, and nothing is written.
    """
    kind, _, place = url.partition(":")
    if kind != "sqlite" or not place:
        raise JournalError(f'journal "{url}": expected "sqlite:" and a path')
    return SqliteJournal(Path(place), limits, rebuild=rebuild, reading=reading)


__all__ = [
    "Account",
    "Commit",
    "Done",
    "Forecast",
    "Holder",
    "Intent",
    "Journal",
    "JournalError",
    "LeaseHeldError",
    "LeaseLostError",
    "Limits",
    "PlacementFiles",
    "Recorded",
    "SqliteJournal",
    "digest",
    "open_journal",
]
