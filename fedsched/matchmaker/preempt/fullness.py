"""What keeps classes from places before anybody goes, by the book: of all places at once, in words where it must be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.resources import Resources


class Fullness:
    """The book's first answer, once per place and size; nothing is booked meanwhile."""

    def __init__(self, places: Iterable[Place], book: Book) -> None:
        self._book = book
        own = (place for place in places if not place.jobs)
        self._numbers = {(place.terms.name, place.group.name): number for number, place in enumerate(own)}
        self._only_room: list[bool] = book.only_room().tolist()
        self._lacking: dict[Resources, list[int]] = {}
        self._said: dict[tuple[object, ...], Cause | None] = {}

    def blockers(self, options: Sequence[Option]) -> list[Cause | None]:
        """Of each option the first thing that is in the way; None where it is open."""
        return [self._blocker(option) for option in options]

    def _blocker(self, option: Option) -> Cause | None:
        place = option.place
        number = self._numbers.get((place.terms.name, place.group.name), -1)
        if number >= 0 and option.form == "startd-job" and self._only_room[number]:
            return Cause.NO_ROOM if self._short(option.size)[number] else None
        return self._in_words(option)

    def _short(self, size: Resources) -> list[int]:
        if size not in self._lacking:
            self._lacking[size] = self._book.lacking(size).tolist()
        return self._lacking[size]

    def _in_words(self, option: Option) -> Cause | None:
        place = option.place
        key = (place.terms.name, place.group.name, option.size, option.shape)
        if key not in self._said:
            blocker = self._book.blocker(place, option.size, option.shape)
            self._said[key] = None if blocker is None else blocker.cause
        return self._said[key]
