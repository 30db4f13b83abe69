"""All that can be searched for placements: a cycle, and accounts of those that stand or are gone; no meaning here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from fedsched.answers.naming import split
from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.journal import Account, JournalError, open_journal
from fedsched.matchmaker.model import Held, Observation, Plan

MOST_BYTES = 512 * 2**20
"""Of records that one question reads, the newest first."""
_PLAIN = re.compile(r"[\w.@/:-]+", re.ASCII)


class Known(msgspec.Struct, frozen=True):
    """The last cycle, and accounts of placements that stand and that are gone."""

    plan: Plan
    observation: Observation
    accounts: tuple[Account, ...] = ()

    def held(self) -> dict[str, Held]:
        """What the last cycle held, by id."""
        return {one.placement.id: one for one in self.plan.held}


def known_in(view: View, journal: str, records: Path, name: str) -> Known:
    """What a cycle, the journal of that URL and the records know of a name. NoAnswer (busy) where they cannot be read.

    Both are opened anew: for any thread.
    """
    try:
        with closing(open_journal(journal, reading=True)) as reader:
            standing = (*reader.ended_accounts(), *reader.accounts())
        accounts = {one.placement: one for one in (*recorded(records, name), *standing)}
    except (JournalError, OSError) as error:
        raise NoAnswer("busy", f"placements that ended cannot be read: {error}", "ask again soon") from None
    return Known(view.plan, view.observation, tuple(accounts.values()))


def recorded(folder: Path, name: str) -> Iterator[Account]:
    """Accounts of placements that are gone, newest files first, of those lines in which the name stands. OSError."""
    needle = _needle(name).encode()
    left = MOST_BYTES
    for path in sorted(folder.glob("placements-*.jsonl"), reverse=True):
        left -= path.stat().st_size
        if left < 0:
            return
        with path.open("rb") as file:
            for line in file:
                if needle in line and (account := _account(line)) is not None:
                    yield account


def _needle(name: str) -> str:
    """What stands in the line of each account that the name may mean; "" for a name that may be spelt otherwise."""
    if not _PLAIN.fullmatch(name):
        return ""
    if "/" in name or ":" in name:
        return name.rpartition("/")[2]  # of a Kubernetes Job the name alone stands in every spelling
    return split(name)[0].removeprefix("fs-")


def _account(line: bytes) -> Account | None:
    """None for a line that was torn by a crash."""
    try:
        return msgspec.json.decode(line, type=Account)
    except msgspec.DecodeError:
        return None
