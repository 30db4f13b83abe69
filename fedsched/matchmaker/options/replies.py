"""What all members say to a class at once (E1): who is open, and what blocks the best of each that is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.match import Site
from fedsched.matchmaker.model import MemberVerdict
from fedsched.matchmaker.options.asking import Asked, Verdicts, nothing
from fedsched.matchmaker.options.option import Numbers, Options
from fedsched.matchmaker.options.sets import UNCOUNTED
from fedsched.matchmaker.reasons import Reason, Verdict


class Replies:
    """The members of one table, by name, and which places are theirs; "now" is said in one way at each place."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self.names = tuple(sorted({site.place.terms.name for site in sites}))
        numbers = {name: number for number, name in enumerate(self.names)}
        self.member_of = np.array([numbers[site.place.terms.name] for site in sites], np.int64)
        self._by_member = np.argsort(self.member_of, kind="stable")
        self.begins = np.flatnonzero(np.diff(self.member_of[self._by_member], prepend=-1))
        """Where in `by_member` the places of each member begin."""
        self._groups = [site.place.group.name for site in sites]
        now = (MemberVerdict(site.place.terms.name, Verdict.NOW, None, site.place.group.name) for site in sites)
        self.now: Verdicts = np.fromiter(now, object)
        self._places = [site.place for site in sites]
        self._whys: dict[Reason | None, int] = {}
        self._reasons: list[Reason | None] = []
        self._nevers: dict[tuple[int, int], MemberVerdict] = {}
        slots = ((p.terms.requirements, p.pair.seen_at, bool(p.pair.attributes)) for p in self._places)
        kinds: dict[tuple[object, ...], int] = {}
        self.slots = [kinds.setdefault(slot, len(kinds)) for slot in slots]
        """Of each place a number, equal where one reason of expressions is the other's but for the place's name."""

    def silent(self) -> Verdicts:
        """No answer of anybody."""
        return np.full(len(self.names), None, object)

    def by_member(self, order: Numbers) -> Numbers:
        """Places in this order, but those of the first member first."""
        found: Numbers = order[np.argsort(self.member_of[order], kind="stable")]
        return found

    def of(self, options: Options, asked: Asked) -> Verdicts:
        """Of each member with an option: "now" where nothing blocks one of them, else what blocks the best; else None.

        `Asked.verdict` is the same of one member, option after option.
        """
        answers, places = self.silent(), options.places()
        if not len(places):
            return answers
        nobody, counts, positions = len(places), asked.counted(options), np.arange(len(places))
        best = self._first(places, positions, ~options.packed())
        has = best < nobody
        in_words = np.zeros_like(has) if asked.firsts is not None else has
        if asked.firsts is not None and (counts == UNCOUNTED).any():
            in_words = self._first(places, positions, counts == UNCOUNTED) < nobody
        opened = self._first(places, positions, counts == 0)
        now = ~in_words & (opened < nobody)
        answers[now] = self.now[places[opened[now]]]
        self._shut(answers, np.flatnonzero(has & ~in_words & ~now), (best, places), asked)
        self.in_words(answers, in_words, options, asked)
        return answers

    def in_words(self, answers: Verdicts, members: NDArray[np.bool_], options: Options, asked: Asked) -> None:
        """Writes what these members say, each asked for itself."""
        for member in np.flatnonzero(members).tolist():
            its = np.flatnonzero(self.member_of[options.places()] == member).tolist()
            answers[member] = asked.verdict(self.names[member], options, its)

    def never(self, number: int, why: Reason | None) -> MemberVerdict:
        """That no startd of the class can ever run at that place, and why."""
        place = self._places[number]
        here = why if why is None else place.here(why)
        return MemberVerdict(place.terms.name, Verdict.NEVER, here, place.group.name)

    def known(self, why: Reason | None) -> int:
        """The number of a reason that may be said again, of other classes or other places."""
        number = self._whys.setdefault(why, len(self._whys))
        if number == len(self._reasons):
            self._reasons.append(why)
        return number

    def again(self, number: int, why: int) -> MemberVerdict:
        """`never` of a reason by its number."""
        found = self._nevers.get((number, why))
        if found is None:
            found = self._nevers[number, why] = self.never(number, self._reasons[why])
        return found

    def _shut(self, answers: Verdicts, members: Numbers, at: tuple[Numbers, Numbers], asked: Asked) -> None:
        """What blocks the best place of members where none is open."""
        best, places = at
        where = places[best[members]]
        if asked.shut is not None:
            answers[members] = asked.shut[where]
        todo = nothing(answers[members])
        if asked.firsts is None or not todo.any():
            return
        whys = asked.firsts(best[members[todo]])
        for member, place, why in zip(members[todo].tolist(), where[todo].tolist(), whys, strict=True):
            answers[member] = MemberVerdict(self.names[member], Verdict.NOT_NOW, why, self._groups[place])

    def _first(self, places: Numbers, positions: Numbers, which: NDArray[np.bool_]) -> Numbers:
        """Of each member the first of the options that are meant; their number where none is."""
        least = np.full(len(self.member_of), len(places))
        least[places[which][::-1]] = positions[which][::-1]  # where two are one place's, the first of them stays
        first: Numbers = np.minimum.reduceat(least[self._by_member], self.begins)
        return first
