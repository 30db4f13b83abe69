"""When each part of a simulated world is due next; what happens then is not known here."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

Key = TypeVar("Key", int, str)
NEVER = float("inf")


class Timetable(Generic[Key]):
    """Times with keys. A key may stand in it several times: whoever takes it looks whether it is really due."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, Key]] = []

    def put(self, at: float, key: Key) -> None:
        """The key is due at `at` (epoch seconds); what is never due is not kept."""
        if at < NEVER:
            heapq.heappush(self._entries, (at, key))

    @property
    def next(self) -> float:
        """When something is due next, in epoch seconds; infinite when nothing is."""
        return self._entries[0][0] if self._entries else NEVER

    def take(self, at: float) -> list[Key]:
        """All keys that are due by `at`, by time and key, each once."""
        found: dict[Key, None] = {}
        while self._entries and self._entries[0][0] <= at:
            found[heapq.heappop(self._entries)[1]] = None
        return list(found)
