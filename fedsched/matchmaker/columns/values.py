"""Columns of ClassAd values: a kind for each row, and numpy arrays of what they are; what operators do is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from fedsched.matchmaker.classad.literals import BOOLEAN, INTEGER, OTHER, REAL, STRING, Typed

Kinds: TypeAlias = npt.NDArray[np.uint8]
Integers: TypeAlias = npt.NDArray[np.int64]
Reals: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
_Number = TypeVar("_Number", bound=np.generic)
Rows: TypeAlias = npt.NDArray[np.intp]

NO_INTEGERS: Integers = np.zeros(1, np.int64)
NO_REALS: Reals = np.zeros(1, np.float64)
_WHOLE: tuple[Kinds, ...] = tuple(np.array([kind], np.uint8) for kind in range(OTHER + 1))


class Column:
    """Values of n rows, or one value that stands for every row.

    kind: of all rows, -1 where they differ. kinds: n or 1 of them. integers: booleans, integers, codes of strings;
    reals: reals; n or 1 of each, and nothing to go by where the kind is another.
    """

    __slots__ = ("integers", "kind", "kinds", "reals")

    def __init__(self, kind: int, integers: Integers = NO_INTEGERS, reals: Reals = NO_REALS) -> None:
        self.kind = kind
        self.kinds = _WHOLE[kind]
        self.integers = integers
        self.reals = reals

    @staticmethod
    def mixed(kinds: Kinds, integers: Integers, reals: Reals) -> Column:
        """A column whose rows may differ in kind."""
        first = int(kinds[0]) if len(kinds) else 0
        column = Column(first, integers, reals)
        if not (kinds == first).all():
            column.kind = -1
            column.kinds = kinds
        return column

    @property
    def rows(self) -> int:
        """How many rows are told; 1 stands for any number."""
        return max(len(self.kinds), len(self.integers), len(self.reals))

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return self.kinds.nbytes + self.integers.nbytes + self.reals.nbytes

    def take(self, rows: Rows) -> Column:
        """The values of these rows only."""
        return Column.mixed(_taken(self.kinds, rows), _taken(self.integers, rows), _taken(self.reals, rows))

    def of_kind(self, kind: int, rows: Rows) -> Column:
        """The values of these rows, which are all of one kind."""
        return Column(kind, _taken(self.integers, rows), _taken(self.reals, rows))

    def as_reals(self) -> Reals:
        """Numbers as the library turns them into reals; only for a column of one numeric kind."""
        return self.reals if self.kind == REAL else self.integers.astype(np.float64)


def _taken(array: npt.NDArray[_Number], rows: Rows) -> npt.NDArray[_Number]:
    return array if len(array) == 1 else array[rows]


class Gathered:
    """A column in the making: values of some rows at a time; rows that nobody tells are UNDEFINED."""

    def __init__(self, rows: int) -> None:
        self._kinds: Kinds = np.zeros(rows, np.uint8)
        self._integers: Integers = np.zeros(rows, np.int64)
        self._reals: Reals = np.zeros(rows, np.float64)
        self._real = False

    def put(self, rows: Rows, values: Column) -> None:
        """Sets the rows to `values`, which has as many, or one for all."""
        self._kinds[rows] = values.kinds
        if values.integers is not NO_INTEGERS:
            self._integers[rows] = values.integers
        if values.reals is not NO_REALS:
            self._reals[rows] = values.reals
            self._real = True

    def column(self) -> Column:
        """What was put together."""
        return Column.mixed(self._kinds, self._integers, self._reals if self._real else NO_REALS)


class Strings:
    """Strings as numbers: equal strings have equal codes; what the library's `==` and `<` say of them follows."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._texts: list[str] = []
        self._places: dict[str, int] = {}
        self._alike: Integers = np.empty(0, np.int64)
        self._ranks: Integers = np.empty(0, np.int64)
        self._lengths: Integers = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._texts)

    def code(self, text: str) -> int:
        """The number of a string."""
        found = self._codes.setdefault(text, len(self._texts))
        if found == len(self._texts):
            self._texts.append(text)
        return found

    def text(self, code: int) -> str:
        """The string of a number."""
        return self._texts[code]

    def alike(self, codes: Integers) -> Integers:
        """Equal for strings that differ in nothing but case."""
        if len(self._alike) < len(self._texts):
            new = (text.lower() for text in self._texts[len(self._alike) :])  # ASCII only: see classad/typed.py
            told = [self._places.setdefault(text, len(self._places)) for text in new]
            self._alike = np.append(self._alike, np.array(told, np.int64))
        return self._alike[codes]

    def ranks(self, codes: Integers) -> Integers:
        """Places in the library's order of strings, in which upper and lower case are alike."""
        if len(self._ranks) < len(self._texts):
            folded = [text.lower() for text in self._texts]
            places = {text: place for place, text in enumerate(sorted(set(folded)))}
            self._ranks = np.array([places[text] for text in folded], np.int64)
        return self._ranks[codes]

    def lengths(self, codes: Integers) -> Integers:
        """Lengths in bytes."""
        if len(self._lengths) < len(self._texts):
            new = [len(text) for text in self._texts[len(self._lengths) :]]
            self._lengths = np.append(self._lengths, np.array(new, np.int64))
        return self._lengths[codes]


def column_of(values: Iterable[Typed], strings: Strings) -> Column:
    """One row for each value."""
    told = tuple(values)
    kinds = np.array([value.kind for value in told], np.uint8)
    integers = np.array([_integer(value, strings) for value in told], np.int64)
    reals = [value.value if value.kind == REAL else 0.0 for value in told]
    return Column.mixed(kinds, integers, np.array(reals, np.float64) if any(kinds == REAL) else NO_REALS)


def _integer(value: Typed, strings: Strings) -> int:
    if isinstance(value.value, str):
        return strings.code(value.value)
    return int(value.value) if value.kind in {BOOLEAN, INTEGER} and value.value is not None else 0


def values_of(column: Column, strings: Strings) -> list[Typed]:
    """Each row as a value: the opposite of `column_of`."""
    rows = column.rows
    told = (np.broadcast_to(array, rows).tolist() for array in (column.kinds, column.integers, column.reals))
    return [_value(kind, integer, real, strings) for kind, integer, real in zip(*told, strict=True)]


def _value(kind: int, integer: int, real: float, strings: Strings) -> Typed:
    if kind == STRING:
        return Typed(kind, strings.text(integer))
    if kind == REAL:
        return Typed(kind, real)
    if kind == BOOLEAN:
        return Typed(kind, bool(integer))
    return Typed(kind, integer) if kind == INTEGER else Typed(kind)


def distinct(columns: Sequence[Column], rows: int) -> tuple[list[int], Rows]:
    """Rows that stand for all others with the same values in every column, and for each row which of them it is."""
    codes: npt.NDArray[np.intp] = np.zeros(rows, np.intp)
    for array in (array for one in columns for array in (one.kinds, one.integers, one.reals.view(np.int64))):
        if len(array) > 1:
            _, inner = np.unique(array, return_inverse=True)
            _, codes = np.unique(codes * (int(inner.max(initial=0)) + 1) + inner, return_inverse=True)
    _, first, codes = np.unique(codes, return_index=True, return_inverse=True)
    return first.tolist(), codes
