"""HTCondor's user priority, from its manual's sections "Real User Priority" and "Priority Calculation" (FS3)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker.model import LedgerEntry, Sharing
from fedsched.matchmaker.share.ledger import Interval, Use, advance, real_priority
from tests.known.pools import entitled

DAY = 86_400.0
RULES = Sharing(half_life_s=DAY)


def run(entry: LedgerEntry | None, held: float, begins: float, cuts: list[float]) -> LedgerEntry | None:
    """Somebody holds `held` cores from `begins` on; looked at at each of `cuts`."""
    entries = {"/a": entry} if entry else {}
    then = begins
    for at in cuts:
        use = Use(
            {"/a": {Interval(held, then, at): 1}} if held else {}, {}, {}, {"/a": (("slot 1", 1),)} if held else {}
        )
        entries = advance(entries, use, RULES, at)
        then = at
    return entries.get("/a")


def test_ten_cores_fade_to_five_after_a_half_life_and_to_two_and_a_half_after_two() -> None:
    """The manual's own numbers (FS3)."""
    after_one = run(LedgerEntry(usage=10.0, at=0.0), 0, 0.0, [DAY])
    after_two = run(after_one, 0, DAY, [2 * DAY])
    assert after_one is not None
    assert after_two is not None
    assert after_one.usage == pytest.approx(5.0, abs=1e-9)
    assert after_two.usage == pytest.approx(2.5, abs=1e-9)


def test_who_holds_ten_cores_for_ever_has_a_priority_of_ten() -> None:
    """At steady state the real user priority is what is held."""
    entry = run(None, 10, 0.0, [60 * DAY])
    assert real_priority(entry) == pytest.approx(10.0, abs=1e-9)


def test_nobody_is_better_than_one_half() -> None:
    assert real_priority(None) == 0.5
    assert real_priority(LedgerEntry(usage=0.1)) == 0.5


@given(
    st.lists(st.floats(0.001, 5 * DAY), min_size=1, max_size=40),
    st.floats(0.0, 5000.0),
    st.floats(0.0, 5000.0),
)
def test_any_cutting_of_time_into_cycles_gives_the_published_curve(
    steps: list[float], before: float, held: float
) -> None:
    """FS3: U(t) = U(0) b + (1-b) held, b = 0.5^(t/h), to 1e-9 relative, however often it was looked at."""
    cuts, at = [], 0.0
    for step in steps:
        at += step
        cuts.append(at)
    start = LedgerEntry(usage=before, at=0.0)
    fine = run(start, held, 0.0, cuts)
    b = 0.5 ** (at / DAY)
    published = b * before + (1 - b) * held
    have = fine.usage if fine else 0.0
    assert math.isclose(have, published, rel_tol=1e-9, abs_tol=1e-5 if fine is None else 1e-9)


def test_a_newcomer_beside_who_held_a_hundred_cores_for_two_days() -> None:
    """100 (1 - 0.25) = 75 against 0.5: the newcomer has a right to 150 times as much until that fades."""
    old = run(None, 100, 0.0, [2 * DAY])
    assert real_priority(old) == pytest.approx(75.0, abs=1e-9)
    parts = [1 / real_priority(None), 1 / real_priority(old)]
    assert parts[0] / sum(parts) == pytest.approx(150 / 151)


def test_effective_priority_five_gets_twice_as_much_as_ten_and_four_times_as_much_as_twenty() -> None:
    """The manual's example of three users: A 5, B 10, C 20."""
    got = entitled(70, (), {"/a": 100, "/b": 100, "/c": 100}, usage={"/a": 5, "/b": 10, "/c": 20})
    assert (got["/a"], got["/b"], got["/c"]) == (40.0, 20.0, 10.0)


def test_what_one_does_not_use_is_divided_among_the_others_by_the_same_rule() -> None:
    """The manual: "the available resources are repartitioned" by the inverse ratio."""
    got = entitled(70, (), {"/a": 10, "/b": 100, "/c": 100}, usage={"/a": 5, "/b": 10, "/c": 20})
    assert (got["/a"], got["/b"], got["/c"]) == (10.0, 40.0, 20.0)
