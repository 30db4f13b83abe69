"""The library's value of an expression with its type, UNDEFINED and ERROR kept apart; texts here passed the gate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from fedsched.matchmaker.classad.ads import Ad
from fedsched.matchmaker.classad.literals import BOOLEAN, ERROR, INTEGER, OTHER, REAL, STRING, UNDEFINED, Typed

# See ads.py: htcondor2 first.
import htcondor2  # isort: skip  # noqa: F401
import classad2  # isort: skip

_EMPTY = classad2.ClassAd()


def typed(text: str, my: Ad, target: Ad) -> Typed:
    """What `text`, as the gate gives it (`gate.bound`), is where MY is `my` and TARGET is `target`."""
    return _value(_parsed(text), my.library_ad, target.library_ad)


@lru_cache(maxsize=1 << 16)
def constant(text: str) -> Typed:
    """What a text is that reads no attribute."""
    try:
        tree = _parsed(text)
    except (classad2.ClassAdException, AssertionError, ValueError):
        return Typed(OTHER)
    return _value(tree, _EMPTY, None)


@lru_cache(maxsize=1 << 16)
def asked(template: str, arguments: tuple[Typed, ...]) -> Typed:
    """What `template` is where the names a0, a1 … stand for the arguments."""
    ad = classad2.ClassAd()
    for index, argument in enumerate(arguments):
        ad[f"a{index}"] = _given(argument)
    return _value(_parsed(template), ad, None)


def asked_of_each(template: str, rows: Sequence[tuple[Typed, ...]]) -> list[Typed]:
    """The same for many rows of arguments."""
    return [(_anew if any(map(_zero, row)) else asked)(template, row) for row in rows]


def _zero(argument: Typed) -> bool:
    """A real zero: -0.0 is another text, and equal."""
    return argument.kind == REAL and argument.value == 0


_anew = asked.__wrapped__


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Any:
    return classad2.ExprTree(text)


def _given(argument: Typed) -> Any:
    if argument.kind == UNDEFINED:
        return classad2.Value.Undefined
    return classad2.Value.Error if argument.kind == ERROR else argument.value


def _value(tree: Any, my: Any, target: Any) -> Typed:
    try:
        value = tree.eval(my, target)
    except (classad2.ClassAdException, UnicodeDecodeError):
        return Typed(OTHER)
    if isinstance(value, classad2.Value):
        return Typed(UNDEFINED if value == classad2.Value.Undefined else ERROR)
    if isinstance(value, str):
        return Typed(STRING, value) if value.isascii() and "\0" not in value else Typed(OTHER)
    for kind, type_ in ((BOOLEAN, bool), (INTEGER, int), (REAL, float)):
        if isinstance(value, type_):
            return Typed(kind, value)
    return Typed(OTHER)
