"""FS6, MA2: startds that are started in a row are those that one turn after the other would start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import msgspec
import pytest
from hypothesis import event, example, given, settings, target
from hypothesis import strategies as st

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.breaker import breaker_key
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import (
    Breaker,
    Budgets,
    DemandClass,
    Group,
    MemberMemory,
    MemberTerms,
    MemberView,
    Policy,
    Principal,
    PrincipalTerms,
    Quota,
    Ramp,
    Ramping,
    Room,
    Sharing,
    Snapshot,
    Startds,
    Tier,
    Trust,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources, fits
from tests.matchmaker.builders import SEEN, T0, demand, group, member, res, schedd, snapshot, terms
from tests.matchmaker.plainly import one_at_a_time, place_by_place
from tests.matchmaker.test_room import known
from tests.sameness import digest

EMPTY = res(16, 64, 100, 2, pods=30)
GROUPS = ("physics", "physics.hep", "bio")
ANN, BOB = Principal("physics", "ann@x"), Principal("physics", "bob@x")
PEOPLE = (ANN, BOB, Principal("physics.hep", "ann@x"), Principal("bio", "eve@x"))
MANY = Ramp(first=1_000, max_starts=1_000)
WIDE = {"budgets": Budgets(objects_in_flight=1_000)}

frees = st.builds(res, st.integers(1, 16), st.integers(2, 64), st.just(90), st.integers(0, 2), st.integers(1, 30))
bars = st.dictionaries(frees | st.just(EMPTY), st.integers(1, 4), min_size=1, max_size=4)
sizes = st.builds(res, st.sampled_from((0.5, 1, 3)), st.integers(1, 6), st.just(1), st.sampled_from((0, 0, 0, 1)))


def room(free: dict[Resources, int]) -> GroupRoom:
    its = group("g", sum(free.values()), EMPTY, rooms=tuple(Room(one, nodes) for one, nodes in sorted(free.items())))
    return GroupRoom(Place(terms("m"), member("m", its), its, MemberMemory(), SEEN))


@settings(max_examples=400, deadline=None)
@given(bars, st.lists(st.tuples(sizes, st.integers(1, 40)), min_size=1, max_size=4))
def test_a_row_takes_the_room_that_one_after_the_other_takes(
    free: dict[Resources, int], rows: list[tuple[Resources, int]]
) -> None:
    at_once, single = room(free), room(free)
    for size, most in rows:
        taken = 0
        while taken < most and single.take(size):
            taken += 1
        assert at_once.take_in_a_row(size, most) == taken
        assert {**at_once.bars} == {**single.bars}


@contextmanager
def rows() -> Iterator[list[int]]:
    """How many startds each row has that is booked at once."""
    found, plain = list[int](), Book.take_in_a_row

    def counted(book: Book, place: Place, size: Resources, most: int) -> int:
        found.append(plain(book, place, size, most))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Book, "take_in_a_row", counted)
        yield found


CORES = frozenset({"cpu_milli"})
FILES: dict[str, dict[str, object]] = {
    "ceiling": {"ceiling": res(9, 90, 90, 9, 90), "ceiling_names": CORES},
    "leave_free": {"leave_free": (("g0", res(3, 0, 0)),)},
    "trial": {"mode": "trial", "trial": 5},
    "daemonset": {"forms": ("startd-job", "startd-daemonset"), "daemonset_groups": ("g0",)},
}
RULES: dict[str, dict[str, object]] = {
    "limit": {"groups": (Group("physics", limit=res(7), limit_names=CORES),)},
    "tier": {"tiers": (Tier("cloud", 1, ("m1",), dwell_s=0.0),)},
    "principal": {"principals": (PrincipalTerms("*bob@x", ceiling=6.0),)},
    "weightless": {"sharing": Sharing(slot_weight="0")},
    "ramp": {"ramp": Ramp(first=5, max_starts=1_000)},
    "together": {"ramp": Ramp(first=1_000, max_starts=12)},
}
MEMORIES = ("probe", "rests", "tries", "trust", "used")
OTHERS = ("quota", "growth", "licence")
TROUBLES = (*FILES, *RULES, *MEMORIES, *OTHERS)
"""What makes the next startd another case: of each federation at most two, at its first member."""


@st.composite
def members(draw: st.DrawFn, number: int, troubles: frozenset[str]) -> tuple[MemberView, MemberTerms]:
    name, groups = f"m{number}", []
    for index in range(draw(st.integers(1, 2))):
        free = draw(bars)
        nodes, more = sum(free.values()), 2 * ("growth" in troubles)
        rooms = tuple(Room(one, count) for one, count in sorted(free.items()))
        groups.append(group(f"g{index}", nodes, EMPTY, rooms=rooms, can_grow_to=nodes + more if more else 0))
    quotas = (Quota("q", left=res(9, 90, 90, 9, 90), limits=CORES),) if "quota" in troubles else ()
    its = {key: value for name, its in FILES.items() if name in troubles for key, value in its.items()}
    budgets = Budgets(objects_in_flight=draw(st.sampled_from((1_000, 1_000, 8, 3))))
    overhead = draw(st.sampled_from((Resources(), Resources(memory_mib=256))))
    view = member(name, *groups, quotas=quotas)
    return view, terms(name, **{"budgets": budgets, "pod_overhead": overhead, **its})


@st.composite
def classes(draw: st.DrawFn, number: int, people: Sequence[Principal], troubles: frozenset[str]) -> DemandClass:
    idle = draw(st.integers(1, 60))
    urgent, third = draw(st.integers(0, idle)), draw(st.integers(0, 3))
    counts = ((5, urgent), (0, max(0, idle - urgent - third)), (-1, min(third, idle - urgent)))
    return demand(
        f"c{number}",
        idle,
        draw(sizes),
        principal=draw(st.sampled_from(people)),
        oldest_at=T0 - 100 * draw(st.integers(0, 2)),
        priorities=draw(st.sampled_from((tuple(one for one in counts if one[1]), ((0, idle),), ()))),
        concurrency=(("licence", 1),) if "licence" in troubles else (),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Snapshot, Policy]:
    troubles = frozenset(draw(st.lists(st.sampled_from(TROUBLES), max_size=2)))
    people = draw(st.sampled_from((PEOPLE, PEOPLE[:1], PEOPLE[:2])))
    found = [draw(members(n, troubles if n == 0 else frozenset())) for n in range(draw(st.integers(1, 3)))]
    asked = tuple(draw(classes(n, people, troubles)) for n in range(draw(st.integers(1, 5))))
    seen = snapshot(
        members=tuple(view for view, _ in found), terms=tuple(its for _, its in found), schedds=(schedd(*asked),)
    )
    rests = Breaker(3, T0 + (900 if "rests" in troubles else -90), "crashed", trips=1, last_at=T0 - 90)
    memory = msgspec.structs.replace(
        seen.memory,
        pairs={
            f"{view.name}/{one.name}/": SEEN
            for view, _ in found
            for one in view.node_groups
            if "probe" not in troubles or (view.name, one.name) != ("m0", "g0")
        },
        breakers={breaker_key("c0", "m0"): rests} if troubles & {"rests", "tries"} else {},
        trust={f"schedd-b/{one.principal}": Trust(0, number, at=T0) for number, one in enumerate(asked)}
        if "trust" in troubles
        else {},
        ramps={"c0": Ramping(9, T0 + 60, 2), "*": Ramping(30, T0 + 60, 5)} if "used" in troubles else {},
    )
    weights = [draw(st.sampled_from((None, 1.0, 3.0))) for _ in GROUPS]
    groups = tuple(Group(path, weight=one) for path, one in zip(GROUPS, weights, strict=True))
    policy = Policy(
        startds=Startds(pack_cpu_milli=draw(st.sampled_from((0, 0, 4_000)))),
        ramp=MANY,
        groups=groups if draw(st.booleans()) else (),
        principals=(PrincipalTerms("*bob@x", factor=draw(st.sampled_from((1.0, 2.5)))),),
        sharing=Sharing(slot_weight=draw(st.sampled_from(("", "Cpus")))),
    )
    rules = {key: value for name, its in RULES.items() if name in troubles for key, value in its.items()}
    return msgspec.structs.replace(seen, memory=memory), msgspec.structs.replace(policy, **rules)


@settings(max_examples=400, deadline=None)
@given(cases())
def test_a_plan_with_rows_is_the_one_that_is_made_one_at_a_time(case: tuple[Snapshot, Policy]) -> None:
    seen, policy = case
    with rows() as found:
        fast = negotiate(seen, policy)
    assert digest(fast) == digest(one_at_a_time(seen, policy))
    assert digest(fast) == digest(place_by_place(seen, policy))
    event(f"{sum(one > 1 for one in found)} rows")
    target(float(sum(found)))


def started(seen: Snapshot, policy: Policy) -> tuple[list[tuple[str, str, int]], list[int]]:
    """(class, member, priority) of every startd in the order of their turns, and how long each row was."""
    with rows() as found:
        plan = negotiate(seen, policy)
    assert digest(plan) == digest(one_at_a_time(seen, policy))
    its = [held.placement for held in plan.held]
    assert [one.id for one in its] == [f"{seen.epoch:x}-{number:x}" for number in range(len(its))]
    return [(one.class_key, one.member, one.priority) for one in its], found


def federation(
    asked: Sequence[DemandClass], its: dict[str, object] | None = None, free: Resources = EMPTY, nodes: int = 9
) -> Snapshot:
    """Two members, each with one group of nodes that are alike."""
    views = tuple(member(name, group("g", nodes, free)) for name in ("m0", "m1"))
    files = (terms("m0", **{**WIDE, **(its or {})}), terms("m1", **WIDE))
    seen = snapshot(members=views, terms=files, schedds=(schedd(*asked),))
    pairs = {f"{view.name}/g/": SEEN for view in views}
    return msgspec.structs.replace(seen, memory=msgspec.structs.replace(seen.memory, pairs=pairs))


def test_a_lone_class_fills_one_place_after_the_other_at_once() -> None:
    """Nine nodes of five at m0, the rest at m1."""
    one = demand("a", 50, res(3, 1), principal=ANN)
    order, found = started(federation([one]), Policy(ramp=MANY))
    assert order == [("a", "m0", 0)] * 45 + [("a", "m1", 0)] * 5
    assert found == [45, 5]


def test_what_weighs_nothing_is_started_for_as_long_as_there_is_room() -> None:
    """A policy's slot weight may be 0 of all that a class asks for: it costs its principal no turn."""
    one = demand("a", 50, res(3, 1), principal=ANN)
    order, found = started(federation([one]), Policy(ramp=MANY, sharing=Sharing(slot_weight="0")))
    assert order == [("a", "m0", 0)] * 45 + [("a", "m1", 0)] * 5
    assert not found


def test_a_row_ends_where_the_next_job_is_less_urgent_than_anothers() -> None:
    """FS6: jobs of one principal go by priority, whichever class they are of."""
    first = demand("a", 9, res(), principal=ANN, priorities=((5, 3), (0, 6)))
    other = demand("b", 4, res(), principal=ANN, priorities=((3, 4),))
    order, found = started(federation([first, other]), Policy(ramp=MANY))
    assert order == [("a", "m0", 5)] * 3 + [("b", "m0", 3)] * 4 + [("a", "m0", 0)] * 6
    assert found == [3, 4, 6]


def test_a_startd_for_the_last_urgent_and_the_first_other_jobs_ends_a_row() -> None:
    """Two jobs each: the second is for one of either kind, and as urgent as the first of them."""
    packed = Policy(ramp=MANY, startds=Startds(pack_cpu_milli=2_000))
    one = demand("a", 7, res(), principal=ANN, priorities=((5, 3), (0, 4)))
    order, found = started(federation([one]), packed)
    assert order == [("a", "m0", 5)] * 2 + [("a", "m0", 0)] * 2
    assert found == [2, 2]


@pytest.mark.parametrize(("factor", "a", "b"), [(1.0, {1}, {1}), (3.0, {3}, {1})])
def test_a_row_is_as_long_as_a_right_is_larger_than_the_others(factor: float, a: set[int], b: set[int]) -> None:
    """FS6: whose right is three times as large has three turns for one of the other's."""
    policy = Policy(ramp=MANY, principals=(PrincipalTerms("*bob@x", factor=factor),))
    asked = [demand(key, 40, res(), principal=one) for key, one in (("a", ANN), ("b", BOB))]
    order, _ = started(federation(asked, nodes=1), policy)
    lengths = [(key, len([*its])) for key, its in groupby(key for key, _, _ in order)][1:-1]
    assert len(order) == 32
    assert ({n for key, n in lengths if key == "a"}, {n for key, n in lengths if key == "b"}) == (a, b)


@pytest.mark.parametrize(
    ("its", "policy", "memory", "expected"),
    [
        ({"budgets": Budgets(objects_in_flight=4)}, Policy(ramp=MANY), {}, [4, 16]),
        ({}, Policy(ramp=Ramp(first=7, max_starts=1_000)), {}, [7]),
        ({}, Policy(ramp=Ramp(first=1_000, max_starts=8)), {}, [8]),
        ({}, Policy(ramp=MANY), {"ramps": {"a": Ramping(9, T0 + 60, 3)}}, [6]),
        ({}, Policy(ramp=MANY), {"ramps": {"*": Ramping(1_000, T0 + 60, 995)}}, [5]),
        ({}, Policy(ramp=MANY), {"pairs": {"m1/g/": SEEN}}, [19]),
        ({}, Policy(ramp=MANY), {"trust": {"schedd-b/physics.ann@x": Trust(0, 1, T0)}}, []),
        ({}, Policy(ramp=Ramp(first=3, max_starts=9)), {"ramps": {"a": Ramping(9, T0 + 60)}}, [3]),
        ({}, Policy(ramp=MANY, tiers=(Tier("cloud", 1, ("m1",)),)), {}, []),
        ({}, Policy(ramp=MANY), {"breakers": {breaker_key("a", "m1"): Breaker(3, T0 + 9, "x", 1, last_at=T0)}}, []),
        ({"mode": "trial", "trial": 9}, Policy(ramp=MANY), {}, [11]),
        ({"ceiling": res(9), "ceiling_names": CORES}, Policy(ramp=MANY), {}, [11]),
    ],
    ids=["budget", "ramp", "together", "used", "all", "probe", "trust", "trusted", "tier", "rests", "trial", "ceiling"],
)
def test_a_row_ends_where_something_else_could(
    its: dict[str, object], policy: Policy, memory: dict[str, object], expected: list[int]
) -> None:
    seen = federation([demand("a", 20, res(), principal=ANN)], its)
    seen = msgspec.structs.replace(seen, memory=msgspec.structs.replace(seen.memory, **memory))
    assert [row for row in started(seen, policy)[1] if row > 1] == expected


@pytest.mark.parametrize(("counted", "expected"), [(((5, 100),), [9]), (((5, 3),), [3, 6]), ((), [9])])
def test_no_more_start_in_a_row_than_wait_whatever_is_said_of_their_priorities(
    counted: tuple[tuple[int, int], ...], expected: list[int]
) -> None:
    """A schedd that tells of more urgent jobs than there are, or of fewer: those that it does not tell of have 0."""
    one = demand("a", 9, res(), principal=ANN, priorities=counted)
    order, found = started(federation([one]), Policy(ramp=MANY))
    assert (len(order), found) == (9, expected)


@pytest.mark.parametrize(
    ("its", "expected"),
    [
        ({"budgets": Budgets(objects_in_flight=2)}, ["", "budget"]),
        ({"mode": "trial", "trial": 1}, ["", "trial-full"]),
        ({}, [""]),
    ],
    ids=["budget", "trial", "nothing"],
)
def test_what_another_class_takes_elsewhere_is_told_with_the_next_startd(
    its: dict[str, object], expected: list[str]
) -> None:
    """Ann's go to m0 and consider m1, too; Bob's go there in between, to other nodes, as they need devices."""
    plain, devices = res(16, 64, 100, pods=30), res(8, 64, 100, 4, pods=30)
    views = (member("m0", group("g", 40, plain)), member("m1", group("g", 4, plain), group("x", 4, devices)))
    files = (terms("m0", **WIDE), terms("m1", **{**WIDE, **its}))
    asked = (demand("a", 60, res(10), principal=ANN), demand("b", 60, res(gpus=1), principal=BOB))
    seen = known(snapshot(members=views, terms=files, schedds=(schedd(*asked),)))
    plan = negotiate(seen, Policy(ramp=MANY))
    assert digest(plan) == digest(place_by_place(seen, Policy(ramp=MANY)))
    told = [held.candidates[-1].blocker for held in plan.held if held.placement.class_key == "a"]
    assert [cause for cause, _ in groupby(told[:9])] == expected


amounts = st.integers(-3, 3)
vectors = st.builds(Resources, *[amounts] * 5, st.sampled_from(((), (("x", 1),), (("x", 2), ("y", -1)))))


@given(vectors, vectors)
@example(Resources(), Resources(-1, -1, -1, -1, -1))
@example(Resources(1), Resources(1, -1, -1, -1, -1))
def test_what_is_over_used_has_room_for_what_does_not_ask_for_it(request: Resources, free: Resources) -> None:
    assert fits(request, free) == all(amount <= max(0, free.get(name)) for name, amount in request.items())
