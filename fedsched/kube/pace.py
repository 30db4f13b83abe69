"""How fast a member may be asked (FA9): a bucket of requests per second, and the pauses that it asks for itself."""

from __future__ import annotations

import threading
import time

LONGEST_PAUSE_S = 300.0
"""A Retry-After above this is not believed: a hostile server could silence us for ever."""


class OverBudgetError(Exception):
    """The call would have to wait longer than its time limit. wait_s: how long."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"our own budget of requests allows this call only in {wait_s:.1f} s")
        self.wait_s = wait_s


class Pace:
    """At most `per_s` requests a second on average and `burst` at once; safe for threads."""

    def __init__(self, per_s: float, burst: float | None = None) -> None:
        self._interval = 1.0 / max(per_s, 0.001)
        self._slack = self._interval * ((burst if burst is not None else max(5.0, 2 * per_s)) - 1)
        self._lock = threading.Lock()
        self._next = 0.0
        self._paused_until = 0.0
        self._closed = threading.Event()

    def take(self, limit_s: float, *, urgent: bool = False) -> None:
        """Wait for this call's turn; OverBudgetError when that takes longer than `limit_s`. Urgent calls never wait."""
        now = time.monotonic()
        with self._lock:
            theirs = max(self._next, now - self._slack)
            wait = max(theirs - now, self._paused_until - now, 0.0)
            if not urgent and wait > limit_s:
                raise OverBudgetError(wait)
            self._next = theirs + self._interval
        if wait > 0 and not urgent:
            self._closed.wait(wait)

    def pause(self, seconds: float) -> None:
        """The member said Retry-After: nothing but urgent calls for so long, at most LONGEST_PAUSE_S."""
        with self._lock:
            until = time.monotonic() + min(max(seconds, 0.0), LONGEST_PAUSE_S)
            self._paused_until = max(self._paused_until, until)

    def close(self) -> None:
        """Nobody waits any longer."""
        self._closed.set()
