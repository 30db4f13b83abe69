"""The real loop and the real matchmaker on a simulated world, cycle by cycle; how it is shown is not decided here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from fedsched.journal import Holder, Journal, Recorded, SqliteJournal, open_journal
from fedsched.loop import Loop, Mind, Options, Summary, new_epoch
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import Plan, Policy, PoolTerms
from fedsched.matchmaker.negotiate import negotiate
from fedsched.sim.scenario import Scenario
from fedsched.sim.world import SimWorld
from fedsched.study.watch import SpikeReport, Watch

CYCLE_S = 10.0
LONGEST_S = 12 * 3600.0
"""A scenario that is not over by then is given up, in simulated seconds, unless `How` says another time."""
SWEEP_S = 3600.0
"""How often the journal drops old cycles, as the daemon does it."""


class Checker(Protocol):
    """What must hold after every cycle (`study/invariants`)."""

    def check(self, world: SimWorld, recorded: Recorded, journal: Journal) -> tuple[str, ...]:
        """What does not hold now, a sentence each that names its rule; () when all is well."""
        ...


class Violated(Exception):  # noqa: N818 - a finding, which the caller reports
    """Something that must hold does not. at: simulated seconds since the beginning."""

    def __init__(self, cycle: int, at: float, broken: tuple[str, ...]) -> None:
        super().__init__(f"cycle {cycle}, {at:.0f} s after the beginning: " + "; ".join(broken))
        self.cycle = cycle
        self.at = at
        self.broken = broken


class How(msgspec.Struct, frozen=True):
    """How a scenario is run. cycle_s: the cadence's pause between cycles. longest_s: when it is given up.

    pools: what fedsched.toml says of pools. told: called with each cycle once it is durable. checkers: asked after
    each cycle, when its changes were tried. All times are simulated seconds.
    """

    cycle_s: float = CYCLE_S
    longest_s: float = LONGEST_S
    pools: tuple[PoolTerms, ...] = ()
    told: tuple[Callable[[Recorded], None], ...] = ()
    checkers: tuple[Checker, ...] = ()


class SimRun:
    """One run of a scenario with a journal of its own in `folder`; equal arguments give equal histories."""

    def __init__(self, scenario: Scenario, policy: Policy, folder: Path, seed: int = 1, how: How | None = None) -> None:
        self.world = SimWorld(scenario, seed)
        self.how = how or How()
        self.watch = Watch(self.world)
        self.recorded: Recorded | None = None
        self.journal: SqliteJournal = open_journal(f"sqlite:{folder / 'fedsched.db'}")
        terms = tuple(member.terms for member in scenario.members)
        self._mind = Mind(negotiate, changes, policy, terms, self.how.pools)
        self._swept_at = self.world.now()
        # The lease is of a process, so its time is the machine's business; here it lasts as long as the run may.
        self.journal.acquire_lease(Holder.mine(), self.how.longest_s + SWEEP_S, self.world.now())
        self.loop = self._begin()

    @property
    def plan(self) -> Plan | None:
        """The last plan that was written down; None before the first."""
        return self.recorded.plan if self.recorded else None

    def cycle(self) -> Summary:
        """One cycle, then the cadence's pause in virtual time. Raises Violated when something broke that must hold."""
        summary = self.loop.cycle()
        self._check()
        if self.world.now() - self._swept_at >= SWEEP_S:
            self._swept_at = self.world.now()
            self.journal.sweep(self.world.now())
        self.world.sleep(self.how.cycle_s)
        return summary

    def restart(self) -> None:
        """Go on as a new process does after the old one was killed: from the journal, under a higher epoch (FA5).

        The loop may have been left in the middle of a cycle, by an exception that came out of `cycle`.
        """
        self.loop = self._begin()

    @property
    def over(self) -> bool:
        """Everything is done and nothing of ours is left, or it takes too long."""
        return self.world.quiet or self.world.monotonic() > self.how.longest_s

    def until(self, seconds: float) -> SpikeReport:
        """Cycles up to so many seconds of virtual time, or to the end."""
        while not self.over and self.world.monotonic() < seconds:
            self.cycle()
        return self.watch.report()

    def close(self) -> None:
        """Give the journal back."""
        self.loop.stop(0.0)
        self.journal.release_lease()
        self.journal.close()

    def _begin(self) -> Loop:
        now = self.world.now()
        new_epoch(self.journal, self.world.observe(now), now)
        options = Options(inline=True, told=(self._noted, *self.how.told))
        return Loop(self.world, self.journal, self._mind, self.world, options)

    def _noted(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.watch.see(recorded)

    def _check(self) -> None:
        if self.recorded is None:
            return
        found = tuple(
            sentence
            for checker in self.how.checkers
            for sentence in checker.check(self.world, self.recorded, self.journal)
        )
        if found:
            raise Violated(self.recorded.plan.cycle, self.world.monotonic(), found)
