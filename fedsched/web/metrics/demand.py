"""Demand and waits by top group; of jobs and users nothing is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fedsched.answers.view import Pair
from fedsched.matchmaker.resources import Resources
from fedsched.web.metrics.families import WAIT_BUCKETS_S
from fedsched.web.metrics.samples import Samples, Scene, top


class _Sum:
    """Classes of one top group and request together: jobs by state, unmet jobs by cause."""

    def __init__(self) -> None:
        self.idle = self.running = self.unmet = self.announced = 0
        self.causes: Counter[str] = Counter()

    def note(self, pair: Pair) -> None:
        """One class more."""
        wanted, report = pair
        self.idle += wanted.idle
        self.running += wanted.running
        self.unmet += report.unmet if report else wanted.idle
        self.announced += wanted.announced
        for cause, jobs in _causes(pair):
            self.causes[cause] += jobs


def demand(scene: Scene, into: Samples) -> None:
    """All classes of the cycle."""
    sums: dict[tuple[str, Resources], _Sum] = {}
    for pair in scene.view.pairs:
        group = scene.tops(top(pair[0].principal.group))
        key = (group, pair[0].request)
        if key not in sums:
            sums[key] = _Sum()
        sums[key].note(pair)
        _waits(scene, pair, group, into)
    for (group, request), found in sums.items():
        _tell(found, group, scene.cores(scene.sizes.of(request)), into)


def _tell(found: _Sum, group: str, each: float, into: Samples) -> None:
    """`each`: core-equivalents of one of its jobs."""
    for state, jobs in (("idle", found.idle), ("running", found.running), ("unmet", found.unmet)):
        into.add("demand_jobs", jobs, group, state)
        into.add("demand_core_equivalents", jobs * each, group, state)
    into.add("demand_jobs", found.announced, group, "announced")
    for cause, jobs in found.causes.items():
        into.add("unmet_jobs", jobs, group, cause)
        into.add("unmet_core_equivalents", jobs * each, group, cause)


def _causes(pair: Pair) -> Iterator[tuple[str, int]]:
    """(cause, jobs) of the unmet rest: of its parts where the report has them, else all for the one that dominates."""
    report = pair[1]
    if report is None or not report.unmet:
        return
    parts = [(str(reason.cause), jobs) for jobs, reason in report.parts]
    left = report.unmet - sum(jobs for _, jobs in parts)
    yield from parts
    if left > 0 and report.why is not None:
        yield str(report.why.cause), left


def _waits(scene: Scene, pair: Pair, group: str, into: Samples) -> None:
    wanted = pair[0]
    if not wanted.idle or wanted.oldest_at <= 0:
        return
    age_s = max(0.0, scene.now - wanted.oldest_at)
    into.highest("wait_oldest_seconds", age_s, group)
    into.histogram("wait_seconds", WAIT_BUCKETS_S, group).note(age_s, wanted.idle)
