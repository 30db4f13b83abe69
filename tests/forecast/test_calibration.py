"""Ranges learn from how they came out: as wide as errors were, following them, and saying how often they were right."""

from __future__ import annotations

import random

import msgspec
import pytest

from fedsched.forecast import Calibration, Estimate, record_said, said
from fedsched.journal import Forecast

AT = 1_800_000_000.0


def chance(seed: object) -> random.Random:
    return random.Random(str(seed))  # noqa: S311 - repeatable luck, no secret


def forecast(number: int, middle_s: float, at: float = AT) -> Forecast:
    return Forecast("ce1", f"1.{number}", "k", 1, at, middle_s * 0.9, middle_s, middle_s * 1.1, 0.0, 0.0)


def live(errors: list[float], middle_s: float = 1800.0, part: float = 0.8) -> list[Forecast]:
    """One forecast after the other, each told with what was learnt from those before; errors: actual by foretold."""
    past: list[Forecast] = []
    for number, error in enumerate(errors):
        at = AT + number * 100_000.0
        one = forecast(number, middle_s, at)
        low, high = Calibration(past[-200:], at, part).corrected(one.early_s, one.middle_s, one.late_s)
        past.append(
            msgspec.structs.replace(
                one, low_s=low, high_s=high, started_s=middle_s * error, settled_at=at + middle_s * error
            )
        )
    return past


def right(past: list[Forecast]) -> float:
    return sum(one.right for one in past) / len(past)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("bias", [0.5, 1.0, 3.0])
def test_whatever_the_errors_are_four_of_five_ranges_are_right(sigma: float, bias: float) -> None:
    luck = chance(f"{sigma}/{bias}")
    past = live([bias * luck.lognormvariate(0.0, sigma) for _ in range(300)])
    assert 0.76 <= right(past[50:]) <= 0.84


def test_another_part_can_be_wanted() -> None:
    luck = chance(5)
    assert 0.46 <= right(live([luck.lognormvariate(0.0, 0.5) for _ in range(300)], part=0.5)[50:]) <= 0.54


def test_when_the_federation_changes_the_ranges_follow() -> None:
    luck = chance(6)
    calm = [luck.lognormvariate(0.0, 0.1) for _ in range(150)]
    wild = [luck.lognormvariate(0.7, 0.8) for _ in range(250)]
    past = live([*calm, *wild])
    assert right(past[150:165]) < 0.7  # it could not know
    assert 0.74 <= right(past[200:]) <= 0.86


def test_a_small_error_makes_a_narrow_range_and_none_a_cautious_one() -> None:
    past = live([1.0 + 0.02 * (number % 5 - 2) for number in range(60)])
    low, high = Calibration(past, AT + 1e8).corrected(1800.0, 1800.0, 1800.0)
    assert 1600 < low < 1800 < high < 2000
    low, high = Calibration((), AT).corrected(1800.0, 1800.0, 1800.0)
    assert low < 1700
    assert high > 2500


def test_what_is_an_hour_away_is_judged_by_its_like() -> None:
    near, far = live([1.0] * 60, 120.0), live([4.0] * 60, 7200.0)
    found = Calibration((*near, *far), AT + 1e8)
    assert found.corrected(120.0, 120.0, 120.0)[1] < 200
    assert found.corrected(7200.0, 7200.0, 7200.0)[1] > 20_000


def test_a_job_that_is_overdue_is_a_miss_before_it_starts() -> None:
    waits = msgspec.structs.replace(forecast(1, 600.0), low_s=300.0, high_s=900.0)
    assert Calibration([waits], AT + 800).record.count == 0
    assert (Calibration([waits], AT + 1000).record.count, Calibration([waits], AT + 1000).record.right) == (1, 0)


def test_the_record_is_of_the_last_fifty_that_came_out() -> None:
    past = live([9.0] * 30 + [1.0] * 60)
    record = Calibration(past, AT + 1e8).record
    assert record.count == 50
    assert record_said(record) == f"last 50 estimates within range {100 * record.right / 50:.0f} %"
    assert record_said(Calibration((), AT).record).endswith("no estimate has come out yet")


@pytest.mark.parametrize(
    ("low_s", "high_s", "text"),
    [
        (0, 20, "within 1 min"),
        (10, 100, "within 2 min"),
        (903, 1790, "in 15\u201330 min"),
        (903, 2390, "in 15\u201340 min"),
        (0, 5000, "within 85 min"),
        (1900, 9000, "in 0.5\u20132.5 h"),
        (1500, 9000, "in 25 min\u20132.5 h"),
        (20_000, 50_000, "in 5\u201314 h"),
    ],
)
def test_a_range_is_told_in_steps_that_contain_it(low_s: float, high_s: float, text: str) -> None:
    assert said(Estimate("k", 1, low_s=low_s, high_s=high_s)) == text
