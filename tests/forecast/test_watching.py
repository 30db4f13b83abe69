"""How a forecast comes out: by a claim of its job, whenever it is seen; never by a job that merely is not seen."""

from __future__ import annotations

import random

import pytest

from fedsched.forecast import Watching
from fedsched.forecast.lengths import Curve, Lengths, Ran
from fedsched.journal import Forecast, Recorded
from fedsched.matchmaker.model import (
    Claim,
    DemandClass,
    JobLength,
    Memory,
    Observation,
    Plan,
    PoolView,
    Principal,
    ScheddView,
    SlotView,
    Snapshot,
)
from fedsched.matchmaker.resources import Resources

AT = 1_800_000_000.0
ANN = Principal("hep", "ann@site")
JOB = Resources(1000, 2048, 1024, 0, 1)
FORETOLD = Forecast("ce1", "1.0", "k", 1, AT, 300.0, 400.0, 500.0, 200.0, 700.0)


def seen(at: float, *waiting: str, idle: int | None = None, claims: dict[str, float] | None = None) -> Recorded:
    """A cycle in which these jobs wait by name, and these run since."""
    count = len(waiting) if idle is None else idle
    demand = DemandClass("k", "target", "ce1", ANN, JOB, JobLength(3600, "assumed"), count, examples=waiting)
    view = ScheddView("ce1", "target", seen_at=at, classes=(demand,))
    slots = tuple(
        SlotView("s", "target", "p", "m", "g", "pod", JOB, JOB, at, (Claim(ANN, 1000, since, job, "ce1"),))
        for job, since in (claims or {}).items()
    )
    observation = Observation(at, (view,), pools=(PoolView("target", at, slots=slots),))
    return Recorded(Snapshot(observation, Memory(), ()), Plan(1, at, (), (), Memory()))


def test_a_forecast_comes_out_when_its_job_is_seen_claimed_with_the_time_of_the_claim() -> None:
    watching = Watching([FORETOLD])
    assert watching.see(seen(AT + 60, "1.0", "1.1")) == ((), ())
    ((came,), lost) = watching.see(seen(AT + 480, "1.1", claims={"1.0": AT + 451}))
    assert (came.started_s, came.settled_at, came.right, lost) == (451.0, AT + 480, True, ())
    assert len(watching) == 0


def test_a_claim_that_is_used_again_does_not_begin_before_its_job_was_seen_to_wait() -> None:
    watching = Watching([FORETOLD])
    watching.see(seen(AT + 300, "1.0"))
    ((came,), _) = watching.see(seen(AT + 360, claims={"1.0": AT - 5000}))
    assert came.started_s == 360.0


def test_a_job_that_is_gone_counts_for_nothing_but_one_that_is_hidden_is_waited_for() -> None:
    watching = Watching([FORETOLD])
    watching.see(seen(AT + 60, "1.0"))
    for seconds in (120, 600, 1200):  # more wait than are known by name
        assert watching.see(seen(AT + seconds, "0.1", "0.2", idle=8)) == ((), ())
    assert watching.see(seen(AT + 1260, "0.1")) == ((), ())
    settled, lost = watching.see(seen(AT + 1500, "0.1"))
    assert (settled, [one.job for one in lost]) == ((), ["1.0"])


def test_of_jobs_of_which_some_still_run_the_short_ones_do_not_pass_for_all() -> None:
    """Two of four ended, at 10 and 20; the others were still there at 15 and 30 (Kaplan and Meier's kind of table)."""
    curve = Curve([Ran(10.0, ended=True), Ran(15.0, ended=False), Ran(20.0, ended=True), Ran(30.0, ended=False)])
    luck = random.Random(1)  # noqa: S311 - repeatable luck, no secret
    drawn = [curve.draw(0.0, None, luck) for _ in range(4000)]
    assert sum(seconds == 10.0 for seconds in drawn) / 4000 == pytest.approx(1 / 4, abs=0.03)
    assert sum(seconds == 20.0 for seconds in drawn) / 4000 == pytest.approx(3 / 8, abs=0.03)
    assert sum(seconds >= 30.0 for seconds in drawn) / 4000 == pytest.approx(3 / 8, abs=0.03)


def test_a_running_job_is_given_a_length_beyond_what_it_ran_and_within_what_it_states() -> None:
    luck, known = random.Random(2), Lengths()  # noqa: S311 - repeatable luck, no secret
    stated = DemandClass("k", "target", "ce1", ANN, JOB, JobLength(3600, "MaxWallTimeMins"), 1, examples=("7.0",))
    assert all(60 < known.draw(stated, "7.0", 60.0, luck) <= 3600 for _ in range(200))
    for number in range(20):
        known.add(str(ANN), 1000, "ce1", f"7.{number}", Ran(900.0 + number, ended=True))
    assert all(900 <= known.draw(stated, "7.9", 60.0, luck) <= 920 for _ in range(200))
    assert all(2000 < known.draw(stated, "7.9", 2000.0, luck) <= 3600 for _ in range(200))
