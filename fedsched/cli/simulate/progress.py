"""The progress of a simulation on standard error: a bar with the time left, on a terminal, after two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fedsched.study.compare import part_done

if TYPE_CHECKING:
    from fedsched.study.run import SimRun

PATIENCE_S = 2.0
EVERY_S = 0.1

Step = Callable[["SimRun"], None]


@contextmanager
def shown(until_s: float, runs: Sequence[str], *, quiet: bool) -> Iterator[Callable[[str], Step]]:
    """Gives what makes, for a run's name, what is to be called before each of its cycles."""
    if quiet or not sys.stderr.isatty():
        yield lambda _name: lambda _run: None
        return
    bar = _Bar(until_s, len(runs))
    try:
        yield bar.of
    finally:
        bar.close()


class _Bar:
    """One bar over all runs."""

    def __init__(self, until_s: float, runs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._until_s = until_s
        self._runs = runs
        self._began = self._drawn = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[at]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
        )
        self._task = self._progress.add_task("", total=1.0, at="")
        self._is_open = False
        self._number = -1

    def of(self, name: str) -> Step:
        """What is called before each cycle of the next run."""
        self._number += 1
        return lambda run: self._step(name, run)

    def close(self) -> None:
        """Take the bar away."""
        if self._is_open:
            self._progress.stop()

    def _step(self, name: str, run: SimRun) -> None:
        now = time.monotonic()
        if now - self._began < PATIENCE_S or now - self._drawn < EVERY_S:
            return
        self._drawn = now
        if not self._is_open:
            self._progress.start()
            self._is_open = True
        done = (self._number + part_done(run, self._until_s)) / self._runs
        hours = f"{run.world.monotonic() / 3600:.1f} of {self._until_s / 3600:.0f} h"
        self._progress.update(self._task, completed=done, description=name, at=hours)
        self._progress.refresh()
