"""Which part of a Requirements expression is not true, for explaining; whether it matches is evaluate's business."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from fedsched.matchmaker.classad.ads import Ad
from fedsched.matchmaker.classad.calls import arguments, closing
from fedsched.matchmaker.classad.evaluate import Value, evaluate, parse
from fedsched.matchmaker.classad.gate import check, references
from fedsched.matchmaker.classad.scan import Refused, Token, join, tokens

_LOOSER = frozenset({"||", "?", ":", "?:"})
"""Operators that bind less than &&: where one stands outside brackets, the whole is one clause."""
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!=", "=?=": "=?=", "=!=": "=!="}
_NO_NAMES = frozenset({"true", "false", "undefined", "error"})
SHOWN = 200
"""Longest value and clause that is shown to a person, in characters."""
READ = 2_000
"""How much of a clause is looked at for what it names, in characters."""
NAMED = 8
"""Most attributes of a clause whose values are shown."""


class Clause(NamedTuple):
    """A conjunct that is not true: its text, what the asking side has in it, what the other side has."""

    text: str
    needs: str
    has: str


@lru_cache(maxsize=4096)
def conjuncts(text: str) -> tuple[str, ...]:
    """The operands of the top-level && in order, brackets around them opened; the text itself where there is none."""
    check(text)
    return tuple(join(part) for part in _split(tokens(text)))


def first_false_clause(requirements: str, my: Ad, target: Ad) -> Clause | None:
    """The first conjunct of `requirements` (MY = `my`) that is not true of `target`; None when all are.

    First in the library's order of evaluation: left to right, and only the chosen arm of `ifThenElse` and `? :`. For
    the slot's own Requirements swap the ads. The time of both ads must be bound already where it matters.
    """
    return next(false_clauses(requirements, my, target), None)


def false_clauses(requirements: str, my: Ad, target: Ad) -> Iterator[Clause]:
    """Every conjunct that is not true, in the order of evaluation; all of them must change before it matches (RE2)."""
    waiting = [requirements]
    while waiting:
        text, *others = conjuncts(waiting.pop())
        waiting += reversed(others)
        if _is_true(evaluate(parse(text), my, target)):
            continue
        arms = _arms(text)
        if arms is None:
            yield _clause(text, my, target)
            continue
        chosen = evaluate(parse(arms.choice), my, target)
        if chosen is None:
            yield _clause(arms.condition, my, target)
        else:
            waiting.append(arms.then if chosen == 1 else arms.otherwise)


class _Arms(NamedTuple):
    """choice: 1 when `then` counts, 2 for `otherwise`, and nothing when the condition is neither true nor false."""

    choice: str
    condition: str
    then: str
    otherwise: str


@lru_cache(maxsize=4096)
def _arms(text: str) -> _Arms | None:
    """The parts of a clause that is one ifThenElse() or one `? :` with nothing around it."""
    parts = _unwrapped(tokens(text))
    if len(parts) > 2 and parts[0].text.lower() == "ifthenelse" and closing(parts, 1) == len(parts) - 1:
        given = [join(part) for part in arguments(parts, 1)]
        return _Arms(f"ifThenElse({given[0]}, 1, 2)", *given) if len(given) == 3 and all(given) else None
    asks = [(i, part.text) for i, part in _outermost(parts) if part.text in {"?", ":", "?:"}]
    if not asks or asks[0][1] != "?" or any(text == "?:" for _, text in asks):
        return None
    colon = _colon_of(asks)
    pieces = [join(part) for part in (parts[: asks[0][0]], parts[asks[0][0] + 1 : colon], parts[colon + 1 :])]
    return _Arms(f"({pieces[0]}) ? 1 : 2", *pieces)


def _colon_of(asks: list[tuple[int, str]]) -> int:
    """Index of the colon that belongs to the first question mark."""
    depth = 0
    for index, text in asks:
        depth += 1 if text == "?" else -1
        if not depth:
            return index
    raise Refused("a question mark without its colon")  # the library has parsed it: this is not reached


def _outermost(parts: list[Token]) -> Iterator[tuple[int, Token]]:
    """The operators outside all brackets."""
    depth = 0
    for index, part in enumerate(parts):
        depth += (part.kind in "([{") - (part.kind in ")]}")
        if depth == 0 and part.kind == "operator":
            yield index, part


def _clause(text: str, my: Ad, target: Ad) -> Clause:
    needs, has = _sides(text, my, target)
    return Clause(_short(text), needs or _short(_needs(text)), has)


@lru_cache(maxsize=4096)
def _needs(text: str) -> str:
    """What a clause wants that compares only with literals, said of the other side's attribute."""
    if len(text) > READ:
        return ""
    parts = _unwrapped(tokens(text))
    plain = [part for i, part in enumerate(parts) if not _is_scope(parts, i)]
    if len(plain) == 1:
        return f"{plain[0].text} = true" if plain[0].text.lower() not in _NO_NAMES else ""
    if len(plain) == 3 and plain[1].text in _MIRRORED and plain[0].kind != "name":
        plain = [plain[2], Token("operator", _MIRRORED[plain[1].text]), plain[0]]
    return join(plain)


def _is_scope(parts: list[Token], index: int) -> bool:
    """Whether the token is TARGET or the dot after it."""
    dot = index if parts[index].kind == "." else index + 1
    return 0 < dot < len(parts) and parts[dot].kind == "." and parts[dot - 1].text.lower() in {"target", "other"}


def _is_true(value: Value) -> bool:
    """As a match counts it: true, or a number that is not zero."""
    return isinstance(value, bool | int | float) and bool(value)


def _sides(text: str, my: Ad, target: Ad) -> tuple[str, str]:
    """What each side says to the clause. A bare name is MY's where MY has it, else TARGET's, as in a match."""
    mine: list[str] = []
    theirs: list[str] = []
    for name in _named(text):
        scope, _, bare = name.rpartition(".")
        if scope == "MY" or (not scope and my.text(bare) is not None):
            mine.append(f"{bare} = {_value(bare, my, target)}")
        elif scope in {"TARGET", ""}:
            theirs.append(f"{bare} = {_value(bare, target, my)}")
    return ", ".join(mine), ", ".join(theirs)


@lru_cache(maxsize=4096)
def _named(text: str) -> tuple[str, ...]:
    """The first attributes that a clause names, in the order of the text."""
    lower = text[:READ].lower()
    found = sorted((lower.find(name.lower()), name) for name in references(text) if name.lower() in lower)
    return tuple(name for _, name in found[:NAMED])


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
    outermost = list(_outermost(parts))
    if any(part.text in _LOOSER for _, part in outermost):
        return []
    return [index for index, part in outermost if part.text == "&&"]


def _unwrapped(parts: list[Token]) -> list[Token]:
    while len(parts) > 2 and parts[0].kind == "(" and closing(parts, 0) == len(parts) - 1:
        parts = parts[1:-1]
    return parts
