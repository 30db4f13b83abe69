"""Looks at every cycle of a simulated run and adds up what it came to, in memory that does not grow with its length."""

from __future__ import annotations

import statistics
from collections import defaultdict

import msgspec

from fedsched.journal import Recorded
from fedsched.matchmaker.model import Plan
from fedsched.sim.world import SimWorld
from fedsched.study.jobs import DoneJobs, JobFacts, facts
from fedsched.study.losses import Losses
from fedsched.study.moment import Moment, moment
from fedsched.study.placed import Placed
from fedsched.study.ramps import Ramps
from fedsched.study.series import Series

HOUR_S = 3600.0


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


def _zeros() -> defaultdict[str, float]:
    return defaultdict(float)


class Sums(msgspec.Struct):
    """Integrals over the run. Amounts are core-hours, for shares core-equivalent-hours; times are hours.

    unmet: by cause. short, held, entitled: by group, while it wants something. offered, ours, claimed: by member.
    wanted: of all jobs that wait or run; idle: of those that wait. demanded_h: while any job waited or ran;
    contended_h: while jobs waited for a place that was not there.
    """

    unmet: defaultdict[str, float] = msgspec.field(default_factory=_zeros)
    short: defaultdict[str, float] = msgspec.field(default_factory=_zeros)
    held: defaultdict[str, float] = msgspec.field(default_factory=_zeros)
    entitled: defaultdict[str, float] = msgspec.field(default_factory=_zeros)
    offered: defaultdict[str, float] = msgspec.field(default_factory=_zeros)
    ours: defaultdict[str, float] = msgspec.field(default_factory=_zeros)
    claimed: defaultdict[str, float] = msgspec.field(default_factory=_zeros)
    wanted: float = 0.0
    idle: float = 0.0
    demanded_h: float = 0.0
    contended_h: float = 0.0

    def add(self, now: Moment, hours: float) -> None:
        """So it was for so many hours."""
        for cause, cores in now.unmet.items():
            self.unmet[cause] += cores * hours
        for group, share in now.shares.items():
            if share.demand > 0:
                self.short[group] += share.short * hours
                self.held[group] += share.held * hours
                self.entitled[group] += share.entitled * hours
        for member, room in now.rooms.items():
            self.offered[member] += room.offered * hours
            self.ours[member] += room.ours * hours
            self.claimed[member] += room.claimed * hours
        self.wanted += now.wanted * hours
        self.idle += now.idle * hours
        self.demanded_h += hours * (now.wanted > 0)
        self.contended_h += hours * now.short_of_room


class Peaks(msgspec.Struct):
    """The most of anything that was seen in one cycle: jobs waiting, unmet, startds claimed; the others are cores."""

    idle_jobs: int = 0
    unmet_jobs: int = 0
    startds_claimed: int = 0
    wanted: float = 0.0
    claimed: float = 0.0

    def see(self, now: Moment) -> None:
        """Take note of one cycle."""
        self.idle_jobs = max(self.idle_jobs, now.idle_jobs)
        self.unmet_jobs = max(self.unmet_jobs, now.unmet_jobs)
        self.startds_claimed = max(self.startds_claimed, now.startds_claimed)
        self.wanted = max(self.wanted, now.wanted)
        self.claimed = max(self.claimed, sum(room.claimed for room in now.rooms.values()))


class Watch:
    """Looks at each cycle as it is written down, and at the world's jobs at the end."""

    def __init__(self, world: SimWorld) -> None:
        self.world = world
        self._last: tuple[Moment, Plan] | None = None
        self.cycles = 0
        self.contended = 0
        self.series = Series()
        self.sums = Sums()
        self.peaks = Peaks()
        self.ramps = Ramps()
        self.placed = Placed()
        self.losses = Losses(DoneJobs(world))

    def see(self, recorded: Recorded) -> None:
        """Take note of one cycle."""
        self.cycles += 1
        now = moment(recorded)
        self._until(now.at)
        self._last = now, recorded.plan
        self.contended += now.short_of_room
        self.peaks.see(now)
        self.losses.see(recorded)
        self.placed.see(recorded.plan)

    def close(self) -> None:
        """Count the last cycle up to the world's present time."""
        self._until(self.world.now())
        self._last = None

    def report(self) -> SpikeReport:
        """The bill, up to now."""
        jobs = tuple(facts(self.world))
        waits = [job.first_claimed_at - job.submitted_at for job in jobs if job.first_claimed_at is not None]
        return SpikeReport(
            jobs=len(jobs),
            done=sum(job.done_at is not None for job in jobs),
            removed=sum(job.removed_at is not None for job in jobs),
            returned=sum(job.returned for job in jobs),
            peak_idle=self.peaks.idle_jobs,
            peak_claimed=self.peaks.startds_claimed,
            placed=self.placed.written,
            claimed=self.placed.claimed,
            never_claimed=self.placed.never_claimed,
            first_claim_s=_first_claim_s(jobs),
            median_wait_s=statistics.median(waits) if waits else None,
            to_zero_s=self._to_zero_s(jobs),
            left=self.world.leftovers,
            cycles=self.cycles,
            simulated_s=self.world.monotonic(),
        )

    def _until(self, at: float) -> None:
        """What the last cycle said holds until `at`."""
        if self._last is None or at <= self._last[0].at:
            return
        now, plan = self._last
        seconds = at - now.at
        self.sums.add(now, seconds / HOUR_S)
        since = now.at - self.world.scenario.begins
        self.series.add(since, seconds, _named(now) | self._lost())
        claimed = sum(room.claimed for room in now.rooms.values())
        self.ramps.see(plan.memory.surge.spikes, now.at, seconds, (claimed, now.wanted))

    def _lost(self) -> dict[str, float]:
        """Evictions so far, by cause."""
        found: dict[str, float] = {}
        for cause, loss in self.losses.by_cause.items():
            found[f"evicted/{cause}"] = loss.jobs
            found[f"lost/{cause}"] = loss.core_hours
        return found

    def _to_zero_s(self, jobs: tuple[JobFacts, ...]) -> float | None:
        ends = [job.done_at for job in jobs if job.done_at is not None]
        return self.world.now() - max(ends) if ends and self.world.quiet else None


def _named(now: Moment) -> dict[str, float]:
    """One cycle as named values for plots."""
    values = {"demand": now.wanted, "idle": now.idle, "unmet": sum(now.unmet.values())}
    values |= {f"supply/{phase}": cores for phase, cores in now.supply.items()}
    for group, share in now.shares.items():
        values[f"held/{group}"] = share.held
        values[f"entitled/{group}"] = share.entitled
        values[f"short/{group}"] = share.short if share.demand > 0 else 0.0
    for member, room in now.rooms.items():
        values[f"offered/{member}"] = room.offered
        values[f"ours/{member}"] = room.ours
        values[f"claimed/{member}"] = room.claimed
    return values


def _first_claim_s(jobs: tuple[JobFacts, ...]) -> float | None:
    claims = [job.first_claimed_at for job in jobs if job.first_claimed_at is not None]
    return min(claims) - min(job.submitted_at for job in jobs) if claims else None
