"""What a seed draws is always the same, and has the number, the times and the lengths that its source names."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest

from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import USUAL
from fedsched.sim.workload import chance
from fedsched.sim.workload.jobs import TooManyError, generated, submitted
from fedsched.sim.workload.terms import Conference, Mornings, Once, Reconstruction, Steady, Training, Workload
from tests.scenarios.stage import HOUR, job

BEGINS = datetime(2027, 1, 14, tzinfo=UTC).timestamp()
"""A Thursday, midnight."""
FIRST = 3.809
WHO = {"group": "hep", "users": ("ann@x", "ben@x", "cai@x"), "schedd": "ap1"}
JOB = {"request": job(2, 4), "runs_s": 1200.0}

STEADY = Steady(**WHO, **JOB, per_hour=120, batch=6, lasts_s=40 * HOUR)  # type: ignore[arg-type]  # words of Source
CONFERENCE = Conference(**WHO, **JOB, jobs=4000, batch=10, at_s=HOUR, lasts_s=2 * HOUR, rush=2.0)  # type: ignore[arg-type]
CAMPAIGN = Reconstruction(**WHO, **JOB, tasks=6, jobs=50, at_s=600, gap_s=1800, per_min=5)  # type: ignore[arg-type]
MORNINGS = Mornings(**WHO, **JOB, per_day=1500, batch=5, lasts_s=4 * 24 * HOUR)  # type: ignore[arg-type]
TRAINING = Training(**WHO, **JOB, per_hour=40, search=3, lasts_s=30 * HOUR, gpus=(("1", 0.75), ("4", 0.25)))  # type: ignore[arg-type]
WHOLE = Workload(
    steady=(STEADY,), conference=(CONFERENCE,), reconstruction=(CAMPAIGN,), mornings=(MORNINGS,), training=(TRAINING,)
)


def test_a_seed_draws_the_same_in_every_process_and_another_seed_draws_another() -> None:
    jobs = generated(WHOLE, 1, BEGINS)
    assert generated(WHOLE, 1, BEGINS) == jobs
    assert generated(WHOLE, 2, BEGINS) != jobs
    # Of any process and hash seed; another number here means that every scenario's day has become another one.
    assert generated(Workload(steady=(STEADY,)), 1, BEGINS)[0].at == FIRST


def test_one_source_more_does_not_change_what_the_others_draw() -> None:
    alone = generated(Workload(steady=(STEADY,)), 1, BEGINS)
    both = generated(Workload(steady=(STEADY,), training=(TRAINING,)), 1, BEGINS)
    assert [(one.at, one.runs_s) for one in both if not one.request.gpus] == [(one.at, one.runs_s) for one in alone]


def test_jobs_come_by_time_with_ids_that_nobody_else_has_and_a_cluster_for_each_submission() -> None:
    jobs = generated(WHOLE, 1, BEGINS)
    assert [one.at for one in jobs] == sorted(one.at for one in jobs)
    assert len({(one.schedd, one.id) for one in jobs}) == len(jobs)
    clusters = Counter(one.id.partition(".")[0] for one in generated(Workload(steady=(STEADY,)), 1, BEGINS))
    assert statistics.mean(clusters.values()) == pytest.approx(6, rel=0.15)
    merged = submitted(jobs[::2], jobs[1::2])
    assert [one.at for one in merged] == [one.at for one in jobs]


def test_an_even_rate_is_even() -> None:
    jobs = generated(Workload(steady=(STEADY,)), 1, BEGINS)
    assert len(jobs) == pytest.approx(120 * 40, rel=0.1)
    assert sum(one.at < 20 * HOUR for one in jobs) == pytest.approx(len(jobs) / 2, rel=0.1)
    assert jobs[0].at >= 0
    assert jobs[-1].at < 40 * HOUR


def test_a_conference_grows_towards_its_deadline() -> None:
    jobs = generated(Workload(conference=(CONFERENCE,)), 1, BEGINS)
    assert len(jobs) == pytest.approx(4000, rel=0.1)
    assert jobs[0].at >= HOUR
    assert jobs[-1].at < 3 * HOUR
    # With rush 2 the last half has e times as many as the first.
    late = sum(one.at >= 2 * HOUR for one in jobs)
    assert late / (len(jobs) - late) == pytest.approx(math.e, rel=0.25)


def test_a_campaign_releases_each_task_at_its_pace() -> None:
    jobs = generated(Workload(reconstruction=(CAMPAIGN,)), 1, BEGINS)
    tasks = Counter(one.id.partition(".")[0] for one in jobs)
    assert (len(tasks), set(tasks.values())) == (6, {50})
    first = sorted(one.at for one in jobs if one.id.startswith("1."))
    assert first[0] == 600
    assert first[-1] == pytest.approx(600 + 49 * 12)


def test_mornings_are_on_working_days_around_their_hour() -> None:
    jobs = generated(Workload(mornings=(MORNINGS,)), 1, BEGINS)
    days = Counter(int(one.at // 86_400) for one in jobs)
    assert days[0] == pytest.approx(1500, rel=0.15)
    assert days[2] + days[3] == pytest.approx(0.2 * 3000, rel=0.25)
    hours = [one.at % 86_400 / HOUR for one in jobs]
    assert statistics.mean(hours) == pytest.approx(9, abs=0.3)
    assert statistics.stdev(hours) == pytest.approx(2, rel=0.15)


def test_training_asks_for_what_each_of_its_gpus_needs() -> None:
    jobs = generated(Workload(training=(TRAINING,)), 1, BEGINS)
    assert {one.request for one in jobs} == {Resources(2000, 4096, 1024, 1, 1), Resources(8000, 16_384, 4096, 4, 1)}
    searches = {one.id.partition(".")[0]: one.request.gpus for one in jobs}
    assert Counter(searches.values())[4] / len(searches) == pytest.approx(0.25, abs=0.04)
    assert len(jobs) / len(searches) == pytest.approx(3, rel=0.1)


def test_lengths_have_their_median_and_end_where_the_job_says() -> None:
    long = msgspec.structs.replace(STEADY, spread=1.0, length_s=3600)
    jobs = generated(Workload(steady=(long,)), 1, BEGINS)
    assert statistics.median(one.runs_s for one in jobs) == pytest.approx(1200, rel=0.1)
    assert max(one.runs_s for one in jobs) == 3600
    equal = generated(Workload(steady=(msgspec.structs.replace(STEADY, spread=0.0),)), 1, BEGINS)
    assert {one.runs_s for one in equal} == {1200}


def test_few_users_submit_most() -> None:
    clusters = {
        one.id.partition(".")[0]: one.principal.user for one in generated(Workload(steady=(STEADY,)), 1, BEGINS)
    }
    found = Counter(clusters.values())
    assert found["ann@x"] / found["ben@x"] == pytest.approx(2, rel=0.3)
    assert found["ann@x"] / found["cai@x"] == pytest.approx(3, rel=0.3)


def test_once_is_spread_evenly_and_says_what_its_source_says() -> None:
    source = Once(**WHO, **JOB, jobs=4, at_s=100, over_s=200, requirements="TARGET.HasGPU", priority=3, length_s=1300)  # type: ignore[arg-type]
    jobs = generated(Workload(once=(source,)), 1, BEGINS)
    assert [one.at for one in jobs] == [100, 150, 200, 250]
    one = jobs[0]
    assert (one.priority, one.length_s, one.requirements) == (3, 1300, f"{USUAL} && (TARGET.HasGPU)")
    assert {one.principal.user for one in jobs} == {"ann@x"}


def test_more_jobs_than_any_simulation_takes_are_refused_before_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedsched.sim.workload.jobs.MOST_JOBS", 1000)
    with pytest.raises(TooManyError, match="more than 1000 jobs in all") as caught:
        generated(WHOLE, 1, BEGINS)
    assert (caught.value.kind, caught.value.place) == ("steady", 0)


def test_a_rate_of_nothing_gives_nothing() -> None:
    assert list(chance.poisson(Random(1), lambda _: 0.0, 0.0, 3600)) == []  # noqa: S311 - chance of a simulation
    assert generated(Workload(steady=(msgspec.structs.replace(STEADY, per_hour=0),)), 1, BEGINS) == ()
