"""The properties name their rules, and judge right where their own reckoning could be wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fedsched.journal import Holder, open_journal
from fedsched.log import configure
from fedsched.loop import Loop, Mind, Options, new_epoch
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import InvalidateAds, NodeGroup, Plan, Policy, Room, Snapshot
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from fedsched.sim.world import SimWorld
from fedsched.study.invariants import STEPS, WRITES, Broken, Checker
from fedsched.study.invariants.room import packs
from tests.faults.storm import drawn, run
from tests.sim.builders import place
from tests.sim.builders import world as small

RULES = (Path(__file__).parents[2] / "docs/rules.md").read_text()


@pytest.mark.parametrize("rule", [*STEPS, *WRITES], ids=lambda rule: rule.__name__)
def test_every_property_begins_with_the_rules_that_it_checks(rule: Callable[..., object]) -> None:
    said = (rule.__doc__ or "").partition(":")[0].split(", ")
    assert all(re.search(rf"\| .*\b{number}\b.* \|", RULES) for number in said), said


def test_room_is_refused_only_where_no_packing_would_do() -> None:
    def group(*cores: int) -> NodeGroup:
        rooms = tuple(Room(Resources(c * 1000, pods=9), cores.count(c)) for c in sorted(set(cores)))
        return NodeGroup("g", Resources(8000, pods=9), len(cores), len(cores), 0, rooms)

    sizes = [Resources(c * 1000, pods=1) for c in (2, 3, 3, 4)]
    assert packs(sizes, group(6, 6))  # the tightest room first would put 2 with 4, 3 with 3
    assert packs(sizes[::-1], group(6, 6))
    assert not packs(sizes, group(7, 4))
    assert not packs([*sizes, Resources(1000, pods=1)], group(6, 6))


def test_the_storms_federation_is_contended() -> None:
    """What never has to wait proves nothing about who waits."""
    unmet: list[int] = []
    run(34, told=lambda recorded: unmet.append(sum(r.unmet for r in recorded.plan.classes)))
    assert sum(count > 0 for count in unmet) > 20


def test_a_matchmaker_that_says_nothing_of_who_waits_is_found_out(tmp_path: Path) -> None:
    configure(level="critical")
    fed = drawn(8)[0]
    world = SimWorld(fed.scenario, 8)
    journal = open_journal(f"sqlite:{tmp_path / 'j.db'}")
    journal.acquire_lease(Holder.mine(), 1e9, world.now())
    new_epoch(journal, world.observe(world.now()), world.now())
    checker = Checker(world, journal, fed.policy, fed.terms)
    mind = Mind(_silent, changes, fed.policy, fed.terms)
    loop = Loop(checker, journal, mind, world, Options(inline=True, told=(checker.told,)))
    with pytest.raises(Broken, match="RE1 every job is accounted for"):
        _cycles(loop, world, 40)
    journal.close()


def test_the_ad_of_a_startd_goes_in_the_moment_in_which_its_pod_is_gone_and_not_before(tmp_path: Path) -> None:
    world = small(batches=())
    place(world, 1)
    world.sleep(60)
    journal = open_journal(f"sqlite:{tmp_path / 'j.db'}")
    checker = Checker(world, journal, Policy(), ())
    (startd,) = world.pool.startds.values()
    ad = InvalidateAds("target", "p-1", startd.pod.name, "m1")
    checker.act(ad)
    with pytest.raises(Broken, match="FA8 the ad of a living startd stays"):
        checker.verify()
    world.members["m1"].api.remove(world.members["m1"].api.things["fs-p-1"])
    checker.act(ad)
    with pytest.raises(Broken) as found:
        checker.verify()
    assert "FA8" not in str(found.value)
    journal.close()


def _cycles(loop: Loop, world: SimWorld, count: int) -> None:
    for _ in range(count):
        loop.cycle()
        world.sleep(10)


def _silent(snapshot: Snapshot, policy: Policy) -> Plan:
    return msgspec.structs.replace(negotiate(snapshot, policy), classes=())
