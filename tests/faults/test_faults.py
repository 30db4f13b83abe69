"""A handful of storms that between them break whatever the seeded faults of the loop and the journal break."""

from __future__ import annotations

import pytest

from fedsched.log import configure
from tests.faults.mishaps import KINDS, Mishap
from tests.faults.storm import Outcome, drawn, run
from tests.faults.telling import command

CHOSEN = (1, 8, 10, 18, 27, 36, 47, 91, 118)
"""Seeds of `python -m tests.faults`: together they are hit by most kinds of mishaps."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    configure(level="critical")


@pytest.mark.parametrize("seed", CHOSEN)
def test_all_that_must_hold_holds_in_a_storm_and_nothing_is_left_after_it(seed: int) -> None:
    outcome = run(seed)
    assert not outcome.broken, f"{outcome.broken}\n{command(seed)}"


def test_equal_seeds_give_equal_storms() -> None:
    first, again = _figures(run(CHOSEN[0])), _figures(run(CHOSEN[0]))
    assert first == again
    assert first != _figures(run(CHOSEN[1]))


def test_a_mishap_that_is_left_out_does_not_happen() -> None:
    mishaps: tuple[Mishap, ...] = ()
    outcome = run(CHOSEN[0], only=mishaps)
    assert not set(outcome.hits) & set(KINDS)
    assert not outcome.broken


def _figures(outcome: Outcome) -> tuple[object, ...]:
    return outcome.cycles, outcome.simulated_s, outcome.hits, outcome.writes


def test_the_chosen_storms_have_mishaps_of_most_kinds() -> None:
    kinds = {mishap.kind for seed in CHOSEN for mishap in drawn(seed)[1]}
    assert len(kinds) > 0.6 * len(KINDS)
