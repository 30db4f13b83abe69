"""PR1-PR7: what is asked of all nodes and principals at once leads to whom a search node by node finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import ShareLine
from fedsched.matchmaker.negotiate import making_room, negotiate
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt import fullness, yielders
from fedsched.matchmaker.preempt.exchange import Exchange
from fedsched.matchmaker.preempt.fullness import Fullness
from fedsched.matchmaker.preempt.ground import Ground
from fedsched.matchmaker.preempt.sieve import Sieve, Spot
from fedsched.matchmaker.preempt.victims import Search
from fedsched.matchmaker.preempt.yard import Places
from fedsched.matchmaker.preempt.yielders import Losses, Yielders
from fedsched.matchmaker.reasons import Cause
from tests.properties.evicting_federation import federation
from tests.properties.test_preemption import PEOPLE, Scene, lines, pressed, scenes, startds
from tests.properties.test_preemption_of_jobs import mixed
from tests.sameness import digest


@contextmanager
def one_by_one() -> Iterator[None]:
    """Every node is searched, whatever it could come to; every option is asked for room, and in words for the rest.

    No class has its options in columns, what stands is booked again, and nobody is known to yield nothing beforehand.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sieve, "spots", _everywhere)
        patch.setattr(Places, "open", _all)
        patch.setattr(Fullness, "blockers", _in_words)
        patch.setattr(Search, "nobody", lambda *_: False)
        patch.setattr(Yielders, "known", lambda *_: False)
        patch.setattr(fullness, "booked_alike", lambda _: False)
        patch.setattr(making_room, "_wanted", lambda *ask: tuple(making_room._full(*ask)))
        yield


def _everywhere(_sieve: Sieve, _places: Places, _kinds: object, members: Sequence[bool], **_how: bool) -> list[Spot]:
    return [(False, -1, -1, column) for column in range(len(members))]


def _all(places: Places, _ground: Ground) -> list[int]:
    return list(range(len(places.options)))


def _in_words(full: Fullness, options: Sequence[Option]) -> list[Cause | None]:
    return [full._in_words(option) for option in options]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1_000_000))
def test_a_full_federation_has_the_plan_that_is_made_node_by_node(number: int) -> None:
    seen, policy = federation(number)
    fast = negotiate(seen, policy)
    with one_by_one():
        plain = negotiate(seen, policy)
    assert digest(fast) == digest(plain)
    event(f"{sum(bool(one.yields_to) for one in fast.held)} go")


@settings(max_examples=150, deadline=None)
@given(
    scenes()
    | pressed()
    | mixed()
    | scenes(by_priority=True)
    | scenes(rank="-MY.TotalJobRunTime")
    | scenes(requirements="MY.JobPrio < 2", by_priority=True)
)
def test_who_yields_and_why_nobody_does_is_what_a_search_node_by_node_says(scene: Scene) -> None:
    fast = scene.decide()
    with one_by_one():
        plain = scene.decide()
    assert digest(fast) == digest(plain)
    event(f"{len(fast.victims)} go")


@settings(max_examples=50, deadline=None)
@given(scenes() | pressed())
def test_amounts_too_large_for_columns_leave_nobody_out(scene: Scene) -> None:
    fast = scene.decide()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yielders, "EXACT", 1)
        plain = scene.decide()
    assert digest(fast) == digest(plain)


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[dict[str, ShareLine], str, int, tuple[Losses, ...]]:
    taker, owner = draw(st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=2, unique=True))
    standing = tuple(draw(startds(index, list(PEOPLE))) for index in range(draw(st.integers(1, 12))))
    tree = draw(lines(taker, owner, standing))
    tree = {path: msgspec.structs.replace(one, held=draw(st.integers(0, 12)) * 500) for path, one in tree.items()}
    loss = st.tuples(st.sampled_from(PEOPLE), st.integers(1, 8).map(lambda halves: halves * 500))
    kinds = draw(st.lists(st.lists(loss, max_size=2, unique_by=lambda one: one[0]).map(tuple), max_size=6, unique=True))
    return tree, taker, draw(st.integers(1, 8)) * 500, tuple(kinds)


@settings(max_examples=300, deadline=None)
@given(exchanges(), st.sampled_from(("fair", "reclaim")), st.integers(0, 3))
def test_all_yielders_at_once_are_judged_as_each_by_itself(
    case: tuple[dict[str, ShareLine], str, int, tuple[Losses, ...]], mode: str, made: int
) -> None:
    """Whom columns leave out the exchange refuses; whom it lets go alone they do not leave out."""
    tree, taker, gain, kinds = case
    exchange = Exchange(tree, mode)  # type: ignore[arg-type]  # one of its modes
    judged = Yielders(exchange, kinds, by_priority=False)
    for losses in (*(its for its in kinds[:made] if its), ()):
        may, alone = judged.may(taker), judged.alone(taker, gain)
        for kind, its in enumerate(kinds):
            asked = all(path != taker and exchange.could_yield(taker, path) for path, _ in its)
            assert asked == may[kind]
            assert not (asked and its) or exchange.somebody(taker)
            assert alone[kind] or exchange.rules(taker, gain, dict(its)) is None
        if losses:
            exchange.make(PEOPLE[0], losses)
            exchange.move(PEOPLE[1], gain)


def test_whose_branch_of_the_tree_has_its_right_is_given_nothing_by_another_branch() -> None:
    """PR2: a principal that is below its right, in a group that is above."""
    low, high = ShareLine("g/c@x", "g", 4_000), ShareLine("/a@x", "", 4_000, 0, 8_000)
    for held, gives in ((3_000, True), (8_000, False)):
        tree = {one.path: one for one in (low, high, ShareLine("g", "", 4_000, 0, held))}
        judged = Yielders(Exchange(tree, "fair"), ((("/a@x", 500),),), by_priority=False)
        assert judged.may("g/c@x").tolist() == [gives]
        assert judged.alone("g/c@x", 500).tolist() == [gives]


def test_who_is_given_more_than_its_right_in_a_round_may_be_asked_in_the_same_round() -> None:
    """PR2: whether anybody can be asked at all is looked at again when somebody's share has changed."""
    tree = {one.path: one for one in (ShareLine("/a@x", "", 4_000), ShareLine("/b@x", "", 4_000, 0, 4_000))}
    exchange = Exchange(tree, "fair")
    assert not exchange.somebody("/a@x")
    exchange.move("/b@x", 500)
    assert exchange.somebody("/a@x")
