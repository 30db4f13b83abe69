"""What nodes have left, in columns, so that a need is asked of all at once; who could go from there is victims'."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.resources import FIXED, Resources

Amounts: TypeAlias = NDArray[np.int64]
"""One row per resource; a column per node, per place, or per startd on a node."""
Numbers: TypeAlias = NDArray[np.int64]

MOST = 2**60
"""Amounts beyond this, either way, count as this much: what others write may be as large as they like, and is added."""
NOWHERE, NOTHING = 2**62, -(2**62)
"""What is needed where nobody asks, and of what nobody asks for: a node may have less than nothing left of that."""


_FIXED = attrgetter(*sorted(FIXED))
_OTHER = attrgetter("other")


def bounded(amount: int) -> int:
    """The amount as far as columns hold it."""
    return max(-MOST, min(MOST, amount))


def names_of(amounts: Iterable[Resources]) -> tuple[str, ...]:
    """Names of the rows that these need."""
    others = filter(None, map(_OTHER, amounts))  # mostly none has any
    return (*sorted(FIXED), *sorted({name for its in others for name, _ in its}))


class Bars:
    """One column per kind of node, which have no names, place after place.

    place_of: the number of each one's place. free: what is free on each. places: how many there are.
    """

    def __init__(self, place_of: Numbers, free: Sequence[Resources], names: tuple[str, ...], places: int) -> None:
        self.names, self.place_of, self._places = names, place_of, places
        self.left = columns(free, names)
        self._most: Amounts | None = None

    def open(self, need: Amounts) -> NDArray[np.bool_]:
        """Of every place whether one of its nodes has room now; need: at each place."""
        could = self._could(need)
        if not np.any(could):
            return could
        its = np.flatnonzero(could[self.place_of])
        places = self.place_of[its]
        fits = (self.left.take(its, axis=1) >= need.take(places, axis=1)).all(axis=0)
        return np.bincount(places[fits], minlength=self._places) > 0

    def _could(self, need: Amounts) -> NDArray[np.bool_]:
        """Of every place whether somebody asks for it, and some node, be it another for each resource, has as much."""
        if self._most is None:
            self._most = np.full((len(self.names), self._places), NOTHING, np.int64)
            begins = np.flatnonzero(np.diff(self.place_of, prepend=-1))
            if len(begins):
                self._most[:, self.place_of[begins]] = np.maximum.reduceat(self.left, begins, axis=1)
        could: NDArray[np.bool_] = np.logical_and.reduce(self._most >= need, axis=0)
        return could


class Nodes(Bars):
    """One column per node. where: the member and the node of each."""

    def __init__(
        self,
        where: Sequence[tuple[str, str]],
        place_of: Numbers,
        free: Sequence[Resources],
        names: tuple[str, ...],
        places: int,
    ) -> None:
        super().__init__(place_of, free, names, places)
        self.where = where
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
            if self._most is not None:  # what is taken from the roomiest may stay counted: nobody is left out by that
                at = row, self.place_of[column]
                self._most[at] = max(self._most[at], self.left[row, column])


def columns(amounts: Sequence[Resources], names: tuple[str, ...]) -> Amounts:
    """A row per resource. Read number by number: of these there are as many as nodes; few have anything extended."""
    extended = names[len(FIXED) :]
    rows = ((*_FIXED(one), *map(one.get, extended)) for one in amounts) if extended else map(_FIXED, amounts)
    try:
        found = np.fromiter(chain.from_iterable(rows), np.int64, len(amounts) * len(names)).clip(-MOST, MOST)
    except OverflowError:
        found = np.array([[bounded(one.get(name)) for name in names] for one in amounts], np.int64)
    return found.reshape(len(amounts), len(names)).T.copy()


def vector(size: Resources, names: tuple[str, ...]) -> Amounts | None:
    """A size as a column of what is needed; None where that is something that no node has."""
    amounts = {name: amount for name, amount in size.items() if amount}
    if amounts.keys() - {*names}:
        return None
    return np.array([bounded(amounts[name]) if name in amounts else NOTHING for name in names], np.int64)
