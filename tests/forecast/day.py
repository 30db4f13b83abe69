"""A simulated day on which waiting jobs are foretold at times, through journal and calibration as in a daemon."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fedsched.forecast import Course, Effort, Watching, foretell, known_lengths
from fedsched.journal import Forecast, Recorded
from fedsched.sim.folder import Loaded
from fedsched.study.run import How, SimRun

HOUR_S = 3600.0


class Plan(NamedTuple):
    """every_s: how often is foretold. samples, hours: runs forward each time, and how far. until_s: the day's end."""

    every_s: float = 600.0
    samples: int = 1
    hours: float = 4.0
    until_s: float = 24 * HOUR_S


class Verdict(NamedTuple):
    """How ranges came out. width: median of end by begin, a minute added to both."""

    cases: int
    right: int
    early: int
    late: int
    width: float

    @property
    def part(self) -> float:
        """The part that was right."""
        return self.right / max(1, self.cases)

    def __str__(self) -> str:
        return (
            f"{self.cases} came out, {self.part:.1%} right, {self.early} too early, {self.late} too late, "
            f"median end/begin {self.width:.1f}"
        )


def day(loaded: Loaded, folder: Path, plan: Plan, told: Callable[[str], None] = lambda _: None) -> list[Forecast]:
    """Live the day; every forecast that was made and is kept, those that never came out included."""
    watching = Watching()
    run = SimRun(
        loaded.scenario,
        loaded.files.policy,
        folder,
        loaded.seed,
        How(cycle_s=60.0, longest_s=plan.until_s, told=(lambda recorded: _see(run, watching, recorded),)),
    )
    due, spent = 0.0, 0.0
    try:
        while run.world.monotonic() < plan.until_s:
            run.cycle()
            if run.world.monotonic() >= due:
                due += plan.every_s
                began = time.perf_counter()
                _foretell(run, watching, plan)
                spent += time.perf_counter() - began
        kept = list(run.journal.forecasts())
    finally:
        run.close()
    told(f"{spent:.1f} s of this machine went into forecasts")
    return kept


def judged(forecasts: list[Forecast], since: float) -> Verdict:
    """Of those made after `since` (epoch seconds) that came out."""
    came = [one for one in forecasts if one.started_s is not None and one.at >= since]
    return Verdict(
        len(came),
        sum(one.right for one in came),
        sum((one.started_s or 0.0) < one.low_s for one in came),
        sum((one.started_s or 0.0) > one.high_s for one in came),
        statistics.median((one.high_s + 60) / (one.low_s + 60) for one in came) if came else 0.0,
    )


def _see(run: SimRun, watching: Watching, recorded: Recorded) -> None:
    settled, lost = watching.see(recorded)
    if settled or lost:
        run.journal.keep_forecasts(settled, lost)


def _foretell(run: SimRun, watching: Watching, plan: Plan) -> None:
    recorded = run.recorded
    assert recorded is not None
    lengths = known_lengths(run.journal, None, recorded)
    effort = Effort(Course(hours=plan.hours), plan.samples, budget_s=1e9)
    made = foretell(recorded, run.policy, run.journal.forecasts(), effort, lengths)
    run.journal.keep_forecasts(made)
    watching.add(made)
