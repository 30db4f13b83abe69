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
        self._places = places
        self._bars = [[room.free for room in place.group.rooms if room.free.pods >= 1] for place in places]
        self._begins = np.cumsum([0, *(max(1, len(bars)) for bars in self._bars[:-1])]) if places else np.empty(0, int)
        self._columns: dict[str, NDArray[np.int64] | None] = {}

    def units(self, request: Resources, most: int) -> NDArray[np.int64]:
        """Of each place how many jobs of that request, at most `most`, its roomiest node has room for; 0 for none."""
        found = np.full(int(sum(max(1, len(bars)) for bars in self._bars)), most, np.int64)
        for name, amount in msgspec.structs.replace(request, pods=0).items():
            column = self._column(name) if 0 < amount < _EXACT else None
            if amount > 0 and column is None:
                return self._one_by_one(request, most)
            if column is not None:
                np.minimum(found, column // amount, out=found)
        rooms: NDArray[np.int64] = np.maximum.reduceat(found, self._begins) if len(found) else found
        rooms[[number for number, bars in enumerate(self._bars) if not bars]] = 0
        return rooms

    def _column(self, name: str) -> NDArray[np.int64] | None:
        """What is free of a resource beside what a startd's pod needs; None where that is no number of columns."""
        if name not in self._columns:
            amounts = [
                max(0, free.get(name) - place.terms.pod_overhead.get(name))
                for place, bars in zip(self._places, self._bars, strict=True)
                for free in bars or [Resources()]
            ]
            exact = all(amount < _EXACT for amount in amounts)
            self._columns[name] = np.array(amounts, np.int64) if exact else None
        return self._columns[name]

    def _one_by_one(self, request: Resources, most: int) -> NDArray[np.int64]:
        one = msgspec.structs.replace(request, pods=0)
        found = [
            max((min(most, how_many(one, free - place.terms.pod_overhead)) for free in bars), default=0)
            for place, bars in zip(self._places, self._bars, strict=True)
        ]
        return np.array(found, np.int64)
