"""Hierarchical group quotas as HTCondor's manual works them out, and as its negotiator does on any tree (FS1)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import Group
from tests.known.condor_groups import Node, allocate
from tests.known.pools import entitled, group, pool

PHYSICS = (group("physics", 20), group("chemistry", 10))
NESTED = (*PHYSICS, group("physics.hep", 15), group("physics.lep", 5))
SURPLUS = (*PHYSICS, group("physics.hep", 15, surplus=True), group("physics.lep", 5, surplus=True))
MANY = {"physics/p": 60, "chemistry/c": 60}


def test_thirty_slots_are_twenty_for_physics_and_ten_for_chemistry() -> None:
    """The manual's first example."""
    got = entitled(30, PHYSICS, MANY)
    assert (got["physics"], got["chemistry"]) == (20, 10)


def test_after_a_power_failure_quotas_are_scaled_back_together() -> None:
    """15 slots left: physics ten, chemistry five; and without surplus that is a cap, used by the other or not."""
    got = entitled(15, PHYSICS, MANY)
    assert (got["physics"], got["chemistry"]) == (10, 5)
    assert entitled(15, PHYSICS, {"physics/p": 60})["physics"] == 10


def test_sixty_slots_do_not_raise_a_static_quota() -> None:
    got = entitled(60, PHYSICS, MANY)
    assert (got["physics"], got["chemistry"]) == (20, 10)


def test_fractions_follow_the_size_of_the_pool() -> None:
    """One third for chemistry, two thirds for physics, of 30 and of 60."""
    parts = (group("chemistry", fraction=1 / 3), group("physics", fraction=2 / 3))
    for slots in (30, 60):
        got = entitled(slots, parts, {"physics/p": 600, "chemistry/c": 600})
        assert (got["physics"], got["chemistry"]) == (slots * 2 / 3, slots / 3)


def test_fractions_above_one_are_scaled_down_and_below_one_left_alone() -> None:
    wants = {"a/u": 100, "b/u": 100}
    assert entitled(30, (group("a", fraction=1.0), group("b", fraction=0.5)), wants)["a"] == 20
    assert entitled(30, (group("a", fraction=0.4), group("b", fraction=0.4)), wants)["a"] == 12


@pytest.mark.parametrize("unit", ["vector", "fraction"])
def test_high_and_low_energy_physics_have_fifteen_and_five_of_the_twenty(unit: str) -> None:
    fractions = (
        group("chemistry", fraction=0.33334),
        group("physics", fraction=0.66667),
        group("physics.hep", fraction=0.75),
        group("physics.lep", fraction=0.25),
    )
    got = entitled(
        30,
        NESTED if unit == "vector" else fractions,
        {"physics.hep/higgs": 60, "physics.lep/n": 60, "chemistry/c": 60},
    )
    assert got["physics.hep"] == pytest.approx(15, abs=0.01)
    assert got["physics.lep"] == pytest.approx(5, abs=0.01)
    assert got["chemistry"] == pytest.approx(10, abs=0.01)


def test_subgroups_that_accept_surplus_exceed_their_quotas_but_not_their_parents() -> None:
    """The manual's surplus example: hep or lep may have all 20 of physics, never chemistry's unused ten."""
    assert entitled(30, SURPLUS, {"physics.hep/h": 60})["physics.hep"] == 20
    assert entitled(30, SURPLUS, {"physics.lep/l": 60})["physics.lep"] == 20
    got = entitled(30, SURPLUS, {"physics.hep/h": 60, "physics.lep/l": 60})
    assert (got["physics.hep"], got["physics.lep"]) == (15, 5)


def test_a_parent_that_accepts_surplus_lets_its_groups_have_the_whole_pool() -> None:
    groups = (group("physics", 20, surplus=True), group("chemistry", 10), *SURPLUS[2:])
    assert entitled(30, groups, {"physics.hep/h": 60})["physics.hep"] == 30


def test_surplus_goes_to_siblings_before_cousins() -> None:
    """The unused five of lep go to hep, though chemistry would take them, too."""
    groups = (group("physics", 20, surplus=True), group("chemistry", 10, surplus=True), *SURPLUS[2:])
    got = entitled(30, groups, {"physics.hep/h": 60, "chemistry/c": 60})
    assert (got["physics.hep"], got["chemistry"]) == (20, 10)


def test_surplus_is_divided_in_proportion_to_quota() -> None:
    """Ten unused of c: a has 20 and b 10, so two thirds and one third of them."""
    groups = (group("a", 20, surplus=True), group("b", 10, surplus=True), group("c", 15, surplus=True))
    got = entitled(45, groups, {"a/u": 100, "b/u": 100, "c/u": 3})
    assert (got["a"], got["b"], got["c"]) == (28, 14, 3)


def test_users_without_a_group_have_what_the_quotas_leave_over() -> None:
    got = entitled(60, PHYSICS, {**MANY, "/nobody": 100})
    assert got["/nobody"] == 30
    assert entitled(60, PHYSICS, {"physics/p": 60, "/nobody": 100})["/nobody"] == 40


def test_a_group_that_nobody_declared_counts_with_the_nearest_that_is_there() -> None:
    got = entitled(30, PHYSICS, {"physics.unknown/x": 60, "chemistry/c": 60})
    assert got["physics"] == got["physics.unknown/x"] == 20


def trees(draw: st.DrawFn, depth: int) -> Node:
    static = draw(st.booleans())
    quota = draw(st.integers(0, 40)) if static else draw(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]))
    children = [trees(draw, depth - 1) for _ in range(draw(st.integers(0, 3)))] if depth else []
    # a group without a quota is one of ours that shares by weight; HTCondor's has a quota of 0
    return Node(float(quota), static or quota == 0.0, draw(st.booleans()), float(draw(st.integers(0, 60))), children)


@st.composite
def pools(draw: st.DrawFn) -> tuple[Node, int]:
    root = Node(surplus=True, wanted=float(draw(st.integers(0, 60))))
    root.children = [trees(draw, 2) for _ in range(draw(st.integers(1, 3)))]
    return root, draw(st.integers(1, 120))


def spread(node: Node, path: str, groups: list[Group], wants: dict[str, float], given: dict[str, float]) -> None:
    name = f"{path}/u"
    wants[name], given[name] = node.wanted, node.given
    for index, child in enumerate(node.children):
        below = f"{path}.g{index}" if path else f"g{index}"
        fraction = 0.0 if child.static else child.quota
        groups.append(group(below, child.quota if child.static else None, fraction=fraction, surplus=child.surplus))
        spread(child, below, groups, wants, given)


@settings(max_examples=200)
@given(pools())
def test_every_tree_of_quotas_is_divided_as_htcondors_negotiator_divides_it(made: tuple[Node, int]) -> None:
    """Top-down max-min by quota is the same as HTCondor's surplus that goes up and comes down again."""
    root, slots = made
    allocate(root, slots)
    groups: list[Group] = []
    wants: dict[str, float] = {}
    given: dict[str, float] = {}
    spread(root, "", groups, wants, given)
    have = pool(slots, groups, wants).entitled
    for path, amount in given.items():
        assert have[path] / 1000 == pytest.approx(amount, abs=0.02), path
