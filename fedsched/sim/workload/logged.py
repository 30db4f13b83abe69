"""One job as a log tells it, the lines that it stands on, and what was left out and why; no format is known here."""

from __future__ import annotations

import gzip
import math
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from fedsched.config import ConfigError, Problem
from fedsched.config.problems import shown
from fedsched.matchmaker.resources import Resources
from fedsched.sim.workload.terms import Trace

LONGEST_LINE = 1 << 20
MOST_BYTES = 4 << 30
"""Of a log once unpacked: a small file can hold as much as a disk."""
MOST_SECONDS = 1e10
"""No time or length in a log is larger: in seconds since 1970 that is three centuries from now."""
MOST_AMOUNT = 1 << 50


class Logged(NamedTuple):
    """One job. at: submitted, in the log's own seconds. request: what it asks for in all, 0 for what is not told.

    group: the log's own, "" for none. length_s: what it says of its length, 0 for nothing. schedd: "" for none told.
    requirements: None where the log has none.
    """

    id: str
    user: str
    at: float
    runs_s: float
    request: Resources
    group: str = ""
    schedd: str = ""
    length_s: int = 0
    requirements: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    priority: int = 0


@dataclass
class Tally:
    """What became of a log's jobs. read: entries. used: jobs that they gave. left_out: by why.

    split: entries that became `pieces` jobs, as no node holds them whole. assumed: what was not told or had to be
    changed, by what. damage: what is wrong with the first damaged entry that was left out, with file and line.
    """

    read: int = 0
    used: int = 0
    split: int = 0
    pieces: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    assumed: Counter[str] = field(default_factory=Counter)
    damage: str = ""

    def plain(self) -> dict[str, int]:
        """All numbers by name, for reports."""
        named = {"read": self.read, "used": self.used, "split": self.split, "pieces": self.pieces}
        named |= {f"left out: {why}": count for why, count in sorted(self.left_out.items())}
        return named | {f"assumed: {what}": count for what, count in sorted(self.assumed.items())}


@contextmanager
def damage(trace: Trace, tally: Tally) -> Iterator[None]:
    """Where one entry is read: what is wrong with it goes on as ConfigError, or is counted where the trace says so."""
    try:
        yield
    except ConfigError as error:
        if trace.damaged == "refuse":
            raise
        tally.left_out["damaged"] += 1
        tally.damage = tally.damage or str(error)


class Line(msgspec.Struct, frozen=True):
    """One line of a file, without its end. number: from 1."""

    file: Path
    number: int
    text: str

    def wrong(self, text: str, key: str = "") -> ConfigError:
        """The error to raise for it."""
        return ConfigError((Problem(self.file, self.number, key, text),))

    def seconds(self, name: str, text: str) -> float:
        """A time or length. Raises ConfigError when it is none: below zero, beyond centuries, no number."""
        value = self.number_of(name, text)
        if not 0 <= value <= MOST_SECONDS:
            raise self.wrong(f"expected seconds from 0 to {MOST_SECONDS:g}, not {shown(text)}", name)
        return value

    def amount(self, name: str, text: str) -> int:
        """An amount, rounded up to a whole one. Raises ConfigError as `seconds` does."""
        value = self.number_of(name, text)
        if not 0 <= value <= MOST_AMOUNT:
            raise self.wrong(f"expected an amount from 0 to 2^50, not {shown(text)}", name)
        return math.ceil(value)

    def number_of(self, name: str, text: str) -> float:
        """Any finite number. Raises ConfigError."""
        try:
            value = float(text)
        except ValueError:
            raise self.wrong(f"expected a number, not {shown(text)}", name) from None
        if not math.isfinite(value):
            raise self.wrong(f"expected a finite number, not {shown(text)}", name)
        return value


def lines(file: Path) -> Iterator[Line]:
    """The lines of a text file, unpacked when its name ends in .gz. Raises ConfigError where it cannot be read on."""
    number, size = 0, 0
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as opened:
            while raw := opened.readline(LONGEST_LINE + 1):
                number, size = number + 1, size + len(raw)
                here = Line(file, number, raw.decode("utf-8", "replace").rstrip("\r\n"))
                if len(raw) > LONGEST_LINE:
                    raise here.wrong("a line of more than 1 MiB; is this the format that was named?")
                if size > MOST_BYTES:
                    raise here.wrong("more than 4 GiB of text; cut the log to what is to be replayed")
                yield here
    except EOFError:
        raise Line(file, number + 1, "").wrong("the gzip file ends in the middle: it is truncated") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Line(file, number + 1, "").wrong(f"not gzip, or damaged: {error}") from None
    except OSError as error:
        raise ConfigError((Problem(file, 0, "", f"cannot be read: {error.strerror}"),)) from None
