"""What nodes have left, in columns, so that a need is asked of all at once; who could go from there is victims'."""

from __future__ import annotations

from collections.abc import Iterable
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


def bounded(amount: int) -> int:
    """The amount as far as columns hold it."""
    return max(-MOST, min(MOST, amount))


def names_of(amounts: Iterable[Resources]) -> tuple[str, ...]:
    """Names of the rows that these need."""
    return (*sorted(FIXED), *sorted({name for one in amounts for name, _ in one.other}))


class Nodes:
    """One column per node, or per kind of node where they have no names. places: how many there are."""

    def __init__(self, spaces: Iterable[Space], names: tuple[str, ...], places: int) -> None:
        spaces = tuple(spaces)
        self.names = names
        self.where = [(member, node) for _, member, node, _ in spaces]
        self.members = tuple(dict.fromkeys(member for member, _ in self.where))
        numbers = {member: number for number, member in enumerate(self.members)}
        self.member_of = np.array([numbers[member] for member, _ in self.where], np.int64)
        self.place_of = np.array([number for number, _, _, _ in spaces], np.int64)
        left = [[bounded(free.get(name)) for name in names] for _, _, _, free in spaces]
        self.left = np.array(left, np.int64).reshape(len(spaces), len(names)).T.copy()
        self._places = places
        self._columns = {key: number for number, key in enumerate(self.where)}
        self._rows = {name: number for number, name in enumerate(names)}

    def column(self, member: str, node: str) -> int | None:
        """The node's number; None for one that takes no pods."""
        return self._columns.get((member, node))

    def change(self, key: tuple[str, ...], amount: int) -> None:
        """So much more is left of ("node", member, node, resource); of another limit nothing is known here.

        Nor of what no node has and nobody of ours holds: room may have been promised with a device that is gone since.
        """
        if key[0] != "node":
            return
        column, row = self._columns.get((key[1], key[2])), self._rows.get(key[3])
        if column is not None and row is not None:
            self.left[row, column] += bounded(amount)

    def open(self, need: Amounts) -> NDArray[np.bool_]:
        """Of every place whether one of its nodes has room now; need: at each place."""
        fits = (self.left >= need[:, self.place_of]).all(axis=0)
        return np.bincount(self.place_of[fits], minlength=self._places) > 0


def vector(size: Resources, names: tuple[str, ...]) -> Amounts | None:
    """A size as a column of what is needed; None where that is something that no node has."""
    amounts = {name: amount for name, amount in size.items() if amount}
    if amounts.keys() - {*names}:
        return None
    return np.array([bounded(amounts[name]) if name in amounts else NOTHING for name in names], np.int64)
