"""Waits by hand, and a small run whose every time can be foretold."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedsched.log import configure
from fedsched.matchmaker.model import Policy, Principal, Ramp
from fedsched.sim.scenario import Scenario, TraceJob
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
