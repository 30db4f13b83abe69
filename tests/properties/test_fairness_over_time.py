"""FS3, FS4, Q1-Q3: what principals hold over time, with finite jobs of stated lengths on a virtual clock."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from fedsched.matchmaker.model import Group, Policy, Preemption, Principal, PrincipalTerms, Ramp, Sharing, Startds
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import res
from tests.properties.fair_world import FairWorld, User

HALF_LIFE_S = 14_400.0
JOB_S = 600
POLICY = Policy(
    ramp=Ramp(first=10_000, max_starts=10_000),
    sharing=Sharing(half_life_s=HALF_LIFE_S, slot_weight="Cpus"),
    startds=Startds(lifetime_s=JOB_S + 60, retire_s=60),
    preemption=Preemption(mode="never"),
)
"""Startds live for one job, so that what is held can follow what is due."""


def person(name: str, group: str = "") -> Principal:
    return Principal(group, f"{name}@x")


def path(who: Principal) -> str:
    return f"{who.group}/{who.user}"


def cores(count: int) -> list[Resources]:
    """Nodes of ten cores each."""
    return [res(10, 40, 100, pods=50)] * (count // 10)


def policy(**more: Any) -> Policy:
    return msgspec.structs.replace(POLICY, **more)


def test_what_each_holds_is_its_entitlement_over_every_half_life() -> None:
    people = [person("ann"), person("bob"), person("eve")]
    world = FairWorld(POLICY, [User(who) for who in people], {"m1": cores(60), "m2": cores(40)})
    world.used(path(people[0]), 80)
    world.run(4 * HALF_LIFE_S)

    begin = world.history[0][0] + JOB_S * 2
    for index in range(3):
        span = begin + index * HALF_LIFE_S, begin + (index + 1) * HALF_LIFE_S
        for who in people:
            held, due = world.mean(path(who), *span), world.entitled(path(who), *span)
            assert held == pytest.approx(due, rel=0.05), f"{who} in half-life {index + 1}"


@pytest.mark.parametrize("past", [0.0, 30.0, 100.0])
def test_two_equal_principals_are_within_five_percent_of_half_after_three_half_lives(past: float) -> None:
    ann, bob = person("ann"), person("bob")
    world = FairWorld(POLICY, [User(ann), User(bob)], {"m1": cores(100)})
    world.used(path(ann), past)
    world.run(4 * HALF_LIFE_S)

    begin = world.history[0][0] + 3 * HALF_LIFE_S
    assert world.mean(path(ann), begin, begin + HALF_LIFE_S) == pytest.approx(50, rel=0.05)
    assert world.mean(path(bob), begin, begin + HALF_LIFE_S) == pytest.approx(50, rel=0.05)


def test_ten_equal_principals_are_within_five_percent_of_a_tenth_after_eight_half_lives() -> None:
    people = [person(f"p{i}") for i in range(10)]
    world = FairWorld(POLICY, [User(who) for who in people], {"m1": cores(100)})
    for index, who in enumerate(people):
        world.used(path(who), 100 * index / 45)
    world.run(9 * HALF_LIFE_S)

    begin = world.history[0][0] + 8 * HALF_LIFE_S
    for who in people:
        assert world.mean(path(who), begin, begin + HALF_LIFE_S) == pytest.approx(10, rel=0.05)


def test_groups_of_weights_one_two_five_hold_an_eighth_a_quarter_and_five_eighths() -> None:
    groups = tuple(Group(name, weight=w) for name, w in (("a", 1.0), ("b", 2.0), ("c", 5.0)))
    people = [person("ann", "a"), person("bob", "b"), person("eve", "c"), person("sue", "c")]
    world = FairWorld(policy(groups=groups), [User(who) for who in people], {"m1": cores(80), "m2": cores(80)})
    world.used(path(people[2]), 160)
    world.run(2 * HALF_LIFE_S)

    begin = world.history[0][0] + HALF_LIFE_S
    shares = {g: world.mean(g, begin, begin + HALF_LIFE_S) / 160 for g in ("a", "b", "c")}
    assert shares["a"] == pytest.approx(0.125, rel=0.05)
    assert shares["b"] == pytest.approx(0.25, rel=0.05)
    assert shares["c"] == pytest.approx(0.625, rel=0.05)


def test_factors_act_with_their_square_root_after_ten_half_lives() -> None:
    ann, bob = person("ann"), person("bob")
    factors = (PrincipalTerms("*ann@x", factor=1.0), PrincipalTerms("*bob@x", factor=4.0))
    world = FairWorld(policy(principals=factors), [User(ann), User(bob)], {"m1": cores(60)})
    world.run(11 * HALF_LIFE_S)

    begin = world.history[0][0] + 10 * HALF_LIFE_S
    ratio = world.mean(path(ann), begin, begin + HALF_LIFE_S) / world.mean(path(bob), begin, begin + HALF_LIFE_S)
    assert ratio == pytest.approx(math.sqrt(4.0), rel=0.05)


def test_members_of_ten_twenty_and_seventy_cores_make_no_difference() -> None:
    people = [person("ann"), person("bob")]
    world = FairWorld(POLICY, [User(who) for who in people], {"m1": cores(10), "m2": cores(20), "m3": cores(70)})
    world.used(path(people[0]), 60)
    world.run(4 * HALF_LIFE_S)

    begin = world.history[0][0] + 3 * HALF_LIFE_S
    for who in people:
        assert world.mean(path(who), begin, begin + HALF_LIFE_S) == pytest.approx(50, rel=0.05)


def test_a_gpu_heavy_and_a_memory_heavy_principal_reach_equal_dominant_shares() -> None:
    ann, bob = person("ann"), person("bob")
    users = [User(ann, res(1, 2, 1, gpus=1)), User(bob, res(1, 16, 1))]
    nodes = [res(32, 126, 500, gpus=8, pods=100)] * 5
    sharing = Sharing(
        half_life_s=HALF_LIFE_S,
        reference=res(160, 630, 2500, 40),
        reference_names=frozenset({"cpu_milli", "memory_mib", "gpus"}),
    )
    world = FairWorld(policy(sharing=sharing), users, {"m1": nodes[:2], "m2": nodes[2:]})
    world.used(path(ann), 100)
    world.run(4 * HALF_LIFE_S)

    begin = world.history[0][0] + 3 * HALF_LIFE_S
    gpu, memory = (world.mean(path(who), begin, begin + HALF_LIFE_S) for who in (ann, bob))
    assert gpu == pytest.approx(memory, rel=0.05)
    assert gpu > 100, "the two together use more than one resource holds: the scenario is contended on both"
