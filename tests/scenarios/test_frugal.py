"""frugal: what is free first, what is paid for only when a queue lasts, and never beyond a week's budget."""

from __future__ import annotations

import pytest

from fedsched.matchmaker.model import Principal
from fedsched.matchmaker.reasons import Cause
from fedsched.sim.scenario import Scenario
from tests.scenarios.stage import HOUR, MINUTE, Played, batch, both, member

ANN = Principal("physics", "ann@site")
MEMBERS = (member("free", 2), member("dear", 5, price=1.0), member("cheap", 5, price=0.5))
BUDGET = 50.0


@pytest.fixture(scope="module")
def burst(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Played]:
    """Forty short jobs: more than the 16 free cores at once, and nothing that a quarter of an hour does not do."""
    scenario = Scenario(MEMBERS, (batch(ANN, 40, 3 * MINUTE),))
    return both("frugal", scenario, tmp_path_factory.mktemp("burst"), 40 * MINUTE)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Played]:
    """Work for all 96 cores for longer than anybody looks."""
    scenario = Scenario(MEMBERS, (batch(ANN, 1200, 30 * MINUTE),))
    return both("frugal", scenario, tmp_path_factory.mktemp("campaign"), 75 * MINUTE)


def test_the_stages_are_contended(burst: tuple[Played, Played], campaign: tuple[Played, Played]) -> None:
    assert burst[0].at(4 * MINUTE).cores == {"physics": 16}
    assert burst[0].at(4 * MINUTE).idle["physics"] > 0
    for seen in campaign:
        assert seen.at(74 * MINUTE).idle["physics"] > 0


def test_a_burst_that_free_places_work_off_is_never_paid_for(burst: tuple[Played, Played]) -> None:
    """SU4: the dwell of the paid tier."""
    ours, plain = burst
    assert ours.moments[-1].idle == {"physics": 0}
    assert {held.placement.member for held in ours.placed()} == {"free"}
    assert plain.paid() > 0


def test_a_campaign_stops_at_the_budget_and_says_so(campaign: tuple[Played, Played]) -> None:
    """SU4: what stands could be paid to its end, and nothing beyond is started."""
    ours, plain = campaign
    stands = [held for held in ours.held.values() if held.phase != "gone" and held.placement.price_per_hour]
    to_come = sum(
        held.placement.price_per_hour * (held.pod_started_at + held.placement.lifetime_s - ours.plans[-1].at) / HOUR
        for held in stands
        if held.pod_started_at is not None
    )
    assert stands
    assert 0 < ours.paid() < ours.paid() + to_come <= BUDGET
    assert Cause.BUDGET_SPENT in ours.causes
    assert plain.paid() > BUDGET


def test_the_cheapest_comes_first(campaign: tuple[Played, Played]) -> None:
    """MA5: by rank; under fair-share prices mean nothing."""
    ours, plain = campaign
    members = [held.placement.member for held in sorted(ours.placed(), key=lambda h: h.placement.created_at)]
    assert list(dict.fromkeys(members))[:2] == ["free", "cheap"]
    assert "dear" in {held.placement.member for held in plain.placed(5 * MINUTE)}
