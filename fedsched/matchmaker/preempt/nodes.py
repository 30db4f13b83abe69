"""What nodes have left, in columns, so that a need is asked of all at once; who could go from there is victims'."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.resources import FIXED, Resources

Amounts: TypeAlias = NDArray[np.int64]
"""One row per resource; a column per node, per place, or per startd on a node."""
Space: TypeAlias = tuple[int, str, str, Resources]
"""Number of the place, the member, the node, what is free there."""

MOST = 2**60
"""Amounts beyond this, either way, count as this much: what others write may be as large as they like, and is added."""
NOWHERE, NOTHING = 2**62, -(2**62)
"""What is needed where nobody asks, and of what nobody asks for: a node may have less than nothing left of that."""


_FIXED = attrgetter(*sorted(FIXED))


def bounded(amount: int) -> int:
    """The amount as far as columns hold it."""
    return max(-MOST, min(MOST, amount))


def names_of(amounts: Iterable[Resources]) -> tuple[str, ...]:
    """Names of the rows that these need."""
    return (*sorted(FIXED), *sorted({name for one in amounts for name, _ in one.other}))


class Bars:
    """One column per kind of node, which have no names. places: how many there are."""

    def __init__(self, spaces: Sequence[Space], names: tuple[str, ...], places: int) -> None:
        self.names = names
        self.place_of = np.array([space[0] for space in spaces], np.int64)
        self.left = columns([space[3] for space in spaces], names)
        self._places = places

    def open(self, need: Amounts) -> NDArray[np.bool_]:
        """Of every place whether one of its nodes has room now; need: at each place."""
        its = np.flatnonzero((need[0] < NOWHERE)[self.place_of])
        places = self.place_of[its]
        fits = (self.left[:, its] >= need[:, places]).all(axis=0)
        return np.bincount(places[fits], minlength=self._places) > 0


class Nodes(Bars):
    """One column per node."""

    def __init__(self, spaces: Sequence[Space], names: tuple[str, ...], places: int) -> None:
        super().__init__(spaces, names, places)
        self.where = [(member, node) for _, member, node, _ in spaces]
        self.members = tuple(dict.fromkeys(member for member, _ in self.where))
        numbers = {member: number for number, member in enumerate(self.members)}
        self.member_of = np.array([numbers[member] for member, _ in self.where], np.int64)
        self._numbers = {key: number for number, key in enumerate(self.where)}
        self._rows = {name: number for number, name in enumerate(names)}

    def column(self, member: str, node: str) -> int | None:
        """The node's number; None for one that takes no pods."""
        return self._numbers.get((member, node))

    def change(self, key: tuple[str, ...], amount: int) -> None:
        """So much more is left of ("node", member, node, resource); of another limit nothing is known here.

        Nor of what no node has and nobody of ours holds: room may have been promised with a device that is gone since.
        """
        if key[0] != "node":
            return
        column, row = self._numbers.get((key[1], key[2])), self._rows.get(key[3])
        if column is not None and row is not None:
            self.left[row, column] += bounded(amount)


def columns(amounts: Sequence[Resources], names: tuple[str, ...]) -> Amounts:
    """A row per resource. What is not extended is read all at once: there are as many of these as nodes."""
    fixed = tuple(map(_FIXED, amounts))
    extended = names[len(FIXED) :]
    rows = [(*row, *map(one.get, extended)) for row, one in zip(fixed, amounts, strict=True)] if extended else fixed
    try:
        found = np.array(rows, np.int64).clip(-MOST, MOST)
    except OverflowError:
        found = np.array([[bounded(amount) for amount in row] for row in rows], np.int64)
    return found.reshape(len(amounts), len(names)).T.copy()


def vector(size: Resources, names: tuple[str, ...]) -> Amounts | None:
    """A size as a column of what is needed; None where that is something that no node has."""
    amounts = {name: amount for name, amount in size.items() if amount}
    if amounts.keys() - {*names}:
        return None
    return np.array([bounded(amounts[name]) if name in amounts else NOTHING for name in names], np.int64)
