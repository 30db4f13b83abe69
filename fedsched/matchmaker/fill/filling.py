"""Progressive filling (FS6): one unit after the other to the lowest level, until nothing fits."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.fill.considering import Considered, Considering
from fedsched.matchmaker.fill.reports import reports
from fedsched.matchmaker.fill.rotation import Rotation
from fedsched.matchmaker.fill.rounds import Round, jobs_on
from fedsched.matchmaker.fill.runs import in_a_row
from fedsched.matchmaker.fill.starting import Serial, alike, start
from fedsched.matchmaker.fill.tree import Tree
from fedsched.matchmaker.fill.turn import Ask, Turn
from fedsched.matchmaker.model import ClassReport, Held
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.reasons import Reason


class Filled(msgspec.Struct, frozen=True):
    """New placements, one report per class, how many startds each class started, and the turns as they ended.

    out: unclaimed startds of each (schedd, principal), new ones included.
    """

    new: tuple[Held, ...]
    reports: tuple[ClassReport, ...]
    started: dict[str, int]
    turns: tuple[Turn, ...]
    out: dict[str, int]


def fill(asks: Iterable[Ask], rounds: Round) -> Filled:
    """Give one unit after the other to the lowest level, of its next class by (job priority, age), on the best place.

    Classes for which room was made by eviction are served first, as many startds as were promised. A class that fits
    nowhere, or may start nothing more, steps aside with its reason and never blocks the next (P10).
    """
    filling = _Filling.of(asks, rounds)
    filling.run()
    turns = filling.turns
    started = {t.ask.demand.key: t.started for t in turns if t.started and t.ask.demand.job is None}
    return Filled(tuple(filling.new), reports(turns, rounds, filling.limits), started, tuple(turns), filling.out)


def fill_for(asks: Iterable[Ask], rounds: Round, key: str) -> ClassReport | None:
    """How one class fares in the same turns, which end where it steps aside; None for a class that does not ask.

    What it starts and which of MA3's answers it has is the same as in `fill`; what holds it is told as of its last
    turn, and of no other class anything is told, which saves most of a large round.
    """
    filling = _Filling.of(asks, rounds)
    turn = next((turn for turn in filling.turns if turn.ask.demand.key == key), None)
    if turn is None:
        return None
    if turn.unmet and not turn.ask.blocked:
        filling.run(turn)
    return reports((turn,), rounds, filling.limits)[0]


class _Filling:
    """The running state of one round. out: see Filled."""

    def __init__(self, rounds: Round, turns: list[Turn]) -> None:
        self.rounds = rounds
        self.turns = turns
        self.out = {turn.ask.trusted.key: turn.ask.trusted.out for turn in turns}
        self.new: list[Held] = []
        self.startds = 0
        self.considering = Considering(rounds)
        self.rotation = Rotation(rounds, self.considering)

    @classmethod
    def of(cls, asks: Iterable[Ask], rounds: Round) -> _Filling:
        """With a turn for every class, by key."""
        return cls(rounds, [Turn(ask, rounds.options(ask.demand)) for ask in sorted(asks, key=lambda a: a.demand.key)])

    def run(self, until: Turn | None = None) -> None:
        """Take turns until nothing fits; until: end where this one has stepped aside."""
        waiting = [turn for turn in self.turns if turn.unmet and not turn.ask.blocked]
        sizes = self.rounds.shared.sizes
        # the largest first: a small one would take the room that was made for a large one before its own has come
        for first in sorted(waiting, key=lambda turn: -sizes.of(turn.ask.demand.request)):
            for _ in range(first.ask.promised):
                self.keep_promise(first)
        tree = Tree(self.rounds.shared, waiting)
        while (turn := tree.next()) is not None:
            milli = self.serve(turn, tree)
            if milli is not None:
                tree.took(milli)
                continue
            tree.leave()
            if turn is until:
                break
        self.rotation.book()

    def keep_promise(self, turn: Turn) -> None:
        """One startd in the room that was made for the class; it was counted as growth when the room was asked for."""
        if turn.unmet and self._take(turn) is not None:
            turn.started -= 1

    def serve(self, turn: Turn, tree: Tree) -> int | None:
        """Start startds for the class where that is best: one, or as many in a row as its turn comes again at once.

        What they are in thousandths of a core-equivalent, which a policy's slot weight may make 0; None where none may
        start.
        """
        if not turn.unmet or self.limits(turn):
            return None
        again = self.rotation.again(turn)
        if again is None:
            self.rotation.book()
            return self._take(turn, tree)
        self.new += alike(again.like, self.rounds.epoch, (self.rounds.serial + len(self.new),))
        return self._count(turn, again.option, 1, 1)

    def _take(self, turn: Turn, tree: Tree | None = None) -> int | None:
        rounds, demand = self.rounds, turn.ask.demand
        option = turn.choose(lambda at: rounds.shut(demand, turn.options, at), lambda: rounds.roomy(turn.options))
        grows = option is None and rounds.grows
        if grows:
            option = turn.choose_growth(lambda one: rounds.no_growth(demand, one))
        if option is None:
            return None
        seen = Considered() if grows else self.considering.of(turn)
        most = self._most(turn, option, tree) if tree is not None and seen.lasts else 1
        serial = Serial(rounds.serial + len(self.new), grows, seen.candidates, most)
        held = start(turn, option, rounds, serial, seen.like if turn.as_urgent_as(seen.like) else None)
        seen.like = held[0]
        self.new += held
        return self._count(turn, option, held[0].nodes, len(held))

    def _count(self, turn: Turn, option: Option, nodes: int, startds: int) -> int:
        """So many startds were started there, on so many nodes each; thousandths of a core-equivalent in all."""
        rounds, demand = self.rounds, turn.ask.demand
        self.startds += startds * (demand.job is None)
        self.out[turn.ask.trusted.key] += startds
        milli = rounds.shared.sizes.of(option.size) * nodes * startds
        turn.took(min(turn.unmet, jobs_on(demand, option, nodes) * startds), milli, startds)
        return milli

    def _most(self, turn: Turn, option: Option, tree: Tree) -> int:
        """How many in a row may start there, room apart."""
        most = in_a_row(turn, option, self.rounds, tree)
        return min(most, turn.starts_left(self.out, 0), self.rounds.left - self.startds) if most > 1 else 1

    def limits(self, turn: Turn) -> tuple[Reason, ...]:
        """What holds the class as a whole now; () when it may start one more."""
        return tuple(turn.limits(self.out, self.rounds.left - self.startds))
