"""Operators by their signs, and the functions that are computed on columns; all others the library is asked."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import numpy as np

from fedsched.matchmaker.classad.literals import BOOLEAN, ERROR, INTEGER, OTHER, REAL, STRING, UNDEFINED
from fedsched.matchmaker.columns import operators as ops
from fedsched.matchmaker.columns.values import Column, Reals, Strings

Operation: TypeAlias = Callable[..., Column]

_TWO_TO_63 = float(1 << 63)
_BITWISE = {"&": operator.and_, "|": operator.or_, "^": operator.xor}
_SHIFTS = {"<<": operator.lshift, ">>": operator.rshift, ">>>": ops.unsigned_right}
_KINDS_ASKED = {
    "isundefined": UNDEFINED,
    "iserror": ERROR,
    "isboolean": BOOLEAN,
    "isinteger": INTEGER,
    "isreal": REAL,
    "isstring": STRING,
}


def table(strings: Strings) -> Mapping[str, Operation]:
    """What each operator does with columns as its operands."""
    compare = {"==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal}
    compare |= {">": np.greater, ">=": np.greater_equal}
    rules: dict[str, ops.Rule] = {sign: ops.comparison(how, strings) for sign, how in compare.items()}
    rules |= {
        "=?=": ops.identity,
        "+": ops.arithmetic(ops.wrapped(operator.add), operator.add),
        "-": ops.arithmetic(ops.wrapped(operator.sub), operator.sub),
        "*": ops.arithmetic(ops.wrapped(operator.mul), operator.mul),
        "/": ops.arithmetic(ops.divided, operator.truediv),
        "%": ops.only_integers({BOOLEAN, INTEGER}, ops.remainder),
    }
    bits = {sign: ops.wrapped(how) for sign, how in _BITWISE.items()}
    bits |= {sign: ops.shifted(how) for sign, how in _SHIFTS.items()}
    rules |= {sign: ops.only_integers({INTEGER}, rule) for sign, rule in bits.items()}
    found: dict[str, Operation] = {sign: partial(ops.by_kinds, rule) for sign, rule in rules.items()}
    return found | {
        "=!=": lambda left, right: ops.negation(ops.by_kinds(ops.identity, left, right)),
        "&&": ops.conjunction,
        "||": ops.disjunction,
        "unary !": ops.negation,
        "unary -": partial(ops.by_kind, partial(ops.signed, minus=True)),
        "unary +": partial(ops.by_kind, partial(ops.signed, minus=False)),
        "unary ~": partial(ops.by_kind, ops.complement),
        "?": ops.choice,
        "?:": ops.default,
    }


def calls(strings: Strings) -> Mapping[tuple[str, int], Operation]:
    """The functions that are computed, by name and number of arguments; OTHER where a row must be asked."""
    found: dict[tuple[str, int], Operation] = {
        (name, 1): partial(ops.by_kind, partial(_is_of, kind)) for name, kind in _KINDS_ASKED.items()
    }
    rounding = {"floor": np.floor, "ceiling": np.ceil, "ceil": np.ceil, "round": np.rint}
    found |= {(name, 1): partial(ops.by_kind, partial(_rounded, how)) for name, how in rounding.items()}
    return found | {
        ("int", 1): partial(ops.by_kind, _int),
        ("real", 1): partial(ops.by_kind, _real),
        ("size", 1): partial(ops.by_kind, partial(_size, strings)),
    }


def _is_of(kind: int, column: Column) -> Column:
    if column.kind == OTHER:
        return column
    return Column(BOOLEAN, np.array([column.kind == kind], np.int64))


def _rounded(how: Callable[[Reals], Reals], column: Column) -> Column:
    return Column(ERROR) if column.kind == UNDEFINED else _whole(column, how)


def _int(column: Column) -> Column:
    return column if column.kind == UNDEFINED else _whole(column, np.trunc)


def _whole(column: Column, how: Callable[[Reals], Reals]) -> Column:
    if column.kind in {BOOLEAN, INTEGER}:
        return Column(INTEGER, column.integers)
    if column.kind != REAL:
        return Column(ERROR) if column.kind == ERROR else Column(OTHER)
    reals = how(column.reals)
    fits = np.abs(reals) < _TWO_TO_63
    kinds = np.where(fits, INTEGER, OTHER).astype(np.uint8)
    return Column.mixed(kinds, np.where(fits, reals, 0).astype(np.int64), np.zeros(1))


def _real(column: Column) -> Column:
    if column.kind in {BOOLEAN, INTEGER, REAL}:
        return Column(REAL, reals=column.as_reals())
    return Column(OTHER) if column.kind == STRING else column


def _size(strings: Strings, column: Column) -> Column:
    if column.kind == STRING:
        return Column(INTEGER, strings.lengths(column.integers))
    return column if column.kind in {UNDEFINED, OTHER} else Column(ERROR)


OPERATORS = frozenset(table(Strings()))
COMPUTED = frozenset(calls(Strings()))
"""What is computed here; functions with their number of arguments."""

LISTED = frozenset(
    {"member", "identicalmember", "regexpmember", "anycompare", "allcompare", "sum", "avg", "min", "max"}
)
"""Functions to which a list is its values; to others it may be the text of what stands in it."""
