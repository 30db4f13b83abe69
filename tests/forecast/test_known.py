"""Futures that can be worked out by hand: ranges contain them and are narrow, shares move them, and some have none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fedsched.forecast import (
    Asked,
    Calibration,
    Course,
    Effort,
    Lengths,
    estimates,
    forward,
    hopeless,
    known_lengths,
    said,
    samples,
)
from fedsched.forecast.world import AheadWorld
from fedsched.journal import Forecast, Recorded
from fedsched.study.run import SimRun
from tests.forecast.small import ANN, BEN, JOB, RUNS_S, jobs, living, policy, started_s

QUICKLY = Effort(Course(hours=6), samples=3, budget_s=1e9)


def moment(run: SimRun) -> tuple[Recorded, Lengths]:
    """What is recorded last, and what is known of lengths."""
    assert run.recorded is not None
    return run.recorded, known_lengths(run.journal, None, run.recorded)


def sharp(at: float) -> Calibration:
    """Experience with runs forward that were right within 3 %."""
    came = (
        Forecast("s", f"{number}.0", "k", 1, at - 9e4 + number, *(middle,) * 5, middle * off, settled_at=at - 1)
        for number, middle in enumerate([60.0, 900.0, 7200.0, 20_000.0] * 50)
        for off in (0.97, 1.03)
    )
    return Calibration(came, at)


def test_of_equal_jobs_of_known_length_each_starts_in_a_narrow_range_around_the_exact_time(tmp_path: Path) -> None:
    with living(tmp_path, jobs(ANN, 40), policy()) as run:
        run.until(2.5 * RUNS_S)
        recorded, lengths = moment(run)
        demand = recorded.observation.schedds[0].classes[0]
        assert demand.idle == 28  # four at once, the third four run
        asked = [Asked(demand.key, position) for position in (1, 4, 5, 12, 28)]
        outlooks = samples(recorded.snapshot, run.policy, asked, QUICKLY, lengths)
        found = estimates(asked, outlooks, sharp(recorded.plan.at))
        run.until(12 * RUNS_S)
        for one in found:
            really = started_s(run, f"1.{11 + one.position}", recorded.plan.at)
            assert one.low_s <= really <= one.high_s, one
            assert one.high_s - one.low_s < 0.1 * (one.middle_s + 60), one
        assert "min" in said(found[0])


def test_a_place_in_the_queue_moves_with_the_share_of_its_user(tmp_path: Path) -> None:
    with living(tmp_path, (*jobs(ANN, 40), *jobs(BEN, 40)), policy()) as run:
        run.until(1900)
        recorded, lengths = moment(run)
        key = {d.principal: d.key for d in recorded.observation.schedds[0].classes}

        def behind_ann_s(factor: float) -> float:
            """How much later than Ann's twelfth job Ben's starts."""
            outlook = forward(recorded.snapshot, policy(factor), Course(hours=12), lengths)
            ann, ben = (outlook.started_s(key[who], 12) for who in (ANN, BEN))
            assert ann is not None
            assert ben is not None
            return ben - ann

        favoured, equal, behind = behind_ann_s(0.1), behind_ann_s(1.0), behind_ann_s(10.0)
        assert favoured < -RUNS_S
        assert -RUNS_S < equal < RUNS_S
        assert behind > RUNS_S


def test_a_job_that_can_never_run_has_no_estimate(tmp_path: Path) -> None:
    huge = tuple(msgspec.structs.replace(job, request=msgspec.structs.replace(JOB, gpus=2)) for job in jobs(ANN, 3))
    with living(tmp_path, huge, policy()) as run:
        run.until(120)
        recorded, lengths = moment(run)
        demand = recorded.observation.schedds[0].classes[0]
        report = next(report for report in recorded.plan.classes if report.key == demand.key)
        assert hopeless(demand, report) == "it can run nowhere as it is"
        asked = [Asked(demand.key, 1)]
        outlooks = samples(recorded.snapshot, run.policy, asked, QUICKLY, lengths)
        (found,) = estimates(asked, outlooks, sharp(recorded.plan.at))
        assert said(found) == "no estimate: as things stand it does not start within the next 6 h"


def test_a_run_forward_changes_nothing_and_equal_ones_are_equal(tmp_path: Path) -> None:
    with living(tmp_path, jobs(ANN, 30), policy()) as run:
        run.until(700)
        recorded, lengths = moment(run)
        before = msgspec.msgpack.encode(recorded), run.journal.cycles()
        one = forward(recorded.snapshot, run.policy, Course(hours=12, seed=7), lengths)
        again = forward(recorded.snapshot, run.policy, Course(hours=12, seed=7), lengths)
        assert one == again
        assert (msgspec.msgpack.encode(recorded), run.journal.cycles()) == before
        assert one.finished == 30 - sum(job.done_at is not None for job in run.world.schedds[0].jobs)
        assert one.unmet == 0
        assert one.evictions == 0


@pytest.mark.parametrize("minutes", [4, 17, 33])
def test_what_stands_in_a_moment_stands_in_the_world_that_is_made_from_it(tmp_path: Path, minutes: int) -> None:
    """The first look at it tells what was recorded, but for ages and what a second of time brings."""
    with living(tmp_path, (*jobs(ANN, 30), *jobs(BEN, 30, 300.0)), policy(), nodes=3) as run:
        run.until(minutes * 60)
        recorded, _ = moment(run)
        seen, made = recorded.observation, AheadWorld(recorded.snapshot, 1).observe(recorded.plan.at)
        assert [d for s in made.schedds for d in s.classes] == [d for s in seen.schedds for d in s.classes]
        assert [m.node_groups[0].rooms for m in made.members] == [m.node_groups[0].rooms for m in seen.members]
        assert {o.name: [p.phase for p in o.pods] for o in made.objects} == {
            o.name: [p.phase for p in o.pods] for o in seen.objects
        }
        assert _slots(made) == _slots(seen)


def test_startds_of_one_user_are_not_foretold_to_another_who_is_charged_as_the_same(tmp_path: Path) -> None:
    with living(tmp_path, jobs(ANN, 12), policy()) as run:
        run.until(1.5 * RUNS_S)
        recorded, lengths = moment(run)
        (view,) = recorded.observation.schedds
        (waits,) = view.classes
        for user in ("", "ann@ce"):
            other = msgspec.structs.replace(view, classes=(msgspec.structs.replace(waits, user=user),))
            seen = msgspec.structs.replace(recorded.observation, schedds=(other,))
            world = AheadWorld(msgspec.structs.replace(recorded.snapshot, observation=seen), 1, lengths)
            world.sleep(RUNS_S)
            assert world.waits(waits.key, 1) is bool(user)


def _slots(seen: object) -> dict[str, tuple[object, ...]]:
    pools = getattr(seen, "pools", ())
    return {
        slot.pod: (slot.free, slot.leaving, slot.unclaimed_since, sorted((c.job, c.since) for c in slot.claims))
        for pool in pools
        for slot in pool.slots
    }


def test_with_no_time_to_think_there_is_no_estimate_rather_than_a_wrong_one(tmp_path: Path) -> None:
    with living(tmp_path, jobs(ANN, 40), policy()) as run:
        run.until(900)
        recorded, lengths = moment(run)
        demand = recorded.observation.schedds[0].classes[0]
        asked = [Asked(demand.key, demand.idle)]
        outlooks = samples(recorded.snapshot, run.policy, asked, Effort(budget_s=0.0), lengths)
        assert [outlook.cycles for outlook in outlooks] == [1]
        (found,) = estimates(asked, outlooks, sharp(recorded.plan.at))
        assert found.why == "as things stand it does not start within the next 1 min"
