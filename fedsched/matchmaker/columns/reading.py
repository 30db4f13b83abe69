"""What an expression may read of both ads, followed through all formulas, and how deep that can go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import TypeAlias

from fedsched.matchmaker.classad.gate import bound, reads
from fedsched.matchmaker.classad.scan import Refused, Token, tokens
from fedsched.matchmaker.columns.syntax import MAX_DEPTH, Declined

Formulas: TypeAlias = Mapping[str, frozenset[str]]
"""The texts of either side that are more than literals, by lower-case name."""


def together(*sides: Mapping[str, Iterable[str]]) -> Formulas:
    """The formulas of several sides by name."""
    found: dict[str, set[str]] = {}
    for name, texts in (pair for side in sides for pair in side.items()):
        found.setdefault(name, set()).update(texts)
    return {name: frozenset(texts) for name, texts in found.items() if texts}


def names_read(text: str, formulas: Formulas) -> frozenset[str]:
    """Every lower-case name that may be read of either ad when `text` is evaluated."""
    seen: set[str] = set()
    queue = list(_names(text))
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            for formula in formulas.get(name, ()):
                queue += _names(formula)
    return frozenset(seen)


def levels_read(text: str, formulas: Formulas) -> int:
    """How deep evaluating `text` may go; Declined where that is deeper than what is compiled, or in a circle."""
    return _depth(text, formulas, {}, ())


def _depth(text: str, formulas: Formulas, depths: dict[str, int], path: tuple[str, ...]) -> int:
    inner = [_depth_of(name, formulas, depths, path) for name in _names(text)]
    whole = _levels(text) + max(inner, default=0)
    if whole > MAX_DEPTH:
        raise Declined("what it reads is too deep")
    return whole


def _depth_of(name: str, formulas: Formulas, depths: dict[str, int], path: tuple[str, ...]) -> int:
    if name not in formulas:
        return 1
    if name in path:
        raise Declined("it reads itself")
    if name not in depths:
        further = (*path, name)
        depths[name] = 1 + max(_depth(text, formulas, depths, further) for text in formulas[name])
    return depths[name]


@lru_cache(maxsize=1 << 14)
def _names(text: str) -> frozenset[str]:
    """Nothing where the gate refuses: the ad is refused as a whole."""
    try:
        return frozenset(name for name, _ in reads(text))
    except Refused:
        return frozenset()


@lru_cache(maxsize=1 << 14)
def _levels(text: str) -> int:
    """At least as many levels as the text's tree has: its operators and its deepest bracket."""
    try:
        found = tokens(bound(text))
    except Refused:
        return 0
    open_ = list(accumulate((kind in "([{") - (kind in ")]}") for kind, _ in found if len(kind) == 1))
    return 1 + max(open_, default=0) + sum(map(_is_operator, found))


def _is_operator(token: Token) -> bool:
    return token.kind in {"operator", "."} or (token.kind == "name" and token.text.lower() in {"is", "isnt"})
