"""What is in the way of classes when all turns are taken: counted for all places at once, else in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.book.rooms import Sizes
from fedsched.matchmaker.model import DemandClass, MemberVerdict
from fedsched.matchmaker.options import UNCOUNTED, Option, Options
from fedsched.matchmaker.options.asking import NOWHERE, Columns, Firsts, Verdicts, nothing
from fedsched.matchmaker.options.together import Lacking
from fedsched.matchmaker.reasons import Reason, Verdict
from fedsched.matchmaker.resources import Resources

Apart = Callable[[Option], Iterable[Reason]]
"""All that keeps a class from an option but what the place itself has and allows."""


class InTheWay(msgspec.Struct, frozen=True):
    """Of each option of a class how many things are in its way, or UNCOUNTED where they must be asked for.

    besides_room: whether that is more than room on nodes. shut: of each place (by number) what it says to the class
    whatever its size; None where nothing of the kind is known. firsts: the first thing in the way of each of some
    options that were counted and are not open, by their positions.
    """

    counts: NDArray[np.int64]
    besides_room: NDArray[np.bool_]
    shut: Verdicts | None = None
    firsts: Firsts | None = None


class Ends(msgspec.Struct):
    """The book when the round is over and nothing changes any more; what was asked is kept."""

    book: Book
    said: dict[tuple[object, ...], tuple[Reason, ...]] = msgspec.field(default_factory=dict)
    counted: dict[str, InTheWay] = msgspec.field(default_factory=dict)
    by_place: dict[str, Columns | None] = msgspec.field(default_factory=dict)
    of_size: dict[Resources, NDArray[np.int16]] = msgspec.field(default_factory=dict)
    shut: Verdicts | None = None

    def in_the_way(self, demand: DemandClass, options: Options, apart: Apart | None) -> InTheWay:
        """Of each option of the class. apart: None where that differs from place to place, and nothing is counted."""
        found, columns = self.counted.get(demand.key), self.by_place.get(demand.key)
        if found is None:
            if columns is not None and options.uniform is not None:
                found = self._uniform(columns, options.places())
            else:
                found = self.uncounted(len(options)) if apart is None else self._counted(options, apart)
            self.counted[demand.key] = found
        return found

    def columns(self, demand: DemandClass, options: Options) -> Columns | None:
        """The same by place, where nothing but the places themselves can be in the way; None where that is no use."""
        if demand.key not in self.by_place:
            self.by_place[demand.key] = self._columns(options)
        return self.by_place[demand.key]

    def _uniform(self, columns: Columns, places: NDArray[np.int64]) -> InTheWay:
        """`_counted` of options that are alike, with nothing in the way but what places say."""
        counts, besides = columns.counts[places].astype(np.int64), self.book.doors.fixed().counts[places] != 0

        def firsts(positions: NDArray[np.int64]) -> list[Reason]:
            return self._at_places(places[positions], columns.size)

        return InTheWay(counts, besides, self.said_to_all(), firsts)

    def _columns(self, options: Options) -> Columns | None:
        places, found, size = options.places(), np.full(len(self.book.places), NOWHERE, np.int16), options.uniform
        if size is not None:
            found[places] = self._counts(size)[places]
            return Columns(found, size)
        packed = options.packed()
        for option, positions in options.alike():
            its = places[positions[~packed[positions]]]
            if len(its) and (option.form != "startd-job" or size not in {None, option.size}):
                return None
            if len(its):
                size = option.size
                found[its] = self._counts(size)[its]
        return None if size is None else Columns(found, size)

    def _counts(self, size: Resources) -> NDArray[np.int16]:
        """Of every place how many things keep a startd of that size from there."""
        found = self.of_size.get(size)
        if found is None:
            fixed = self.book.doors.fixed().counts
            found = self.of_size[size] = (fixed + self.book.lacking(size)).astype(np.int16)
            found[fixed < 0] = UNCOUNTED
        return found

    def closed(self, asked: Lacking) -> Verdicts:
        """What places say that are not open: what they say to all, or what room they lack."""
        to_all = self.said_to_all()
        said, short = to_all[asked.places], nothing(to_all)[asked.places]
        whys, which = self.book.shorts(asked.places[short], Sizes(asked.sizes, asked.which[short]))
        words = (MemberVerdict(why.member, Verdict.NOT_NOW, why, why.node_group) for why in whys)
        said[short] = np.fromiter(words, object, len(whys))[which]
        return said

    @staticmethod
    def uncounted(number: int) -> InTheWay:
        """Nothing is known of so many options: each is asked for in words."""
        return InTheWay(np.full(number, UNCOUNTED, np.int64), np.ones(number, np.bool_))

    def _counted(self, options: Options, apart: Apart) -> InTheWay:
        counts, places = np.full(len(options), UNCOUNTED, np.int64), options.places()
        besides = np.ones(len(options), np.bool_)
        fixed = self.book.doors.fixed()
        kinds, kind_of = list[tuple[Resources, tuple[Reason, ...]]](), np.zeros(len(options), np.int64)
        for option, positions in options.alike():
            if option.form == "startd-job":
                its, aside = places[positions], tuple(apart(option))
                whole = fixed.counts[its] + self.book.lacking(option.size)[its] + len(aside)
                counts[positions] = np.where(fixed.counts[its] >= 0, whole, UNCOUNTED)
                besides[positions] = fixed.counts[its] != 0
                kind_of[positions] = len(kinds)
                kinds.append((option.size, aside))

        def firsts(positions: NDArray[np.int64]) -> list[Reason]:
            if len(kinds) == 1 and not kinds[0][1]:
                return self._at_places(places[positions], kinds[0][0])
            found: list[Reason] = []
            for kind, its in _runs(kind_of[positions]):
                size, aside = kinds[kind]
                numbers = places[positions[its]]
                found += [aside[0]] * len(numbers) if aside else self._at_places(numbers, size)
            return found

        bound = any(aside for _, aside in kinds)
        return InTheWay(counts, besides, None if bound else self.said_to_all(), firsts)

    def _at_places(self, numbers: NDArray[np.int64], size: Resources) -> list[Reason]:
        """What keeps a startd of that size from each of these places, first of all."""
        if not self.book.doors.fixed().counts[numbers].any():
            return self._shorts(numbers, size)
        fixed = [self.book.doors.fixed().firsts[number] for number in numbers.tolist()]
        lacking = iter(self._shorts(numbers[[why is None for why in fixed]], size))
        return [why or next(lacking) for why in fixed]

    def _shorts(self, numbers: NDArray[np.int64], size: Resources) -> list[Reason]:
        said, which = self.book.shorts(numbers, Sizes((size,), np.zeros(len(numbers), np.int64)))
        return [said[one] for one in which.tolist()]

    def said_to_all(self) -> Verdicts:
        """Of each place what it says to every class whose way there is counted; None where nothing but room counts."""
        if self.shut is None:
            self.shut = np.full(len(self.book.places), None, object)
            for number, (place, why) in enumerate(zip(self.book.places, self.book.doors.fixed().firsts, strict=True)):
                if why is not None:
                    names = place.terms.name, place.group.name
                    self.shut[number] = MemberVerdict(names[0], Verdict.NOT_NOW, why, names[1])
        return self.shut

    def blockers(self, demand: DemandClass, option: Option) -> tuple[Reason, ...]:
        """The book's blockers there, be it that the place grows for it (S7): found once per size and place."""
        place, size, shape = option.place, option.size, option.shape
        grows = place.group.can_grow_to > place.group.nodes
        key = (place.terms.name, place.group.name, size, shape, demand.key if grows else "")
        found = self.said.get(key)
        if found is None:
            found = tuple(self.book.blockers(place, size, shape))
            if grows and self.book.could_grow(place, size, shape):
                growth = tuple(self.book.growth_blockers(place, size, shape, demand.key))
                found = growth if len(growth) <= len(found) else found
            self.said[key] = found
        return found


def _runs(kinds: NDArray[np.int64]) -> Iterator[tuple[int, slice]]:
    """Of numbers the parts in which they stay the same, in their order."""
    begins = np.flatnonzero(np.diff(kinds, prepend=-1)).tolist()
    for begin, end in pairwise((*begins, len(kinds))):
        yield int(kinds[begin]), slice(begin, end)
