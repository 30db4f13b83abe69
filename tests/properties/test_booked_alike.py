"""PR1: a round's own book is asked again only where it holds what a book by names of what stands would hold."""

from __future__ import annotations

import random
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker import preempt
from fedsched.matchmaker.book import Book
from fedsched.matchmaker.match import Place, Shape
from fedsched.matchmaker.model import MemberView, NodeGroup, Policy, Room, Snapshot
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.preempt import Evictions, Rules, Wish
from fedsched.matchmaker.preempt.fullness import BY_NAME, booked_alike
from fedsched.matchmaker.preempt.wishes import Shares
from fedsched.matchmaker.reasons import Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, res
from tests.matchmaker.preempting import place_of, startd
from tests.properties.evicting_federation import federation

ONE = Shape("startd-job")
SIZES = tuple(res(cores, cores) for cores in (1, 2, 3, 4, 6))


def said(book: Book, places: Iterable[Place]) -> list[tuple[Reason, ...]]:
    """All that the book says of some sizes in all places."""
    own = [place for place in places if not place.jobs]
    return [tuple(book.blockers(place, size, ONE)) for place in own for size in SIZES]


def by_name(standing: Iterable[Standing], rules: Rules) -> Book:
    return Book(rules.places, sorted(standing, key=BY_NAME), rules.policy, rules.at)


@st.composite
def promised(draw: st.DrawFn) -> tuple[Standing, ...]:
    """Startds of which some have no node yet, some go together for another, in any order."""
    names = draw(st.lists(st.integers(1, 300), min_size=1, max_size=6, unique=True))
    found = []
    for name in draw(st.sampled_from((names, sorted(names)))):
        stand = startd(f"1-{name:x}", "/a@x", draw(st.sampled_from(("n1", "n2"))), draw(st.integers(1, 4)))
        held = msgspec.structs.replace(
            stand.held,
            placement=msgspec.structs.replace(stand.held.placement, node_group=draw(st.sampled_from(("g", "h")))),
        )
        which = draw(st.integers(0, 4))
        if which > 1:
            found.append(Standing(msgspec.structs.replace(held, phase="intended")))
        elif which == 1:
            waits = (msgspec.structs.replace(stand.pods[0], node="", phase="pending"),)
            assert stand.object is not None
            thing = msgspec.structs.replace(stand.object, pods=waits)
            found.append(Standing(msgspec.structs.replace(held, phase="starting"), thing))
        else:
            goes = draw(st.sampled_from(("c1", "c2")))
            room = res(draw(st.integers(1, 8)), 8)
            yields = {"wanted": "vacate", "yields_to": goes, "yields_with": "1-1", "yields_at": T0, "yields_room": room}
            found.append(Standing(msgspec.structs.replace(held, **yields), stand.object, stand.slots))
    return tuple(found)


@settings(max_examples=400, deadline=None)
@given(promised(), st.lists(st.integers(0, 6), min_size=2, max_size=2))
def test_what_is_booked_in_the_order_of_names_where_it_matters_is_booked_alike(
    standing: tuple[Standing, ...], free: list[int]
) -> None:
    rooms = tuple((f"n{number}", res(cores, 64, 99, 0, 9)) for number, cores in enumerate(free, 1))
    places = tuple(place_of("m1", *rooms, group=group) for group in ("g", "h"))
    rules = Rules(Policy(), places, {}, T0)
    alike = booked_alike(standing)
    event(f"alike: {alike}")
    if alike:
        assert said(Book(places, standing, rules.policy, T0), places) == said(by_name(standing, rules), places)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 1_000_000))
def test_what_a_round_booked_is_what_its_placements_would_be_booked_as(number: int) -> None:
    """Two cycles: what the first placed has no node in the second."""
    asked = []

    def spy(wishes: Iterable[Wish], standing: Iterable[Standing], shared: Shares, rules: Rules) -> Evictions:
        present = tuple(standing)
        alike = booked_alike(present)
        asked.append(alike)
        if alike:
            assert rules.book is not None
            assert said(rules.book, rules.places) == said(by_name(present, rules), rules.places)
        return plain(wishes, present, shared, rules)

    plain = preempt.make_room
    snapshot, policy = roomy(number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preempt, "make_room", spy)
        plan = negotiate(snapshot, policy)
        negotiate(msgspec.structs.replace(snapshot, memory=plan.memory), policy)
    event(f"asked: {asked}")


def roomy(number: int) -> tuple[Snapshot, Policy]:
    """A full federation with some room beside what it has, and nodes that could come."""
    snapshot, policy = federation(number)
    chance = random.Random(number)  # noqa: S311 - the same federation each time, no secret
    views = tuple(_with_room(view, chance) for view in snapshot.observation.members)
    return msgspec.structs.replace(
        snapshot, observation=msgspec.structs.replace(snapshot.observation, members=views)
    ), policy


def _with_room(view: MemberView, chance: random.Random) -> MemberView:
    return msgspec.structs.replace(view, node_groups=tuple(_larger(group, chance) for group in view.node_groups))


def _larger(group: NodeGroup, chance: random.Random) -> NodeGroup:
    more = Resources(chance.choice((0, 0, 2000, 4000, 7000)), 8192, 4096, 0, 4)
    rooms = {bar.free + more: bar.nodes for bar in group.rooms}
    grown = chance.choice((0, 0, 0, group.nodes + 2))
    bars = tuple(sorted(Room(free, nodes) for free, nodes in rooms.items()))
    return msgspec.structs.replace(group, rooms=bars, can_grow_to=grown)
