"""What a drain means for each startd of a member (R8): which finish, which move, which are evicted; orders nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fedsched.cli import output
from fedsched.cli.output import Column

if TYPE_CHECKING:
    from fedsched.matchmaker.model import Held, Order

EVERYTHING = "*"
COLUMNS = (
    Column("STARTD"),
    Column("MEMBER", rank=1),
    Column("PHASE", rank=2),
    Column("JOBS", right=True),
    Column("FOR", rank=3),
    Column("WHAT COMES"),
)


def listing(held: Iterable[Held], order: Order) -> list[dict[str, Any]]:
    """One row per startd that the order reaches; `latest_at`: epoch seconds at which it is evicted at the latest."""
    there = [h for h in held if order.target in {EVERYTHING, h.placement.member} and h.phase != "gone"]
    return [_row(one, order) for one in sorted(there, key=lambda h: (h.placement.member, h.placement.id))]


def show(rows: list[dict[str, Any]]) -> None:
    """The rows as a table; nothing when there are none."""
    if rows:
        order = ("startd", "member", "phase", "jobs", "principal", "what")
        output.table(COLUMNS, [tuple(str(row[name]) for name in order) for row in rows])


def _row(held: Held, order: Order) -> dict[str, Any]:
    from fedsched.matchmaker.explain import age

    latest = _latest(held, order)
    left = age(max(0.0, latest - order.at))
    return {
        "startd": held.placement.object_name,
        "member": held.placement.member,
        "node_group": held.placement.node_group,
        "phase": held.phase,
        "jobs": held.claims,
        "principal": str(held.placement.principal),
        "latest_at": latest,
        "what": _what(held, left),
    }


def _latest(held: Held, order: Order) -> float:
    """A leave order that is not followed within retire_s becomes eviction, as the deadline does (PR5)."""
    told = (held.leave_ordered_at or order.at) + held.placement.retire_s
    return min(told, told if order.deadline_at is None else order.deadline_at)


def _what(held: Held, left: str) -> str:
    if held.claims:
        return f"finishes its jobs; evicted after {left} if they still run"
    if held.phase in {"intended", "starting"} and held.pod_started_at is None:
        return "called back; what it was for is placed elsewhere"
    return f"leaves at once; removed after {left} at the latest"
