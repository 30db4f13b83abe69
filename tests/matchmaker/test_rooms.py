"""MA2, RE2: what is asked of all places at once is what each place says when it is asked by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings, target
from hypothesis import strategies as st

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.book import rooms as room_columns
from fedsched.matchmaker.book.rooms import Rooms
from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.breaker import breaker_key
from fedsched.matchmaker.fill import Ends, turn
from fedsched.matchmaker.fill.ends import InTheWay
from fedsched.matchmaker.match import Place, Shape, lacks
from fedsched.matchmaker.model import (
    Breaker,
    Budgets,
    Group,
    MemberMemory,
    MemberView,
    Policy,
    Principal,
    Quota,
    Ramp,
    Room,
    Snapshot,
    Startds,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.resources import Resources
from tests.bench.round import Size, federation
from tests.bench.round import policy as large_policy
from tests.bench.standing import at_work
from tests.matchmaker.builders import SEEN, T0, demand, group, member, res, schedd, snapshot, terms
from tests.matchmaker.plainly import place_by_place
from tests.matchmaker.test_room import known
from tests.sameness import digest


def size_of(cores: int, gib: int, gpus: int, boards: int, more: int = 1) -> Resources:
    """more: of what is rarely scarce, disk and pods, so many times as much."""
    other = (("example.com/board", boards),) if boards else ()
    return msgspec.structs.replace(res(cores, gib, more, gpus, more), other=other)


sizes = st.builds(size_of, st.integers(1, 4), st.integers(1, 6), st.integers(0, 1), st.sampled_from((0, 0, 0, 1)))
frees = st.builds(size_of, st.integers(1, 9), st.integers(1, 16), st.integers(0, 2), st.integers(0, 2), st.just(30))
bars = st.dictionaries(frees, st.integers(0, 3), max_size=4)


@settings(max_examples=100, deadline=None)
@given(st.lists(bars, min_size=1, max_size=5), st.lists(st.tuples(st.integers(0, 4), sizes), max_size=6), sizes)
def test_all_groups_at_once_lack_what_each_lacks_by_itself_whatever_was_taken_before(
    free: list[dict[Resources, int]], taken: list[tuple[int, Resources]], size: Resources
) -> None:
    groups = {("m", f"g{number}"): _room(f"g{number}", one) for number, one in enumerate(free)}
    for few in (0, 1, 9):  # sizes that are asked before room is laid out for many
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(room_columns, "FEW", few)
            rooms = Rooms(groups)
            for number, amount in taken:
                rooms.lacking(amount)
                if ("m", f"g{number}") in groups and groups["m", f"g{number}"].take(amount):
                    rooms.change(("m", f"g{number}"))
            for asked in (*(amount for _, amount in taken), size):
                alone = [0 if one.holds(asked) else len(lacks(asked, one.closest(asked))) for one in groups.values()]
                assert rooms.lacking(asked).tolist() == alone


def _room(name: str, free: dict[Resources, int]) -> GroupRoom:
    its = group(name, rooms=tuple(Room(one, nodes) for one, nodes in sorted(free.items())))
    return GroupRoom(Place(terms("m"), member("m", its), its, MemberMemory(), SEEN))


limits = st.fixed_dictionaries(
    {},
    optional={
        "leave_free": st.sampled_from(((("g0", res(3, 0, 0)),), (("*", res(0, 9, 0)),))),
        "ceiling": st.just(res(5, 90, 90, 9, 90)),
        "mode": st.just("trial"),
        "trial": st.integers(0, 3),
        "pod_overhead": st.just(res(0, 1, 0, 0, 0)),
        "budgets": st.builds(Budgets, objects_in_flight=st.integers(1, 4)),
    },
)
members = st.lists(
    st.tuples(st.lists(bars.filter(bool), min_size=1, max_size=3), limits, st.booleans(), st.integers(0, 2)),
    min_size=1,
    max_size=3,
)
asks = st.lists(st.tuples(sizes, st.integers(1, 20)), min_size=1, max_size=4)
policies = st.builds(
    lambda pack, first, limited: Policy(
        startds=Startds(pack_cpu_milli=pack),
        ramp=Ramp(first=first, max_starts=100),
        groups=(Group("physics", limit=res(5), limit_names=frozenset({"cpu_milli"})),) if limited else (),
    ),
    *(st.sampled_from((0, 4000)), st.sampled_from((1, 100)), st.booleans()),
)


ROOMY, SMALL = [{size_of(8, 16, 0, 0, 30): 2}], [(size_of(1, 1, 0, 0), 20)]
AT_ONCE = Policy(ramp=Ramp(first=100, max_starts=100))
PACKED = Policy(startds=Startds(pack_cpu_milli=4000), ramp=Ramp(first=100, max_starts=100))
LIMITED = msgspec.structs.replace(
    PACKED, groups=(Group("physics", limit=res(5), limit_names=frozenset({"cpu_milli"})),)
)
LIMITS = ("group-limit", "ceiling-reached")
TWO_SIZES = [{size_of(1, 16, 0, 0, 30): 3}, {size_of(8, 16, 0, 0, 30): 1}]
WORN = [{size_of(3, 16, 0, 0, 30): 1, size_of(2, 16, 0, 0, 30): 2}]


@settings(max_examples=150, deadline=None)
@given(members, asks, policies)
@example([(ROOMY, {}, True, 0)], SMALL, AT_ONCE)
@example([(ROOMY, {"ceiling": res(5, 90, 90, 9, 90)}, False, 0)], SMALL, AT_ONCE)
@example([(ROOMY, {"leave_free": (("g0", res(3, 0, 0)),)}, False, 0)], SMALL, AT_ONCE)
@example([(ROOMY, {"budgets": Budgets(objects_in_flight=2)}, False, 0)] * 2, SMALL, AT_ONCE)
@example([(ROOMY, {}, False, 2)], SMALL, Policy(ramp=Ramp(first=16)))  # full, and could grow
@example([(TWO_SIZES, {}, False, 0)], SMALL, LIMITED)  # a bound that only the larger startd passes soon
@example([(TWO_SIZES, {"ceiling": res(5, 90, 90, 9, 90)}, False, 0)], SMALL, PACKED)
@example([(WORN, {}, False, 0)], SMALL, PACKED)  # the larger startd is considered at the place that the smaller takes
def test_a_plan_made_with_rooms_of_all_places_is_the_one_made_place_by_place(
    specs: list[tuple[Any, ...]], wanted: list[tuple[Resources, int]], policy: Policy
) -> None:
    """The plain path counts nothing beforehand: each option is asked in words.

    The other looks at all places again after each that is shut.
    """
    seen = _federation(specs, wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turn, "AGAIN", 1)
        fast = negotiate(seen, policy)
    assert digest(fast) == digest(place_by_place(seen, policy))
    target(float(sum(report.placed > 0 < report.unmet for report in fast.classes)))


@pytest.mark.parametrize(
    ("its", "rules"), [({}, LIMITED), ({"ceiling": res(5, 90, 90, 9, 90)}, PACKED)], ids=["a group's", "a member's"]
)
def test_a_limit_that_only_a_larger_startd_would_pass_is_told_of_it_as_soon_as_it_would(
    its: dict[str, Any], rules: Policy
) -> None:
    """The class takes startds for two jobs here, for four there, and none for one, which its Requirements refuse."""
    seen = _federation([([{size_of(2, 16, 0, 0, 30): 3}, {size_of(8, 16, 0, 0, 30): 1}], its, False, 0)], SMALL)
    (schedd_,) = seen.observation.schedds
    picky = tuple(msgspec.structs.replace(one, requirements="TARGET.Cpus >= 2") for one in schedd_.classes)
    schedds = (msgspec.structs.replace(schedd_, classes=picky),)
    seen = msgspec.structs.replace(seen, observation=msgspec.structs.replace(seen.observation, schedds=schedds))
    plan = negotiate(seen, rules)
    assert [[one.blocker for one in held.candidates] for held in plan.held][:2] == [["", ""], ["", LIMITS[bool(its)]]]
    assert digest(plan) == digest(place_by_place(seen, rules))


def test_a_node_that_is_asked_for_in_between_counts_for_who_comes_next() -> None:
    """The budget of m1 is used up by a class for which a node comes there: the other is told with its next startd."""
    gpus = group("gpu", 10, res(8, 32, 100, gpus=4, pods=100))
    more = group("more", 1, res(8, 128, 100, pods=100), rooms=(), can_grow_to=9)
    views = (member("m0", gpus), member("m1", gpus, more))
    files = (terms("m0"), terms("m1", budgets=Budgets(objects_in_flight=1)))
    small = demand("a", idle=100, request=res(gpus=1), principal=Principal("physics", "ann"))
    large = demand("b", idle=1, request=res(1, 64), principal=Principal("physics", "bob"))
    seen = known(snapshot(members=views, terms=files, schedds=(schedd(small, large),)))
    plan = negotiate(seen, AT_ONCE)
    told = [(held.placement.class_key, [one.blocker for one in held.candidates]) for held in plan.held]
    assert told[:3] == [("a", ["", ""]), ("b", []), ("a", ["", "budget"])]
    assert digest(plan) == digest(place_by_place(seen, AT_ONCE))


@pytest.mark.parametrize("startds", [0, 500])
def test_of_a_large_federation_with_many_requirements_too(startds: int) -> None:
    """Nothing stands, and everything may start at once; or all nodes are full, and evictions are wanted everywhere."""
    seen = federation(Size(jobs=4_000, classes=40, nodes=1_000))
    seen = at_work(seen, startds, full=True) if startds else seen
    rules = large_policy(None if startds else Ramp(first=10_000, max_starts=10_000))
    assert digest(negotiate(seen, rules)) == digest(place_by_place(seen, rules))


def test_only_a_class_that_rests_somewhere_is_asked_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """One failed there three times in a row; one of another class once, which keeps nobody from anywhere."""
    seen = _federation([(ROOMY, {}, False, 0)] * 2, SMALL * 3)
    breakers = {
        breaker_key("k0", "m0"): Breaker(3, T0 + 9_000, "crashed", trips=1, last_at=T0 - 60),
        breaker_key("k1", "m1"): Breaker(1, 0.0, "crashed", last_at=T0 - 60),
    }
    seen = msgspec.structs.replace(seen, memory=msgspec.structs.replace(seen.memory, breakers=breakers))
    in_words, uncounted = list[int](), Ends.uncounted

    def counted(number: int) -> InTheWay:
        in_words.append(number)
        return uncounted(number)

    monkeypatch.setattr(Ends, "uncounted", staticmethod(counted))
    plan = negotiate(seen, AT_ONCE)
    assert in_words == [2]
    monkeypatch.undo()
    assert digest(plan) == digest(place_by_place(seen, AT_ONCE))
    causes = {report.key: {one.blocker.cause for one in report.members if one.blocker} for report in plan.classes}
    assert causes["k0"] == {Cause.FAILING_FAST, Cause.NO_ROOM}
    assert Cause.FAILING_FAST not in causes["k1"] | causes["k2"]


def test_a_place_that_takes_no_more_is_shut_from_then_on() -> None:
    """FA9: one object in flight, of which the first startd is one."""
    its = group("g", 10, res(8, 32, 100, pods=100))
    place = Place(terms("m", budgets=Budgets(objects_in_flight=1)), member("m", its), its, MemberMemory(), SEEN)
    book, one = Book([place], (), Policy(), T0), Shape("startd-job")
    assert book.doors.fixed().counts.tolist() == [0]
    assert book.open(0, res())
    book.take(place, res(), one)
    assert book.doors.fixed().counts.tolist() == [1]
    assert [why.cause for why in book.doors.fixed().firsts if why] == [Cause.BUDGET]
    assert book.doors.shut().tolist() == [True]
    assert not book.open(0, res())
    assert book.cause(0, res()) is Cause.BUDGET


def _federation(specs: list[tuple[Any, ...]], wanted: list[tuple[Resources, int]]) -> Snapshot:
    views, files = [], []
    for number, (groups, its, quota, grows) in enumerate(specs):
        name = f"m{number}"
        views.append(_member(name, groups, grows, quota=quota))
        files.append(terms(name, **({"ceiling_names": frozenset({"cpu_milli"})} if "ceiling" in its else {}), **its))
    classes = [demand(f"k{i}", idle=idle, request=size) for i, (size, idle) in enumerate(wanted)]
    return known(snapshot(members=tuple(views), terms=tuple(files), schedds=(schedd(*classes),)))


def _member(name: str, groups: list[dict[Resources, int]], grows: int, *, quota: bool) -> MemberView:
    found = []
    for index, free in enumerate(groups):
        nodes = sum(free.values())
        rooms = tuple(Room(one, count) for one, count in sorted(free.items()))
        found.append(group(f"g{index}", nodes, size_of(9, 16, 2, 2, 50), rooms=rooms, can_grow_to=nodes + grows))
    quotas = (Quota("q", left=res(6, 90, 90, 9, 90), limits=frozenset({"cpu_milli"})),) if quota else ()
    return member(name, *found, quotas=quotas)
