"""What the library's operators do with columns, kind by kind; UNDEFINED and ERROR stay apart (MA4). No names here.

Every rule was found by asking the library and is held to it by tests over all kinds and the values at their edges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from fedsched.matchmaker.classad.literals import BOOLEAN, ERROR, INTEGER, OTHER, REAL, STRING, UNDEFINED
from fedsched.matchmaker.columns.values import Column, Gathered, Integers, Kinds, Mask, Reals, Strings

Rule: TypeAlias = Callable[[Column, Column], Column]
"""What an operator does where all rows of the left are of one kind, and all of the right."""

_NUMBERS = {BOOLEAN, INTEGER, REAL}
_KINDS = OTHER + 1
_LEAST = np.iinfo(np.int64).min

FALSE, TRUE, NEITHER, WRONG, UNKNOWN = range(5)
"""What a condition sees of a value: false, true, UNDEFINED, ERROR or what has no truth, only the library knows."""

_AND = np.array(
    [
        [FALSE] * 5,
        [FALSE, TRUE, NEITHER, WRONG, UNKNOWN],
        [FALSE, NEITHER, NEITHER, WRONG, UNKNOWN],
        [WRONG] * 5,
        [UNKNOWN] * 5,
    ],
    np.uint8,
)
"""Left operand down, right one across: UNDEFINED waits for the right one, ERROR does not."""
_OR = np.array(
    [
        [FALSE, TRUE, NEITHER, WRONG, UNKNOWN],
        [TRUE] * 5,
        [NEITHER, TRUE, NEITHER, WRONG, UNKNOWN],
        [WRONG] * 5,
        [UNKNOWN] * 5,
    ],
    np.uint8,
)
_NOT = np.array([TRUE, FALSE, NEITHER, WRONG, UNKNOWN], np.uint8)
_KIND_OF = np.array([BOOLEAN, BOOLEAN, UNDEFINED, ERROR, OTHER], np.uint8)
_TRUTH_OF_KIND = {UNDEFINED: NEITHER, ERROR: WRONG, STRING: WRONG, OTHER: UNKNOWN}


def truth(column: Column) -> Kinds:
    """For each row (or for all) what a condition sees; numbers other than zero, NaN among them, are true."""
    if column.kind == REAL:
        return _bytes(column.reals != 0)
    if column.kind in {BOOLEAN, INTEGER}:
        return _bytes(column.integers != 0)
    if column.kind >= 0:
        return np.array([_TRUTH_OF_KIND[column.kind]], np.uint8)
    seen = _bytes((column.integers != 0) | ((column.kinds == REAL) & (column.reals != 0)))
    for kind, told in _TRUTH_OF_KIND.items():
        seen[column.kinds == kind] = told
    return seen


def _bytes(mask: Mask) -> Kinds:
    return mask.astype(np.uint8)


def _of_truth(seen: Kinds) -> Column:
    return Column.mixed(_KIND_OF[seen], (seen == TRUE).astype(np.int64), np.zeros(1))


def conjunction(left: Column, right: Column) -> Column:
    """`&&`."""
    return _of_truth(_AND[truth(left), truth(right)])


def disjunction(left: Column, right: Column) -> Column:
    """`||`."""
    return _of_truth(_OR[truth(left), truth(right)])


def negation(column: Column) -> Column:
    """`!`."""
    return _of_truth(_NOT[truth(column)])


def choice(condition: Column, chosen: Column, otherwise: Column) -> Column:
    """`? :` and ifThenElse."""
    seen = truth(condition)
    arms = (otherwise, chosen, Column(UNDEFINED), Column(ERROR), Column(OTHER))
    if len(seen) == 1:
        return arms[int(seen[0])]
    return _merged(seen, arms)


def default(value: Column, otherwise: Column) -> Column:
    """`?:`: the value unless it is UNDEFINED."""
    if value.kind == UNDEFINED:
        return otherwise
    if value.kind >= 0:
        return value
    return _merged((value.kinds == UNDEFINED).astype(np.uint8), (value, otherwise))


def _merged(seen: Kinds, arms: tuple[Column, ...]) -> Column:
    out = Gathered(len(seen))
    for number, arm in enumerate(arms):
        rows = np.flatnonzero(seen == number)
        if len(rows):
            out.put(rows, arm.take(rows))
    return out.column()


def by_kinds(rule: Rule, left: Column, right: Column) -> Column:
    """A rule applied to the rows of each pair of kinds."""
    if left.kind >= 0 and right.kind >= 0:
        return rule(left, right)
    pairs = left.kinds.astype(np.intp) * _KINDS + right.kinds
    out = Gathered(len(pairs))
    for pair in np.flatnonzero(np.bincount(pairs)).tolist():
        rows = np.flatnonzero(pairs == pair)
        out.put(rows, rule(left.of_kind(pair // _KINDS, rows), right.of_kind(pair % _KINDS, rows)))
    return out.column()


def by_kind(rule: Callable[[Column], Column], column: Column) -> Column:
    """The same for one operand."""
    return by_kinds(lambda one, _: rule(one), column, Column(UNDEFINED))


def _absent(left: Column, right: Column) -> Column | None:
    """What comes of operands that are no values: ERROR before UNDEFINED, whichever side it is on."""
    for kind in (OTHER, ERROR, UNDEFINED):
        if kind in {left.kind, right.kind}:
            return Column(kind)
    return None


_EQUALITY = (np.equal, np.not_equal)


def comparison(compare: Callable[..., Mask], strings: Strings) -> Rule:
    """`==`, `!=`, `<` …: strings without case, numbers as reals once one is; anything else is ERROR."""

    def rule(left: Column, right: Column) -> Column:
        absent = _absent(left, right)
        if absent is not None:
            return absent
        if left.kind == STRING == right.kind:
            numbers = strings.alike if compare in _EQUALITY else strings.ranks  # order is found only where it is asked
            return _booleans(compare(numbers(left.integers), numbers(right.integers)))
        if not {left.kind, right.kind} <= _NUMBERS:
            return Column(ERROR)
        if REAL in {left.kind, right.kind}:
            return _booleans(compare(left.as_reals(), right.as_reals()))
        return _booleans(compare(left.integers, right.integers))

    return rule


def identity(left: Column, right: Column) -> Column:
    """`=?=`: the same kind and the same value; strings by case."""
    if OTHER in {left.kind, right.kind}:
        return Column(OTHER)
    if left.kind != right.kind:
        return _booleans(np.zeros(1, np.bool_))
    if left.kind in {UNDEFINED, ERROR}:
        return _booleans(np.ones(1, np.bool_))
    return _booleans(left.reals == right.reals if left.kind == REAL else left.integers == right.integers)


def arithmetic(integers: Rule, reals: Callable[[Reals, Reals], Reals]) -> Rule:
    """`+`, `-`, `*`, `/`: integers, booleans among them, stay integers; a real makes both reals."""

    def rule(left: Column, right: Column) -> Column:
        absent = _absent(left, right)
        if absent is not None:
            return absent
        if not {left.kind, right.kind} <= _NUMBERS:
            return Column(ERROR)
        if REAL in {left.kind, right.kind}:
            return _finite(reals(left.as_reals(), right.as_reals()))
        return integers(left, right)

    return rule


def only_integers(kinds: set[int], integers: Rule) -> Rule:
    """`%` and what works on bits: ERROR for all that is of none of these kinds."""

    def rule(left: Column, right: Column) -> Column:
        absent = _absent(left, right)
        if absent is not None:
            return absent
        return integers(left, right) if {left.kind, right.kind} <= kinds else Column(ERROR)

    return rule


def wrapped(operation: Callable[[Integers, Integers], Integers]) -> Rule:
    """Integers at 64 bits: what does not fit wraps."""
    return lambda left, right: Column(INTEGER, operation(left.integers, right.integers))


def _finite(reals: Reals) -> Column:
    """Reals as they come out; plus infinity is ERROR, minus infinity is not."""
    over = reals == np.inf
    if not over.any():
        return Column(REAL, reals=reals)
    return Column.mixed(np.where(over, ERROR, REAL).astype(np.uint8), np.zeros(1, np.int64), reals)


def _booleans(mask: Mask) -> Column:
    return Column(BOOLEAN, mask.astype(np.int64))


def divided(left: Column, right: Column) -> Column:
    """`/` of integers: towards zero; by zero is ERROR; the least by -1 is the largest."""
    a, b = np.broadcast_arrays(left.integers, right.integers)
    edge = (a == _LEAST) & (b == -1)
    safe = np.where((b == 0) | edge, 1, b)
    return _unless_zero(b, np.where(edge, np.iinfo(np.int64).max, (a - np.fmod(a, safe)) // safe))


def remainder(left: Column, right: Column) -> Column:
    """`%` of integers: with the sign of the left one; by zero is ERROR."""
    a, b = np.broadcast_arrays(left.integers, right.integers)
    return _unless_zero(b, np.fmod(a, np.where((b == 0) | (b == -1), 1, b)))


def _unless_zero(divisor: Integers, result: Integers) -> Column:
    kinds = np.where(divisor == 0, ERROR, INTEGER).astype(np.uint8)
    return Column.mixed(kinds, result, np.zeros(1))


def shifted(operation: Callable[[Integers, Integers], Integers]) -> Rule:
    """A shift by 1 to 63 bits; what the library does with any other count is the machine's affair, so it is asked."""

    def rule(left: Column, right: Column) -> Column:
        a, b = np.broadcast_arrays(left.integers, right.integers)
        kinds = np.where((b > 0) & (b < 64), INTEGER, OTHER).astype(np.uint8)
        return Column.mixed(kinds, operation(a, b & 63), np.zeros(1))

    return rule


def unsigned_right(a: Integers, b: Integers) -> Integers:
    """`>>>`: zeros come from the left."""
    return (a.astype(np.uint64) >> b.astype(np.uint64)).astype(np.int64)


def signed(column: Column, *, minus: bool) -> Column:
    """Unary `-` and `+`: of booleans they are ERROR."""
    if column.kind == INTEGER:
        return Column(INTEGER, -column.integers if minus else column.integers)
    if column.kind == REAL:
        return Column(REAL, reals=-column.reals if minus else column.reals)
    return column if column.kind in {UNDEFINED, OTHER} else Column(ERROR)


def complement(column: Column) -> Column:
    """`~`."""
    if column.kind == INTEGER:
        return Column(INTEGER, ~column.integers)
    return column if column.kind in {UNDEFINED, OTHER} else Column(ERROR)
