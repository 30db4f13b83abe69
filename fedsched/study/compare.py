"""One scenario under one policy after another, with the same seed; how it is shown is not decided here."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from fedsched.journal import digest
from fedsched.matchmaker.model import Policy, PoolTerms
from fedsched.sim.scenario import Scenario
from fedsched.study.result import About, Result, result
from fedsched.study.run import Guarding, How, SimRun

COLLECT_EVERY = 50_000
"""New containers between two looks for unreachable ones, while a run goes on."""


class Setting(msgspec.Struct, frozen=True):
    """What every run of a comparison shares. until_s: where it ends, in simulated seconds; cycle_s: between cycles.

    command: what gives the same again, without the policy. guard: see How.
    """

    name: str
    title: str
    scenario: Scenario
    seed: int
    cycle_s: float
    until_s: float
    pools: tuple[PoolTerms, ...] = ()
    guard: Guarding | None = None
    command: Callable[[Policy], str] = lambda _policy: ""


def play(setting: Setting, policy: Policy, step: Callable[[SimRun], None]) -> Result:
    """Run the scenario under a policy, with a journal of its own that is thrown away.

    step: called before each cycle. A KeyboardInterrupt ends the run early, and the result says so. What the guard
    finds comes through.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fedsched-simulate-") as folder, fewer_collections():
        how = How(setting.cycle_s, setting.until_s, setting.pools, guard=setting.guard)
        run = SimRun(setting.scenario, policy, Path(folder), setting.seed, how)
        try:
            stopped = _through(run, setting.until_s, step)
            about = About(
                scenario=setting.name,
                title=setting.title,
                policy=policy.name,
                digest=digest(policy),
                seed=setting.seed,
                cycle_s=setting.cycle_s,
                over=run.world.quiet,
                begins=setting.scenario.begins,
                command=setting.command(policy),
                stopped=stopped,
                seconds=time.monotonic() - began,
            )
            return result(run, about)
        finally:
            run.close()


@contextmanager
def fewer_collections() -> Iterator[None]:
    """A cycle makes tens of thousands of values that refer to no one in a ring: looking for rings is a sixth of it."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _through(run: SimRun, until_s: float, step: Callable[[SimRun], None]) -> str:
    """Cycles to the end; why it stopped before, "" when it did not."""
    try:
        while not run.world.quiet and run.world.monotonic() < until_s:
            step(run)
            run.cycle()
    except KeyboardInterrupt:
        return f"Stopped by hand after {run.world.monotonic() / 3600:.1f} simulated hours of {until_s / 3600:g}."
    return ""


def part_done(run: SimRun, until_s: float) -> float:
    """How much of a run is behind it, 0 to 1, by time."""
    return min(1.0, run.world.monotonic() / until_s) if until_s > 0 else 1.0
