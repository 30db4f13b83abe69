"""Numbers over time: means by hand, and memory that does not grow."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.study.series import Series

STEPS = st.lists(st.tuples(st.floats(1, 1e4), st.floats(0, 1e6)), min_size=1, max_size=400)


def test_a_stretch_holds_the_mean_over_its_time() -> None:
    series = Series(2)
    series.add(0, 10, {"a": 1})
    series.add(10, 30, {"a": 5, "b": 2})
    series.add(40, 10, {"a": 0})
    assert series.times() == (20, 45)
    assert series.values() == {"a": (4, 0), "b": (1.5, 0)}


def test_a_step_without_time_leaves_nothing() -> None:
    series = Series()
    series.add(5, 0, {"a": 7})
    assert series.times() == ()
    assert series.values() == {}


@given(STEPS)
def test_however_long_a_run_is_its_areas_stay_and_its_points_are_few(steps: list[tuple[float, float]]) -> None:
    series, at = Series(8), 0.0
    for seconds, value in steps:
        series.add(at, seconds, {"a": value})
        at += seconds
    times = series.times()
    assert len(times) <= 8
    assert list(times) == sorted(times)
    ends = [0.0]
    for middle in times:
        ends.append(2 * middle - ends[-1])
    widths = [after - before for before, after in pairwise(ends)]
    area = sum(width * value for width, value in zip(widths, series.values()["a"], strict=True))
    assert area == pytest.approx(sum(seconds * value for seconds, value in steps), rel=1e-6)
