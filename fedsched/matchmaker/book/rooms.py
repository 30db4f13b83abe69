"""The free room of all node groups as columns, so that a size is asked of all of them at once; totals.py changes it.

Only what is asked for all places: taking room, and why one place has none, are the business of each group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.resources import FIXED, Resources

Amounts = NDArray[np.int64]

EXACT = 1 << 53
"""Amounts below this are divided as if they were no floating-point numbers; of larger ones columns say nothing."""


MOST = 1 << 17
"""So many bars are laid out at once, for the memory that they take."""

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
    """The same of many questions, a column for each; rows: numbers of the resources, by which `names` has them.

    bars: of each question the row of the closest node among all of the book's.
    """

    names: tuple[str, ...]
    rows: Amounts
    need: Amounts
    bars: Amounts
    have: Amounts
    nodes: Amounts
    total: Amounts

    def alike(self) -> tuple[Amounts, Amounts]:
        """One of each kind of questions that have the same answer, by position, and of each question its kind."""
        amounts, need = np.unique(self.need, return_inverse=True)
        kinds = (self.bars * len(self.names) + self.rows) * 2 + (self.nodes > 0)
        _, first, kind = np.unique(kinds * len(amounts) + need, return_index=True, return_inverse=True)
        return first.astype(np.int64), kind.astype(np.int64)

    def one(self, at: int) -> Shortage:
        """The answer to the question in that position."""
        numbers = (int(column[at]) for column in (self.need, self.have, self.nodes, self.total))
        return Shortage(self.names[int(self.rows[at])], *numbers)


class Sizes(NamedTuple):
    """Of each question the number of its size among `all`."""

    all: Sequence[Resources]
    of: Amounts


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

    def shortages(self, sizes: Sizes, groups: Amounts) -> Shortages | None:
        """What each of these groups, by number, lacks first for one pod of its size, for which it has no room.

        As `shortage.shortages` says it of one. None where columns cannot tell: of a resource that no node has, of
        amounts that they do not hold, of a size that is nothing.
        """
        self._lay_out()
        asked = [{name: amount for name, amount in size.items() if amount > 0} for size in sizes.all]
        names = sorted({name for one in asked for name in one})  # of equally scarce ones the first
        known = all(name in self._rows_of for name in names) and all(one and max(one.values()) < EXACT for one in asked)
        if not (self._exact and known and asked):
            return None
        rows = np.array([self._rows_of[name] for name in names], np.intp)
        each = np.array([[one.get(name, 0) for one in asked] for name in names], np.int64)
        found = []
        for part in self._parts_of(groups):
            its = self._lacks_first(rows, each[:, sizes.of[part]], groups[part])
            if its is None:
                return None
            found.append(its)
        return Shortages(self._names, *np.concatenate(found, axis=1)) if found else None

    def _parts_of(self, groups: Amounts) -> Iterator[slice]:
        """These groups in parts, each of one group or of few bars together."""
        ends = np.cumsum(self._lengths[groups])
        begin = 0
        while begin < len(groups):
            before = int(ends[begin - 1]) if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, before + MOST, side="right")))
            yield slice(begin, end)
            begin = end

    def _lacks_first(self, rows: NDArray[np.intp], need: Amounts, groups: Amounts) -> Amounts | None:
        """Columns of `Shortages`; need: of each of these resources and groups how much is asked for, 0 for nothing."""
        bars = self._closest(rows, need, groups)
        have = self._columns[rows[:, np.newaxis], bars]
        short = (have < need) & (need > 0)
        if not short.any(axis=0).all():
            return None
        first, at = np.where(short, have / np.maximum(need, 1), np.inf).argmin(axis=0), np.arange(len(groups))
        its, together = rows[first], self._all_together()
        enough = (need <= together.whole[rows[:, np.newaxis], groups]).all(axis=0)
        nodes = together.nodes[its, groups]
        nodes[~enough | (nodes <= 1)] = 0
        return np.array((its, need[first, at], bars, have[first, at], nodes, together.whole[its, groups]))

    def _closest(self, rows: NDArray[np.intp], need: Amounts, groups: Amounts) -> Amounts:
        """Which node of each group comes closest: short of the fewest resources, then by least, then the least.

        Of the resources of these rows alone, as far as they are asked for.
        """
        lengths = self._lengths[groups]
        begins = np.cumsum(lengths) - lengths
        each, of = np.arange(int(lengths.sum())), np.repeat(np.arange(len(groups)), lengths)
        bars = each + (self._begins[groups] - begins)[of]
        counts, most = np.zeros(len(each), np.int64), np.zeros(len(each))
        for row, asked in zip(rows.tolist(), need, strict=True):
            if asked.any():
                wanted, have = asked[of], self._columns[row][bars]
                short = (have < wanted) & (wanted > 0)
                counts += short
                np.maximum(most, np.where(short, 1 - have / np.maximum(wanted, 1), 0.0), out=most)
        most[counts > np.minimum.reduceat(counts, begins)[of]] = np.inf
        best = most == np.minimum.reduceat(most, begins)[of]
        closest: Amounts = bars[np.minimum.reduceat(np.where(best, each, len(each)), begins)]
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
