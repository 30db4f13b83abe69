"""Quotas, limits, loans, ceilings, concurrency limits: never passed, in whatever order turns are taken (FS1, Q7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker.bounds import Bounds
from fedsched.matchmaker.model import (
    Claim,
    ConcurrencyLimit,
    DemandClass,
    Group,
    MemberMemory,
    Policy,
    Principal,
    PrincipalTerms,
    Sharing,
    Snapshot,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share import Shared, look
from tests.known.pools import CORES, cores, group
from tests.matchmaker.builders import demand, held, member, placement, res, schedd, slot, snapshot
from tests.matchmaker.builders import group as nodes

HEP = Principal("physics.hep", "higgs@b")
LEP = Principal("physics.lep", "z@b")
NOBODY = Principal("", "nobody@b")
ONE = res(1, 2)


def policy(*groups: Group, **more: Any) -> Policy:
    return msgspec.structs.replace(Policy(sharing=Sharing(slot_weight="Cpus")), groups=groups, **more)


def world(size: int, *classes: DemandClass) -> Snapshot:
    view = member("m1", nodes(nodes=size, free=res(1, 4, 10, pods=10)))
    return snapshot(members=(view,), schedds=(schedd(*classes),))


def bounds(
    rules: Policy, classes: Iterable[DemandClass], *standing: Standing, size: int = 100, state: str = "ready"
) -> Bounds:
    classes = tuple(classes)
    snap = world(size, *classes)
    memory = msgspec.structs.replace(snap.memory, members={"m1": MemberMemory(state=state)})  # type: ignore[arg-type]  # a literal
    shared: Shared = look(snap, rules, memory, standing)
    return Bounds(shared, rules, standing, classes)


def wants(who: Principal, key: str = "c1", **more: Any) -> DemandClass:
    return demand(key, 1000, ONE, principal=who, **more)


def fill(book: Bounds, one: DemandClass, size: Resources = ONE, most: int = 200) -> tuple[int, Reason | None]:
    """Take until something says no; how many, and what it said."""
    for taken in range(most):
        reason = book.blocker(one, size, 1)
        if reason is not None:
            return taken, reason
        book.take(one, size, 1)
    return most, None


def startd(who: Principal, index: int = 1, **more: Any) -> Standing:
    """An unclaimed startd of one core for `who`."""
    place = placement(f"1-{index}", principal=who, size=ONE, **more)
    return Standing(held(place), None, (slot(place, f"p{index}"),))


def test_a_groups_limit_holds_over_all_its_subgroups() -> None:
    rules = policy(Group("physics", limit=cores(5), limit_names=CORES))
    book = bounds(rules, (wants(HEP), wants(LEP, "c2")), startd(HEP))
    assert fill(book, wants(HEP), most=3) == (3, None)
    taken, reason = fill(book, wants(LEP, "c2"))
    assert taken == 1
    assert reason is not None
    assert (reason.cause, reason.what, reason.need) == (Cause.GROUP_LIMIT, "cpu_milli of physics", "1 core")


def test_a_quota_without_surplus_is_the_ceiling() -> None:
    taken, reason = fill(bounds(policy(group("physics", 4)), (wants(HEP),)), wants(HEP))
    assert taken == 4
    assert reason is not None
    assert reason.cause is Cause.GROUP_QUOTA


def test_a_quota_as_a_fraction_is_a_ceiling_too() -> None:
    taken, reason = fill(bounds(policy(group("physics", fraction=0.25)), (wants(HEP),)), wants(HEP))
    assert taken == 25
    assert reason is not None
    assert reason.cause is Cause.GROUP_QUOTA


def test_quotas_that_do_not_fit_into_what_is_lent_are_scaled_back() -> None:
    """As HTCondor does: 15 slots, quotas of 20 and 10."""
    rules = policy(group("physics", 20), group("chemistry", 10))
    assert fill(bounds(rules, (wants(HEP),), size=15), wants(HEP))[0] == 10


def test_with_surplus_only_borrow_bounds_a_group() -> None:
    free = policy(group("physics", 4, surplus=True))
    assert fill(bounds(free, (wants(HEP),)), wants(HEP))[1] is None
    taken, reason = fill(bounds(policy(group("physics", 4, surplus=True, borrow=3.0)), (wants(HEP),)), wants(HEP))
    assert taken == 7
    assert reason is not None
    assert reason.cause is Cause.GROUP_BORROW


def test_quota_that_is_not_lent_stays_free_for_its_group() -> None:
    rules = policy(group("physics", 40, lend=0.5))
    book = bounds(rules, (wants(HEP), wants(NOBODY, "c2")))
    taken, reason = fill(book, wants(NOBODY, "c2"))
    assert taken == 80
    assert reason is not None
    assert (reason.cause, reason.what) == (Cause.NOT_LENT, "physics")
    assert fill(book, wants(HEP))[0] == 40


def test_what_a_subgroup_does_not_lend_is_kept_from_its_siblings_within_their_groups_quota() -> None:
    rules = policy(group("physics", 20), group("physics.hep", 15, lend=0.0), group("physics.lep", 5, surplus=True))
    book = bounds(rules, (wants(HEP), wants(LEP, "c2")))
    taken, reason = fill(book, wants(LEP, "c2"))
    assert taken == 5
    assert reason is not None
    assert reason.cause is Cause.GROUP_QUOTA
    assert fill(book, wants(HEP))[0] == 15


def test_a_principals_ceiling_holds() -> None:
    rules = policy(principals=(PrincipalTerms("nobody@*", ceiling=6),))
    taken, reason = fill(bounds(rules, (wants(NOBODY),), startd(NOBODY)), wants(NOBODY))
    assert taken == 5
    assert reason is not None
    assert reason.cause is Cause.PRINCIPAL_CEILING


def test_a_limit_binds_the_resources_that_it_names_and_no_others() -> None:
    rules = policy(Group("physics", limit=Resources(gpus=2), limit_names=frozenset({"gpus"})))
    book = bounds(rules, (wants(HEP),))
    assert fill(book, wants(HEP), res(1, 2, gpus=1))[0] == 2
    assert fill(book, wants(HEP), most=20) == (20, None)


def test_what_goes_past_a_bound_by_a_lowered_limit_only_blocks_what_is_new() -> None:
    rules = policy(Group("physics", limit=cores(1), limit_names=CORES))
    book = bounds(rules, (wants(HEP),), startd(HEP, 1), startd(HEP, 2))
    reason = book.blocker(wants(HEP), ONE, 1)
    assert reason is not None
    assert reason.have == "0 cores"
    assert book.blocker(wants(HEP), res(0, 2), 1) is None


# Concurrency limits (Q7)

WAN = (("XRootD_WAN", 1),)
LIMITED = policy(limits=(ConcurrencyLimit("xrootd_wan", 10),))


def wan(running: int = 0, key: str = "c1") -> DemandClass:
    return wants(NOBODY, key, concurrency=WAN, running=running)


def claimed(index: int) -> Standing:
    """A startd whose job the collector already tells of."""
    base = startd(NOBODY, index, class_key="c1", concurrency=WAN)
    claim = (Claim(NOBODY, 1000, 0.0),)
    view = tuple(msgspec.structs.replace(s, claims=claim) for s in base.slots)
    return Standing(msgspec.structs.replace(base.held, phase="claimed", claims=1), None, view)


def unclaimed(index: int) -> Standing:
    return startd(NOBODY, index, class_key="c1", concurrency=WAN)


@pytest.mark.parametrize(
    ("running", "standing", "left"),
    [
        (0, (), 10),
        (4, (), 6),
        (0, (unclaimed(1), unclaimed(2)), 8),  # a place for a job counts before there is one
        (0, (claimed(1), claimed(2)), 8),  # the collector tells first
        (2, (claimed(1), claimed(2)), 8),  # both tell of the same two
        (5, (claimed(1), claimed(2)), 5),  # three run elsewhere
        (1, (unclaimed(1), unclaimed(2)), 7),  # the schedd tells first: which startd it is nobody knows yet
    ],
)
def test_units_in_use_are_never_underestimated_while_reports_are_late(
    running: int, standing: tuple[Standing, ...], left: int
) -> None:
    one = wan(running)
    taken, reason = fill(bounds(LIMITED, (one,), *standing), one)
    assert taken == left
    assert reason is not None
    assert (reason.cause, reason.what) == (Cause.CONCURRENCY_LIMIT, "XRootD_WAN")


def test_a_startd_for_several_jobs_takes_units_for_each() -> None:
    book = bounds(LIMITED, (wan(),))
    assert book.blocker(wan(), res(8, 16), 10) is None
    assert book.blocker(wan(), res(8, 16), 11) is not None
    book.take(wan(), res(8, 16), 8)
    assert book.blocker(wan(), ONE, 3) is not None


def test_a_limit_is_shared_by_all_classes_that_name_it_in_any_case() -> None:
    other = wants(HEP, "c2", concurrency=(("XROOTD_wan", 3),), running=2)
    book = bounds(LIMITED, (wan(1), other))
    assert fill(book, wan(1))[0] == 3
    assert book.blocker(other, ONE, 1) is not None


def test_a_limit_that_the_policy_does_not_name_binds_nothing() -> None:
    one = wants(NOBODY, concurrency=(("matlab", 1),))
    assert fill(bounds(LIMITED, (one,)), one)[1] is None


def test_units_of_a_class_that_its_schedd_no_longer_tells_of_still_count() -> None:
    other = wan(key="c9")
    assert fill(bounds(LIMITED, (other,), unclaimed(1), claimed(2)), other)[0] == 8


def test_units_of_startds_count_for_a_class_that_comes_later() -> None:
    plain = wants(NOBODY, "c9")
    assert fill(bounds(LIMITED, (plain,), unclaimed(1), claimed(2)), wan(key="c8"))[0] == 8


def test_a_startd_that_leaves_may_have_been_claimed_a_moment_ago() -> None:
    leaving = msgspec.structs.replace(unclaimed(1), held=msgspec.structs.replace(unclaimed(1).held, phase="leaving"))
    assert fill(bounds(LIMITED, (wan(),), leaving), wan())[0] == 9


def test_a_lost_members_units_are_released() -> None:
    silent = msgspec.structs.replace(unclaimed(1), slots=())
    assert fill(bounds(LIMITED, (wan(),), silent), wan())[0] == 9
    assert fill(bounds(LIMITED, (wan(),), silent, state="lost"), wan())[0] == 10


# Any sequence

WHO = (HEP, LEP, NOBODY, Principal("physics", "p@b"), Principal("chem", "c@b"))
takes = st.lists(
    st.tuples(
        st.integers(0, 4), st.sampled_from([res(1, 2), res(3, 1), res(8, 64), res(1, 2, gpus=1)]), st.integers(1, 4)
    ),
    max_size=60,
)


@given(
    takes,
    st.integers(1, 40),
    st.integers(0, 40),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(0, 20),
    st.integers(1, 60),
)
def test_no_sequence_of_turns_passes_any_bound(
    turns: list[tuple[int, Resources, int]], limit: int, quota: int, lend: float, ceiling: int, size: int
) -> None:
    rules = policy(
        Group("physics", limit=Resources(limit * 1000, gpus=2), limit_names=frozenset({"cpu_milli", "gpus"})),
        group("physics.hep", quota),
        group("physics.lep", fraction=0.4, surplus=True, borrow=2.0),
        group("chem", 10, lend=lend, surplus=True),
        principals=(PrincipalTerms("nobody@*", ceiling=ceiling),),
        limits=(ConcurrencyLimit("wan", 7),),
    )
    classes = [wants(who, f"c{i}", concurrency=(("wan", i % 2),)) for i, who in enumerate(WHO)]
    snap = world(size, *classes)
    memory = msgspec.structs.replace(snap.memory, members={"m1": MemberMemory()})
    shared = look(snap, rules, memory, ())
    book = Bounds(shared, rules, (), classes)
    taken: list[tuple[Principal, Resources, int]] = []
    for index, amount, units in turns:
        if book.blocker(classes[index], amount, units) is None:
            book.take(classes[index], amount, units)
            taken.append((WHO[index], amount, units * (index % 2)))

    def total(prefix: str, name: str = "cpu_milli") -> int:
        return sum(a.get(name) for who, a, _ in taken if f"{who.group}.".startswith(prefix))

    assert total("physics.") <= limit * 1000
    assert total("physics.", "gpus") <= 2
    assert total("physics.hep.") <= quota * 1000
    assert total("physics.lep.") <= shared.quotas.amounts["physics.lep"] + 2000.001
    assert sum(a.cpu_milli for who, a, _ in taken if who == NOBODY) <= (ceiling * 1000 or 10**9)
    kept = (1 - lend) * max(0.0, shared.quotas.amounts["chem"] - total("chem."))
    others = total("") - total("chem.")
    assert not others or lend == 1.0 or total("") <= shared.capacity - kept + 0.001 or _chem_last(taken)
    assert sum(units for _, _, units in taken) <= 7


def _chem_last(taken: list[tuple[Principal, Resources, int]]) -> bool:
    """The keeper itself may go on when others have taken what was free."""
    return taken[-1][0].group == "chem"


@pytest.mark.parametrize("times", [1, 3])
def test_several_that_are_taken_before_anybody_asks_count_like_one_after_the_other(times: int) -> None:
    """Of 100 cores and 400 GiB each is a bit more than 244 thousandths of a core, and is rounded up by itself."""
    rules = policy(sharing=Sharing(), principals=(PrincipalTerms("*", ceiling=2.0),))
    at_once, single = (bounds(rules, (wants(HEP),)) for _ in range(2))
    odd = Resources(100, 1001, pods=1)
    for size in (odd, ONE, odd):
        at_once.take(wants(HEP), size, 1, times if size is odd else 1)
        for _ in range(times if size is odd else 1):
            single.take(wants(HEP), size, 1)
            single.blocker(wants(HEP), size, 1)
    asked = at_once.blocker(wants(HEP), res(2), 1)
    assert asked == single.blocker(wants(HEP), res(2), 1)
    assert asked is not None
    assert asked.have == f"{max(0, 1000 - 2 * times * 245) / 1000:g} core-equivalents"
