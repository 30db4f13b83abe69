"""Entitlement: weights, floors, ceilings, loans, reservations, and what holds for every tree (FS1, FS4, FS7)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker.model import Group, Policy, PrincipalTerms, Reservation
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.entitlement import entitle
from fedsched.matchmaker.share.sizes import Sizes
from fedsched.matchmaker.share.tree import Leaf, Want, groups_of, grow
from tests.known.pools import CORES, cores, entitled, group, pool

MANY = 10_000.0


def test_group_weights_divide_directly() -> None:
    """FS4: 1:2:5 of 80."""
    groups = (Group("a", weight=1), Group("b", weight=2), Group("c", weight=5))
    got = entitled(80, groups, {"a/u": MANY, "b/u": MANY, "c/u": MANY})
    assert (got["a"], got["b"], got["c"]) == (10, 20, 50)


def test_principals_of_a_group_divide_by_effective_priority_whatever_their_number() -> None:
    """FS4: two groups of weight 1; three principals of one have together what one of the other has."""
    wants = {"a/x": MANY, "a/y": MANY, "a/z": MANY, "b/u": MANY}
    got = entitled(80, (Group("a"), Group("b")), wants, usage={"a/x": 10, "a/y": 20, "a/z": 20})
    assert (got["b/u"], got["a/x"], got["a/y"], got["a/z"]) == (40, 20, 10, 10)


def test_a_factor_multiplies_the_priority() -> None:
    principals = (PrincipalTerms("*nice@b", factor=10.0),)
    got = entitled(110, (), {"/alice@b": MANY, "/nice@b": MANY}, principals=principals)
    assert (got["/alice@b"], got["/nice@b"]) == (100, 10)


def test_a_principals_floor_is_served_first_and_its_ceiling_never_passed() -> None:
    principals = (PrincipalTerms("alice@b", floor=30), PrincipalTerms("bob@b", ceiling=5))
    wants = {"/alice@b": MANY, "/bob@b": MANY, "/carol@b": MANY}
    got = entitled(40, (), wants, usage={"/alice@b": 1000}, principals=principals)
    assert (got["/alice@b"], got["/bob@b"], got["/carol@b"]) == (30, 5, 5)


def test_a_principals_floor_counts_beyond_its_group_where_that_has_no_quota() -> None:
    principals = (PrincipalTerms("a.alice@b", floor=30),)
    got = entitled(40, (Group("a"), Group("b")), {"a/alice@b": MANY, "b/bob@b": MANY}, principals=principals)
    assert (got["a"], got["b"]) == (30, 10)


def test_floors_that_do_not_fit_are_scaled_down_alike_whether_groups_or_principals_have_them() -> None:
    principals = (PrincipalTerms("a.alice@b", floor=30), PrincipalTerms("b.bob@b", floor=30))
    wants = {"a/alice@b": MANY, "b/bob@b": MANY, "a.x/u": MANY}
    got = entitled(30, (Group("a"), Group("b"), group("a.x", 30)), wants, principals=principals)
    assert (got["a/alice@b"], got["b/bob@b"], got["a.x"]) == (10, 10, 10)


def test_a_limit_turns_demand_into_what_is_usable_under_it() -> None:
    groups = (Group("a", limit=cores(12), limit_names=CORES), Group("b"))
    rights = pool(100, groups, {"a/u": MANY, "b/u": MANY})
    assert rights.demand["a"] == rights.entitled["a"] == 12_000
    assert rights.entitled["b"] == 88_000


def test_a_limit_on_gpus_binds_only_what_asks_for_gpus() -> None:
    sizes = Sizes(Resources(cpu_milli=100_000, gpus=4), ("cpu_milli", "gpus"))
    policy = Policy(groups=(Group("a", limit=Resources(gpus=2), limit_names=frozenset({"gpus"})),))
    gpu = Leaf("a/gpu", "a", PrincipalTerms("x"), 2.0, (Want(Resources(cpu_milli=8000, gpus=8), 200_000),))
    plain = Leaf("a/cpu", "a", PrincipalTerms("x"), 2.0, (Want(cores(500), 500_000),))
    rights = entitle(grow(groups_of(policy, 0), (gpu, plain)), 100_000, 100_000, sizes)
    assert rights.demand["a/gpu"] == 50_000
    assert rights.demand["a/cpu"] == 500_000
    assert rights.demand["a"] == 550_000


def test_a_group_borrows_at_most_what_it_may() -> None:
    groups = (group("a", 10, surplus=True, borrow=4.0), group("b", 30))
    assert entitled(40, groups, {"a/u": MANY})["a"] == 14


@pytest.mark.parametrize(("lend", "left"), [(1.0, 40), (0.5, 25), (0.0, 10)])
def test_unused_quota_is_lent_only_as_far_as_its_group_lends_it(lend: float, left: float) -> None:
    groups = (group("a", 10, surplus=True), group("b", 30, lend=lend))
    assert entitled(40, groups, {"a/u": MANY})["a"] == left


def test_a_group_that_does_not_lend_keeps_only_what_it_does_not_use() -> None:
    groups = (group("a", 10, surplus=True), group("b", 30, lend=0.0))
    got = entitled(40, groups, {"a/u": MANY, "b/u": 20})
    assert (got["a"], got["b"]) == (10, 20)


def test_a_quota_deep_in_the_tree_that_is_not_lent_is_withheld_from_cousins_too() -> None:
    groups = (
        group("p", 30, surplus=True),
        group("p.x", 20, lend=0.0),
        group("p.y", 10, surplus=True),
        group("q", 10, surplus=True),
    )
    got = entitled(40, groups, {"p.y/u": MANY, "q/u": MANY})
    assert (got["p.y"], got["q"]) == (10, 10)


def test_a_reservation_changes_the_floor_in_its_window_only() -> None:
    """Q10: conference week."""
    window = Reservation("ice", 100.0, 200.0, quota=cores(60), quota_names=CORES)
    groups = (group("ice", 10, surplus=True), group("lhc", 30, surplus=True))
    wants = {"ice/u": MANY, "lhc/u": MANY}
    for at, has in ((99.0, 25), (100.0, 100 * 60 / 90), (199.0, 100 * 60 / 90), (200.0, 25)):
        assert entitled(100, groups, wants, reservations=(window,), at=at)["ice"] == pytest.approx(has, abs=0.01)
    assert pool(100, groups, wants, reservations=(window,), at=150.0).floors["ice"] == 60_000


def test_a_reservation_may_be_for_a_group_that_has_nothing_else() -> None:
    window = Reservation("new", 100.0, 200.0, quota_fraction=0.5)
    wants = {"new/u": MANY, "lhc/u": MANY}
    assert pool(100, (group("lhc", 50),), wants, reservations=(window,), at=150.0).floors["new"] == 25_000


def test_case_does_not_make_another_group() -> None:
    got = entitled(30, (group("Physics", 20), group("physics.hep", 15)), {"PHYSICS.HEP/u": MANY})
    assert got["Physics"] == got["Physics.hep"] == 15


def test_more_machines_do_not_take_surplus_from_a_fixed_quota_as_they_do_in_htcondor() -> None:
    """FS7: 20 wanted, 10 idle, the rest for users without a group; HTCondor gives 26.7 of 40 slots and 24 of 60."""
    groups = (group("physics", 20, surplus=True), group("chemistry", 10, surplus=True))
    wants = {"physics/u": MANY, "/nobody": MANY}
    assert entitled(40, groups, wants)["physics"] == pytest.approx(80 / 3, abs=0.01)
    assert entitled(60, groups, wants, reference=60)["physics"] == 24
    assert entitled(60, groups, wants, reference=40)["physics"] == 30


def test_a_fractions_weight_does_not_grow_beside_a_fixed_quota() -> None:
    """The same where the rest belongs to a group as a fraction."""
    groups = (group("a", 20, surplus=True), group("b", 10, surplus=True), group("c", fraction=1.0, surplus=True))
    wants = {"a/u": MANY, "c/u": MANY}
    assert entitled(40, groups, wants, reference=40)["a"] <= entitled(60, groups, wants, reference=40)["a"] == 30


def test_a_floor_is_what_is_wanted_of_a_quota_and_no_more() -> None:
    rights = pool(30, (group("a", 20),), {"a/u": 7})
    assert rights.floors["a"] == rights.entitled["a"] == 7_000


# What holds for every tree.


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    names = ["a", "b", "c", "a.x", "a.y", "b.x", "a.x.p"]
    groups = []
    for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=6)):
        kind = draw(st.sampled_from(["weight", "vector", "fraction"]))
        limited = draw(st.booleans())
        groups.append(
            Group(
                name,
                weight=draw(st.sampled_from([None, 1.0, 2.5, 7.0])),
                quota=cores(draw(st.integers(0, 40))) if kind == "vector" else Resources(),
                quota_names=CORES if kind == "vector" else frozenset(),
                quota_fraction=draw(st.sampled_from([0.1, 0.3, 0.8])) if kind == "fraction" else 0.0,
                limit=cores(draw(st.integers(0, 60))) if limited else Resources(),
                limit_names=CORES if limited else frozenset(),
                accept_surplus=draw(st.booleans()),
                lend=draw(st.sampled_from([0.0, 0.4, 1.0])),
                borrow=draw(st.sampled_from([None, 0.0, 5.0])),
            )
        )
    paths = [f"{name}/u{index}" for name in ["", *names, "a.unknown"] for index in range(2)]
    chosen = draw(st.lists(st.sampled_from(paths), unique=True, min_size=1, max_size=8))
    return {
        "groups": tuple(groups),
        "demand": {path: float(draw(st.integers(0, 80))) for path in chosen},
        "usage": {path: draw(st.floats(0.5, 500)) for path in chosen},
        "principals": tuple(
            PrincipalTerms(
                f"*u{i}", draw(st.sampled_from([1.0, 3.0])), draw(st.integers(0, 20)), draw(st.integers(0, 30))
            )
            for i in range(2)
        ),
        "reference": float(draw(st.integers(1, 150))),
    }


slots = st.integers(0, 150)


@given(slots, worlds())
def test_rights_sum_to_at_most_what_is_lent_and_a_groups_to_its_principals(lent: int, world: dict[str, Any]) -> None:
    rights = pool(lent, **world)
    leaves = [path for path in rights.entitled if "/" in path]
    assert sum(rights.entitled[path] for path in leaves) == rights.entitled[""] <= lent * 1000


@given(slots, worlds())
def test_nobody_has_a_right_to_more_than_he_wants_or_may_have(lent: int, world: dict[str, Any]) -> None:
    rights = pool(lent, **world)
    for path, amount in rights.entitled.items():
        assert 0 <= rights.floors[path] <= amount <= rights.demand[path]
    for path, wanted in world["demand"].items():
        ceiling = next(p.ceiling for p in world["principals"] if path.endswith(p.pattern[1:]))
        assert rights.entitled[path] <= (min(wanted, ceiling) if ceiling else wanted) * 1000
    for one in world["groups"]:
        bounds = [one.limit.cpu_milli] if one.limit_names else []
        bounds += [one.quota.cpu_milli] if one.quota_names and not one.accept_surplus else []
        borrowed = one.has_quota and one.accept_surplus and one.borrow is not None
        bounds += [rights.quotas.amounts[one.path] + one.borrow * 1000 + 1] if borrowed else []
        assert rights.entitled[one.path] <= min(bounds, default=lent * 1000)


@given(slots, st.integers(0, 60), worlds())
def test_more_capacity_never_lowers_anybodys_right_by_more_than_a_thousandth(
    lent: int, more: int, world: dict[str, Any]
) -> None:
    """FS7, its capacity side: whatever quotas, weights, loans and floors there are, with fractions of the whole.

    Fractions of a fraction are the exception, as in HTCondor: a subgroup's quota grows with its parent's even where the
    parent itself gets no more, and then its siblings have less. So do quotas that were scaled back, in a parent that
    stands at its limit; the groups with subgroups have none here.
    """
    kept = [g for g in world["groups"] if "." not in g.path or not g.quota_fraction]
    world["groups"] = tuple(
        Group(**{**_fields(g), "limit_names": frozenset()}) if g.path in "a.x b" else g for g in kept
    )
    before, after = pool(lent, **world).entitled, pool(lent + more, **world).entitled
    assert all(amount <= after[path] + (1 if "/" in path else len(before)) for path, amount in before.items())


@given(slots, worlds(), st.randoms())
def test_the_order_of_input_never_matters(lent: int, world: dict[str, Any], chance: Any) -> None:
    mixed = dict(world)
    groups, wants = list(world["groups"]), list(world["demand"].items())
    chance.shuffle(groups)
    chance.shuffle(wants)
    mixed |= {"groups": tuple(groups), "demand": dict(wants)}
    assert pool(lent, **world).entitled == pool(lent, **mixed).entitled


@given(slots, worlds())
def test_who_wants_less_never_takes_from_another(lent: int, world: dict[str, Any]) -> None:
    """One principal that wants nothing any more lowers nobody's right, where quotas are lent in full."""
    world["groups"] = tuple(Group(**{**_fields(g), "lend": 1.0}) for g in world["groups"])
    gone = min(world["demand"])
    less = {**world, "demand": {**world["demand"], gone: 0.0}}
    before, after = pool(lent, **world).entitled, pool(lent, **less).entitled
    assert all(amount <= after[path] + 1 for path, amount in before.items() if "/" in path and path != gone)


def _fields(one: Group) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
