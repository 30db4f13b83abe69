"""What all members say to a class at once (E1): who is open, and what blocks the best of each that is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.match import Site
from fedsched.matchmaker.model import MemberVerdict
from fedsched.matchmaker.options.asking import Asked, Verdicts
from fedsched.matchmaker.options.option import Numbers, Options
from fedsched.matchmaker.options.sets import UNCOUNTED
from fedsched.matchmaker.reasons import Verdict


class Replies:
    """The members of one table, by name, and which places are theirs; "now" is said in one way at each place."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self.names = tuple(sorted({site.place.terms.name for site in sites}))
        numbers = {name: number for number, name in enumerate(self.names)}
        self.member_of = np.array([numbers[site.place.terms.name] for site in sites], np.int64)
        self._groups = [site.place.group.name for site in sites]
        now = (MemberVerdict(site.place.terms.name, Verdict.NOW, None, site.place.group.name) for site in sites)
        self._now: Verdicts = np.fromiter(now, object)

    def silent(self) -> Verdicts:
        """No answer of anybody."""
        return np.full(len(self.names), None, object)

    def of(self, options: Options, asked: Asked) -> Verdicts:
        """Of each member with an option: "now" where nothing blocks one of them, else what blocks the best; else None.

        `Asked.verdict` is the same of one member, option after option.
        """
        answers, places = self.silent(), options.places()
        if not len(places):
            return answers
        members = self.member_of[places]
        order = np.argsort(members, kind="stable")
        begins = np.flatnonzero(np.diff(members[order], prepend=-1))
        found, counts = members[order][begins], asked.counted(options)[order]
        opened = _first(order, counts == 0, begins)
        best = _first(order, ~options.packed()[order], begins)
        in_words = np.logical_or.reduceat((counts == UNCOUNTED) | (asked.first is None), begins)
        now = ~in_words & (opened < len(order))
        answers[found[now]] = self._now[places[opened[now]]]
        shut = ~in_words & ~now
        if asked.shut is not None:
            answers[found[shut]] = asked.shut[places[best[shut]]]
        for member, position in zip(found[shut].tolist(), best[shut].tolist(), strict=True):
            if answers[member] is None and asked.first is not None:
                group = self._groups[places[position]]
                answers[member] = MemberVerdict(self.names[member], Verdict.NOT_NOW, asked.first(position), group)
        ends = np.append(begins[1:], len(order))
        for number in np.flatnonzero(in_words).tolist():
            its = order[begins[number] : ends[number]].tolist()
            answers[found[number]] = asked.verdict(self.names[found[number]], options, its)
        return answers


def _first(positions: Numbers, which: NDArray[np.bool_], begins: Numbers) -> Numbers:
    """In each part, of the positions that are meant the first; their number where none is."""
    least: Numbers = np.minimum.reduceat(np.where(which, positions, len(positions)), begins)
    return least
