"""How one class stands after a round: every idle job accounted for, each member's answer (RE1, RE2, E1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from fedsched.matchmaker.fill.ends import Ends, InTheWay
from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.model import ClassReport, DemandClass
from fedsched.matchmaker.options import UNCOUNTED, Answer, Asked, Option, Options, Table
from fedsched.matchmaker.options.asking import Columns
from fedsched.matchmaker.reasons import Cause, Reason, Verdict


class Rounds(Protocol):
    """What a report reads of a round."""

    table: Table
    at: float
    ends: Ends

    def blockers(self, demand: DemandClass, option: Option) -> Iterable[Reason]:
        """All that keeps one more startd from there now, the first of it first."""
        ...

    def in_the_way(self, demand: DemandClass, options: Options) -> InTheWay:
        """Of each option how many these are, where that is known without asking for them."""
        ...

    def columns(self, demand: DemandClass, options: Options) -> Columns | None:
        """The same by place, where only places count."""
        ...


def reports(
    turns: Iterable[Turn], rounds: Rounds, limits: Callable[[Turn], tuple[Reason, ...]]
) -> tuple[ClassReport, ...]:
    """How classes stand, every idle job accounted for (RE1). limits: all that holds a class as a whole."""
    held = [(turn, limits(turn)) for turn in turns]
    asked = [(turn.ask.demand, _asked(turn, rounds, its)) for turn, its in held if turn.unmet]
    answers = iter(rounds.table.answers(asked, rounds.ends.closed))
    return tuple(_report(turn, rounds, its, next(answers) if turn.unmet else None) for turn, its in held)


def _asked(turn: Turn, rounds: Rounds, limits: tuple[Reason, ...]) -> Asked:
    demand, options = turn.ask.demand, rounds.table.options(turn.ask.demand)
    blockers, all_blocked = partial(rounds.blockers, demand), not limits and not turn.ask.blocked
    columns = rounds.columns(demand, options)
    if columns is not None and not (columns.counts == UNCOUNTED).any():
        return Asked(blockers, all_blocked=all_blocked, columns=columns)
    ways = rounds.in_the_way(demand, options)
    return Asked(blockers, ways.counts, all_blocked, ways.shut, ways.firsts, columns)


def _report(turn: Turn, rounds: Rounds, limits: tuple[Reason, ...], answer: Answer | None) -> ClassReport:
    """answer: what is said to the class, None where nothing is unmet."""
    ask, demand = turn.ask, turn.ask.demand
    served = min(ask.served, demand.idle)
    parts = []
    if served:
        parts.append((served, _counted(Cause.SUPPLY_ON_ITS_WAY, "startds", turn, rounds.at)))
    if turn.placed:
        parts.append((turn.placed, _counted(Cause.DEMAND, demand.key, turn, rounds.at)))
    if answer is None:
        return ClassReport(demand.key, demand.idle, served, turn.placed, 0, Verdict.NOW, parts=tuple(parts))
    why, *also = _blockers(turn, answer.reasons, limits)
    return ClassReport(
        demand.key,
        demand.idle,
        served,
        turn.placed,
        turn.unmet,
        why.verdict,
        why,
        (*parts, (turn.unmet, why)),
        answer.verdicts,
        also=tuple(also),
        near=rounds.table.near(demand) if why.verdict is Verdict.NEVER else (),
    )


def _blockers(turn: Turn, ways: tuple[Reason, ...], limits: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The minimal set that holds the rest (RE2): what holds the class as a whole, and one member's way.

    A member's way that is never open, or closed by a person, says all: no limit of ours matters before.
    """
    if ways and ways[0].verdict is not Verdict.NOT_NOW:
        return ways
    return (*turn.ask.blocked, *ways, *limits) or (_unexplained(turn.ask.demand),)


def _unexplained(demand: DemandClass) -> Reason:
    """A bug, told as one: nothing held the class, and yet nothing was started."""
    return Reason(Cause.NO_ROOM, "nothing that is known", source=f"class {demand.key}: please report this cycle")


def _counted(cause: Cause, what: str, turn: Turn, at: float) -> Reason:
    return Reason(cause, what, str(turn.ask.demand.idle), str(turn.ask.served), at=at)
