"""The real loop and the real matchmaker on a simulated world, cycle by cycle; how it is shown is not decided here."""

from __future__ import annotations

from pathlib import Path

from fedsched.journal import Holder, open_journal
from fedsched.loop import Loop, Mind, Options, Summary
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import Plan, Policy, Snapshot
from fedsched.matchmaker.negotiate import negotiate
from fedsched.sim.scenario import Scenario
from fedsched.sim.world import SimWorld
from fedsched.study.watch import SpikeReport, Watch

CYCLE_S = 10.0
LONGEST_S = 12 * 3600.0
"""A scenario that is not over by then is given up, in simulated seconds."""


class SimRun:
    """One run of a scenario with a journal of its own in `folder`; equal arguments give equal histories."""

    def __init__(self, scenario: Scenario, policy: Policy, folder: Path, seed: int = 1) -> None:
        self.world = SimWorld(scenario, seed)
        self.watch = Watch(self.world)
        self.plan: Plan | None = None
        self.journal = open_journal(f"sqlite:{folder / 'fedsched.db'}")
        self.journal.acquire_lease(Holder.mine(), LONGEST_S, self.world.now())
        self.journal.raise_epoch(1)
        terms = tuple(member.terms for member in scenario.members)
        mind = Mind(self._noted, changes, policy, terms)
        self._loop = Loop(self.world, self.journal, mind, self.world, Options(inline=True))

    def cycle(self) -> Summary:
        """One cycle, then the cadence's pause in virtual time."""
        summary = self._loop.cycle()
        self.world.sleep(CYCLE_S)
        return summary

    @property
    def over(self) -> bool:
        """Everything is done and nothing of ours is left, or it takes too long."""
        return self.world.quiet or self.world.monotonic() > LONGEST_S

    def until(self, seconds: float) -> SpikeReport:
        """Cycles up to so many seconds of virtual time, or to the end."""
        while not self.over and self.world.monotonic() < seconds:
            self.cycle()
        return self.watch.report()

    def close(self) -> None:
        """Give the journal back."""
        self._loop.stop(0.0)
        self.journal.release_lease()
        self.journal.close()

    def _noted(self, snapshot: Snapshot, policy: Policy) -> Plan:
        self.plan = negotiate(snapshot, policy)
        self.watch.see(self.plan)
        return self.plan
