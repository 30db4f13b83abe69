"""How one class stands after a round: every idle job accounted for, each member's answer (RE1, RE2, E1)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Protocol

from fedsched.matchmaker.fill.ends import InTheWay
from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.model import ClassReport, DemandClass
from fedsched.matchmaker.options import Asked, Option, Options, Table
from fedsched.matchmaker.reasons import Cause, Reason, Verdict


class Rounds(Protocol):
    """What a report reads of a round."""

    table: Table
    at: float

    def blockers(self, demand: DemandClass, option: Option) -> Iterable[Reason]:
        """All that keeps one more startd from there now, the first of it first."""
        ...

    def in_the_way(self, demand: DemandClass, options: Options) -> InTheWay:
        """Of each option how many these are, where that is known without asking for them."""
        ...


def report(turn: Turn, rounds: Rounds, limits: tuple[Reason, ...]) -> ClassReport:
    """How the class stands, every idle job accounted for (RE1). limits: all that holds the class as a whole."""
    ask, demand = turn.ask, turn.ask.demand
    served = min(ask.served, demand.idle)
    parts = []
    if served:
        parts.append((served, _counted(Cause.SUPPLY_ON_ITS_WAY, "startds", turn, rounds.at)))
    if turn.placed:
        parts.append((turn.placed, _counted(Cause.DEMAND, demand.key, turn, rounds.at)))
    if not turn.unmet:
        return ClassReport(demand.key, demand.idle, served, turn.placed, 0, Verdict.NOW, parts=tuple(parts))
    ways = rounds.in_the_way(demand, rounds.table.options(demand))
    asked = Asked(partial(rounds.blockers, demand), ways.counts, not limits and not ask.blocked, ways.shut, ways.firsts)
    why, *also = _blockers(turn, rounds.table.reasons(demand, asked), limits)
    return ClassReport(
        demand.key,
        demand.idle,
        served,
        turn.placed,
        turn.unmet,
        why.verdict,
        why,
        (*parts, (turn.unmet, why)),
        rounds.table.verdicts(demand, asked),
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
