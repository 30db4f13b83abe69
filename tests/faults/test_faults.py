"""A handful of storms that between them break whatever the seeded faults of the loop and the journal break."""

from __future__ import annotations

from collections import Counter

import pytest

from fedsched.log import configure
from tests.faults.job_acts import HIT
from tests.faults.mishaps import KINDS, Mishap
from tests.faults.storm import Outcome, drawn, run
from tests.faults.telling import command

CHOSEN = (1, 8, 10, 18, 27, 36, 47, 91, 118)
"""Seeds of `python -m tests.faults`: together they are hit by most kinds of mishaps."""
OF_PARTITIONS = (1_000_000, 1_000_003, 1_000_007, 1_000_008, 1_000_021)
"""Seeds of storms of partitions that between them break when a rule of copies is left out."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    configure(level="critical")


@pytest.mark.parametrize("seed", CHOSEN)
def test_all_that_must_hold_holds_in_a_storm_and_nothing_is_left_after_it(seed: int) -> None:
    outcome = run(seed)
    assert not outcome.broken, f"{outcome.broken}\n{command(seed)}"


@pytest.mark.parametrize("seed", OF_PARTITIONS)
def test_two_copies_never_live_and_nothing_is_lost_however_long_a_member_is_cut_off(seed: int) -> None:
    outcome = run(seed)
    assert not outcome.broken, f"{outcome.broken}\n{command(seed)}"


def test_storms_of_partitions_cut_members_off_that_run_copies() -> None:
    hits = Counter[str]()
    for seed in OF_PARTITIONS[:2]:
        hits += run(seed).hits
    assert hits[HIT] >= 2


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
