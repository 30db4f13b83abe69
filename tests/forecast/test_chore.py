"""The daemon's part of forecasts, with its real child process: made beside the loop and seen to come out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedsched.forecast import Foresight
from fedsched.journal import Recorded
from fedsched.study.run import SimRun
from tests.answers.jobs import cycle, decided, job, queue
from tests.sim.spike import conference_spike, policy

FEDERATION = """id = "demo"
journal = "sqlite:fedsched.db"

[[pool]]
name = "target"
collector = "127.0.0.1:9618"
"""
SPIKE_S = 15 * 60.0
LONGEST_S = 90.0


@pytest.fixture
def run(tmp_path: Path) -> Iterator[SimRun]:
    """A federation in its spike, whose journal is where fedsched.toml says."""
    (tmp_path / "fedsched.toml").write_text(FEDERATION)
    running = SimRun(conference_spike(), policy(), tmp_path)
    running.until(SPIKE_S)
    yield running
    running.close()


def wait_for_child(foresight: Foresight) -> None:
    until = time.monotonic() + LONGEST_S
    while foresight.busy:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_forecasts_are_made_by_a_child_and_come_out_as_the_federation_goes_on(run: SimRun, tmp_path: Path) -> None:
    foresight = Foresight(run.journal, tmp_path / "fedsched.toml")
    assert run.recorded is not None
    foresight.see(run.recorded)
    foresight.begin()
    assert foresight.busy
    foresight.begin()  # the second finds the first at work and leaves it
    wait_for_child(foresight)
    made = run.journal.forecasts()
    assert {one.job for one in made} <= {
        job for view in run.recorded.observation.schedds for demand in view.classes for job in demand.examples
    }
    assert len(made) >= 3
    assert all(0 <= one.low_s <= one.early_s <= one.late_s <= one.high_s for one in made)
    for _ in range(200):
        run.cycle()
        assert run.recorded is not None
        foresight.see(run.recorded)
    jobs = {job.id: job for schedd in run.world.schedds for job in schedd.jobs}
    came = [one for one in run.journal.forecasts() if one.started_s is not None]
    assert len(came) >= 3
    for one in came:
        began = jobs[one.job].first_claimed_at
        assert began is not None
        assert one.started_s == pytest.approx(began - one.at, abs=run.how.cycle_s)
    foresight.stop()


def test_no_child_begins_where_no_job_waits_and_one_that_runs_is_given_up_at_the_end(
    run: SimRun, tmp_path: Path
) -> None:
    foresight = Foresight(run.journal, tmp_path / "fedsched.toml")
    foresight.begin()
    assert not foresight.busy
    assert run.recorded is not None
    foresight.see(run.recorded)
    foresight.begin()
    foresight.stop()
    assert not foresight.busy
    assert run.journal.forecasts() == ()


def test_a_child_that_fails_costs_no_cycle(run: SimRun, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    foresight = Foresight(run.journal, tmp_path / "missing.toml")
    assert run.recorded is not None
    foresight.see(run.recorded)
    foresight.begin()
    wait_for_child(foresight)
    foresight.see(run.recorded)
    assert "missing.toml" in capfd.readouterr().err
    assert run.journal.forecasts() == ()


def test_a_job_that_waits_in_a_queue_is_foretold_like_any_other(run: SimRun, tmp_path: Path) -> None:
    snapshot = cycle(queue(job()), members=())
    foresight = Foresight(run.journal, tmp_path / "fedsched.toml")
    foresight.see(Recorded(snapshot, decided(snapshot)))
    foresight.begin()
    assert foresight.busy
    foresight.stop()
