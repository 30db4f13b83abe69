"""What a stream of cycles says of each one."""

from __future__ import annotations

import msgspec


class Cycle(msgspec.Struct, frozen=True):
    """A cycle was decided and written down. at: epoch seconds. idle, unmet, running: jobs. spike: its id, "" for none.

    orders: how many stand.
    """

    cycle: int
    at: float
    idle: int = 0
    unmet: int = 0
    running: int = 0
    spike: str = ""
    orders: int = 0
