"""The demo without a terminal: a line of progress now and then, and what an operator should hear of."""

from __future__ import annotations

from fedsched.cli import output
from fedsched.cli.demo.panels import LOUD, clock
from fedsched.cli.demo.story import Story
from fedsched.journal import Recorded

EVERY_S = 600.0
"""Simulated seconds between two lines of progress."""


class Lines:
    """Told of each cycle; prints."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._next_at = 0.0

    def opened(self, address: str) -> None:
        """Where its dashboard is."""
        output.line(f"  dashboard: {address}")

    def see(self, recorded: Recorded) -> None:
        """One cycle."""
        at, sums = recorded.plan.at, self._story.sums
        for notice in recorded.plan.notices:
            if notice.kind in LOUD:
                output.line(f"          {notice.text}")
        if at < self._next_at or sums is None:
            return
        self._next_at = at + EVERY_S
        supply = "  ".join(f"{cores:>4.0f} {phase}" for phase, cores in sums.supply.items())
        spike = self._story.spike
        bill = f"   bill {spike.cost:.2f}" if spike else ""
        passed = clock(at - self._story.began_at)
        output.line(f"  {passed} h   {sums.idle_jobs:>5} jobs wait   cores: {supply}{bill}")
