"""What a person or a setting holds back: "not while cordoned" (MA3, OW3)."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from fedsched.matchmaker.match.places import Place
from fedsched.matchmaker.model import DemandClass, Order
from fedsched.matchmaker.reasons import Cause, Reason

_CAUSES = {"cordon": Cause.CORDONED, "drain": Cause.DRAINING, "pause": Cause.PAUSED}


def held_back(demand: DemandClass, place: Place, orders: tuple[Order, ...]) -> Iterator[Reason]:
    """All that must be lifted before the class may run there."""
    if place.terms.mode == "observe":
        yield place.here(Reason(Cause.OBSERVE_ONLY, "mode", "trial or on", "observe", source="the member's file"))
    for order in orders:
        by = order.by or "an operator"
        cause = _CAUSES.get(order.kind)
        if cause is not None and order.target in {"*", place.terms.name}:
            yield place.here(Reason(cause, order.kind, "", order.reason, source=by, at=order.at))
        if order.kind == "deny" and denied(order, demand):
            yield place.here(Reason(Cause.DENIED, order.target, "", order.reason, source=by, at=order.at))
    if place.group.nodes and place.group.cordoned == place.group.nodes:
        yield place.here(Reason(Cause.NODES_CORDONED, "nodes", "1", "0", at=place.view.seen_at))


def denied(order: Order, demand: DemandClass) -> bool:
    """Whether a deny order names this class's principal or schedd."""
    return fnmatchcase(str(demand.principal), order.target) or fnmatchcase(demand.schedd, order.target)
