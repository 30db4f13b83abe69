"""MA4: columns give the library's value, of the same type, for every expression that they do not leave to it."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.columns.binding import JOB, SLOT
from tests.matchmaker.columns.expressions import ad, expression, written
from tests.matchmaker.columns.judging import Bench

EXPRESSIONS, ADS, EXAMPLES = 2_000, 500, 20_000
_SMALL = random.Random(5)  # noqa: S311 - ads, not secrets
_BENCHES = [Bench([ad(_SMALL) for _ in range(4)]) for _ in range(200)]
_JOBS = [ad(_SMALL) for _ in range(200)]


def test_two_thousand_expressions_over_five_hundred_ads_have_the_librarys_values() -> None:
    chance = random.Random(2026)  # noqa: S311 - expressions, not secrets
    bench = Bench([ad(chance) for _ in range(ADS)])
    jobs = [ad(chance) for _ in range(20)]
    while bench.seen["expressions"] < EXPRESSIONS:
        text = written(expression(chance), chance)
        difference = bench.difference(text, chance.choice(jobs), chance.choice((JOB, SLOT)))
        assert difference is None, difference
    print(f"\n{bench.seen['compiled']} of {bench.seen['expressions']} compiled; {dict(bench.seen)}")
    assert bench.seen["compiled"] > 0.8 * EXPRESSIONS, bench.seen
    assert bench.seen["rows"] > 10 * bench.seen["rows left"]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, (1 << 63) - 1))
def test_any_expression_over_any_ads_has_the_librarys_value(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - expressions, not secrets
    text = written(expression(chance, 3), chance)
    bench, job = chance.choice(_BENCHES), chance.choice(_JOBS)
    difference = bench.difference(text, job, chance.choice((JOB, SLOT)))
    assert difference is None, difference
