"""How many jobs the roomiest node of each place holds in one startd now: asked of all places at once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.match import Place
from fedsched.matchmaker.resources import Resources, how_many

_EXACT = 1 << 62
"""Larger amounts are no numbers of columns: such places and requests are asked one by one."""


class Packing:
    """Room of all nodes of the places as columns, one for each resource, made when it is asked for."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._parts: dict[str, list[NDArray[np.int64] | None]] = {}
        self._lay_out(places, [_bars(place) for place in places])

    def _lay_out(self, places: Sequence[Place], bars: list[list[Resources]]) -> None:
        self._places, self._bars = places, bars
        lengths = np.array([max(1, len(some)) for some in bars], np.int64)
        self._begins = np.cumsum(lengths) - lengths
        self._rows = int(lengths.sum())
        self._without = np.array([not some for some in bars], np.bool_)
        self._columns: dict[str, NDArray[np.int64] | None] = {}

    def renewed(self, places: Sequence[Place]) -> Packing:
        """The same where the places have other room, and differ in nothing else that is read here."""
        after = object.__new__(Packing)
        pairs = zip(self._places, places, strict=True)
        same = [old.group.rooms == new.group.rooms for old, new in pairs]
        after._parts = {
            name: [part if kept else None for part, kept in zip(parts, same, strict=True)]
            for name, parts in self._parts.items()
        }
        known = zip(places, self._bars, same, strict=True)
        after._lay_out(places, [bars if kept else _bars(place) for place, bars, kept in known])
        return after

    def units(self, request: Resources, most: int) -> NDArray[np.int64]:
        """Of each place how many jobs of that request, at most `most`, its roomiest node has room for; 0 for none."""
        found = np.full(self._rows, most, np.int64)
        for name, amount in msgspec.structs.replace(request, pods=0).items():
            column = self._column(name) if 0 < amount < _EXACT else None
            if amount > 0 and column is None:
                return self._one_by_one(request, most)
            if column is not None:
                np.minimum(found, column // amount, out=found)
        rooms: NDArray[np.int64] = np.maximum.reduceat(found, self._begins) if len(found) else found
        rooms[self._without] = 0
        return rooms

    def _column(self, name: str) -> NDArray[np.int64] | None:
        """What is free of a resource beside what a startd's pod needs; None where that is no number of columns."""
        if name not in self._columns:
            parts = self._parts.setdefault(name, [None] * len(self._bars))
            for number, part in enumerate(parts):
                if part is None:
                    parts[number] = self._part(number, name)
            known = [part for part in parts if part is not None]
            self._columns[name] = np.concatenate(known) if len(known) == len(parts) > 0 else None
        return self._columns[name]

    def _part(self, number: int, name: str) -> NDArray[np.int64] | None:
        beside = self._places[number].terms.pod_overhead.get(name)
        amounts = [max(0, free.get(name) - beside) for free in self._bars[number] or [Resources()]]
        return np.array(amounts, np.int64) if all(amount < _EXACT for amount in amounts) else None

    def _one_by_one(self, request: Resources, most: int) -> NDArray[np.int64]:
        one = msgspec.structs.replace(request, pods=0)
        found = [
            max((min(most, how_many(one, free - place.terms.pod_overhead)) for free in bars), default=0)
            for place, bars in zip(self._places, self._bars, strict=True)
        ]
        return np.array(found, np.int64)


def _bars(place: Place) -> list[Resources]:
    """What is free on nodes that take one pod more."""
    return [room.free for room in place.group.rooms if room.free.pods >= 1]
