"""How far a long run is and how long it still takes, on standard error; what runs is not known here."""

from __future__ import annotations

import sys
import time

EVERY_S = 1.0
"""On a terminal the line is written anew so often."""
PARTS = 20
"""Elsewhere a line for each so many parts of the whole."""


class Progress:
    """Of one run that ends at `until_s` simulated seconds. shown: False for silence."""

    def __init__(self, name: str, until_s: float, *, shown: bool = True) -> None:
        self._name = name
        self._until_s = until_s
        self._shown = shown
        self._tty = sys.stderr.isatty()
        self._began = self._said_at = time.monotonic()
        self._said = 0

    def at(self, seconds: float) -> None:
        """So far it is now, in simulated seconds."""
        part, now = min(1.0, seconds / self._until_s), time.monotonic()
        over = part >= 1.0
        due = now - self._said_at >= EVERY_S or over if self._tty else int(part * PARTS) > self._said
        if not self._shown or not due:
            return
        self._said_at, self._said = now, int(part * PARTS)
        text = self._text(part, now - self._began)
        print(f"\r{text}\033[K" if self._tty else text, end="\n" if over or not self._tty else "", file=sys.stderr)
        sys.stderr.flush()

    def _text(self, part: float, took_s: float) -> str:
        left_s = took_s * (1 - part) / part if part else 0.0
        days = f"day {part * self._until_s / 86_400:.1f} of {self._until_s / 86_400:g}"
        return f"{self._name}: {days}, {part:.0%}, {_clock(took_s)} so far, {_clock(left_s)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
