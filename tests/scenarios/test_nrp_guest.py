"""nrp-guest: a guest on somebody else's cluster begins small, gives back at once, moves nobody, uses what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from fedsched.matchmaker.model import Group, LedgerEntry, Memory, Policy, Principal
from fedsched.matchmaker.negotiate import negotiate
from fedsched.sim.scenario import Scenario, SimMember
from tests.matchmaker.builders import T0, demand, group, member, res, schedd, snapshot
from tests.scenarios import stage
from tests.scenarios.stage import HOUR, MINUTE, Played, both, play, shipped

if TYPE_CHECKING:
    from pathlib import Path

ANN, BEA = Principal("physics", "ann@site"), Principal("biology", "bea@far")


def host(nodes: int, gpus: int = 0, max_pods: int = 12) -> SimMember:
    """A namespace with a quota of pods on a large shared cluster."""
    return msgspec.structs.replace(stage.member("nautilus", nodes, stage.node(gpus=gpus)), max_pods=max_pods)


@pytest.fixture(scope="module")
def gpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Played]:
    """Twenty GPU jobs for the twelve pods of the quota."""
    jobs = stage.batch(ANN, 20, 5 * MINUTE, request=stage.job(1, 4, gpus=1))
    return both("nrp-guest", Scenario((host(6, gpus=4),), (jobs,)), tmp_path_factory.mktemp("gpus"), 40 * MINUTE)


def test_the_stage_is_contended(gpus: tuple[Played, Played]) -> None:
    assert gpus[0].at(4 * MINUTE).idle["physics"] > 0
    assert gpus[1].at(4 * MINUTE).cores == {"physics": 12}
    assert gpus[1].at(4 * MINUTE).idle["physics"] > 0


def test_a_guest_shows_with_one_pod_that_the_next_are_worth_it(gpus: tuple[Played, Played]) -> None:
    """SU3, SU7: one a minute, then two, then four."""
    ours, plain = gpus
    assert [len(ours.placed(minutes * MINUTE)) for minutes in (1, 2, 3)] == [1, 3, 7]
    assert len(plain.placed(1 * MINUTE)) > 4


def idle_gpu_seconds(seen: Played) -> float:
    """How long GPUs were held after their last job."""
    return sum(
        held.since - held.last_claimed_at
        for held in seen.held.values()
        if held.phase == "gone" and held.last_claimed_at is not None
    )


def test_gpus_go_back_to_the_host_within_a_minute_of_their_last_job(gpus: tuple[Played, Played]) -> None:
    """SU5."""
    ours, plain = gpus
    for seen in gpus:
        assert seen.moments[-1].idle == {"physics": 0}
        assert all(held.phase == "gone" for held in seen.held.values())
    assert idle_gpu_seconds(ours) / len(ours.placed()) < MINUTE
    assert idle_gpu_seconds(plain) / len(plain.placed()) > 2 * MINUTE


def test_nobody_is_evicted_even_for_a_floor(tmp_path: Path) -> None:
    """A federation that adds a floor to this policy still moves nobody; with fair-share it does."""
    floor = (Group("physics", quota_fraction=0.5, accept_surplus=True),)
    jobs = (stage.batch(BEA, 40, 2 * HOUR), stage.batch(ANN, 8, 10 * MINUTE, at=40 * MINUTE))
    scenario = Scenario((host(2, max_pods=40),), jobs)

    def run(name: str) -> Played:
        return play(msgspec.structs.replace(shipped(name), groups=floor), scenario, tmp_path / name, 55 * MINUTE)

    ours, plain = run("nrp-guest"), run("fair-share")
    for seen in (ours, plain):
        assert seen.at(39 * MINUTE).cores == {"biology": 16}
    assert ours.evicted == []
    assert ours.at(54 * MINUTE).cores == {"biology": 16}
    assert {held.placement.principal for held in plain.evicted} == {BEA}


def entitled(policy: Policy) -> dict[str, int]:
    """Two who want ten of ten cores each and were charged alike; one of them used a fifth of what it held."""
    classes = [demand(f"c-{who.user}", 10, principal=who) for who in (ANN, BEA)]
    ledger = {
        f"{who.group}/{who.user}": LedgerEntry(usage=10.0, at=T0 - 5, worked=worked)
        for who, worked in ((ANN, 2.0), (BEA, 9.0))
    }
    lent = member("m1", group(nodes=1, free=res(10, 100, 100, pods=100)))
    seen = snapshot(schedds=(schedd(*classes),), members=(lent,))
    plan = negotiate(msgspec.structs.replace(seen, memory=Memory(at=T0 - 5, ledger=ledger)), policy)
    return {line.path.partition("/")[0]: line.entitled for line in plan.shares if "/" in line.path}


def test_who_uses_less_than_two_fifths_of_what_it_holds_waits_behind_who_uses_more() -> None:
    """Q9."""
    assert entitled(shipped("nrp-guest")) == {"physics": 2000, "biology": 8000}
    assert entitled(shipped("fair-share")) == {"physics": 5000, "biology": 5000}
