"""Whether cycles follow each other: what /healthz answers; serving it is the window's business."""

from __future__ import annotations

import time
from typing import Any

from fedsched.loop import Summary

STALE_CYCLES = 3
LEAST_STALE_S = 30.0


class Health:
    """What the daemon last said of itself; written by the loop's thread, read by requests."""

    def __init__(self, cycle_s: float) -> None:
        """`cycle_s`: seconds between cycles; three missed ones, and at least 30 s, are stale."""
        self._limit_s = max(LEAST_STALE_S, STALE_CYCLES * cycle_s)
        self._beat = time.monotonic()
        self._summary: Summary | None = None
        self._state = "starting"

    def cycled(self, summary: Summary) -> None:
        """A cycle is over."""
        self._summary, self._beat, self._state = summary, time.monotonic(), "running"

    def stopping(self) -> None:
        """No further cycle."""
        self._state = "stopping"

    def report(self) -> tuple[int, dict[str, Any]]:
        """HTTP status and body: 200 while cycles follow each other, 503 when none came for too long or it stops."""
        age = time.monotonic() - self._beat
        stale = age > self._limit_s
        body: dict[str, Any] = {"state": "stale" if stale and self._state != "stopping" else self._state}
        body |= {"age_s": round(age, 1), "stale_after_s": self._limit_s}
        if self._summary:
            body |= {"cycle": self._summary.cycle, "at": self._summary.at, "seconds": self._summary.total_s}
            body |= {"in_flight": self._summary.in_flight, "blind": list(self._summary.blind)}
        return (503 if stale or self._state == "stopping" else 200), body
