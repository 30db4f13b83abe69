"""The month that the bench simulates: its jobs are all there and none is lost, and equal sizes give equal months."""

from __future__ import annotations

import msgspec
import pytest

from fedsched.sim.jobs import class_key
from tests.bench.month import simulated
from tests.bench.month_load import DAY, LIFETIME_S, LONGEST_S, Size, scenario
from tests.bench.month_progress import Progress

SMALL = Size(members=3, nodes=3, jobs=800, days=1.0)


def test_every_job_of_a_simulated_day_is_done_or_runs_or_waits() -> None:
    found = simulated(SMALL, shown=False)
    assert found.jobs == SMALL.jobs
    assert found.done + found.running + found.waiting == SMALL.jobs
    assert found.done > SMALL.jobs / 2
    assert 0 < found.startds < SMALL.jobs
    assert found.cycles == DAY / SMALL.cadence_s


def test_a_day_that_is_ended_early_says_so_and_has_lost_no_job() -> None:
    found = simulated(SMALL, days=0.45, shown=False)
    assert 0.45 <= found.days < 0.46
    assert 0 < found.jobs < SMALL.jobs
    assert found.lost == 0


def test_equal_sizes_give_equal_days() -> None:
    first, again = (simulated(SMALL, days=0.7, shown=False) for _ in range(2))
    took = dict.fromkeys(("wall_s", "cpu_s", "peak_mib", "startup_s"), 0.0)
    assert msgspec.structs.replace(first, **took) == msgspec.structs.replace(again, **took)


def test_a_whole_month_holds_as_many_jobs_as_it_says_and_each_can_run_on_a_startd() -> None:
    month = scenario(Size(members=2))
    assert sum(batch.count for batch in month.batches) == 1_000_000
    assert len({batch.principal for batch in month.batches}) > 150
    assert all(0 <= batch.at < 30 * DAY and 1.2 * batch.runs_s <= batch.length_s for batch in month.batches)
    assert max(batch.length_s for batch in month.batches) <= LONGEST_S < LIFETIME_S


def test_jobs_of_one_submission_are_of_one_class_whatever_their_lengths() -> None:
    month = scenario(Size(members=2, jobs=5_000, days=2.0))
    together = {(batch.at, batch.principal): set[str]() for batch in month.batches}
    for batch in month.batches:
        together[batch.at, batch.principal].add(class_key(batch))
    assert all(len(keys) == 1 for keys in together.values())


def test_progress_tells_the_time_left_a_line_for_each_twentieth(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("month", 100.0)
    for second in range(101):
        progress.at(float(second))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 20
    assert all(line.endswith(" left") for line in lines)
