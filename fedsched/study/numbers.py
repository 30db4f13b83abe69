"""The named numbers of a run: what each means, and how it is worked out from what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from fedsched.study.jobs import Waits, facts, quantile, waits
from fedsched.study.ramps import Ramp
from fedsched.study.watch import SpikeReport, Watch

Number = tuple[str, float]


class Meaning(msgspec.Struct, frozen=True):
    """What a number says. unit: "" for a count or a part. better: which way is better, "" where neither is."""

    unit: str
    text: str
    better: str = ""


MEANINGS: dict[str, Meaning] = {
    "jobs": Meaning("", "jobs that were submitted"),
    "jobs_done": Meaning("", "of them done", "more"),
    "jobs_removed": Meaning("", "of them removed by their owner, who had waited too long", "less"),
    "jobs_waiting": Meaning("", "of them that never ran and wait at the end", "less"),
    "jobs_returned": Meaning("", "of them that lost their slot at least once", "less"),
    "wait_p50_s": Meaning("s", "half of the jobs waited at most so long for their first slot", "less"),
    "wait_p95_s": Meaning("s", "95 % of the jobs waited at most so long", "less"),
    "wait_max_s": Meaning("s", "the longest wait", "less"),
    "contended_cycles": Meaning("", "part of the cycles in which demand that could be used found no room"),
    "contended_h": Meaning("h", "so long demand that could be used found no room"),
    "peak_idle_jobs": Meaning("", "most jobs that waited at once"),
    "peak_unmet_jobs": Meaning("", "most jobs that waited at once with nothing on its way for them"),
    "peak_wanted_cores": Meaning("cores", "most that jobs wanted at once, those that ran included"),
    "peak_claimed_cores": Meaning("cores", "most that jobs held at once", "more"),
    "peak_claimed_startds": Meaning("", "most startds with a job, and copies that run, at once"),
    "wanted_core_hours": Meaning("core-hours", "wanted, by jobs that waited or ran"),
    "idle_core_hours": Meaning("core-hours", "wanted by jobs while they waited", "less"),
    "unmet_core_hours": Meaning("core-hours", "of these, with nothing on its way", "less"),
    "offered_core_hours": Meaning("core-hours", "not used by others at the members"),
    "claimed_core_hours": Meaning("core-hours", "held by jobs", "more"),
    "utilisation": Meaning("", "part of what members offered that jobs held", "more"),
    "use_of_held": Meaning("", "part of what our startds held that jobs held", "more"),
    "fairness_error_core_hours": Meaning("core-hours", "held less than the entitlement while it was wanted", "less"),
    "fairness_error": Meaning("", "the same as a part of all that was entitled", "less"),
    "evictions": Meaning(
        "", "jobs that lost their slot, and Kubernetes Jobs that lost their copy, before their end", "less"
    ),
    "eviction_core_hours": Meaning("core-hours", "work that they lost", "less"),
    "placed": Meaning("", "startds, and copies of Kubernetes Jobs, whose object was written"),
    "placed_never_claimed": Meaning("", "of them that nobody used", "less"),
    "cost": Meaning("currency", "what pods cost at the members' prices", "less"),
    "spikes": Meaning("", "spikes that began"),
    "spike_peak": Meaning("core-equivalents", "the most unmet demand of any spike"),
    "spike_first_claim_s": Meaning("s", "longest time from a spike's begin to its first claim", "less"),
    "spike_half_s": Meaning("s", "longest time from a spike's begin until half of its peak was held", "less"),
    "spike_full_s": Meaning("s", "the same until 90 % was held", "less"),
    "spike_cost": Meaning("currency", "what startds cost that were added in spikes", "less"),
    "first_claim_s": Meaning("s", "from the first waiting job to the first claim", "less"),
    "to_zero_s": Meaning("s", "from the last job's end until nothing of ours was left", "less"),
    "left": Meaning("", "objects, pods and ads of ours at the end", "less"),
    "queue_jobs": Meaning("", "Kubernetes Jobs that came to queues"),
    "queue_jobs_done": Meaning("", "of them complete", "more"),
    "queue_jobs_failed": Meaning("", "of them failed", "less"),
    "queue_jobs_left": Meaning("", "of them there and not over at the end", "less"),
    "queue_wait_p50_s": Meaning(
        "s", "half of the Kubernetes Jobs waited at most so long until their copy began", "less"
    ),
    "queue_wait_p95_s": Meaning("s", "95 % of them waited at most so long", "less"),
    "cycles": Meaning("", "cycles that were decided"),
    "simulated_s": Meaning("s", "simulated"),
    "unmet": Meaning("core-hours", "wanted with nothing on its way, by the reason", "less"),
    "held": Meaning("core-equivalent-hours", "held by a group while it wanted something"),
    "entitled": Meaning("core-equivalent-hours", "a group's right in that time"),
}
"""By name; `NAME.group`, `NAME.member` and `NAME.cause` are the same of one group, member or cause."""


def meaning(name: str) -> Meaning:
    """What a number says, of one group, member or cause too."""
    return MEANINGS[name.partition(".")[0]]


def numbers(watch: Watch, by_group: tuple[Waits, ...]) -> dict[str, float]:
    """All numbers of what was watched; what never happened has none. by_group: as `waits_by_group` gives them."""
    report = watch.report()
    parts = (_jobs(watch, report), _demand(watch), _fairness(watch), _losses(watch, report), _spikes(watch))
    found = dict(number for part in (*parts, _queues(watch)) for number in part)
    for one in by_group:
        found |= _known({f"wait_p50_s.{one.group}": one.p50_s, f"wait_p95_s.{one.group}": one.p95_s})
    return found | {"cycles": watch.cycles, "simulated_s": report.simulated_s}


def waits_by_group(watch: Watch) -> tuple[Waits, ...]:
    """How long the jobs of each group waited, by the group's name."""
    jobs = tuple(facts(watch.world))
    now = watch.world.now()
    groups = sorted({job.group for job in jobs})
    return tuple(waits(group, (job for job in jobs if job.group == group), now) for group in groups)


def _jobs(watch: Watch, report: SpikeReport) -> Iterator[Number]:
    found = waits("", facts(watch.world), watch.world.now())
    yield "jobs", report.jobs
    yield "jobs_done", report.done
    yield "jobs_removed", report.removed
    yield "jobs_waiting", found.waiting
    yield "jobs_returned", report.returned
    times = {"wait_p50_s": found.p50_s, "wait_p95_s": found.p95_s, "wait_max_s": found.most_s}
    yield from _known(times | {"first_claim_s": report.first_claim_s, "to_zero_s": report.to_zero_s}).items()
    yield "left", len(report.left)


def _queues(watch: Watch) -> Iterator[Number]:
    jobs = [job for queue in watch.world.queues.values() for job in queue.every.values()]
    if not watch.world.queues:
        return
    yield "queue_jobs", len(jobs)
    for name, kind in (("queue_jobs_done", "Complete"), ("queue_jobs_failed", "Failed")):
        yield name, sum(job.status.condition(kind) is not None for job in jobs)
    yield "queue_jobs_left", sum(len(queue.waiting) for queue in watch.world.queues.values())
    now = watch.world.now()
    waited = sorted(max(0.0, (job.status.started_at or job.over_at or now) - job.created_at) for job in jobs)
    yield from _known({"queue_wait_p50_s": quantile(waited, 0.5), "queue_wait_p95_s": quantile(waited, 0.95)}).items()


def _demand(watch: Watch) -> Iterator[Number]:
    sums, peaks = watch.sums, watch.peaks
    claimed, offered, ours = (sum(of.values()) for of in (sums.claimed, sums.offered, sums.ours))
    yield "contended_cycles", _part(watch.contended, watch.cycles)
    yield "contended_h", sums.contended_h
    yield "peak_idle_jobs", peaks.idle_jobs
    yield "peak_unmet_jobs", peaks.unmet_jobs
    yield "peak_wanted_cores", peaks.wanted
    yield "peak_claimed_cores", peaks.claimed
    yield "peak_claimed_startds", peaks.startds_claimed
    yield "wanted_core_hours", sums.wanted
    yield "idle_core_hours", sums.idle
    yield "unmet_core_hours", sum(sums.unmet.values())
    yield from ((f"unmet.{cause}", hours) for cause, hours in sorted(sums.unmet.items()))
    yield "offered_core_hours", offered
    yield "claimed_core_hours", claimed
    yield "utilisation", _part(claimed, offered)
    for member, hours in sorted(sums.offered.items()):
        yield f"offered_core_hours.{member}", hours
        yield f"claimed_core_hours.{member}", sums.claimed[member]
        yield f"utilisation.{member}", _part(sums.claimed[member], hours)
    yield "use_of_held", _part(claimed, ours)


def _fairness(watch: Watch) -> Iterator[Number]:
    sums = watch.sums
    short, entitled = sum(sums.short.values()), sum(sums.entitled.values())
    yield "fairness_error_core_hours", short
    yield "fairness_error", _part(short, entitled)
    for group in sorted(sums.entitled):
        yield f"held.{group}", sums.held[group]
        yield f"entitled.{group}", sums.entitled[group]
        yield f"fairness_error.{group}", _part(sums.short[group], sums.entitled[group])


def _losses(watch: Watch, report: SpikeReport) -> Iterator[Number]:
    total, cost = watch.losses.total, watch.placed.cost
    yield "evictions", total.jobs
    yield "eviction_core_hours", total.core_hours
    for cause, loss in sorted(watch.losses.by_cause.items()):
        yield f"evictions.{cause}", loss.jobs
        yield f"eviction_core_hours.{cause}", loss.core_hours
    yield "placed", report.placed
    yield "placed_never_claimed", sum(report.never_claimed.values())
    yield "cost", sum(cost.values())
    yield from ((f"cost.{member}", paid) for member, paid in cost.items())


def _spikes(watch: Watch) -> Iterator[Number]:
    ramps = watch.ramps.ramps()
    yield "spikes", len(ramps)
    if ramps:
        yield "spike_peak", max(ramp.spike.peak for ramp in ramps)
        yield "spike_cost", sum(ramp.spike.cost for ramp in ramps)
        yield from _slowest(ramps)


def _slowest(ramps: tuple[Ramp, ...]) -> Iterator[Number]:
    times = {
        "spike_first_claim_s": [ramp.spike.first_claim_s for ramp in ramps],
        "spike_half_s": [ramp.half_s for ramp in ramps],
        "spike_full_s": [ramp.full_s for ramp in ramps],
    }
    for name, seen in times.items():
        known = [seconds for seconds in seen if seconds is not None]
        if known:
            yield name, max(known)


def _known(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _part(of: float, whole: float) -> float:
    return of / whole if whole > 0 else 0.0
