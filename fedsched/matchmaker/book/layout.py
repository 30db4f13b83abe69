"""The bars of all node groups as columns, group after group: where they lie, and how they change with few groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.book.totals import GroupRoom
from fedsched.matchmaker.resources import FIXED, Resources

Amounts: TypeAlias = NDArray[np.int64]

EXACT = 1 << 53
"""Amounts below this are divided as if they were no floating-point numbers; of larger ones columns say nothing."""

DEEPEST = 4
"""A table with a row for each bar of the group with most of them may have so many times as many fields as bars."""


class Layout:
    """Of every resource (`names`) a row, of every bar a column; `nodes`: how many nodes are like it.

    begins, lengths: where the bars of each group lie, the least first. A group that changed has more columns than bars,
    so that it may change again: the last of its bars is there again, of no node. least: of each resource no more than
    any bar has. exact: whether all amounts of one resource together are below EXACT; so they stay, as
    nothing is ever given back.
    """

    def __init__(self, groups: Sequence[GroupRoom]) -> None:
        self._groups = groups
        others = {name for group in groups for free in group.bars for name, _ in free.other}
        self._others = tuple(sorted(others))
        self.names = (*_FIXED, *self._others)
        rows = [self._rows(group) for group in groups]
        self.columns: Amounts
        self.nodes: Amounts
        self.least: Amounts
        whole = np.array([row for its in rows for row in its], np.int64).T
        self._take(np.ascontiguousarray(whole), np.array([len(its) for its in rows], np.int64))

    def change(self, numbers: Iterable[int]) -> None:
        """These groups have other room."""
        parts = {number: np.array(self._rows(self._groups[number]), np.int64).T for number in numbers}
        if all(part.shape[1] <= self.lengths[number] for number, part in parts.items()):
            for number, part in parts.items():
                self._put(number, part)
            return
        whole, lengths, end = list[Amounts](), self.lengths.copy(), 0
        for number, part in sorted(parts.items(), key=_NUMBER):
            begin = int(self.begins[number])
            whole += self._whole[:, end:begin], _padded(part, part.shape[1] * 2)
            lengths[number], end = part.shape[1] * 2, begin + int(self.lengths[number])
        self._take(np.concatenate((*whole, self._whole[:, end:]), axis=1), lengths)

    def _put(self, number: int, part: Amounts) -> None:
        """Writes what the group has over what it had."""
        begin, columns = int(self.begins[number]), int(self.lengths[number])
        self._whole[:, begin : begin + columns] = _padded(part, columns)
        self.least = np.minimum(self.least, part[:-1].min(axis=1))

    def _take(self, whole: Amounts, lengths: Amounts) -> None:
        self._whole, self.columns, self.nodes = whole, whole[:-1], whole[-1]
        self.lengths, self.begins = lengths, np.cumsum(lengths) - lengths
        self.least = self.columns.min(axis=1)
        weights = np.abs(self.columns).astype(np.float64) @ np.maximum(self.nodes, 1)
        self.exact = bool((weights < EXACT).all())

    def table(self) -> tuple[Amounts, int]:
        """The columns in rows of one bar of each group, and how many rows that are; 0: groups have too different ones.

        Of a group with fewer bars the last is there several times.
        """
        deep = int(self.lengths.max())
        if deep * len(self.lengths) > DEEPEST * self.columns.shape[1]:
            return self.columns, 0
        every = self.begins + np.minimum(np.arange(deep)[:, np.newaxis], self.lengths - 1)
        return self.columns[:, every.ravel()], deep

    def _rows(self, group: GroupRoom) -> list[list[int]]:
        """Amounts and how many nodes there are, of each bar, the least first.

        A group without nodes has one with nothing in it: each has a part of the columns.
        """
        bars = sorted((free, nodes) for free, nodes in group.bars.items() if nodes) or [(Resources(), 0)]
        if not self._others:
            return [[*_amounts(free), nodes] for free, nodes in bars]
        return [[*_amounts(free), *(free.get(name) for name in self._others), nodes] for free, nodes in bars]


def _padded(part: Amounts, columns: int) -> Amounts:
    more = columns - part.shape[1]
    if not more:
        return part
    last = np.repeat(part[:, -1:], more, axis=1)
    last[-1] = 0
    return np.concatenate((part, last), axis=1)


_NUMBER = itemgetter(0)
_FIXED = tuple(sorted(FIXED))
_amounts = attrgetter(*_FIXED)
