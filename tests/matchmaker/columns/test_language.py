"""What the ClassAd language means, rule by rule as the library was found to have it, and that columns have it alike."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pytest

from fedsched.matchmaker.classad.gate import bound
from fedsched.matchmaker.classad.literals import BOOLEAN, ERROR, INTEGER, OTHER, REAL, STRING, UNDEFINED, Typed
from fedsched.matchmaker.classad.typed import asked_of_each, typed
from fedsched.matchmaker.columns.binding import JOB, SLOT
from fedsched.matchmaker.columns.functions import Operation, calls, table
from fedsched.matchmaker.columns.syntax import Declined, parsed
from fedsched.matchmaker.columns.values import Strings, column_of, values_of
from tests.matchmaker.columns.judging import AT, Bench, ad_of, same

Rows: TypeAlias = Sequence[tuple[Typed, ...]]
UND, ERR = Typed(UNDEFINED), Typed(ERROR)
YES, NO = Typed(BOOLEAN, value=True), Typed(BOOLEAN, value=False)


def number(value: float) -> Typed:
    return Typed(INTEGER if isinstance(value, int) else REAL, value)


KNOWN = {
    # && and || look at the right operand unless the left decides; UNDEFINED does not, ERROR does
    "undefined && error": ERR,
    "undefined && false": NO,
    "undefined && true": UND,
    "false && error": NO,
    "error && false": ERR,
    'false && "text"': NO,
    'true && "text"': ERR,
    '"true" && true': ERR,
    "undefined || true": YES,
    "undefined || false": UND,
    "undefined || error": ERR,
    "error || true": ERR,
    "true || error": YES,
    "3 && 2.5": YES,
    "0.0 || 3": YES,
    "!2.5": NO,
    '!"x"': ERR,
    "!undefined": UND,
    # comparing: ERROR before UNDEFINED, numbers as reals once one is, booleans as 0 and 1, no strings with numbers
    "undefined == error": ERR,
    'undefined < "a"': UND,
    '1 == "1"': ERR,
    "true == 1": YES,
    "true < 2": YES,
    "9007199254740993 == 9007199254740992.0": YES,
    "9007199254740993 == 9007199254740992": NO,
    '"a" == "A"': YES,
    '"Z" < "_"': NO,
    '"_" < "A"': YES,
    '"" < "a"': YES,
    # =?= asks for the kind, too, and strings by case
    "1 =?= 1.0": NO,
    "true is 1": NO,
    '"a" =?= "A"': NO,
    "undefined is undefined": YES,
    "error is error": YES,
    "error isnt 1": YES,
    "0.0 is -0.0": YES,
    'real("NaN") is real("NaN")': NO,
    # numbers
    "9223372036854775807 + 1": number(-(1 << 63)),
    "9223372036854775807 * 3": number((1 << 63) - 3),
    "(-9223372036854775807 - 1) / -1": number((1 << 63) - 1),
    "(-9223372036854775807 - 1) % -1": number(0),
    "-7 / 2": number(-3),
    "-7 % 3": number(-1),
    "7 % -3": number(1),
    "5 / 0": ERR,
    "5 % 0": ERR,
    "5 / 0.0": ERR,
    "-5 / 0.0": number(-np.inf),
    "1e308 * 10": ERR,
    "-1e308 * 10": number(-np.inf),
    "7.5 % 2": ERR,
    "true + true": number(2),
    "true / 2": number(0),
    "true * 2.5": number(2.5),
    "-true": ERR,
    "~true": ERR,
    "true & true": ERR,
    "1 << 3": number(8),
    "-8 >> 1": number(-4),
    "-8 >>> 1": number((1 << 63) - 4),
    "1 << 2.0": ERR,
    "undefined + error": ERR,
    'undefined + "a"': UND,
    # choosing
    "undefined ? 1 : 2": UND,
    '"true" ? 1 : 2': ERR,
    "2.5 ? 1 : error": number(1),
    "ifThenElse(undefined, 1, 2)": UND,
    "undefined ?: 3": number(3),
    "false ?: 3": NO,
    "error ?: 3": ERR,
    # how tightly: ?: before everything, then as in C; ? : to the right
    "1 + undefined ?: 5": number(6),
    "- undefined ?: 3": number(-3),
    "undefined ?: 2 * 3 + 1": number(7),
    "1 ? 2 : 3 ? 4 : 5": number(2),
    "1 | 2 ^ 3 & 4": number(3),
    "1 << 2 + 3": number(32),
    "2 < 3 == true": YES,
    "5 - 3 - 1": number(1),
    # functions that are computed
    "floor(undefined)": ERR,
    "int(undefined)": UND,
    "round(2.5)": number(2),
    "round(-1.5)": number(-2),
    "int(-2.9)": number(-2),
    'int("3.7")': number(3),
    "size(5)": ERR,
    "real(true)": number(1.0),
    # functions of lists: what is in a list is its value to some, its text to others
    "member(2, {1, 1 + 1})": YES,
    "toLower({A, 1 + 1})": Typed(STRING, "{ a,1 + 1 }"),
}


@pytest.mark.parametrize(("text", "value"), KNOWN.items())
def test_the_library_and_the_columns_say(text: str, value: Typed) -> None:
    empty = ad_of(())
    assert empty is not None
    assert same(typed(bound(text), empty, empty), value)
    ours = Bench([()]).columns(text, (), JOB)
    assert ours is not None
    assert same(ours[0], value)


SIDES = {
    # MY first, then TARGET, for a name that says neither; formulas are read in their own ad
    "a": 1,
    "MY.a": 1,
    "TARGET.a": 10,
    "c": 5,
    "b": 6,
    "MY.d": 110,
    "TARGET.e": 110,
    "g": 7,
    "CurrentTime": AT,
    "TARGET.CurrentTime + time()": 2 * AT,
}


@pytest.mark.parametrize(("text", "value"), SIDES.items())
def test_names_are_read_from(text: str, value: int) -> None:
    mine = (("a", "1"), ("b", "a + c"), ("D", "TARGET.e"), ("g", "x"), ("CurrentTime", "3"))
    theirs = (("A", "10"), ("c", "5"), ("E", "MY.a + TARGET.a * 100"), ("x", "x2"), ("X2", "7"))
    job, slot = ad_of(mine), ad_of(theirs)
    assert job is not None
    assert slot is not None
    assert typed(bound(text), job, slot) == number(value)
    assert Bench([theirs]).columns(text, mine, JOB) == [number(value)]
    assert Bench([mine]).columns(text, theirs, SLOT) == [number(value)]


def test_count_matches_can_hide_the_names_after_it_so_it_is_compiled_last_or_not_at_all() -> None:
    job, slot = (("RequestGPUs", "0"),), (("GPUs", "1"),)
    mine, theirs = ad_of(job), ad_of(slot)
    assert mine is not None
    assert theirs is not None
    counted = "countMatches(MY.RequireGPUs, TARGET.AvailableGPUs)"
    assert typed(f"{counted} is 0", mine, theirs) == YES
    assert typed("RequestGPUs is 0", mine, theirs) == YES
    assert typed(f"({counted} is 0) && (RequestGPUs is 0)", mine, theirs) == NO
    bench = Bench([slot])
    assert bench.columns(f"(RequestGPUs is 0) && {counted} >= RequestGPUs", job, JOB) == [UND]
    assert bench.columns(f"({counted} is 0) && (RequestGPUs is 0)", job, JOB) == [NO]
    assert bench.columns(f"{counted} + 1 > 0 ? RequestGPUs : 1", job, JOB) == [UND]


@pytest.mark.parametrize("text", ["9223372036854775808", '"é"', ".a", "1 ? 2 :"])
def test_a_text_that_might_be_read_otherwise_is_declined(text: str) -> None:
    with pytest.raises(Declined):
        parsed(text)


VALUES = [UND, ERR, YES, NO]
VALUES += [number(v) for v in (0, 1, -1, 2, -7, 63, 64, 65, (1 << 63) - 1, -(1 << 63), (1 << 53) + 1, -(1 << 53) - 1)]
VALUES += [number(v) for v in (0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 0.5, 1e308, -1e308, 5e-324, 1e19, 9.3e18, 2.0**53)]
VALUES += [number(v) for v in (np.nan, np.inf, -np.inf)]
VALUES += [Typed(STRING, v) for v in ("", "a", "A", "_", "Z", "b", "true", "3.7", "aa", " ")]


@pytest.mark.parametrize("sign", sorted(table(Strings())))
def test_an_operator_agrees_on_every_kind_and_at_every_edge(sign: str) -> None:
    strings = Strings()
    count = 1 if sign.startswith("unary") else 3 if sign == "?" else 2
    rows = list(itertools.product(*((VALUES, VALUES, VALUES[::5])[:count])))
    template = {1: f"{sign[-1]} a0", 2: f"a0 {sign} a1", 3: "a0 ? a1 : a2"}[count]
    check(sign, rows, asked_of_each(template, rows), strings, table(strings))


@pytest.mark.parametrize("name", sorted(name for name, _ in calls(Strings())))
def test_a_computed_function_agrees_on_every_kind_and_at_every_edge(name: str) -> None:
    strings = Strings()
    rows = [(value,) for value in VALUES]
    found = {key[0]: operation for key, operation in calls(strings).items()}
    check(name, rows, asked_of_each(f"{name}(a0)", rows), strings, found)


def check(name: str, rows: Rows, wanted: list[Typed], strings: Strings, operations: Mapping[str, Operation]) -> None:
    def ours(some: Rows) -> list[Typed]:
        with np.errstate(all="ignore"):
            columns = (column_of(column, strings) for column in zip(*some, strict=True))
            return values_of(operations[name](*columns), strings)

    told = ours(rows) + [ours([row])[0] for row in rows[::13]]
    pairs = zip([*rows, *rows[::13]], told, [*wanted, *wanted[::13]], strict=True)
    wrong = [pair for pair in pairs if pair[1].kind != OTHER and not same(pair[1], pair[2])]
    assert not wrong, wrong[:3]
    assert sum(one.kind == OTHER for one in told) < 0.5 * len(told)
