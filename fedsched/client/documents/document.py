"""What every answer begins with: version, kind, and of which cycle it is; what it answers lives beside."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

VERSION = 2
"""Version of all answers; it grows when a field changes its meaning or goes, not when one is added."""

Source = Literal["daemon", "journal"]


class Of(msgspec.Struct, frozen=True):
    """Of which cycle an answer is. Times are epoch seconds.

    cycle: its number. at: when it observed. now: when it was asked for. stale: several cycles should have followed by
    then. source: who answered: a running daemon, or the journal that one left behind.
    """

    cycle: int
    at: float
    now: float
    stale: bool
    source: Source
    fresh_s: float = 10.0
    """Seconds between two cycles: what is younger needs no age beside it."""

    @property
    def age_s(self) -> float:
        """How old the cycle was when the question came, in seconds."""
        return max(0.0, self.now - self.at)


class Document(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """An answer: its `kind` stands first, then the fields of `Of` flat, so that programs find them in one place."""

    version: int = VERSION
    cycle: int = 0
    at: float = 0.0
    now: float = 0.0
    age_s: float = 0.0
    stale: bool = False
    source: Source = "daemon"
    fresh_s: float = 10.0


def head(of: Of) -> dict[str, Any]:
    """Fields of a Document for this cycle, to be passed on by name."""
    return {
        "cycle": of.cycle,
        "at": of.at,
        "now": of.now,
        "age_s": round(of.age_s, 3),
        "stale": of.stale,
        "source": of.source,
        "fresh_s": of.fresh_s,
    }


class Failed(Document, frozen=True, kw_only=True, tag="error"):
    """No answer. what: one of the words of NoAnswer. text: object and cause. hint: the next command, "" for none."""

    what: str = "refused"
    text: str = ""
    hint: str = ""
