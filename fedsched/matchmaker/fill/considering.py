"""What is considered for a placement (E5), and kept for the next of its class while nothing there has changed."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker.fill.rounds import Round
from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.model import Candidate, Held
from fedsched.matchmaker.options import candidates


class Considered(msgspec.Struct):
    """What a class considered when it was given its last startd.

    lasts: whether only what is booked at `others`, by number, can change it while the class takes room where it does.
    changes: what was booked there before. like: the last startd; the next is the same where its priority is.
    """

    candidates: tuple[Candidate, ...] = ()
    chosen: int = -1
    lasts: bool = False
    others: tuple[int, ...] = ()
    changes: int = 0
    like: Held | None = None


class Considering:
    """Of every class of a round what it considered last."""

    def __init__(self, rounds: Round) -> None:
        self._rounds = rounds
        self._known: dict[str, Considered] = {}

    def of(self, turn: Turn) -> Considered:
        """What is considered for the placement that comes next, at the place that was just chosen."""
        known = self.kept(turn)
        if known is None:
            known = self._look(turn)
            if known.lasts:
                self._known[turn.ask.demand.key] = known
        return known

    def kept(self, turn: Turn) -> Considered | None:
        """What was considered for the last one, where that is true of one more at the same place; None elsewhere."""
        known = self._known.get(turn.ask.demand.key)
        if known is None or known.chosen != turn.chosen or known.changes != self._changes(known.others):
            return None
        return known

    def _look(self, turn: Turn) -> Considered:
        rounds, demand, options = self._rounds, turn.ask.demand, turn.options
        positions = turn.considered()
        found = candidates([options[at] for at in positions], lambda n: rounds.cause(demand, options, positions[n]))
        if not rounds.lasts(demand, options, positions, turn.chosen):
            return Considered(found, turn.chosen, lasts=False)
        own = options.place(turn.chosen)
        others = tuple([number for number in map(options.place, positions) if number != own])
        return Considered(found, turn.chosen, lasts=True, others=others, changes=self._changes(others))

    def _changes(self, others: tuple[int, ...]) -> int:
        return sum(map(self._rounds.book.changes, others))
