"""The free room of all node groups as columns, so that a size is asked of all of them at once; totals.py changes it.

Only what is asked for all places: taking room, and why one place has none, are the business of each group.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.resources import FIXED, Resources


class Rooms:
    """One row for each bar of each group, group after group; groups that changed are laid out again when asked."""

    def __init__(self, groups: Mapping[tuple[str, str], GroupRoom]) -> None:
        self._groups = tuple(groups.values())
        others = {name for group in self._groups for free in group.bars for name, _ in free.other}
        self._names = (*(name for name, _ in Resources().items()), *sorted(others))
        self._numbers = {key: number for number, key in enumerate(groups)}
        self._changed = set(self._numbers.values())
        self._parts = [np.empty((0, 0), np.int64)] * len(self._groups)
        self._columns = np.empty((0, 0), np.int64)
        self._begins = np.empty(0, np.int64)
        self._least: list[int] = []
        self._told: dict[Resources, NDArray[np.int16]] = {}

    def change(self, key: tuple[str, str]) -> None:
        """The group's room is not what it was."""
        self._changed.add(self._numbers[key])

    def lacking(self, size: Resources) -> NDArray[np.int64]:
        """Of every group how many resources its closest node lacks for one pod of that size; 0 where one has room."""
        if not self._groups:
            return np.empty(0, np.int64)
        self._lay_out()
        found = self._told.get(size)
        if found is None:
            found = self._told[size] = self._lacking(size)
        return found.astype(np.int64)

    def _lacking(self, size: Resources) -> NDArray[np.int16]:
        short = np.zeros(self._columns.shape[1], np.int16)  # small numbers: all rooms are asked for each size
        for name, amount in size.items():
            if amount > 0 and name not in self._names:
                short += 1
            elif amount > 0 and amount > self._least[at := self._names.index(name)]:
                short += (self._columns[at] < amount).view(np.int8)
        return np.minimum.reduceat(short, self._begins)

    def _lay_out(self) -> None:
        if not self._changed:
            return
        for number in self._changed:
            self._parts[number] = np.array(self._rows(self._groups[number]), np.int64).T
        self._changed.clear()
        self._told.clear()
        self._columns = np.concatenate(self._parts, axis=1)
        self._least = self._columns.min(axis=1).tolist()
        self._begins = np.cumsum([0, *(part.shape[1] for part in self._parts[:-1])])

    def _rows(self, group: GroupRoom) -> list[list[int]]:
        """A group without nodes has one row with nothing in it: each has a part of the columns."""
        bars = [free for free, nodes in group.bars.items() if nodes] or [Resources()]
        return [[self._amount(free, name) for name in self._names] for free in bars]

    @staticmethod
    def _amount(free: Resources, name: str) -> int:
        amount: int = getattr(free, name) if name in FIXED else free.get(name)
        return amount
