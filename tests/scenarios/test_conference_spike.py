"""conference-spike: for three weeks one community has a floor, grows steeply, and spills over to what is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fedsched.matchmaker.model import Principal
from fedsched.matchmaker.reasons import Cause
from fedsched.sim.scenario import Scenario
from tests.scenarios.stage import MINUTE, Played, batch, both, member, play, shipped

if TYPE_CHECKING:
    pass

ANN, BEA = Principal("physics", "ann@site"), Principal("biology", "bea@far")
IN_JANUARY, IN_SEPTEMBER = 1_800_000_000.0, 1_790_000_000.0
"""2027-01-15, within the reservation of the shipped file; 2026-09-21, before it."""
LENT, PAID = 32, 48


def a_queue_then_a_spike(begins: float) -> Scenario:
    """Biology has work for days on 32 lent and 48 paid cores; after 20 minutes physics' queue explodes."""
    members = (member("home", 4), member("cloud", 6, price=0.05))
    batches = (batch(BEA, 1500, 10 * MINUTE), batch(ANN, 400, 10 * MINUTE, at=20 * MINUTE))
    return Scenario(members, batches, begins=begins)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Played]:
    scenario = a_queue_then_a_spike(IN_JANUARY)
    return both("conference-spike", scenario, tmp_path_factory.mktemp("spike"), 55 * MINUTE)


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The same, in another month."""
    scenario = a_queue_then_a_spike(IN_SEPTEMBER)
    return play(shipped("conference-spike"), scenario, tmp_path_factory.mktemp("early"), 45 * MINUTE)


def test_the_stage_is_contended(runs: tuple[Played, Played]) -> None:
    for seen in runs:
        before = seen.at(19 * MINUTE)
        assert before.cores == {"biology": LENT + PAID}
        assert before.idle["biology"] > 0
        assert seen.at(21 * MINUTE).idle["physics"] > LENT + PAID


def test_what_is_paid_for_opens_when_all_that_is_lent_has_been_full_for_three_minutes(
    runs: tuple[Played, Played],
) -> None:
    """SU4."""
    ours, plain = runs
    first_paid = [
        min(h.placement.created_at for h in seen.placed() if h.placement.member == "cloud") - IN_JANUARY
        for seen in (ours, plain)
    ]
    full_at = next(m.at for m in ours.moments if m.cores.get("biology") == LENT)
    assert full_at < first_paid[0]
    assert 3 * MINUTE <= first_paid[0] < 6 * MINUTE
    assert first_paid[1] == 0.0
    assert Cause.TIER_CLOSED in ours.causes
    assert {h.placement.tier for h in ours.placed() if h.placement.member == "cloud"} == {"cloud"}


def test_the_reservation_gives_the_community_seven_tenths_without_any_lost_work(runs: tuple[Played, Played]) -> None:
    """Q10, PR5: who borrows leaves when its jobs are done."""
    ours, plain = runs
    assert ours.mean_cores("physics", 45 * MINUTE, 55 * MINUTE) == pytest.approx(0.7 * (LENT + PAID), rel=0.05)
    assert ours.mean_cores("biology", 45 * MINUTE, 55 * MINUTE) == pytest.approx(0.3 * (LENT + PAID), rel=0.1)
    assert {held.wanted for held in ours.evicted} == {"leave"}
    assert ours.restarted == 0
    without = plain.mean_cores("physics", 45 * MINUTE, 55 * MINUTE)
    assert without < 0.6 * ours.mean_cores("physics", 45 * MINUTE, 55 * MINUTE)


def test_growth_is_steeper_and_objects_are_fewer(runs: tuple[Played, Played]) -> None:
    """SU3: all that is lent within a minute and a half, in startds of eight cores."""
    ours, plain = runs
    full = [next(m.at for m in seen.moments if m.cores.get("biology", 0) >= LENT) for seen in runs]
    assert full[0] < full[1]
    assert len(ours.placed(20 * MINUTE)) == (LENT + PAID) / 8
    assert len(plain.placed(20 * MINUTE)) >= LENT + PAID


def test_before_the_conference_nobody_is_privileged_and_nothing_is_paid(early: Played) -> None:
    assert early.at(19 * MINUTE).cores == {"biology": LENT}
    assert early.mean_cores("physics", 25 * MINUTE, 45 * MINUTE) == 0.0
    assert early.evicted == []
    assert early.paid() == 0.0
    assert Cause.TIER_WINDOW in early.causes
