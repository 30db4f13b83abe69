"""Jobs of a queue in a scenario's folder: drawn from its seed, one source apart from the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedsched.config import ConfigError
from fedsched.matchmaker.resources import Resources
from fedsched.sim.folder import load_scenario
from fedsched.sim.workload.queued import Queued, queued_jobs

STEPS = Queued(
    group="physics",
    users=("ann@site", "ben@site"),
    request=Resources(1000, 1024, 1024),
    runs_s=300.0,
    jobs=200,
    lasts_s=3600.0,
    fails=0.2,
    deletes=0.1,
    suspends=0.1,
)


def test_a_source_draws_so_many_jobs_with_its_shares_of_failures_deletions_and_suspensions() -> None:
    jobs = queued_jobs((STEPS,), 1)
    assert len(jobs) == len({job.id for job in jobs}) == 200
    assert [job.at for job in jobs] == sorted(job.at for job in jobs)
    assert all(0 <= job.at <= 3600 and job.request.pods == 1 for job in jobs)
    assert 20 < sum(job.exits == (1,) for job in jobs) < 60
    assert 5 < sum(job.deleted_at is not None for job in jobs) < 40
    assert 5 < sum(bool(job.suspended) for job in jobs) < 40
    first = sum(job.principal.user == "ann@site" for job in jobs)
    assert first > 200 - first


def test_equal_seeds_draw_equal_jobs_and_one_more_source_does_not_change_the_others() -> None:
    alone, both = queued_jobs((STEPS,), 3), queued_jobs((STEPS, STEPS), 3)
    assert queued_jobs((STEPS,), 3) == alone != queued_jobs((STEPS,), 4)
    assert {job for job in both if "job-0-" in job.id} == set(alone)


def test_the_shipped_scenario_has_jobs_of_a_queue_beside_a_pools_and_a_gang() -> None:
    scenario = load_scenario("workflows").scenario
    assert scenario.queues == ("local",)
    assert scenario.schedds == ("ce1.physics.example",)
    assert {job.pods for job in scenario.queued if job.gang} == {8}
    assert all("job" in member.terms.forms for member in scenario.members)


def test_a_share_above_one_is_told_with_its_place(tmp_path: Path) -> None:
    shipped = load_scenario("workflows").folder
    for file in [*shipped.rglob("*.toml")]:
        made = tmp_path / file.relative_to(shipped)
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(file.read_text().replace("fails = 0.1", "fails = 1.1"))
    with pytest.raises(ConfigError) as told:
        load_scenario(tmp_path)
    assert "workload.queued[0].fails" in str(told.value)
