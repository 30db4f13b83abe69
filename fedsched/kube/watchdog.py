"""Calls something at a set time unless it is told not to: one thread for all time limits of the process."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count


class Watchdog:
    """Its thread begins with the first limit. A thread for each limit would cost more than the call that it bounds."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers = count()
        self._ends: list[tuple[float, int]] = []
        self._calls: dict[int, Callable[[], None]] = {}
        self._thread: threading.Thread | None = None

    def set(self, seconds: float, call: Callable[[], None]) -> int:
        """Call `call` in so many seconds; a ticket to take that back. It must be quick and may not raise."""
        with self._changed:
            ticket = next(self._numbers)
            self._calls[ticket] = call
            heapq.heappush(self._ends, (time.monotonic() + seconds, ticket))
            if self._thread is None or not self._thread.is_alive():  # a forked child has none
                self._thread = threading.Thread(target=self._run, name="time limits", daemon=True)
                self._thread.start()
            elif self._ends[0][1] == ticket:
                self._changed.notify()
        return ticket

    def forget(self, ticket: int) -> None:
        """Do not call any more; nothing where it was called already."""
        with self._changed:
            self._calls.pop(ticket, None)

    def _run(self) -> None:
        while True:
            call = self._due()
            if call is not None:
                call()

    def _due(self) -> Callable[[], None] | None:
        """Waits for the next end; what is to be called, None where that was forgotten."""
        with self._changed:
            wait_s = self._ends[0][0] - time.monotonic() if self._ends else None
            if wait_s is None or wait_s > 0:
                self._changed.wait(wait_s)
                return None
            return self._calls.pop(heapq.heappop(self._ends)[1], None)
