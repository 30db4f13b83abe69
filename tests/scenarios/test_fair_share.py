"""fair-share: equals have equal parts, wherever the room is and however much each asks for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fedsched.config import load_policy
from fedsched.matchmaker.model import Group, Policy, Principal
from fedsched.sim.scenario import Scenario
from tests.scenarios.stage import MINUTE, SHIPPED, Played, batch, member, play, shipped

ANN, BEN = Principal("physics", "ann@site"), Principal("biology", "ben@far")
MEMBERS = (member("small", 1), member("medium", 2), member("large", 3))
CORES = 48


def both_want_all(later: float = 0.0, runs_s: float = 8 * MINUTE) -> Scenario:
    """Members of 8, 16 and 24 cores; one asks for several times as much as the other."""
    return Scenario(MEMBERS, (batch(ANN, 900, runs_s), batch(BEN, 250, runs_s, at=later)))


def by_leaving(folder: Path) -> Policy:
    """The shipped file as a site edits it that wants shares to follow rights while queues last."""
    text = (SHIPPED / "fair-share.toml").read_text()
    for key, value in (("mode", '"fair"'), ("way", '"leave"'), ("protect_s", "0"), ("wait_s", '"1h"')):
        begin = text.index(f"\n{key} = ", text.index("[preemption]"))
        text = f"{text[:begin]}\n{key} = {value}{text[text.index(' ', begin + len(key) + 4) :]}"
    (folder / "fair-share.toml").write_text(text)
    return load_policy("fair-share", folder)


@pytest.fixture(scope="module")
def equals(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(shipped("fair-share"), both_want_all(), tmp_path_factory.mktemp("equals"), 20 * MINUTE)


def test_the_stage_is_contended(equals: Played) -> None:
    moment = equals.at(15 * MINUTE)
    assert sum(moment.cores.values()) == CORES
    assert min(moment.idle.values()) > 0


def test_two_equals_hold_half_each_over_members_of_unequal_size(equals: Played) -> None:
    """FS4, FS6: within a tenth."""
    for group in ("physics", "biology"):
        assert equals.mean_cores(group, 8 * MINUTE, 20 * MINUTE) == pytest.approx(CORES / 2, rel=0.1)


def test_what_one_leaves_is_the_others(tmp_path: Path) -> None:
    """FS7: nothing stays idle while somebody wants it."""
    scenario = Scenario((member("only", 3),), (batch(ANN, 100, 8 * MINUTE), batch(BEN, 4, 8 * MINUTE)))
    seen = play(shipped("fair-share"), scenario, tmp_path, 8 * MINUTE)
    assert seen.at(6 * MINUTE).cores == {"physics": 20, "biology": 4}


def test_with_mode_fair_a_newcomer_has_its_half_when_jobs_end_and_no_work_is_lost(tmp_path: Path) -> None:
    """PR2, PR5: as many startds leave as the newcomer's right asks for, a few more each time that it claimed some."""
    scenario = both_want_all(later=6 * MINUTE, runs_s=3 * MINUTE)
    seen = play(by_leaving(tmp_path), scenario, tmp_path / "run", 26 * MINUTE)
    assert seen.at(5 * MINUTE).cores == {"physics": CORES}
    assert seen.mean_cores("biology", 20 * MINUTE, 26 * MINUTE) == pytest.approx(CORES / 2, rel=0.15)
    assert len(seen.evicted) <= CORES / 2 + 3
    assert seen.restarted == 0


def test_with_mode_fair_weights_are_held(tmp_path: Path) -> None:
    """FS1: three to one, although both began alike."""
    groups = (Group("physics", weight=3.0), Group("biology", weight=1.0))
    policy = msgspec.structs.replace(by_leaving(tmp_path), groups=groups)
    seen = play(policy, both_want_all(), tmp_path / "run", 22 * MINUTE)
    assert seen.mean_cores("physics", 15 * MINUTE, 22 * MINUTE) == pytest.approx(CORES * 3 / 4, rel=0.1)
