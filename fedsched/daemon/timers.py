"""What makes chores due: one clockwork for real seconds, one for virtual ones; what a chore does is not known here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from apscheduler.schedulers.background import BackgroundScheduler

from fedsched.loop import SLICE_S, Clock

NEAR_S = 0.001
"""What is due within so many seconds is due: sums of floats never meet a moment exactly."""


class Timers(Protocol):
    """Chores at intervals: each is called as often as its interval says, or once when that is late."""

    def every(self, seconds: float, chore: Callable[[], None]) -> None:
        """Call it each `seconds`, first when these have passed since `start`. Only before `start`."""
        ...

    def start(self) -> None:
        """The intervals begin now."""
        ...

    def look(self) -> float:
        """For the loop's thread: calls what is due and has no thread of its own; seconds until the next look."""
        ...

    def stop(self) -> None:
        """Nothing is called any more; what runs is not waited for."""
        ...


class RealTimers:
    """Real seconds, in a thread of its own: a chore that takes long holds up no other thread."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None}
        )

    def every(self, seconds: float, chore: Callable[[], None]) -> None:
        """See Timers."""
        self._scheduler.add_job(chore, "interval", seconds=seconds)

    def start(self) -> None:
        """See Timers."""
        self._scheduler.start()

    def look(self) -> float:
        """See Timers: the thread does it all, and the loop looks at its agenda a few times a second."""
        return SLICE_S

    def stop(self) -> None:
        """See Timers."""
        self._scheduler.shutdown(wait=False)


class VirtualTimers:
    """Seconds of a clock that stands still while anything is done: chores are called by whoever looks."""

    def __init__(self, clock: Clock, slice_s: float = math.inf) -> None:
        """`slice_s`: longest time between two looks, in virtual seconds."""
        self._clock = clock
        self._slice_s = slice_s
        self._every: list[tuple[float, Callable[[], None]]] = []
        self._due: list[float] = []
        self._stopped = False

    def every(self, seconds: float, chore: Callable[[], None]) -> None:
        """See Timers."""
        self._every.append((seconds, chore))

    def start(self) -> None:
        """See Timers."""
        now = self._clock.monotonic()
        self._due = [now + seconds for seconds, _ in self._every]

    def look(self) -> float:
        """See Timers."""
        now = self._clock.monotonic() + NEAR_S
        for number, (seconds, chore) in enumerate(self._every):
            if self._stopped or not self._due or self._due[number] > now:
                continue
            missed = math.floor((now - self._due[number]) / seconds)
            self._due[number] += seconds * (missed + 1)
            chore()
        left = min(self._due, default=math.inf) - self._clock.monotonic()
        return max(NEAR_S, min(self._slice_s, left))

    def stop(self) -> None:
        """See Timers."""
        self._stopped = True
