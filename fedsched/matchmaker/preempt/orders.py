"""What people ask: drains, denials and cordoned nodes (OW3)."""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

from fedsched.matchmaker.model import (
    Held,
    MemberView,
    Order,
)
from fedsched.matchmaker.preempt.life import urge
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing


def obey_orders(held: Held, orders: tuple[Order, ...], at: float) -> Held:
    """Drain: leave, and vacate what is left at the deadline. Deny: its startds leave within one cycle (OW3)."""
    for order in orders:
        why = Reason(Cause.ORDERED, what=order.kind, have=order.reason, source=order.by or "an operator", at=order.at)
        if order.kind == "drain" and order.target in {"*", held.placement.member}:
            late = order.deadline_at is not None and at >= order.deadline_at
            held = urge(held, "vacate" if late else "leave", why)
        if order.kind == "deny":
            names = (str(held.placement.principal), held.placement.schedd)
            if any(fnmatchcase(name, order.target) for name in names):
                held = urge(held, "leave", msgspec.structs.replace(why, cause=Cause.DENIED))
    return held


def leave_cordoned(stand: Standing, view: MemberView | None, at: float) -> Held:
    """The startd of a cordoned node leaves: its admin wants the node empty."""
    held = stand.held
    if view is None or held.wanted != "run":
        return held
    cordoned = {room.node for room in view.node_rooms if room.cordoned}
    nodes = sorted({p.node for p in stand.pods if p.node in cordoned})
    if held.placement.form == "startd-daemonset":
        return msgspec.structs.replace(held, nodes_wanted=tuple((node, "leave") for node in nodes))
    if not nodes:
        return held
    return urge(held, "leave", Reason(Cause.NODES_CORDONED, what=nodes[0], member=view.name, at=at))
