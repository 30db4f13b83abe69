"""Which part of a simulated world is due when, without asking all of them each time; what they do is not known here."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from fedsched.sim.timetable import NEVER


class Bell:
    """With it a part says that it may be due at another time than it said last; without an agenda it tells nobody."""

    __slots__ = ("_number", "_rung")

    def __init__(self, number: int = 0, rung: set[int] | None = None) -> None:
        self._number = number
        self._rung: set[int] = set() if rung is None else rung

    def ring(self) -> None:
        """The part must be asked again."""
        self._rung.add(self._number)


class Part(Protocol):
    """Something that is due at times of its own. After its own work it is asked again in any case."""

    @property
    def due_at(self) -> float:
        """When something happens here next, in epoch seconds."""
        ...

    def hang(self, bell: Bell) -> None:
        """To be rung when somebody else changes it."""
        ...


AnyPart = TypeVar("AnyPart", bound=Part)


class Agenda(Generic[AnyPart]):
    """Parts in the order in which they do their work when several are due at once."""

    def __init__(self, parts: Sequence[AnyPart]) -> None:
        self._parts = parts
        self._due = [NEVER] * len(parts)
        self._entries: list[tuple[float, int]] = []
        self._rung: set[int] = set(range(len(parts)))
        for number, part in enumerate(parts):
            part.hang(Bell(number, self._rung))

    @property
    def next(self) -> float:
        """When the first part is due, in epoch seconds; infinite when none is."""
        self._ask()
        entries = self._entries
        while entries and self._due[entries[0][1]] != entries[0][0]:
            heapq.heappop(entries)
        return entries[0][0] if entries else NEVER

    def take(self, at: float) -> list[AnyPart]:
        """All parts that are due by then, in their order."""
        found: set[int] = set()
        while self.next <= at:
            number = heapq.heappop(self._entries)[1]
            self._due[number] = NEVER
            found.add(number)
        self._rung |= found
        return [self._parts[number] for number in sorted(found)]

    def _ask(self) -> None:
        for number in self._rung:
            due_at = self._parts[number].due_at
            if due_at != self._due[number]:
                self._due[number] = due_at
                if due_at < NEVER:
                    heapq.heappush(self._entries, (due_at, number))
        self._rung.clear()
