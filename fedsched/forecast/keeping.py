"""Making forecasts of waiting jobs and seeing how they come out; where they are kept is the caller's business."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.forecast.calibration import Calibration
from fedsched.forecast.estimate import Asked, Effort, estimates, hopeless, samples
from fedsched.forecast.lengths import Lengths
from fedsched.forecast.queued import as_counted
from fedsched.journal import Forecast, Recorded
from fedsched.matchmaker.model import Policy

AGAIN = 0.5
"""A job that was foretold is foretold again when so much of what was foretold for it has gone by."""
MISSING_S = 180.0
"""A job that neither waits nor runs for so long is gone: done between two looks, removed or held."""
PLACES = (1, 3, 5)
"""Which jobs of a class are foretold, 1 for the oldest: those that are known by name, so that they can be followed."""


def foretell(
    recorded: Recorded, policy: Policy, past: tuple[Forecast, ...], effort: Effort, lengths: Lengths | None = None
) -> tuple[Forecast, ...]:
    """New forecasts of a few waiting jobs that are known by name, of each class."""
    at, reports = recorded.plan.at, {report.key: report for report in recorded.plan.classes}
    fresh = {(one.schedd, one.job) for one in past if one.started_s is None and at - one.at < AGAIN * one.middle_s}
    wanted = {}
    copies = recorded.snapshot.memory.held
    for demand in (one for view in as_counted(recorded.snapshot, copies).schedds for one in view.classes):
        if hopeless(demand, reports.get(demand.key)):
            continue
        for position in sorted({min(place, len(demand.examples), demand.idle) for place in PLACES} - {0}):
            if (demand.schedd, demand.examples[position - 1]) not in fresh:
                wanted[Asked(demand.key, position)] = demand
    if not wanted:
        return ()
    outlooks = samples(recorded.snapshot, policy, tuple(wanted), effort, lengths)
    made = estimates(wanted, outlooks, Calibration(past, at))
    return tuple(
        Forecast(
            schedd=demand.schedd,
            job=demand.examples[one.position - 1],
            class_key=one.key,
            position=one.position,
            at=at,
            early_s=one.early_s,
            middle_s=one.middle_s,
            late_s=one.late_s,
            low_s=one.low_s,
            high_s=one.high_s,
        )
        for one, demand in zip(made, wanted.values(), strict=True)
        if not one.why
    )


class Watching:
    """Forecasts that have not come out yet, looked at with each cycle."""

    def __init__(self, open_ones: Iterable[Forecast] = ()) -> None:
        self._open: dict[tuple[str, str], list[Forecast]] = {}
        self._idle_at: dict[tuple[str, str], float] = {}  # when it was last seen to wait
        self._alive_at: dict[tuple[str, str], float] = {}  # when it last waited, or may have
        self.add(open_ones)

    def add(self, made: Iterable[Forecast]) -> None:
        """Watch these, too; what came out already is passed over."""
        for one in made:
            known = self._open.setdefault((one.schedd, one.job), [])
            if one.started_s is None and one.id not in {other.id for other in known}:
                known.append(one)
                for since in (self._idle_at, self._alive_at):
                    since[one.schedd, one.job] = max(one.at, since.get((one.schedd, one.job), 0.0))

    def __len__(self) -> int:
        return sum(len(many) for many in self._open.values())

    def see(self, recorded: Recorded) -> tuple[tuple[Forecast, ...], tuple[Forecast, ...]]:
        """(forecasts that came out with this cycle, those of jobs that are gone without having been seen to run)."""
        at, waiting, claims = recorded.plan.at, _waiting(recorded), _claims(recorded)
        settled: list[Forecast] = []
        lost: list[Forecast] = []
        for job in list(self._open):
            if job in claims:
                settled += self._settle(job, claims[job], at)
            elif job in waiting:
                self._idle_at[job], self._alive_at[job] = max(self._idle_at[job], waiting[job]), at
            elif _hidden(recorded, self._open[job][0]):
                self._alive_at[job] = at
            elif at - self._alive_at[job] > MISSING_S:
                lost += self._forget(job)
        return tuple(settled), tuple(lost)

    def _settle(self, job: tuple[str, str], claim: tuple[float, float], at: float) -> list[Forecast]:
        """A claim that is used again keeps its begin: then the job began when it was first seen there."""
        began, seen_at = claim
        if began <= self._idle_at[job]:
            began = max(seen_at, self._idle_at[job])
        return [
            msgspec.structs.replace(one, started_s=max(0.0, began - one.at), settled_at=at) for one in self._forget(job)
        ]

    def _forget(self, job: tuple[str, str]) -> list[Forecast]:
        self._idle_at.pop(job, None)
        self._alive_at.pop(job, None)
        return self._open.pop(job)


def _waiting(recorded: Recorded) -> dict[tuple[str, str], float]:
    """Jobs that are seen to wait, by schedd and job, with the time at which their schedd said so.

    A queue of Kubernetes Jobs knows nothing of pods: it says nothing of when a Job had not begun.
    """
    found = {
        (demand.schedd, job): view.seen_at or 0.0
        for view in recorded.observation.schedds
        for demand in view.classes
        for job in demand.examples
        if view.kind == "schedd"
    }
    queued = ((view, job) for view in recorded.observation.schedds for job in view.jobs)
    return found | {(view.name, job.id): 0.0 for view, job in queued if job.state in {"waiting", "suspended"}}


def _claims(recorded: Recorded) -> dict[tuple[str, str], tuple[float, float]]:
    """Jobs that run by schedd and job: since when, and when that was seen; of Kubernetes Jobs their first pod."""
    found = {
        (claim.schedd, claim.job): (claim.since, slot.seen_at)
        for pool in recorded.observation.pools
        for slot in pool.slots
        for claim in slot.claims
    }
    copies = ((held.placement, held.pod_started_at) for held in recorded.plan.held if held.placement.form == "job")
    return found | {(one.schedd, one.job): (since, since) for one, since in copies if since is not None}


def _hidden(recorded: Recorded, one: Forecast) -> bool:
    """It may wait unseen: more jobs of its class wait than are known by name, or its schedd does not answer."""
    view = next((view for view in recorded.observation.schedds if view.name == one.schedd), None)
    if view is None or view.error:
        return True
    demand = next((demand for demand in view.classes if demand.key == one.class_key), None)
    if view.kind == "jobs":
        return False  # it tells of every Job that it has
    return demand is not None and demand.idle > len(demand.examples)
