"""When a simulated schedd answers whoever asks it every few seconds, as arithmetic; what it says is not known."""

from __future__ import annotations

import math
from collections.abc import Iterable

from fedsched.sim.scenario import Window

_LITTLE = 1e-6


class Polls:
    """Question k is put `every_s` * k seconds after `begins`; none is answered in the windows."""

    def __init__(self, begins: float, every_s: float, silent: Iterable[Window]) -> None:
        self._begins = begins
        self._every_s = every_s
        self._silent = tuple(_merged(silent))

    def first(self, at: float, after: int) -> int | None:
        """The first question at or after `at`, with a number above `after`, that is answered; None when none is."""
        number = max(after + 1, math.ceil((at - self._begins) / self._every_s - _LITTLE))
        window = self._window(number)
        if window is None:
            return number
        return None if math.isinf(window.end_at) else max(number, self._from(window.end_at))

    def when(self, number: int) -> float:
        """When the question is put, in epoch seconds."""
        return self._begins + number * self._every_s

    def answered(self, at: float) -> tuple[int, int | None, bool]:
        """How many were answered by then, which was the last of them, and whether the last question was."""
        last = math.floor((at - self._begins) / self._every_s + _LITTLE)
        lost = sum(max(0, self._to(w, last + 1) - max(0, self._from(w.begin_at))) for w in self._silent)
        window = self._window(last)
        good = last if window is None else self._from(window.begin_at) - 1
        return last + 1 - lost, good if good >= 0 else None, window is None

    def _window(self, number: int) -> Window | None:
        since = number * self._every_s + _LITTLE
        return next((window for window in self._silent if window.holds(since)), None)

    def _from(self, since: float) -> int:
        """The first question at or after so many seconds."""
        return -1 if math.isinf(since) else math.ceil(since / self._every_s - _LITTLE)

    def _to(self, window: Window, most: int) -> int:
        """The first question after the window, at most that one."""
        return most if math.isinf(window.end_at) else min(most, self._from(window.end_at))


def _merged(windows: Iterable[Window]) -> list[Window]:
    """The same times, by time and apart from each other."""
    found: list[Window] = []
    for window in sorted(windows, key=lambda one: (one.begin_at, one.end_at)):
        if found and window.begin_at <= found[-1].end_at:
            found[-1] = Window(found[-1].begin_at, max(found[-1].end_at, window.end_at))
        else:
            found.append(window)
    return found
