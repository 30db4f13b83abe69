"""Which part of a Requirements expression is not true, for explaining; whether it matches is evaluate's business."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from fedsched.matchmaker.classad.ads import Ad
from fedsched.matchmaker.classad.evaluate import Value, evaluate, parse
from fedsched.matchmaker.classad.gate import check, references
from fedsched.matchmaker.classad.scan import Token, join, tokens

_LOOSER = frozenset({"||", "?", ":", "?:"})
"""Operators that bind less than &&: where one stands outside brackets, the whole is one clause."""
SHOWN = 200
"""Longest value and clause that is shown to a person, in characters."""


class Clause(NamedTuple):
    """A conjunct that is not true: its text, what the asking side has in it, what the other side has."""

    text: str
    needs: str
    has: str


@lru_cache(maxsize=1024)
def conjuncts(text: str) -> tuple[str, ...]:
    """The operands of the top-level && in order, brackets around them opened; the text itself where there is none."""
    check(text)
    return tuple(join(part) for part in _split(tokens(text)))


def first_false_clause(requirements: str, my: Ad, target: Ad) -> Clause | None:
    """The first conjunct of `requirements` (MY = `my`) that is not true of `target`; None when all are.

    For the slot's own Requirements swap the ads. The time of both ads must be bound already where it matters.
    """
    for text in conjuncts(requirements):
        if not _is_true(evaluate(parse(text), my, target)):
            return Clause(_short(text), *_sides(text, my, target))
    return None


def _is_true(value: Value) -> bool:
    """As a match counts it: true, or a number that is not zero."""
    return isinstance(value, bool | int | float) and bool(value)


def _sides(text: str, my: Ad, target: Ad) -> tuple[str, str]:
    """What each side says to the clause. A bare name is MY's where MY has it, else TARGET's, as in a match."""
    mine: list[str] = []
    theirs: list[str] = []
    for name in sorted(references(text), key=lambda n: text.lower().find(n.lower())):
        scope, _, bare = name.rpartition(".")
        if scope == "MY" or (not scope and my.text(bare) is not None):
            mine.append(f"{bare} = {_value(bare, my, target)}")
        elif scope in {"TARGET", ""}:
            theirs.append(f"{bare} = {_value(bare, target, my)}")
    return ", ".join(mine), ", ".join(theirs)


def _value(name: str, owner: Ad, other: Ad) -> str:
    text = owner.text(name)
    if text is None:
        return "undefined"
    value = evaluate(parse(text), owner, other)
    return _short(text if value is None or isinstance(value, list) else _show(value))


def _show(value: float | str) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"


def _split(parts: list[Token]) -> list[list[Token]]:
    done: list[list[Token]] = []
    waiting = [parts]
    while waiting:
        part = _unwrapped(waiting.pop())
        cuts = _cuts(part)
        if not cuts:
            done.append(part)
            continue
        edges = [-1, *cuts, len(part)]
        pieces = [part[a + 1 : b] for a, b in pairwise(edges)]
        waiting += reversed(pieces)
    return done


def _cuts(parts: list[Token]) -> list[int]:
    """Where a top-level && stands; none when something looser stands there too."""
    depth = 0
    cuts: list[int] = []
    for index, (kind, text) in enumerate(parts):
        if kind in "([{":
            depth += 1
        elif kind in ")]}":
            depth -= 1
        elif depth == 0 and kind == "operator":
            if text in _LOOSER:
                return []
            if text == "&&":
                cuts.append(index)
    return cuts


def _unwrapped(parts: list[Token]) -> list[Token]:
    while len(parts) > 2 and parts[0].kind == "(" and _closes_last(parts):
        parts = parts[1:-1]
    return parts


def _closes_last(parts: list[Token]) -> bool:
    depth = 0
    for index, (kind, _) in enumerate(parts):
        if kind in "([{":
            depth += 1
        elif kind in ")]}":
            depth -= 1
            if depth == 0:
                return index == len(parts) - 1
    return False
