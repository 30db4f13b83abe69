"""The free room of all node groups as columns, so that a size is asked of all of them at once; totals.py changes it.

Only what is asked for all places: taking room, and why one place has none, are the business of each group.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.resources import FIXED, Resources

Amounts = NDArray[np.int64]

EXACT = 1 << 53
"""Amounts below this are divided as if they were no floating-point numbers; of larger ones columns say nothing."""


MANY = 100
"""Of so many resources beside the fixed ones a byte may not hold how many are lacking."""


class Shortage(NamedTuple):
    """What one group's closest node lacks first: the resource, how much is asked for, and how much there is.

    nodes: on how many nodes of the group some of it is, where all together have enough of everything; else 0. total:
    how much that is.
    """

    name: str
    need: int
    have: int
    nodes: int
    total: int


class Shortages(NamedTuple):
    """The same of several groups, one list for each; rows: numbers of the resources, by which `names` has them."""

    names: tuple[str, ...]
    rows: list[int]
    need: list[int]
    have: list[int]
    nodes: list[int]
    total: list[int]

    def one(self, at: int) -> Shortage:
        """Of the group that was asked for in that position."""
        return Shortage(self.names[self.rows[at]], self.need[at], self.have[at], self.nodes[at], self.total[at])


class _Together(NamedTuple):
    """Of every resource (rows) and group (columns) what its nodes have in whole, and how many of them have any."""

    whole: Amounts
    nodes: Amounts


class Rooms:
    """One row for each bar of each group, group after group; groups that changed are laid out again when asked."""

    def __init__(self, groups: Mapping[tuple[str, str], GroupRoom]) -> None:
        self._groups = tuple(groups.values())
        others = {name for group in self._groups for free in group.bars for name, _ in free.other}
        self._others = tuple(sorted(others))
        self._names = (*_FIXED, *self._others)
        self._rows_of = {name: row for row, name in enumerate(self._names)}
        self._numbers = {key: number for number, key in enumerate(groups)}
        self._changed = set(self._numbers.values())
        self._parts = [np.empty((0, 0), np.int64)] * len(self._groups)
        self._columns = np.empty((0, 0), np.int64)
        self._nodes = np.empty(0, np.int64)
        self._begins = np.empty(0, np.int64)
        self._lengths = np.empty(0, np.int64)
        self._least: list[int] = []
        self._exact = True
        self._together: _Together | None = None
        self._less_than: dict[tuple[int, int], NDArray[np.int8]] = {}
        self._told: dict[Resources, Amounts] = {}

    def change(self, key: tuple[str, str]) -> None:
        """The group's room is not what it was."""
        self._changed.add(self._numbers[key])

    def lacking(self, size: Resources) -> NDArray[np.int64]:
        """Of every group how many resources its closest node lacks for one pod of that size; 0 where one has room.

        Not to be changed: it is told again.
        """
        if not self._groups:
            return np.empty(0, np.int64)
        self._lay_out()
        found = self._told.get(size)
        if found is None:
            found = self._told[size] = self._lacking(size)
        return found

    def _lacking(self, size: Resources) -> Amounts:
        kind = np.int8 if len(size.other) < MANY else np.int16  # small numbers: all rooms are asked for each size
        short: NDArray[Any] = np.zeros(self._columns.shape[1], kind)
        for name, amount in size.items():
            row = self._rows_of.get(name)
            if amount > 0 and row is None:
                short += 1
            elif amount > 0 and row is not None and amount > self._least[row]:
                short += self._less(row, amount)
        least: Amounts = np.minimum.reduceat(short, self._begins).astype(np.int64)
        return least

    def _less(self, row: int, amount: int) -> NDArray[np.int8]:
        """Of every room whether it has less than that: most sizes share their amounts with others."""
        found = self._less_than.get((row, amount))
        if found is None:
            found = self._less_than[row, amount] = (self._columns[row] < amount).view(np.int8)
        return found

    def shortages(self, size: Resources, groups: NDArray[np.int64]) -> Shortages | None:
        """What each of these groups, by number, lacks first for one pod of a size for which none of them has room.

        As `shortage.shortages` says it of one. None where columns cannot tell: of a resource that no node has, of
        amounts that they do not hold, of a size that is nothing.
        """
        self._lay_out()
        asked = {name: amount for name, amount in size.items() if amount > 0}
        known = all(name in self._rows_of and amount < EXACT for name, amount in asked.items())
        if not (self._exact and known and asked):
            return None
        rows = np.array([self._rows_of[name] for name in sorted(asked)], np.intp)  # of equally scarce ones the first
        need = np.array([asked[name] for name in sorted(asked)], np.int64)[:, np.newaxis]
        have = self._closest(rows, need, groups)
        if not (have < need).any(axis=0).all():
            return None
        first = np.where(have < need, have / need, np.inf).argmin(axis=0)
        its, at = rows[first], np.arange(len(groups))
        together = self._all_together()
        enough = (need <= together.whole[rows[:, np.newaxis], groups]).all(axis=0)
        nodes = together.nodes[its, groups]
        nodes[~enough | (nodes <= 1)] = 0
        numbers = (its, need[first, 0], have[first, at], nodes, together.whole[its, groups])
        return Shortages(self._names, *(column.tolist() for column in numbers))

    def _closest(self, rows: NDArray[np.intp], need: Amounts, groups: NDArray[np.int64]) -> Amounts:
        """What each group's node has that comes closest: short of the fewest resources, then by least, then the least.

        Of the resources of these rows alone.
        """
        lengths = self._lengths[groups]
        begins = np.cumsum(lengths) - lengths
        each = np.arange(int(lengths.sum()))
        have = self._columns[rows[:, np.newaxis], each + np.repeat(self._begins[groups] - begins, lengths)]
        short = have < need
        counts = short.sum(axis=0)
        most = np.where(short, 1 - have / need, 0.0).max(axis=0)
        most[counts > np.repeat(np.minimum.reduceat(counts, begins), lengths)] = np.inf
        best = most == np.repeat(np.minimum.reduceat(most, begins), lengths)
        closest: Amounts = have[:, np.minimum.reduceat(np.where(best, each, len(each)), begins)]
        return closest

    def _all_together(self) -> _Together:
        """Whole cores only, and over-used nodes as nothing, as GroupRoom.scattered has it."""
        if self._together is None:
            free = np.maximum(self._columns, 0)
            cores = self._rows_of["cpu_milli"]
            free[cores] = free[cores] // 1000 * 1000
            whole = np.add.reduceat(free * self._nodes, self._begins, axis=1)
            self._together = _Together(whole, np.add.reduceat((free > 0) * self._nodes, self._begins, axis=1))
        return self._together

    def _lay_out(self) -> None:
        if not self._changed:
            return
        for number in self._changed:
            self._parts[number] = np.array(self._rows(self._groups[number]), np.int64).T
        self._changed.clear()
        self._told.clear()
        self._less_than.clear()
        self._together = None
        whole = np.concatenate(self._parts, axis=1)
        self._columns, self._nodes = whole[:-1], whole[-1]
        self._least = self._columns.min(axis=1).tolist()
        self._lengths = np.array([part.shape[1] for part in self._parts], np.int64)
        self._begins = np.cumsum(self._lengths) - self._lengths
        self._exact = bool((np.abs(self._columns).astype(np.float64) @ np.maximum(self._nodes, 1) < EXACT).all())

    def _rows(self, group: GroupRoom) -> list[list[int]]:
        """Amounts and how many nodes there are, the least first.

        A group without nodes has one row with nothing in it: each has a part of the columns.
        """
        bars = sorted((free, nodes) for free, nodes in group.bars.items() if nodes) or [(Resources(), 0)]
        return [[*_amounts(free), *(free.get(name) for name in self._others), nodes] for free, nodes in bars]


_FIXED = tuple(sorted(FIXED))
_amounts = attrgetter(*_FIXED)
