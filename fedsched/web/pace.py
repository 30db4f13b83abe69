"""How fast requests are taken: so fast that whoever asks without pause takes little from the loop's thread."""

from __future__ import annotations

import asyncio
import time

RATE = 200.0
"""Requests a second, of all readers together: fifty open dashboards ask for a tenth of it."""
BURST = 100.0
"""So many may come at once after a pause."""


class Pace:
    """Turns for requests. Used in one event loop."""

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self._each_s = 1.0 / rate
        self._ahead_s = burst / rate
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for one; at most as many seconds as there are connections, by the rate. Nobody is refused for haste."""
        now = time.monotonic()
        self._next = max(self._next, now - self._ahead_s) + self._each_s
        if self._next > now:
            await asyncio.sleep(self._next - now)
