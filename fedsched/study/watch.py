"""What a simulated spike came to: numbers gathered while the loop runs, and the report at the end (SU6)."""

from __future__ import annotations

import statistics
from collections import Counter

import msgspec

from fedsched.matchmaker.model import Held, Plan
from fedsched.sim.world import SimWorld


class SpikeReport(msgspec.Struct, frozen=True):
    """The bill of one run. Times are seconds; None where the event never happened.

    peak_idle, peak_claimed: jobs waiting, startds with a claim, at most. placed: startds whose object was written.
    never_claimed: those that nobody used, by cause. returned: jobs that lost their slot and ran again.
    first_claim_s: from the first waiting job to the first claim. to_zero_s: from the last job's end until nothing of
    ours was left. left: names of what is left at the end.
    """

    jobs: int
    done: int
    removed: int
    returned: int
    peak_idle: int
    peak_claimed: int
    placed: int
    claimed: int
    never_claimed: dict[str, int]
    first_claim_s: float | None
    median_wait_s: float | None
    to_zero_s: float | None
    left: tuple[str, ...]
    cycles: int
    simulated_s: float


class Watch:
    """Looks at each plan as it is made, and at the world at the end."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._held: dict[str, Held] = {}
        self._cycles = 0
        self.peak_idle = 0
        self.peak_claimed = 0

    def see(self, plan: Plan) -> None:
        """Take note of one cycle."""
        self._cycles += 1
        self._held.update((held.placement.id, held) for held in plan.held)
        self.peak_idle = max(self.peak_idle, sum(report.idle for report in plan.classes))
        self.peak_claimed = max(self.peak_claimed, sum(held.phase == "claimed" for held in plan.held))

    def report(self) -> SpikeReport:
        """The sum of what was seen."""
        jobs = [job for schedd in self._world.schedds for job in schedd.jobs]
        written = [held for held in self._held.values() if held.written_at is not None]
        waits = [job.first_claimed_at - job.submitted_at for job in jobs if job.first_claimed_at is not None]
        unused = [held for held in written if held.claimed_at is None]
        return SpikeReport(
            jobs=len(jobs),
            done=sum(job.done_at is not None for job in jobs),
            removed=sum(job.removed_at is not None for job in jobs),
            returned=sum(job.starts > 1 for job in jobs),
            peak_idle=self.peak_idle,
            peak_claimed=self.peak_claimed,
            placed=len(written),
            claimed=len(written) - len(unused),
            never_claimed=dict(sorted(Counter(_cause(held) for held in unused).items())),
            first_claim_s=self._first_claim_s(),
            median_wait_s=statistics.median(waits) if waits else None,
            to_zero_s=self._to_zero_s(),
            left=self._world.leftovers,
            cycles=self._cycles,
            simulated_s=self._world.monotonic(),
        )

    def _first_claim_s(self) -> float | None:
        jobs = [job for schedd in self._world.schedds for job in schedd.jobs]
        claims = [job.first_claimed_at for job in jobs if job.first_claimed_at is not None]
        return min(claims) - min(job.submitted_at for job in jobs) if claims else None

    def _to_zero_s(self) -> float | None:
        ends = [job.done_at for schedd in self._world.schedds for job in schedd.jobs if job.done_at is not None]
        if not ends or not self._world.quiet:
            return None
        return self._world.now() - max(ends)


def _cause(held: Held) -> str:
    why = held.failure or held.why
    return str(why.cause) if why is not None else "unknown"
