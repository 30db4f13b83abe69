"""Four of five ranges are right over the day of the demo: a conference, a campaign over night, two mornings."""

from __future__ import annotations

from pathlib import Path

from fedsched.sim.folder import load_scenario
from tests.forecast.day import HOUR_S, Plan, day, judged

WARM_UP_S = 2 * HOUR_S
"""The first two hours are learnt from and not counted: before them nothing has ever come out."""


def test_four_of_five_ranges_are_right_over_the_day_of_the_demo(tmp_path: Path) -> None:
    loaded = load_scenario("demo")
    kept = day(loaded, tmp_path, Plan())
    verdict = judged(kept, loaded.scenario.begins + WARM_UP_S)
    assert verdict.cases >= 200
    assert 0.75 <= verdict.part <= 0.85, str(verdict)
    assert verdict.early, "no range may reach down to now for safety"
    assert verdict.late, "no range may be without end for safety"
    assert verdict.width < 15, str(verdict)
