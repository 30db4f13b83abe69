"""What an exchange is weighed by (PR2, PR7), in integers: the same words for one pair and, in columns, for many."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

Number: TypeAlias = Any
"""An integer, or a column of 64-bit ones; of columns what is said here is a column of truth values."""
Truth: TypeAlias = Any


class Side(NamedTuple):
    """Who takes or yields, or a group that it is in: what it holds, what the exchange changes of that, its right."""

    held: Number
    change: Number
    right: Number


def keeps_floor(held: Number, change: Number, floor: Number) -> Truth:
    """Whether it is not below its floor afterwards."""
    return held + change >= floor


def reclaims(held: Number, change: Number, floor: Number) -> Truth:
    """Whether it is below its floor, and not above it afterwards (PR7)."""
    return (held < floor) & (held + change <= floor)


def in_order(low: Side, high: Side) -> Truth:
    """Whether the level of `high` is not below that of `low` afterwards; multiplied, so that nothing is rounded."""
    return (high.held + high.change) * low.right >= (low.held + low.change) * high.right


def fairer(low: Side, high: Side) -> Truth:
    """Whether `low` is below its right, `high` above, and the exchange does not turn their levels round (PR2)."""
    return (low.held < low.right) & (high.held > high.right) & in_order(low, high)
