"""How one class stands after a round: every idle job accounted for, each member's answer (RE1, E1)."""

from __future__ import annotations

from typing import Protocol

from fedsched.matchmaker.fill.turn import Turn
from fedsched.matchmaker.match import Place, cordoned, form_for, may_probe, never
from fedsched.matchmaker.model import ClassReport, DemandClass, MemberVerdict, Order, Policy
from fedsched.matchmaker.options import Option, size_for
from fedsched.matchmaker.reasons import VERDICT_ORDER, Cause, Reason, Verdict


class Asked(Protocol):
    """What a report reads of a round."""

    places: tuple[Place, ...]
    policy: Policy
    orders: tuple[Order, ...]
    at: float

    def blocker(self, demand: DemandClass, option: Option) -> Reason | None:
        """What keeps one more startd from there now."""
        ...


def report(turn: Turn, rounds: Asked) -> ClassReport:
    """How the class stands, every idle job accounted for (RE1)."""
    ask, demand = turn.ask, turn.ask.demand
    served = min(ask.served, demand.idle)
    members = _verdicts(demand, rounds) if turn.unmet else ()
    why = _dominant(turn, members)
    parts = []
    if served:
        parts.append((served, _counted(Cause.SUPPLY_ON_ITS_WAY, "startds", turn, rounds.at)))
    if turn.placed:
        parts.append((turn.placed, _counted(Cause.DEMAND, demand.key, turn, rounds.at)))
    if why is not None:
        parts.append((turn.unmet, why))
    verdict = why.verdict if why else Verdict.NOW
    return ClassReport(demand.key, demand.idle, served, turn.placed, turn.unmet, verdict, why, tuple(parts), members)


def _counted(cause: Cause, what: str, turn: Turn, at: float) -> Reason:
    return Reason(cause, what, str(turn.ask.demand.idle), str(turn.ask.served), at=at)


def _dominant(turn: Turn, members: tuple[MemberVerdict, ...]) -> Reason | None:
    """The one reason that holds the rest: the class's own limits, else the member that came closest."""
    if not turn.unmet:
        return None
    if turn.ask.blocked:
        return turn.ask.blocked
    best = max(members, key=lambda m: VERDICT_ORDER[m.verdict], default=None)
    if best is None:
        return Reason(Cause.NO_NODE_GROUPS, "members", "1", "0", source="no member is joined")
    if best.blocker is None or best.verdict is Verdict.NOW:
        return turn.limit
    return best.blocker


def _verdicts(demand: DemandClass, rounds: Asked) -> tuple[MemberVerdict, ...]:
    """Per member the best answer of its node groups, with its first blocker (E1)."""
    best: dict[str, MemberVerdict] = {}
    for place in rounds.places:
        verdict = _verdict(demand, place, rounds)
        known = best.get(verdict.member)
        if known is None or VERDICT_ORDER[verdict.verdict] > VERDICT_ORDER[known.verdict]:
            best[verdict.member] = verdict
    return tuple(best[name] for name in sorted(best))


def _verdict(demand: DemandClass, place: Place, rounds: Asked) -> MemberVerdict:
    member, group = place.terms.name, place.group.name
    form = form_for(place) or "startd-job"
    size, units = size_for(demand, place, form, rounds.policy)
    reason = never(demand, place, size, rounds.at)
    if reason is not None and not may_probe(reason, demand, place, size):
        return MemberVerdict(member, Verdict.NEVER, reason, group)
    held_back = cordoned(demand, place, rounds.orders)
    if held_back is not None:
        return MemberVerdict(member, Verdict.CORDONED, held_back, group)
    blocker = rounds.blocker(demand, Option(place, form, size, units, (0.0, 0.0)))
    if blocker is not None:
        return MemberVerdict(member, Verdict.NOT_NOW, blocker, group)
    return MemberVerdict(member, Verdict.NOW, None, group)
