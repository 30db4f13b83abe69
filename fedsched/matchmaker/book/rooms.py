"""The free room of all node groups as columns, so that a size is asked of all of them at once; totals.py changes it.

Only what is asked for all places: taking room, and why one place has none, are the business of each group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.book.layout import EXACT, Amounts, Layout
from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.resources import Resources

MOST = 1 << 17
"""So many bars are laid out at once, for the memory that they take."""

FEW = 16
"""When so many sizes were asked of the same room, it is laid out so that each further one costs less."""

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
        self._numbers = {key: number for number, key in enumerate(groups)}
        self._changed = set[int]()
        self._layout: Layout | None = None
        self._rows_of: dict[str, int] = {}
        self._least: list[int] = []
        self._table, self._deep = np.empty((0, 0), np.int64), 0
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
        layout = self._laid_out()
        found = self._told.get(size)
        if found is None:
            if len(self._told) == FEW:
                self._table, self._deep = layout.table()
                self._less_than.clear()
            found = self._told[size] = self._lacking(layout, size)
        return found

    def _lacking(self, layout: Layout, size: Resources) -> Amounts:
        kind = np.int8 if len(size.other) < MANY else np.int16  # small numbers: all rooms are asked for each size
        short: NDArray[Any] = np.zeros(self._table.shape[1], kind)
        for name, amount in size.items():
            row = self._rows_of.get(name)
            if amount > 0 and row is None:
                short += 1
            elif amount > 0 and row is not None and amount > self._least[row]:
                short += self._less(row, amount)
        least = short.reshape(self._deep, -1).min(axis=0) if self._deep else np.minimum.reduceat(short, layout.begins)
        found: Amounts = least.astype(np.int64)
        return found

    def _less(self, row: int, amount: int) -> NDArray[np.int8]:
        """Of every room whether it has less than that: most sizes share their amounts with others."""
        found = self._less_than.get((row, amount))
        if found is None:
            found = self._less_than[row, amount] = (self._table[row] < amount).view(np.int8)
        return found

    def shortages(self, sizes: Sizes, groups: Amounts) -> Shortages | None:
        """What each of these groups, by number, lacks first for one pod of its size, for which it has no room.

        As `shortage.shortages` says it of one. None where columns cannot tell: of a resource that no node has, of
        amounts that they do not hold, of a size that is nothing.
        """
        layout = self._laid_out()
        asked = [{name: amount for name, amount in size.items() if amount > 0} for size in sizes.all]
        names = sorted({name for one in asked for name in one})  # of equally scarce ones the first
        known = all(name in self._rows_of for name in names) and all(one and max(one.values()) < EXACT for one in asked)
        if not (layout.exact and known and asked):
            return None
        rows = np.array([self._rows_of[name] for name in names], np.intp)
        each = np.array([[one.get(name, 0) for one in asked] for name in names], np.int64)
        found = []
        for part in _parts(layout.lengths[groups]):
            its = self._lacks_first(layout, rows, each[:, sizes.of[part]], groups[part])
            if its is None:
                return None
            found.append(its)
        return Shortages(layout.names, *np.concatenate(found, axis=1)) if found else None

    def _lacks_first(self, layout: Layout, rows: NDArray[np.intp], need: Amounts, groups: Amounts) -> Amounts | None:
        """Columns of `Shortages`; need: of each of these resources and groups how much is asked for, 0 for nothing."""
        bars = _closest(layout, rows, need, groups)
        have = layout.columns[rows[:, np.newaxis], bars]
        short = (have < need) & (need > 0)
        if not short.any(axis=0).all():
            return None
        first, at = np.where(short, have / np.maximum(need, 1), np.inf).argmin(axis=0), np.arange(len(groups))
        its, together = rows[first], self._all_together(layout)
        enough = (need <= together.whole[rows[:, np.newaxis], groups]).all(axis=0)
        nodes = together.nodes[its, groups]
        nodes[~enough | (nodes <= 1)] = 0
        return np.array((its, need[first, at], bars, have[first, at], nodes, together.whole[its, groups]))

    def _all_together(self, layout: Layout) -> _Together:
        """Whole cores only, and over-used nodes as nothing, as GroupRoom.scattered has it."""
        if self._together is None:
            free = np.maximum(layout.columns, 0)
            cores = self._rows_of["cpu_milli"]
            free[cores] = free[cores] // 1000 * 1000
            whole = np.add.reduceat(free * layout.nodes, layout.begins, axis=1)
            self._together = _Together(whole, np.add.reduceat((free > 0) * layout.nodes, layout.begins, axis=1))
        return self._together

    def _laid_out(self) -> Layout:
        if self._layout is not None and not self._changed:
            return self._layout
        if self._layout is None:
            self._layout = Layout(self._groups)
            self._rows_of = {name: row for row, name in enumerate(self._layout.names)}
        else:
            self._layout.change(sorted(self._changed))
        self._changed.clear()
        self._told.clear()
        self._less_than.clear()
        self._together = None
        self._least, self._table, self._deep = self._layout.least.tolist(), self._layout.columns, 0
        return self._layout


def _parts(lengths: Amounts) -> Iterator[slice]:
    """Groups with so many bars in parts, each of one group or of few bars together."""
    ends = np.cumsum(lengths)
    begin = 0
    while begin < len(ends):
        before = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + MOST, side="right")))
        yield slice(begin, end)
        begin = end


def _closest(layout: Layout, rows: NDArray[np.intp], need: Amounts, groups: Amounts) -> Amounts:
    """Which node of each group comes closest: short of the fewest resources, then by least, then the least.

    Of the resources of these rows alone, as far as they are asked for.
    """
    lengths = layout.lengths[groups]
    begins = np.cumsum(lengths) - lengths
    each, of = np.arange(int(lengths.sum())), np.repeat(np.arange(len(groups)), lengths)
    bars = each + (layout.begins[groups] - begins)[of]
    counts, most = np.zeros(len(each), np.int64), np.zeros(len(each))
    for row, asked in zip(rows.tolist(), need, strict=True):
        if asked.any():
            wanted, have = asked[of], layout.columns[row][bars]
            short = (have < wanted) & (wanted > 0)
            counts += short
            np.maximum(most, np.where(short, 1 - have / np.maximum(wanted, 1), 0.0), out=most)
    most[counts > np.minimum.reduceat(counts, begins)[of]] = np.inf
    best = most == np.minimum.reduceat(most, begins)[of]
    closest: Amounts = bars[np.minimum.reduceat(np.where(best, each, len(each)), begins)]
    return closest
