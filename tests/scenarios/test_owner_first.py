"""owner-first: guests have what owners do not want, and owners have theirs back within minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fedsched.matchmaker.model import Principal
from fedsched.sim.scenario import Scenario
from tests.scenarios.stage import HOUR, MINUTE, Played, batch, both, member, play, shipped

if TYPE_CHECKING:
    from pathlib import Path

OWNER, GUEST = Principal("owners", "olga@site"), Principal("guests", "gus@far")
MEMBERS = (member("north", 2), member("south", 1))
CORES, WANTED = 24, 12


def guests_then_owners(at: float) -> Scenario:
    """Guests with two-hour jobs for all 24 cores and more; then owners with twelve jobs, within their floor."""
    return Scenario(MEMBERS, (batch(GUEST, 60, 2 * HOUR), batch(OWNER, WANTED, 20 * MINUTE, at=at)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Played]:
    return both("owner-first", guests_then_owners(30 * MINUTE), tmp_path_factory.mktemp("owner"), 75 * MINUTE)


def test_the_stage_is_contended(runs: tuple[Played, Played]) -> None:
    for seen in runs:
        before = seen.at(28 * MINUTE)
        assert before.cores == {"guests": CORES}
        assert before.idle["guests"] > 0


def test_an_owner_has_its_floor_back_within_five_minutes(runs: tuple[Played, Played]) -> None:
    ours, plain = runs
    assert ours.at(35 * MINUTE).cores == {"owners": WANTED, "guests": CORES - WANTED}
    assert plain.at(35 * MINUTE).cores == {"guests": CORES}


def test_one_guest_goes_for_one_job_at_once_and_by_the_owners_right(runs: tuple[Played, Played]) -> None:
    """PR3, PR5, PR7."""
    ours, plain = runs
    assert len(ours.evicted) == WANTED
    assert {held.placement.principal for held in ours.evicted} == {GUEST}
    assert {held.wanted for held in ours.evicted} == {"vacate"}
    assert {held.why.need for held in ours.evicted if held.why} == {"PR7"}
    assert {held.wanted for held in plain.evicted} == {"leave"}


def test_what_owners_do_not_want_any_more_is_the_guests_again(runs: tuple[Played, Played]) -> None:
    ours, _ = runs
    assert ours.at(70 * MINUTE).cores == {"guests": CORES}


def test_a_guests_first_five_minutes_are_not_thrown_away(tmp_path: Path) -> None:
    """PR4: an owner that comes early waits for them, no longer."""
    seen = play(shipped("owner-first"), guests_then_owners(6 * MINUTE), tmp_path, 20 * MINUTE)
    assert seen.at(5.5 * MINUTE).cores == {"guests": CORES}
    ran = [held.yields_at - held.claimed_at for held in seen.evicted if held.claimed_at is not None]
    assert len(ran) == WANTED
    assert min(ran) >= 5 * MINUTE
    assert seen.at(15 * MINUTE).cores["owners"] == WANTED
