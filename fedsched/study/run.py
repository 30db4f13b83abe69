"""The real loop and the real matchmaker on a simulated world, cycle by cycle; how it is shown is not decided here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from fedsched.journal import Holder, Journal, Limits, Recorded, SqliteJournal, open_journal
from fedsched.loop import Keeping, Loop, Mind, Options, Summary, World, new_epoch
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import MemberTerms, Plan, Policy, PoolTerms
from fedsched.matchmaker.negotiate import Kept, negotiated
from fedsched.sim.scenario import Scenario
from fedsched.sim.world import SimWorld
from fedsched.study.watch import SpikeReport, Watch

CYCLE_S = 10.0
LONGEST_S = 12 * 3600.0
"""A scenario that is not over by then is given up, in simulated seconds, unless `How` says another time."""
SWEEP_S = 3600.0
"""How often the journal drops old cycles, as the daemon does it."""


class Guard(World, Protocol):
    """Stands between the loop and its world and judges what goes through (`study/invariants`)."""

    def told(self, recorded: Recorded) -> None:
        """Judge a cycle that was written down; raises when something does not hold that must."""
        ...

    def verify(self) -> None:
        """Raises when something did not hold since the last time: the cycle's changes were tried."""
        ...

    def restarted(self) -> None:
        """A new process goes on with the same journal."""
        ...


Guarding = Callable[[SimWorld, Journal, Policy, tuple[MemberTerms, ...]], Guard]


class How(msgspec.Struct, frozen=True):
    """How a scenario is run. cycle_s: the cadence's pause between cycles. longest_s: when it is given up.

    pools: what fedsched.toml says of pools. told: called with each cycle once it is durable. guard: makes what judges
    every change and every cycle; None for nobody. All times are simulated seconds.
    """

    cycle_s: float = CYCLE_S
    longest_s: float = LONGEST_S
    pools: tuple[PoolTerms, ...] = ()
    told: tuple[Callable[[Recorded], None], ...] = ()
    guard: Guarding | None = None


class SimRun:
    """One run of a scenario with a journal of its own in `folder`; equal arguments give equal histories."""

    def __init__(self, scenario: Scenario, policy: Policy, folder: Path, seed: int = 1, how: How | None = None) -> None:
        self.world = SimWorld(scenario, seed)
        self.how = how or How()
        self.policy = policy
        self.watch = Watch(self.world)
        self.recorded: Recorded | None = None
        self.journal: SqliteJournal = open_journal(f"sqlite:{folder / 'fedsched.db'}", Limits(outlives_power=False))
        terms = tuple(member.terms for member in scenario.members)
        self._mind = Mind(Keeping(negotiated, Kept()), changes, policy, terms, self.how.pools)
        self.guard = self.how.guard(self.world, self.journal, policy, terms) if self.how.guard else None
        self._swept_at = self.world.now()
        # The lease is of a process, so its time is the machine's business; here it lasts as long as the run may.
        self.journal.acquire_lease(Holder.mine(), self.how.longest_s + SWEEP_S, self.world.now())
        self.loop = self._begin()

    @property
    def plan(self) -> Plan | None:
        """The last plan that was written down; None before the first."""
        return self.recorded.plan if self.recorded else None

    def cycle(self) -> Summary:
        """One cycle, then the cadence's pause in virtual time. Raises what the guard finds."""
        summary = self.loop.cycle()
        if self.guard is not None:
            self.guard.verify()
        if self.world.now() - self._swept_at >= SWEEP_S:
            self._swept_at = self.world.now()
            self.journal.sweep(self.world.now())
        self.world.sleep(self.how.cycle_s)
        return summary

    def restart(self) -> None:
        """Go on as a new process does after the old one was killed: from the journal, under a higher epoch (FA5).

        The loop may have been left in the middle of a cycle, by an exception that came out of `cycle`.
        """
        if self.guard is not None:
            self.guard.restarted()
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
        told = (self._noted, *((self.guard.told,) if self.guard else ()), *self.how.told)
        options = Options(inline=True, told=told)
        return Loop(self.guard or self.world, self.journal, self._mind, self.world, options)

    def _noted(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.watch.see(recorded)
