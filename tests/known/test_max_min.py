"""Weighted max-min fairness: examples worked out by hand, and what defines it, on any claims."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker.share.division import Claimant, divide

HUGE = 1e9


def test_demands_of_two_two_point_six_four_and_five_on_ten() -> None:
    """The textbook example (Keshav, An Engineering Approach to Computer Networking, section 9.2.2)."""
    parts = divide(10, [Claimant(1, 0, d) for d in (2, 2.6, 4, 5)])
    assert parts == pytest.approx([2, 2.6, 2.7, 2.7])


def test_weights_two_and_a_half_four_a_half_and_one_on_sixteen() -> None:
    """The same book's weighted example: demands 4, 2, 10, 4."""
    weights, demands = (2.5, 4, 0.5, 1), (4, 2, 10, 4)
    parts = divide(16, [Claimant(w, 0, d) for w, d in zip(weights, demands, strict=True)])
    assert parts == pytest.approx([4, 2, 6, 4])


def test_group_weights_of_one_two_and_five_divide_in_that_proportion() -> None:
    assert divide(80, [Claimant(w, 0, HUGE) for w in (1, 2, 5)]) == pytest.approx([10, 20, 50])


def test_a_floor_is_served_first_and_the_rest_is_levelled() -> None:
    assert divide(10, [Claimant(1, 6, HUGE), Claimant(1, 0, HUGE), Claimant(1, 0, HUGE)]) == pytest.approx([6, 2, 2])


def test_floors_above_the_amount_are_scaled_down_together() -> None:
    assert divide(15, [Claimant(20, 20, 60), Claimant(10, 10, 60), Claimant(5, 0, 60)]) == pytest.approx([10, 5, 0])


def test_weight_nought_gets_only_what_the_others_leave() -> None:
    claims = [Claimant(1, 0, 4), Claimant(0, 0, HUGE), Claimant(0, 0, 1)]
    assert divide(10, claims) == pytest.approx([4, 5, 1])
    assert divide(3, claims) == pytest.approx([3, 0, 0])


def claimants() -> st.SearchStrategy[list[Claimant]]:
    amounts = st.one_of(st.just(0.0), st.floats(0.001, 1e5))
    one = st.builds(
        lambda weight, first, second: Claimant(weight, min(first, second), max(first, second)),
        st.one_of(st.just(0.0), st.floats(1e-3, 1e3)),
        amounts,
        amounts,
    )
    return st.lists(one, max_size=12)


amounts = st.floats(0, 1e6)


def test_a_floor_is_had_before_weights_divide_the_rest() -> None:
    parts = divide(12.0, [Claimant(1, 8, 20), Claimant(1, 0, 20), Claimant(1, 0, 20)])
    assert parts == pytest.approx([8, 2, 2])


@given(amounts, claimants())
def test_all_is_divided_unless_everybody_has_enough(amount: float, claims: list[Claimant]) -> None:
    parts = divide(amount, claims)
    assert math.isclose(math.fsum(parts), min(amount, math.fsum(c.cap for c in claims)), rel_tol=1e-9, abs_tol=1e-6)
    assert all(part <= c.cap * (1 + 1e-9) + 1e-6 for part, c in zip(parts, claims, strict=True))


@given(amounts, claimants())
def test_who_gets_less_than_another_by_weight_has_all_that_he_wants_or_the_other_only_his_floor(
    amount: float, claims: list[Claimant]
) -> None:
    """What defines weighted max-min: no one can get more without taking it from one who has no more by weight."""
    parts = divide(amount, claims)
    if math.fsum(c.floor for c in claims) >= amount:
        return
    for part, c in zip(parts, claims, strict=True):
        assert part >= c.floor - 1e-6
        for other, d in zip(parts, claims, strict=True):
            if c.weight and d.weight and part / c.weight < other / d.weight * (1 - 1e-6) - 1e-6:
                assert part >= c.cap - 1e-3 or other <= d.floor + 1e-3


@given(amounts, st.floats(0, 1e5), claimants())
def test_more_never_gives_anybody_less(amount: float, more: float, claims: list[Claimant]) -> None:
    before, after = divide(amount, claims), divide(amount + more, claims)
    assert all(b <= a * (1 + 1e-9) + 1e-6 for b, a in zip(before, after, strict=True))


@given(amounts, claimants(), st.randoms())
def test_the_order_of_claims_does_not_matter(amount: float, claims: list[Claimant], chance: object) -> None:
    mixed = claims[:]
    shuffle: Callable[[list[Claimant]], None] = chance.shuffle  # type: ignore[attr-defined]  # Hypothesis' Random
    shuffle(mixed)
    key = lambda pair: (pair[0].weight, pair[0].floor, pair[0].cap)  # noqa: E731 (one line, used twice)
    one = sorted(zip(claims, divide(amount, claims), strict=True), key=key)
    two = sorted(zip(mixed, divide(amount, mixed), strict=True), key=key)
    assert [p for _, p in one] == pytest.approx([p for _, p in two], rel=1e-9, abs=1e-6)
