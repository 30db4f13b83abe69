"""RE1: what full places lack, found of all of them at once, is what each of them says when it is asked by itself."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings, target
from hypothesis import strategies as st

from fedsched.matchmaker.book import Book, rooms
from fedsched.matchmaker.book.layout import EXACT
from fedsched.matchmaker.book.rooms import Rooms, Shortage, Sizes
from fedsched.matchmaker.book.shortage import shortage
from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.match import Place, Shape
from fedsched.matchmaker.model import MemberMemory, Policy, Room
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import SEEN, T0, group, member, res, terms

BOARD = "example.com/board"


def amounts_of(cpu: int, memory: int, disk: int, gpus: int, pods: int, boards: int) -> Resources:
    return Resources(cpu, memory, disk, gpus, pods, ((BOARD, boards),) if boards else ())


few = st.integers(0, 3)
asked = st.builds(amounts_of, st.integers(0, 3000), few, few, few, st.integers(0, 1), few)
own = st.integers(-1, 3)
free = st.builds(amounts_of, st.integers(-1, 3000), own, own, own, own, own)
bars = st.dictionaries(free, st.integers(0, 3), max_size=4)


NOTHING = Resources()


def place_of(name: str, its: dict[Resources, int], overhead: Resources = NOTHING) -> Place:
    rooms = tuple(Room(one, nodes) for one, nodes in its.items())
    what = group(name, 1, rooms=rooms)
    return Place(terms("m", pod_overhead=overhead), member("m", what), what, MemberMemory(), SEEN)


ZERO = np.zeros(1, np.int64)


def at_once(book: Book, numbers: list[int], *sizes: Resources) -> list[Reason]:
    """Of each of these places what is said of all of them together; of several sizes, one for each."""
    of = np.arange(len(numbers), dtype=np.int64) if len(sizes) > 1 else np.zeros(len(numbers), np.int64)
    said, which = book.shorts(np.array(numbers, np.int64), Sizes(sizes, of))
    return [said[one] for one in which.tolist()]


def by_itself(places: list[Place], size: Resources) -> dict[int, Reason]:
    """Of each place that has no room what `shortage` says."""
    found = {}
    for number, place in enumerate(places):
        room, full = GroupRoom(place), size + place.terms.pod_overhead
        if not room.holds(full):
            found[number] = shortage(place, room, full)
    return found


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(bars, st.sampled_from((Resources(), res(0, 1, 0, 0, 0)))), min_size=1, max_size=4), asked)
@example([({res(2, 2, 0): 1, res(1, 3, 0): 2}, Resources())], res(3, 4, 0))  # as short, of the one and of the other
@example([({Resources(500, 9, 9, 0, 9): 4}, Resources())], res(1, 1, 0))  # whole cores only: not scattered
@example([({Resources(1500, 9, 9, 0, 9): 4}, Resources())], res(2, 1, 0))  # scattered over four
@example([({Resources(1500, 9, 9, 0, 9): 1, Resources(0, 9, 9, 0, 9): 4}, Resources())], res(2, 1, 0))  # on one alone
@example([({Resources(9000, 9, 9, -1, 0): 4}, Resources())], res(1, 1, 0))  # one device too many taken, none asked
@example([({}, Resources())], res(1, 1, 0))
def test_full_places_lack_together_what_each_lacks_by_itself(
    specs: list[tuple[dict[Resources, int], Resources]], size: Resources
) -> None:
    places = [place_of(f"g{number}", *spec) for number, spec in enumerate(specs)]
    book, alone = Book(places, (), Policy(), T0), by_itself(places, size)
    assert at_once(book, [*alone], size) == [*alone.values()]
    target(float(len({reason.cause for reason in alone.values()})))


@settings(max_examples=200, deadline=None)
@given(st.lists(bars, min_size=1, max_size=4), st.lists(asked, min_size=2, max_size=4), st.integers(1, 9))
@example([{Resources(9, 9, 9, -1, 9): 1}], [res(1, 0, 0, 1), res(1, 1, 0)], 9)  # devices only for the one of them
def test_what_different_sizes_lack_is_found_together_and_in_parts(
    free: list[dict[Resources, int]], sizes: list[Resources], most: int
) -> None:
    """Said once where it is the same. most: bars that are laid out at once."""
    places = [place_of(f"g{number}", its) for number, its in enumerate(free)]
    book = Book(places, (), Policy(), T0)
    pairs = [(number, size, why) for size in sizes for number, why in by_itself(places, size).items()]
    if len(pairs) > 1:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rooms, "MOST", most)
            found = at_once(book, [number for number, _, _ in pairs], *(size for _, size, _ in pairs))
        assert found == [why for _, _, why in pairs]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(bars, min_size=1, max_size=3), st.lists(st.tuples(st.integers(0, 2), asked), min_size=1, max_size=6), asked
)
@example([{res(2, 4, 9, pods=9): 3}], [(0, res(1, 1, 1))] * 3, res(3, 1, 1))  # more kinds of nodes with each
def test_what_full_places_lack_is_found_after_each_startd_as_if_nothing_had_been_asked_before(
    free: list[dict[Resources, int]], taken: list[tuple[int, Resources]], size: Resources
) -> None:
    places = [place_of(f"g{number}", its) for number, its in enumerate(free)]
    book, said = Book(places, (), Policy(), T0), []
    for begun in range(len(taken) + 1):
        anew = Book(places, (), Policy(), T0)
        for number, amount in taken[:begun]:
            if number < len(places):
                anew.take(places[number], amount, Shape("startd-job"))
        full = np.flatnonzero(anew.lacking(size)).tolist()
        assert np.flatnonzero(book.lacking(size)).tolist() == full
        said.append(at_once(book, full, size))
        assert said[-1] == [anew.short(number, size) for number in full]
        if begun < len(taken) and taken[begun][0] < len(places):
            book.take(places[taken[begun][0]], taken[begun][1], Shape("startd-job"))
    target(float(len({reason.have for reasons in said for reason in reasons})))


def test_what_was_said_of_a_full_place_is_not_said_again_when_more_of_it_is_taken() -> None:
    places = [place_of("g0", {res(2, 4, 9, pods=9): 1}), place_of("g1", {res(1, 1, 9, pods=9): 1})]
    book, size = Book(places, (), Policy(), T0), res(3, 1, 1)
    before = at_once(book, [0, 1], size)
    book.take(places[0], res(1, 1, 1), Shape("startd-job"))
    after = at_once(book, [0, 1], size)
    assert [reason.have for reason in before] == ["2 cores", "1 core"]
    assert [reason.have for reason in after] == ["1 core", "1 core"]


@pytest.mark.parametrize(
    ("its", "size"),
    [
        ({res(2, 4, 9, pods=9): 1}, msgspec.structs.replace(res(1, 1, 1), other=((BOARD, 1),))),
        ({res(2, 4, 9, pods=9): 1}, msgspec.structs.replace(res(1, 1, 1), memory_mib=EXACT)),
        ({Resources(2, EXACT, 9, 0, 9): 1}, res(1, 1, 1)),
        ({Resources(2, EXACT // 2, 9, 0, 9): 2}, res(1, 1, 1)),
    ],
    ids=["of what no node has", "more than is exact", "a node with more than is exact", "nodes with more together"],
)
def test_columns_say_nothing_where_they_could_be_wrong_and_places_answer_by_themselves(
    its: dict[Resources, int], size: Resources
) -> None:
    places = [place_of("g0", its)]
    groups = {("m", "g0"): GroupRoom(places[0])}
    assert Rooms(groups).shortages(Sizes((size,), ZERO), ZERO) is None
    assert at_once(Book(places, (), Policy(), T0), [0], size) == [*by_itself(places, size).values()]


def test_the_nodes_together_are_told_where_they_would_do() -> None:
    room = GroupRoom(place_of("g0", {res(1, 8, 9, pods=9): 3, res(0, 8, 9, pods=9): 2}))
    short = Rooms({("m", "g0"): room}).shortages(Sizes((res(2, 1, 1),), ZERO), ZERO)
    assert short is not None
    assert short.one(0) == Shortage("cpu_milli", 2000, 1000, nodes=3, total=3000)
    (reason,) = at_once(Book([place_of("g0", room.bars)], (), Policy(), T0), [0], res(2, 1, 1))
    assert (reason.cause, reason.source) == (Cause.FRAGMENTED, "3 cores free over 3 nodes of the group")


def test_what_the_nodes_have_together_is_told_as_it_is_after_each_startd() -> None:
    places = [place_of("g0", {res(2, 8, 9, pods=9): 2, res(2, 1, 9, pods=9): 1})]
    book, size, said = Book(places, (), Policy(), T0), res(3, 4, 1), []
    for _ in range(2):
        said += [reason.source for reason in at_once(book, [0], size)]
        book.take(places[0], res(1, 1, 0), Shape("startd-job"))
    assert said == ["6 cores free over 3 nodes of the group", "5 cores free over 3 nodes of the group"]
