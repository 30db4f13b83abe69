"""Where knowledge of job lengths comes from: the journal's accounts and the records of ended placements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from fedsched.forecast.lengths import Lengths, learn
from fedsched.journal import Account, Journal, Recorded

FILES = 2
LONGEST_LOOK_S = 120.0
"""A longer time between two cycles is a pause of the daemon, not its cadence."""
MOST_BYTES = 4 * 1024 * 1024
"""So much of each of the newest files of records is read, from its end."""


def known_lengths(journal: Journal, records: Path | None, recorded: Recorded) -> Lengths:
    """What claims of the past and of a recorded moment tell. records: the folder of ended placements, None for none."""
    past = (*journal.accounts(), *journal.ended_accounts(), *(_ended(records) if records is not None else ()))
    looked_s = recorded.plan.at - recorded.snapshot.memory.at
    return learn(recorded.observation, past, min(LONGEST_LOOK_S, max(0.0, looked_s)))


def _ended(folder: Path) -> Iterator[Account]:
    for path in sorted(folder.glob("placements-*.jsonl"))[-FILES:]:
        try:
            lines = _tail(path)
        except OSError:
            continue  # it was taken away, or is not ours to read: the rest tells enough
        for line in lines:
            try:
                yield msgspec.json.decode(line, type=Account)
            except msgspec.DecodeError:
                continue  # torn by a crash, or cut by where the tail begins


def _tail(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - MOST_BYTES))
        return file.read(MOST_BYTES).splitlines()
