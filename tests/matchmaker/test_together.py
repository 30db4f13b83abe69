"""E1, RE2: what members say to many classes at once is what they say to each by itself, place by place."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings, target
from hypothesis import strategies as st

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.fill import Ends
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import Budgets, MemberMemory, Order, Policy, Quota, Ramp, Room, Snapshot, Startds
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.options import UNCOUNTED, Choosing, Table, answers, together
from fedsched.matchmaker.options.asking import NOWHERE
from fedsched.matchmaker.options.sets import first_smallest
from tests.matchmaker.builders import SEEN, T0, demand, group, member, res, schedd, snapshot, terms
from tests.matchmaker.plainly import place_by_place
from tests.sameness import digest

CLAUSES = ("", "TARGET.Cpus >= 2", 'TARGET.Arch == "X86_64"', 'TARGET.Arch == "ppc64le"', "TARGET.FedschedGpus > 0")
HELD = (Order("cordon", "m0", "x"), Order("deny", "*bob*", "x"))
frees = st.builds(res, st.integers(0, 8), st.integers(1, 16), st.just(30), st.integers(0, 1), st.just(30))
groups = st.tuples(st.dictionaries(frees, st.integers(1, 2), max_size=3), st.sampled_from((SEEN.attributes, ())))
its = st.sampled_from(
    (
        {},
        {},
        {"mode": "observe"},
        {"mode": "trial", "trial": 1},
        {"principals": ("*bob*",)},
        {"pod_overhead": res(0, 1, 0, 0, 0)},
        {"daemonset_groups": ("g0",), "forms": ("startd-job", "startd-daemonset")},
    )
)
members = st.lists(st.tuples(st.lists(groups, min_size=1, max_size=3), its), min_size=1, max_size=4)
asks = st.lists(
    st.tuples(
        st.builds(res, st.integers(1, 9), st.integers(1, 9), st.just(1), st.integers(0, 1)),
        st.integers(1, 9),
        st.sampled_from(CLAUSES),
        st.sampled_from(("alice@b", "bob@b")),
    ),
    min_size=1,
    max_size=6,
)
ONE, TWO = {res(1, 2, 30, pods=30): 1}, {res(1, 2, 30, pods=30): 2, res(8, 16, 30, pods=30): 1}
DUAL, OCTO = {res(2, 16, 30, pods=30): 1}, {res(8, 16, 30, pods=30): 1}
WHOLE = {"daemonset_groups": ("g0",), "forms": ("startd-job", "startd-daemonset")}
PICKY = (res(1, 1), 20, "TARGET.Cpus >= 2", "alice@b")
SMALLER, SMALLEST = (res(1, 1), 9, "", "alice@b"), (res(1, 1), 1, "", "alice@b")
LARGE, SMALL = (res(2, 2), 9, "", "bob@b"), (res(1, 1), 2, "", "alice@b")


def _federation(specs: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]], orders: tuple[Order, ...]) -> Snapshot:
    views, files, pairs = [], [], {}
    for number, (nodes, file) in enumerate(specs):
        name, found = f"m{number}", []
        for index, (free, attributes) in enumerate(nodes):
            rooms = tuple(msgspec.structs.replace(group().rooms[0], free=one, nodes=n) for one, n in free.items())
            count = sum(free.values())
            found.append(group(f"g{index}", count, res(8, 16, 30, 1, 50), rooms=tuple(sorted(rooms)), images=()))
            pairs[f"{name}/g{index}/"] = msgspec.structs.replace(SEEN, attributes=attributes, seen_at=T0 - number)
        views.append(member(name, *found))
        files.append(terms(name, **file))
    classes = [
        demand(f"k{i}", idle=idle, request=size, requirements=clause, principal=_who(user), schedd="schedd-b")
        for i, (size, idle, clause, user) in enumerate(wanted)
    ]
    seen = snapshot(members=tuple(views), terms=tuple(files), schedds=(schedd(*classes),))
    memory = msgspec.structs.replace(seen.memory, pairs=pairs)
    return msgspec.structs.replace(seen, memory=memory, orders=orders)


def _who(user: str) -> Any:
    return msgspec.structs.replace(demand().principal, user=user)


@settings(max_examples=200, deadline=None)
@given(
    members,
    asks,
    st.sampled_from(((), HELD[:1], HELD[1:], HELD)),
    st.sampled_from((0, 4000)),
    st.sampled_from((1, 100)),
    st.sampled_from((1, 1 << 20)),
)
@example([([(ONE, SEEN.attributes)], {}), ([(TWO, SEEN.attributes)], {})], [LARGE, SMALL], HELD[:1], 0, 100, 1 << 20)
@example([([(TWO, SEEN.attributes)] * 2, {})], [SMALL, LARGE], (), 4000, 1, 1 << 20)  # packed ones, one by one open
@example([([(ONE, SEEN.attributes)], {"mode": "trial", "trial": 1})] * 2, [LARGE, SMALL], (), 0, 100, 1 << 20)
@example([([(ONE, SEEN.attributes)], {}), ([(TWO, SEEN.attributes)], {})], [LARGE], HELD[1:], 0, 100, 1 << 20)
@example([([(DUAL, SEEN.attributes)], {}), ([(OCTO, SEEN.attributes)], {})], [PICKY], (), 4000, 100, 1)  # two sizes
@example([([(OCTO, SEEN.attributes)], WHOLE), ([(OCTO, SEEN.attributes)], WHOLE)], [LARGE], (), 0, 100, 1)
@example([([(OCTO, SEEN.attributes)], {}), ([(OCTO, SEEN.attributes)], WHOLE)], [LARGE], (), 0, 100, 1)
@example([([(TWO, SEEN.attributes)], {})], [SMALLER, SMALLER, SMALLEST], (), 4000, 1, 1)  # alike but in their number
def test_a_plan_whose_members_answer_all_classes_at_once_is_the_one_made_place_by_place(
    specs: list[tuple[Any, ...]],
    wanted: list[tuple[Any, ...]],
    orders: tuple[Order, ...],
    pack: int,
    first: int,
    most: int,
) -> None:
    """first: startds of a class in this round. most: places of classes that are laid out at once."""
    seen = _federation(specs, wanted, orders)
    rules = Policy(startds=Startds(pack_cpu_milli=pack), ramp=Ramp(first=first, max_starts=100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "MOST", most)
        fast = negotiate(seen, rules)
    assert digest(fast) == digest(place_by_place(seen, rules))
    said = {(one.verdict, one.blocker and one.blocker.cause) for report in fast.classes for one in report.members}
    target(float(len(said)))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.sampled_from((0, 1, 2, 3, NOWHERE)), min_size=4, max_size=4)),
        min_size=1,
        max_size=4,
    ),
    st.permutations(range(4)),
)
def test_the_place_with_the_least_in_the_way_is_the_one_that_is_found_one_by_one(
    asked: list[tuple[bool, list[int]]], order: list[int]
) -> None:
    """Of those in whose way there is one thing the first, where it is known that none is open: also where one is."""
    counts, in_order = np.array([its for _, its in asked], np.int16), np.array(order)
    places, least = together._least(counts[:, in_order], in_order, [blocked for blocked, _ in asked])
    for (blocked, its), place, count in zip(asked, places.tolist(), least.tolist(), strict=True):
        position = first_smallest(np.array(its, np.int64)[in_order], none_empty=blocked)
        assert (place, count) == (order[position], its[order[position]])


def test_what_was_counted_by_place_is_counted_of_each_option_as_if_it_had_not_been() -> None:
    """Room, a full place, one that is shut to all, and one where a quota counts, which only words can tell."""
    quota = Quota("q", left=res(6, 90, 90, 9, 90), limits=frozenset({"cpu_milli"}))
    files: tuple[dict[str, Any], ...] = ({}, {}, {"budgets": Budgets(objects_in_flight=0)}, {})
    places = []
    for number, file in enumerate(files):
        free = res(0 if number == 1 else 8, 16, 30, pods=30)
        nodes = group("g", 1, res(8, 16, 30, 1, 50), rooms=(Room(free, 1),))
        view = member(f"m{number}", nodes, quotas=(quota,) if number == 3 else ())
        places.append(Place(terms(f"m{number}", **file), view, nodes, MemberMemory(), SEEN))
    one, book = demand("k", request=res(1, 1)), Book(places, (), Policy(), T0)
    options, ends = Table(places, Choosing(Policy(), (), T0)).options(one), Ends(book)
    assert ends.columns(one, options) is not None
    counted, plain = ends.in_the_way(one, options, lambda _: ()), Ends(book).in_the_way(one, options, lambda _: ())
    assert counted.counts.tolist() == plain.counts.tolist() == [0, 1, 1, UNCOUNTED]
    assert counted.besides_room.tolist() == plain.besides_room.tolist() == [False, False, True, True]
    shut = np.array([1, 2])
    assert counted.firsts is not None
    assert plain.firsts is not None
    assert counted.firsts(shut) == plain.firsts(shut)
