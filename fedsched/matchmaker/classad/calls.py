"""Function calls in a list of tokens: where they are, and the guard that those with patterns get; evaluates nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.matchmaker.classad.patterns import MAX_SUBJECT, cost
from fedsched.matchmaker.classad.scan import Refused, Token, string_value, tokens

_NO_CALLS = frozenset({"is", "isnt"})
"""Operators that are words: a bracket after them opens no arguments."""
PATTERNED = {"regexp": 2, "regexpmember": 2, "stringlistregexpmember": 3, "stringlist_regexpmember": 3}
"""Functions that take a pattern, then what it is tried on; and where their options stand."""
_OPTIONS = frozenset("iIfFgG")
"""Options that do not change what a pattern can cost."""
_PLAIN_WEIGHT = 200
_OPENING, _CLOSING = "([{", ")]}"


def call_names(parts: list[Token]) -> Iterator[tuple[int, str]]:
    """Each function call: the index of its name, and the name in lower case."""
    for index in range(len(parts) - 1):
        kind, text = parts[index]
        if parts[index + 1].kind != "(" or kind not in {"name", "quoted"}:
            continue
        if kind == "quoted":
            raise Refused("a function's name in quotes")
        name = text.lower()
        if name not in _NO_CALLS:
            yield index, name


def closing(parts: list[Token], opening: int) -> int:
    """Index of the bracket that closes the one at `opening`; brackets are known to match."""
    depth = 0
    for index in range(opening, len(parts)):
        kind = parts[index].kind
        if kind in _OPENING:
            depth += 1
        elif kind in _CLOSING:
            depth -= 1
            if depth == 0:
                return index
    raise Refused("a bracket is not closed")


def arguments(parts: list[Token], opening: int) -> list[list[Token]]:
    """The arguments of the call whose bracket is at `opening`."""
    found: list[list[Token]] = [[]]
    depth = 0
    for part in parts[opening + 1 : closing(parts, opening)]:
        depth += (part.kind in _OPENING) - (part.kind in _CLOSING)
        if part.kind == "," and not depth:
            found.append([])
        else:
            found[-1].append(part)
    return found


def guarded(parts: list[Token]) -> tuple[list[Token], int]:
    """The tokens with each call that takes a pattern bounded, and what these calls weigh.

    A text that is longer than its pattern may be tried on gives ERROR. Refused when a pattern is no literal, or could
    cost too much.
    """
    out: list[Token] = []
    extra, done = 0, 0
    for index, name in call_names(parts):
        if name in PATTERNED:
            if index < done:
                raise Refused(f"{name}() inside another function with a pattern")
            end = closing(parts, index + 1)
            guard, weight = _guard(name, arguments(parts, index + 1))
            out += [*parts[done:index], *guard, *parts[index : end + 1], *_END]
            extra += weight
            done = end + 1
    return out + parts[done:], extra


def _guard(name: str, given: list[list[Token]]) -> tuple[list[Token], int]:
    if len(given) < 2 or not all(given):
        raise Refused(f"{name}() needs a pattern and a text")
    pattern = _literal(given[0])
    if pattern is None:
        raise Refused(f"{name}(): the pattern is not a literal string")
    options = _literal(given[PATTERNED[name]]) if len(given) > PATTERNED[name] else ""
    if options is None or not _OPTIONS.issuperset(options):
        raise Refused(f"{name}(): options other than i, f and g")
    bound = cost(pattern)
    if name == "regexpmember" and bound.degree > 1:
        raise Refused("regexpmember(): a pattern that takes more than one pass")
    weight = _PLAIN_WEIGHT if bound.degree == 1 else MAX_SUBJECT**bound.degree // 5
    return [*_IF, *given[1], *tokens(f") > {bound.subject}) =?= true ? error : ")], weight


_IF = tokens("((size(")
_END = [Token(")", ")")]


def _literal(parts: list[Token]) -> str | None:
    """The string that an argument is; None where it is anything else."""
    return string_value(parts[0].text) if len(parts) == 1 and parts[0].kind == "text" else None
