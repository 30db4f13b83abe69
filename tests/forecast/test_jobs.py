"""Forecasts of users' Kubernetes Jobs: ranges contain what comes, copies go on as they stand, forecasts come out."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fedsched.forecast import (
    Asked,
    Calibration,
    Course,
    Effort,
    Watching,
    estimates,
    foretell,
    forward,
    known_lengths,
    samples,
)
from fedsched.forecast.world import AheadWorld
from fedsched.journal import Forecast, Recorded
from fedsched.matchmaker.model import DemandClass, Observation, Order
from fedsched.study.run import SimRun
from tests.forecast.queues import Begun, queued, scenario, with_jobs
from tests.forecast.small import ANN, BEN, RUNS_S, jobs, policy

QUICKLY = Effort(Course(hours=6), samples=2, budget_s=1e9)


def last(run: SimRun) -> Recorded:
    """What is recorded last."""
    assert run.recorded is not None
    return run.recorded


def queue_classes(seen: Observation) -> dict[str, DemandClass]:
    """Classes of Jobs by their user's name."""
    return {d.principal.user[:3]: d for view in seen.schedds for d in view.classes if d.job is not None}


def test_each_waiting_job_of_known_length_starts_in_a_narrow_range_around_when_it_really_does(tmp_path: Path) -> None:
    begun = Begun()
    with with_jobs(tmp_path, scenario(queued(ANN, 32)), policy(), begun) as run:
        run.until(2.5 * RUNS_S)
        recorded = last(run)
        lengths = known_lengths(run.journal, None, recorded)
        (key,) = (d.key for d in queue_classes(recorded.observation).values())
        report = next(one for one in recorded.plan.classes if one.key == key)
        assert report.idle == 20  # four at once, the third four run
        asked = [Asked(key, position) for position in (1, 4, 5, 20)]
        outlooks = samples(recorded.snapshot, run.policy, asked, QUICKLY, lengths)
        found = estimates(asked, outlooks, Calibration((), recorded.plan.at))
        run.until(10 * RUNS_S)
        for one in found:
            really = begun.at[f"ann/step-{11 + one.position:02d}"] - recorded.plan.at
            assert one.low_s <= really <= one.high_s, one
            assert one.late_s - one.early_s < 0.1 * (one.middle_s + 300), one


def test_a_job_of_two_pods_is_awaited_where_two_fit_and_holds_both_until_it_ends(tmp_path: Path) -> None:
    work = (*queued(ANN, 3, runs_s=900.0, pods=2, gang=True), *queued(BEN, 1, runs_s=900.0, pods=4, gang=True))
    with with_jobs(tmp_path, scenario(work), policy()) as run:
        run.until(100)
        recorded = last(run)
        outlook = forward(recorded.snapshot, run.policy, Course(hours=12))
        assert outlook.finished == 4
        assert outlook.evictions == 0
        assert outlook.unmet == 0
        of = {one.principal[4:7]: one for one in outlook.classes}
        assert of["ann"].running + of["ann"].idle + of["ben"].idle == 4
        cores = 2 * 3 + 4
        assert outlook.core_hours < cores * 7200 / 3600
        assert sum(len(held.placement.job) > 0 for held in recorded.plan.held) >= 1


def test_equal_moments_give_equal_futures_and_nothing_of_the_moment_is_touched(tmp_path: Path) -> None:
    with with_jobs(tmp_path, scenario(queued(ANN, 12), jobs=jobs(BEN, 12)), policy()) as run:
        run.until(700)
        recorded = last(run)
        lengths = known_lengths(run.journal, None, recorded)
        before = msgspec.msgpack.encode(recorded)
        one = forward(recorded.snapshot, run.policy, Course(hours=12, seed=7), lengths)
        again = forward(recorded.snapshot, run.policy, Course(hours=12, seed=7), lengths)
        assert one == again
        assert msgspec.msgpack.encode(recorded) == before
        assert one.unmet == 0
        assert {len(c.started_s) for c in one.classes} == {c.idle for c in one.classes}
        over = sum(job.status.over for job in run.world.queues["hub"].every.values())
        ended = sum(job.done_at is not None for job in run.world.schedds[0].jobs)
        assert one.finished == 24 - over - ended


def test_queues_and_copies_of_a_moment_stand_in_the_world_that_is_made_from_it(tmp_path: Path) -> None:
    work = (*queued(ANN, 10), *queued(BEN, 4, pods=2, gang=True, runs_s=200.0))
    with with_jobs(tmp_path, scenario(work, members=2), policy()) as run:
        for minutes in (2, 5, 14):
            run.until(60 * minutes)
            recorded = last(run)
            seen, made = recorded.observation, AheadWorld(recorded.snapshot, 1).observe(recorded.plan.at)
            for before, after in zip(seen.schedds, made.schedds, strict=True):
                assert after.jobs == before.jobs
                assert after.classes == before.classes
            assert [m.node_groups[0].rooms for m in made.members] == [m.node_groups[0].rooms for m in seen.members]
            assert {o.name: o.status for o in made.objects} == {o.name: o.status for o in seen.objects}
            assert {o.name: [(p.name, p.phase, p.node) for p in o.pods] for o in made.objects} == {
                o.name: [(p.name, p.phase, p.node) for p in o.pods] for o in seen.objects
            }


def test_a_job_that_a_person_holds_has_no_forecast_and_the_next_one_takes_its_place(tmp_path: Path) -> None:
    with with_jobs(tmp_path, scenario(queued(ANN, 12)), policy()) as run:
        run.until(300)
        uid = next(j.uid for j in last(run).observation.schedds[0].jobs if j.id == "ann/step-04")
        run.journal.add_order(Order("hold", uid, "she looks into it", "ann", run.world.now()))
        run.until(340)
        recorded = last(run)
        made = foretell(recorded, run.policy, (), QUICKLY)
        assert "ann/step-04" not in {one.job for one in made}
        assert min(made, key=lambda one: one.position).job == "ann/step-05"


def test_a_forecast_of_a_job_comes_out_when_its_first_pod_runs(tmp_path: Path) -> None:
    begun = Begun()
    with with_jobs(tmp_path, scenario(queued(ANN, 12)), policy(), begun) as run:
        run.until(400)
        made = foretell(last(run), run.policy, (), QUICKLY)
        assert {one.job for one in made} == {"ann/step-04", "ann/step-06", "ann/step-08"}
        watching = Watching(made)
        came: list[Forecast] = []
        lost: list[Forecast] = []
        while len(watching) and run.world.monotonic() < 4000:
            run.cycle()
            settled, gone = watching.see(last(run))
            came += settled
            lost += gone
        assert not lost
        for one in came:
            assert one.started_s == begun.at[one.job] - one.at


def test_lengths_of_jobs_are_learnt_from_their_pods_that_ended(tmp_path: Path) -> None:
    with with_jobs(tmp_path, scenario(queued(ANN, 24, deadline_s=0)), policy()) as run:
        run.until(3.2 * RUNS_S)
        recorded = last(run)
        learnt = known_lengths(run.journal, None, recorded)
        one = forward(recorded.snapshot, run.policy, Course(hours=12), learnt)
        waits = [wait for wait in one.classes[0].started_s if wait is not None]
        assert waits[-1] - waits[0] < 2.7 * RUNS_S  # three rounds of four


def test_a_job_on_a_silent_member_starts_elsewhere_only_when_its_copy_has_surely_ended(tmp_path: Path) -> None:
    made = scenario(queued(ANN, 4, runs_s=3000.0, deadline_s=3600), members=2, silent_from=600.0)
    with with_jobs(tmp_path, made, policy()) as run:
        run.until(1500)
        recorded = last(run)
        on = [held for held in recorded.plan.held if held.placement.member == "m1"]
        assert len(on) == 4
        lives = AheadWorld(recorded.snapshot, 1)
        assert not lives.first_jobs  # none of them waits: each has a copy
        outlook = forward(recorded.snapshot, run.policy, Course(hours=12))
        assert outlook.classes[0].running == 4  # as was last heard
        assert outlook.finished == 4  # elsewhere
        surely_s = max((held.job_started_at or 0.0) + 2 * held.placement.lifetime_s for held in on) - recorded.plan.at
        early = forward(recorded.snapshot, run.policy, Course(hours=surely_s / 3600))
        assert early.finished == 0
