"""What keeps classes from places before anybody goes, by the book: of all places at once, in words where it must be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.picked import Picked
from fedsched.matchmaker.preempt.wishes import Rules
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources

BY_NAME = attrgetter("held.placement.id")
_NODE = attrgetter("node")


class Fullness:
    """The book's first answer, once per place and size; nothing is booked meanwhile.

    A book in which rooms are promised by the placements' names. standing: as it was booked in the round's own, which
    answers where that comes to the same.
    """

    def __init__(self, rules: Rules, standing: Sequence[Standing]) -> None:
        self._rules, self._standing = rules, standing
        own = (place for place in rules.places if not place.jobs)
        self._numbers = {(place.terms.name, place.group.name): number for number, place in enumerate(own)}
        self._lacking: dict[Resources, NDArray[np.int64]] = {}
        self._said: dict[tuple[object, ...], Cause | None] = {}

    @cached_property
    def _book(self) -> Book:
        rules, standing = self._rules, self._standing
        if rules.book is not None and booked_alike(standing):
            return rules.book
        return Book(rules.places, sorted(standing, key=BY_NAME), rules.policy, rules.at)

    @cached_property
    def _only_room(self) -> list[bool]:
        found: list[bool] = self._book.only_room().tolist()
        return found

    def blockers(self, options: Sequence[Option]) -> list[Cause | None]:
        """Of each option the first thing that is in the way; None where it is open."""
        if isinstance(options, Picked):
            return self._at_once(options)
        return [self._blocker(option) for option in options]

    def _at_once(self, options: Picked) -> list[Cause | None]:
        found = np.full(len(options), None, object)
        for option, its in options.alike:
            places = options.places[its]
            counted = self._book.only_room()[places] if option.form == "startd-job" else np.zeros(len(its), np.bool_)
            short = self._short(option.size)[places] > 0
            found[its[counted & short]] = Cause.NO_ROOM
            for index in its[~counted].tolist():
                found[index] = self._in_words(options[index])
        blockers: list[Cause | None] = found.tolist()
        return blockers

    def _blocker(self, option: Option) -> Cause | None:
        place = option.place
        number = self._numbers.get((place.terms.name, place.group.name), -1)
        if number >= 0 and option.form == "startd-job" and self._only_room[number]:
            return Cause.NO_ROOM if self._short(option.size)[number] else None
        return self._in_words(option)

    def _short(self, size: Resources) -> NDArray[np.int64]:
        if size not in self._lacking:
            self._lacking[size] = self._book.lacking(size)
        return self._lacking[size]

    def _in_words(self, option: Option) -> Cause | None:
        place = option.place
        key = (place.terms.name, place.group.name, option.size, option.shape)
        if key not in self._said:
            blocker = self._book.blocker(place, option.size, option.shape)
            self._said[key] = None if blocker is None else blocker.cause
        return self._said[key]


def booked_alike(standing: Iterable[Standing]) -> bool:
    """Whether it comes to the same in which order these are booked: as they are given, or by their names.

    It does but for what is promised in one node group, and for those whose room is kept for one startd together: these
    are to be in the order of their names. Growth is not: who is placed takes a new node, who is booked again takes room
    that is there first (S7).
    """
    last: dict[tuple[str, str, str], str] = {}
    for stand in [stand for stand in standing if stand.held.yields_to or not _has_node(stand)]:
        held, placement = stand.held, stand.held.placement
        promised = _is_promised(stand)
        if promised and placement.growth:
            return False
        room = [("room", placement.member, placement.node_group)] if promised else []
        for key in (*room, ("kept", held.yields_to, held.yields_with)) if held.yields_to else room:
            if placement.id < last.get(key, ""):
                return False
            last[key] = placement.id
    return True


def _has_node(stand: Standing) -> bool:
    """Whether each of its pods is on a node: nothing of its room is promised any more."""
    pods = stand.object.pods if stand.object is not None else ()
    if len(pods) == 1 == stand.held.nodes:  # as nearly all have
        return bool(pods[0].node)
    return len(pods) >= stand.held.nodes and all(map(_NODE, pods))


def _is_promised(stand: Standing) -> bool:
    """Whether some of its room may still be promised."""
    return stand.held.wanted == "run" and stand.held.phase != "gone" and not _has_node(stand)
