"""When the next cycle is due: on the agenda, or early when the world changed; what is done then is passed in."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fedsched.loop.world import Clock, World

SLICE_S = 0.2
"""Longest time for which the agenda is not looked at."""
CYCLE = "cycle"
SHARE = 1 / 4
"""Of the loop's time cycles that changes cause take at most this part."""


def in_slices() -> float:
    """For timers that put down by themselves what is due: seconds until somebody should look again."""
    return SLICE_S


class Agenda:
    """What is due, put there by timers and signals and taken by the loop's thread."""

    def __init__(self, look: Callable[[], float] = in_slices) -> None:
        """`look` puts down what is due by now and says for how many seconds nothing more will be: see daemon/timers."""
        self._look = look
        # Reentrant: a signal handler may interrupt the very thread that holds it.
        self._lock = threading.RLock()
        self._due: dict[str, None] = {}
        self._stopping = False

    def add(self, chore: str) -> None:
        """Due now; once, however often it is added before it is taken."""
        with self._lock:
            self._due[chore] = None

    def look(self) -> float:
        """Seconds for which nothing will be due but what the world or a signal brings."""
        return self._look()

    def take(self) -> tuple[str, ...]:
        """All that is due, in the order in which it came."""
        with self._lock:
            due, self._due = tuple(self._due), {}
            return due

    def stop(self) -> None:
        """No cycle begins any more."""
        self._stopping = True

    def is_stopping(self) -> bool:
        """Whether it was stopped."""
        return self._stopping


class _Pace:
    """How close together cycles may begin that changes cause."""

    def __init__(self, clock: Clock, debounce_s: float) -> None:
        self._clock = clock
        self._debounce_s = debounce_s
        self._next_at = clock.monotonic()

    def left_s(self) -> float:
        """Until the next one may begin; not above 0 when it may."""
        return self._next_at - self._clock.monotonic()

    def cycle(self, do: Callable[[str], None]) -> None:
        """One cycle, whatever caused it."""
        began = self._clock.monotonic()
        do(CYCLE)
        took_s = self._clock.monotonic() - began
        self._next_at = began + max(self._debounce_s, took_s / SHARE)


def run(world: World, clock: Clock, agenda: Agenda, debounce_s: float, do: Callable[[str], None]) -> None:
    """Do what is due until the agenda is stopped.

    A change that the world reports makes a cycle due at once, but cycles that changes cause begin at least
    `debounce_s` apart, so that a storm of changes costs one cycle per `debounce_s` seconds; and at most a quarter of
    the loop's time: what carries changes out and what reads members run in the same process.
    """
    pace = _Pace(clock, debounce_s)
    woken = False
    while not agenda.is_stopping():
        quiet_s = agenda.look()
        due = agenda.take()
        if CYCLE not in due and woken and pace.left_s() <= 0:
            due = (*due, CYCLE)
        for chore in due:
            if agenda.is_stopping():
                return
            if chore == CYCLE:
                woken = False
                pace.cycle(do)
            else:
                do(chore)
        if due:
            continue
        # Once woken there is nothing to wait for but the pause; waiting on the world would return at once.
        if woken:
            clock.sleep(min(quiet_s, max(0.01, pace.left_s())))
        else:
            woken = world.wait(quiet_s)
