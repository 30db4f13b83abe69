"""Server-sent events read from a stream of bytes: lines to events, of limited size; no meaning is known here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 1024 * 1024
"""Bytes of one event, or of one line."""


class Event(NamedTuple):
    """One event. name: its kind. data: its text."""

    name: str
    data: str


class Reader:
    """Takes bytes as they come and gives events as they are whole. ValueError for one that is too long."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def take(self, more: bytes) -> Iterator[Event]:
        """Events that these bytes complete."""
        *lines, self._rest = (self._rest + more).split(b"\n")
        self._size += len(more)
        for line in lines:
            event = self._line(line.removesuffix(b"\r").decode("utf-8", "replace"))
            if event is not None:
                yield event
        if max(self._size, len(self._rest)) > LONGEST:
            raise ValueError(f"an event of more than {LONGEST} bytes")

    def _line(self, line: str) -> Event | None:
        if not line:
            found = Event(self._name or "message", "\n".join(self._data)) if self._data else None
            self._name, self._data, self._size = "", [], 0
            return found
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        return None
