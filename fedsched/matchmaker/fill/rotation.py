"""Rotations: where turns go from one class to the next, each has mostly one startd more of what it had last.

Whose turn it is depends on no place, and what was considered for the last one is known. So room is taken at once, which
others may look at, and what only counts (against a member, a bound) is booked when somebody has to look.
"""

from __future__ import annotations

from typing import NamedTuple

from fedsched.matchmaker.fill.considering import Considering
from fedsched.matchmaker.fill.rounds import Round, jobs_on
from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.model import Held
from fedsched.matchmaker.options import Option


class Again(NamedTuple):
    """One more of the last startd of a class, and where."""

    option: Option
    like: Held


class Rotation:
    """Startds that were noted and are not counted yet. They have to be before the book is asked anything."""

    def __init__(self, rounds: Round, considering: Considering) -> None:
        self._rounds, self._considering = rounds, considering
        self._noted: dict[str, tuple[Turn, Option, int]] = {}
        self._flying: dict[str, int] = {}
        self._last: Turn | None = None

    def again(self, turn: Turn) -> Again | None:
        """Notes one more startd like its last for the class whose turn it is.

        None where that has to be looked at: nothing is noted then. Whose turn comes twice in a row has a row (`runs`).
        """
        last, self._last = self._last, turn
        known = self._considering.kept(turn) if last is not turn else None
        if known is None or known.like is None or not turn.as_urgent_as(known.like):
            return None
        option = turn.options[turn.chosen]
        if not self._may_fly(turn, option) or not self._rounds.book.hold(option.place, option.size):
            return None
        self._note(turn, option)
        return Again(option, known.like)

    def book(self) -> None:
        """Counts what was noted."""
        rounds = self._rounds
        for turn, option, count in self._noted.values():
            demand = turn.ask.demand
            rounds.book.count(option.place, option.size, count)
            rounds.bounds.take(demand, option.size, jobs_on(demand, option, 1), count)
        self._noted.clear()
        self._flying.clear()

    def _may_fly(self, turn: Turn, option: Option) -> bool:
        """Whether one more object may be in flight at the member, with what is noted there; a probe goes alone."""
        member = option.place.terms.name
        if member not in self._flying:
            self._flying[member] = self._rounds.book.in_a_row(turn.options.place(turn.chosen))
        return self._flying[member] > 0 and bool(option.place.pair.attributes)

    def _note(self, turn: Turn, option: Option) -> None:
        key = turn.ask.demand.key
        count = self._noted[key][2] if key in self._noted else 0
        self._noted[key] = turn, option, count + 1
        member = option.place.terms.name
        self._flying[member] -= 1
        if not self._flying[member]:  # what is shut by that others may have considered
            self.book()
