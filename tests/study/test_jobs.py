"""Waits by hand, and a small run whose every time can be foretold."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fedsched.log import configure
from fedsched.matchmaker.model import Order, Policy, Principal, Ramp
from fedsched.sim.scenario import Scenario, SimJob, TraceJob
from fedsched.study.jobs import JobFacts, Waits, quantile, waits
from fedsched.study.numbers import numbers, waits_by_group
from fedsched.study.run import How, SimRun
from tests.matchmaker.builders import T0, res
from tests.study.small import member


def job(submitted: float, ran: float | None, removed: float | None = None) -> JobFacts:
    return JobFacts("g", 1.0, T0 + submitted, ran and T0 + ran, None, removed and T0 + removed, returned=False)


@pytest.mark.parametrize(
    ("values", "part", "found"),
    [((), 0.5, None), ((7,), 0.5, 7), ((1, 2, 3, 4), 0.5, 2), ((1, 2, 3, 4), 0.95, 4), (range(1, 101), 0.95, 95)],
)
def test_a_quantile_is_a_value_that_was_seen(values: tuple[float, ...], part: float, found: float | None) -> None:
    assert quantile(values, part) == found


def test_who_never_ran_counts_with_the_wait_so_far() -> None:
    """At 1000 s: waits of 10, 100 (removed), 400 (ran), 900 (still waits)."""
    jobs = (job(100, None), job(5, 15), job(200, None, 300), job(100, 500))
    found = waits("g", jobs, T0 + 1000)
    assert found == Waits("g", jobs=4, done=0, waiting=1, p50_s=100, p95_s=900, most_s=900)


def test_a_small_run_comes_to_what_can_be_worked_out(tmp_path: Path) -> None:
    """Two nodes of 8 cores, three jobs of 8 cores that run 600 s exactly: the third waits for the first two to end.

    The price is 0.5 for a core and hour; a startd of 8 cores costs 4 an hour.
    """
    configure(level="error")
    who, ask = Principal("physics", "ann@site"), res(8, 16)
    jobs = tuple(TraceJob(f"{n}.0", 0.0, "ce", who, ask, 600.0, length_s=700) for n in (1, 2, 3))
    run = SimRun(
        Scenario((member("cloud", 2, 0.5),), jobs=jobs),
        Policy(ramp=Ramp(first=4)),
        tmp_path,
        how=How(cycle_s=10.0, longest_s=7200.0),
    )
    run.until(7200)
    run.watch.close()
    by_group = waits_by_group(run.watch)
    found = numbers(run.watch, by_group)
    run.close()
    (group,) = by_group
    assert (group.jobs, group.done, group.waiting) == (3, 3, 0)
    assert group.p50_s is not None
    assert group.most_s is not None
    # A claim is used again at once: the third begins when the first of the others ends.
    assert group.most_s == pytest.approx(group.p50_s + 600, abs=60)
    assert group.p50_s < 120  # placed, pulled, joined, negotiated
    assert found["jobs_done"] == 3
    assert found["claimed_core_hours"] == pytest.approx(3 * 8 * 600 / 3600, rel=0.05)
    assert found["peak_claimed_cores"] == 16
    assert found["peak_wanted_cores"] == 24
    assert found["evictions"] == found["left"] == 0
    # Both startds: 600 s each, one of them 600 s more, and at most the idle time before they go.
    least, most = 4 * 1800 / 3600, 4 * (1800 + 2 * 420) / 3600
    assert least <= found["cost"] <= most
    assert found["cost"] == found["cost.cloud"]


def test_kubernetes_jobs_are_counted_with_all_their_pods_and_lose_their_copies_once(tmp_path: Path) -> None:
    """One node of 8 cores: a Job of two pods of 4 cores runs 600 s, another one waits for it; a person cancels that."""
    configure(level="error")
    there = member("cloud", 1)
    there = msgspec.structs.replace(there, terms=msgspec.structs.replace(there.terms, forms=("startd-job", "job")))
    who = Principal("physics", "ann@site")
    queued = tuple(
        SimJob(f"lab/{name}", 0.0, "hub", who, res(4, 8), 600.0, pods=2, gang=True, deadline_s=3600)
        for name in ("a", "b")
    )
    run = SimRun(Scenario((there,), queued=queued), Policy(), tmp_path, how=How(cycle_s=10.0, longest_s=7200.0))
    run.until(900)
    uid = next(job.uid for job in run.world.queues["hub"].every.values() if job.work.id == "lab/b")
    run.journal.add_order(Order("cancel", uid, "no longer needed", "ann", run.world.now()))
    run.until(7200)
    run.watch.close()
    found = numbers(run.watch, waits_by_group(run.watch))
    run.close()
    assert (found["queue_jobs"], found["queue_jobs_done"], found["queue_jobs_failed"]) == (2, 1, 1)
    assert found["queue_jobs_left"] == found["left"] == 0
    assert 600 <= found["queue_wait_p95_s"] <= 700  # the second begins when the first has ended
    assert found["peak_wanted_cores"] == 16
    assert found["peak_claimed_cores"] == 8
    assert found["claimed_core_hours"] == pytest.approx(8 * 900 / 3600, rel=0.1)
    assert found["evictions"] == found["evictions.withdrawn"] == 1
    assert 8 * 200 / 3600 < found["eviction_core_hours"] < 8 * 320 / 3600
