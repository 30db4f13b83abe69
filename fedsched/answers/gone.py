"""Accounts of placements that are gone: from the journal, or from the records, where they go from there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec

from fedsched.answers.explained import Gone
from fedsched.client import NoAnswer
from fedsched.journal import Account, JournalError, open_journal

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MOST_FILES = 100
"""So many days of records are looked through, the newest first."""


def gone_in(journal: str, records: Path) -> Gone:
    """Looks in the journal of that URL and in the folder of records; opens both anew each time: for any thread.

    What it returns raises NoAnswer (busy) when the journal or a file cannot be read.
    """
    return partial(_account, journal, records)


def _account(journal: str, records: Path, placement: str) -> Account | None:
    if not _ID.fullmatch(placement):
        return None
    try:
        with closing(open_journal(journal, reading=True)) as reader:
            known = (*reader.ended_accounts(), *reader.accounts())
        found = next((account for account in known if account.placement == placement), None)
        return found or _written(records, placement)
    except (JournalError, OSError) as error:
        raise NoAnswer("busy", f"placements that ended cannot be read: {error}", "ask again soon") from None


def _written(records: Path, placement: str) -> Account | None:
    files = sorted(records.glob("placements-*.jsonl"), reverse=True)[:MOST_FILES]
    return next((found for file in files for found in _in_file(file, placement)), None)


def _in_file(file: Path, placement: str) -> Iterator[Account]:
    """Its line, found by its bytes first: a day may have a hundred thousand of them."""
    wanted = b'"placement":"' + placement.encode() + b'"'
    with file.open("rb") as lines:
        for line in lines:
            account = _decoded(line) if wanted in line else None
            if account is not None and account.placement == placement:
                yield account


def _decoded(line: bytes) -> Account | None:
    """None where a crash tore the line: it is written again behind it."""
    try:
        return msgspec.json.decode(line, type=Account)
    except msgspec.DecodeError:
        return None
