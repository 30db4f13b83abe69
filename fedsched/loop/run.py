"""When the next cycle is due: on the agenda, or early when the world changed; what is done then is passed in."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fedsched.loop.world import Clock, World

SLICE_S = 0.2
"""Longest time for which the agenda is not looked at."""
CYCLE = "cycle"


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


def run(world: World, clock: Clock, agenda: Agenda, debounce_s: float, do: Callable[[str], None]) -> None:
    """Do what is due until the agenda is stopped.

    A change that the world reports makes a cycle due at once, but cycles that changes cause begin at least
    `debounce_s` apart, so that a storm of changes costs one cycle per `debounce_s` seconds.
    """
    began = -debounce_s
    woken = False
    while not agenda.is_stopping():
        quiet_s = agenda.look()
        now = clock.monotonic()
        due = agenda.take()
        if CYCLE not in due and woken and now - began >= debounce_s:
            due = (*due, CYCLE)
        for chore in due:
            if agenda.is_stopping():
                return
            if chore == CYCLE:
                began, woken = clock.monotonic(), False
            do(chore)
        if due:
            continue
        # Once woken there is nothing to wait for but the debounce; waiting on the world would return at once.
        if woken:
            clock.sleep(min(quiet_s, max(0.01, began + debounce_s - now)))
        else:
            woken = world.wait(quiet_s)
