"""Stages beside each other, a few at a time: how far each is, and when one ends what failed in it and why."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.stages.stage import FAILED, Stage
from tests.stages.why import digest

EVERY_S = 30.0


def say(*lines: str) -> None:
    """Lines of ours, at once."""
    print(*lines, sep="\n", flush=True)


def show_whole(stages: Sequence[Stage]) -> None:
    """All that each wrote, in one piece each."""
    for stage in stages:
        if text := stage.text():
            say(f"=== {stage.name}, all of it:", text.rstrip(), f"=== {stage.name}: that was all of it")


class Lanes:
    """Runs once: stages in their order, in as many lanes as given."""

    def __init__(self, stages: Sequence[Stage], lanes: int, every_s: float = EVERY_S) -> None:
        self.stages, self.waiting = list(stages), list(stages)
        self.running: list[Stage | None] = [None] * lanes
        self.every_s = every_s

    def run(self) -> list[Stage]:
        """Runs all of them; how far each is, every 30 s. KeyboardInterrupt when all that run have cleared up."""
        told = time.monotonic()
        try:
            while self._step():
                if time.monotonic() >= told + self.every_s:
                    told = time.monotonic()
                    self._progress()
                time.sleep(0.1)
        except KeyboardInterrupt:
            self._interrupted()
            raise
        return self.stages

    def _step(self) -> bool:
        """Shows what has ended and starts what is next; False when there is no more."""
        for lane, stage in enumerate(self.running):
            if stage and stage.ended():
                self._show(stage)
            if stage is None or stage.code is not None:
                self.running[lane] = self._next()
        return any(self.running)

    def _next(self) -> Stage | None:
        """Starts the next that waits."""
        if not self.waiting:
            return None
        stage = self.waiting.pop(0)
        say(f"=== {stage.name}: begins")
        stage.start()
        return stage

    @staticmethod
    def _show(stage: Stage) -> None:
        why = digest(stage.report) if stage.code == FAILED else []
        say(f"=== {stage.name}: {stage.outcome()} after {stage.seconds:.0f} s", *why)

    def _progress(self) -> None:
        for stage in self.running:
            if stage:
                say(f"    {stage.name} {stage.running_s():.0f} s: {stage.last_line()}")

    def _interrupted(self) -> None:
        for stage in self.running:
            if stage:
                stage.end()
                self._show(stage)
        show_whole(self.stages)
