"""What classes are told when all turns are taken: by each member (E1), and what must change at least (RE2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from fedsched.matchmaker.match import Matching, Place, Site, held_back
from fedsched.matchmaker.model import DemandClass, MemberVerdict, Order
from fedsched.matchmaker.options.asking import Asked, Columns, Verdicts, nothing
from fedsched.matchmaker.options.fitting import Fitting
from fedsched.matchmaker.options.judged import Judged
from fedsched.matchmaker.options.nevers import Nevers
from fedsched.matchmaker.options.option import Options
from fedsched.matchmaker.options.replies import Replies
from fedsched.matchmaker.options.sets import UNCOUNTED
from fedsched.matchmaker.options.together import MOST, Closed, answered
from fedsched.matchmaker.reasons import Reason, Verdict


class Answer(NamedTuple):
    """What a class is told: a minimal set of what must change (RE2), and each member's own answer (E1)."""

    reasons: tuple[Reason, ...]
    verdicts: tuple[MemberVerdict, ...]


class Question(NamedTuple):
    """A class that asks, who knows what is in its way, and what is known of it."""

    demand: DemandClass
    asked: Asked
    known: Judged


_Counted = tuple[int, Columns, Question]
"""The position of a question that was counted by place, and how."""


class Answers:
    """Of the members of one table. never: the first thing that rules a class out somewhere."""

    def __init__(
        self,
        matching: Matching,
        fitting: Fitting,
        never: Callable[[DemandClass, Place], Reason | None],
        orders: tuple[Order, ...],
    ) -> None:
        self._matching, self._fitting, self._never, self._orders = matching, fitting, never, orders
        self._each = max(1, MOST // max(1, len(matching.sites)))

    @cached_property
    def _replies(self) -> Replies:
        """Made when somebody asks: in most rounds of a quiet federation nobody does."""
        return Replies(self._matching.sites)

    @cached_property
    def _nevers(self) -> Nevers:
        return Nevers(self._matching, self._fitting, self._replies, self._never)

    def verdicts(self, one: Question) -> tuple[MemberVerdict, ...]:
        """Of each member, by name, the best answer of its places."""
        answers = self._replies.of(one.known.options, one.asked)
        self._held(answers, one.demand, one.known.held)
        self._nevers.answer(answers[np.newaxis], nothing(answers)[np.newaxis], [(one.demand, one.known.sweep)])
        return tuple(answers.tolist())

    def together(self, questions: Sequence[Question], closed: Closed) -> dict[int, Answer]:
        """The answers to those of the questions, by position, that were counted by place."""
        found: dict[int, Answer] = {}
        alike: dict[int, list[_Counted]] = {}
        for at, one in enumerate(questions):
            if one.asked.columns is not None and one.known.options:
                alike.setdefault(id(one.known.order), []).append((at, one.asked.columns, one))
        for its in alike.values():
            for begin in range(0, len(its), self._each):
                found.update(self._at_once(its[begin : begin + self._each], closed))
        return found

    def _at_once(self, its: Sequence[_Counted], closed: Closed) -> Iterator[tuple[int, Answer]]:
        """Of classes that prefer places in one order."""
        order, counted = its[0][2].known.order, [(columns, one.asked) for _, columns, one in its]
        said, has, in_words, least, counts = answered(self._replies, order.numbers, counted, closed)
        for row in np.flatnonzero(in_words.any(axis=1)).tolist():
            one = its[row][2]
            self._replies.in_words(said[row], in_words[row], one.known.options, one.asked)
        silent = ~has
        for row, (_, _, one) in enumerate(its):
            if one.known.held:
                self._held(said[row], one.demand, one.known.held)
                silent[row] = nothing(said[row])
        self._nevers.answer(said, silent, [(one.demand, one.known.sweep) for _, _, one in its])
        for (at, _, one), place, count, its_own in zip(
            its, least.tolist(), counts.tolist(), said.tolist(), strict=True
        ):
            yield at, Answer(_least(one.asked, one.known.options, place, count), tuple(its_own))

    def _held(self, answers: Verdicts, demand: DemandClass, held: Iterable[Site]) -> None:
        """Writes what members say who would have an option if nobody held it back."""
        for site in held:
            name, number = site.place.terms.name, self._replies.member_of[site.number]
            if answers[number] is None:
                why = next(held_back(demand, site.place, self._orders), None)
                answers[number] = MemberVerdict(name, Verdict.CORDONED, why, site.place.group.name)


def _least(asked: Asked, options: Options, place: int, count: int) -> tuple[Reason, ...]:
    """`Asked.fewest` where a startd for a single job has the least in its way at that place, and so much."""
    if count == UNCOUNTED:
        return asked.fewest(options)
    return tuple(asked.blockers(options.alone_at(place))) if count else ()
