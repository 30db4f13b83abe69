"""What may reach the ClassAd parser: limits, allowed functions, time bound to the snapshot; nothing is evaluated here.

Limits stand before the parser because the library has died, or never come back, on larger expressions.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from fedsched.matchmaker.classad.calls import PATTERNED, call_names, closing, guarded
from fedsched.matchmaker.classad.scan import MAX_BYTES, Refused, Token, join, tokens

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_TERMS",
    "NOW",
    "Refused",
    "bound",
    "calls_contexts",
    "check",
    "reads",
    "references",
    "weight",
]

MAX_TERMS = 2_000
"""Most operands, and most operators, of one expression."""
MAX_DEPTH = 100
"""Deepest nesting of (), [] and {}."""
NOW = "CurrentTime"
"""The attribute that `time()` becomes: the snapshot's time, set in both ads of a match."""

CONTEXTS = frozenset({"countmatches", "evalineachcontext"})
"""Functions that evaluate an expression once per ad of a list: nested, they run for ever."""

ALLOWED = frozenset(
    {
        # types and absence
        *("isundefined", "iserror", "isstring", "isinteger", "isreal", "islist", "isclassad", "isboolean"),
        *("isabstime", "isreltime", "int", "real", "bool", "string", "ifthenelse"),
        # numbers
        *("floor", "ceil", "ceiling", "round", "pow", "quantize", "min", "max", "sum", "avg"),
        # strings: only those whose result is no longer than their arguments
        *("strcat", "substr", "strcmp", "stricmp", "toupper", "tolower", "size", "split"),
        *("splitusername", "splitslotname", "regexp"),
        # versions
        *("versioncmp", "versiongt", "versionge", "versionlt", "versionle", "versioneq", "version_in_range"),
        # lists
        *("member", "identicalmember", "anycompare", "allcompare", "regexpmember"),
        *("stringlistsize", "stringlistsum", "stringlistavg", "stringlistmin", "stringlistmax"),
        *("stringlistmember", "stringlistimember", "stringlist_regexpmember", "stringlistregexpmember"),
        *("stringlistsubsetmatch", "stringlistisubsetmatch", "stringlistsintersect"),
        # time, bound to the snapshot
        "time",
        *CONTEXTS,
    }
)
"""Functions let through, in lower case. Left out: those that read the machine or its clock (userHome, random,
absTime, formatTime …), that run text as an expression (eval), that look at a whole ad (unresolved), and whose results
can outgrow their arguments."""

_WORDS = frozenset({"true", "false", "undefined", "error"})
_WORD_OPERATORS = frozenset({"is", "isnt"})
_DOT = [Token(".", ".")]
_SCOPES = {"my": "MY", "target": "TARGET", "other": "TARGET"}
_OUTER = frozenset({"self", "parent", "root", "toplevel"})
_ADS = _OUTER.union(_SCOPES)
_PAIRS = {")": "(", "]": "[", "}": "{"}


class _Examined(NamedTuple):
    text: str
    references: frozenset[str]
    reads: tuple[tuple[str, int], ...]
    contexts: bool
    weight: int


def check(text: str) -> None:
    """Refused when `text` may not reach the parser. Costs time linear in its length, and is cached by text."""
    _examined(text)


def bound(text: str) -> str:
    """The text to parse: checked, in one line, without comments, `time()` replaced by the snapshot's time."""
    return _examined(text).text


def references(text: str) -> frozenset[str]:
    """Attributes that the expression reads: "MY.Name", "TARGET.Name", or "Name" where no ad is named."""
    return _examined(text).references


def reads(text: str) -> tuple[tuple[str, int], ...]:
    """Every name in the expression that could stand for an attribute of either ad, in lower case, and how often."""
    return _examined(text).reads


def calls_contexts(text: str) -> bool:
    """Whether the expression evaluates another one in each ad of a list."""
    return _examined(text).contexts


def weight(text: str) -> int:
    """What evaluating it once may cost, in bytes of plain expression (at most some 50 ns each)."""
    return _examined(text).weight


@lru_cache(maxsize=4096)
def _examined(text: str) -> _Examined:
    parts = tokens(text)
    if not parts:
        raise Refused("empty")
    _check_size(parts)
    _check_brackets(parts)
    calls = list(call_names(parts))
    contexts = _check_calls(parts, calls)
    called = {name for _, name in calls}
    _check_scopes(parts)
    found = _references(parts)
    if "time" in called:
        parts = _bind_time(parts, dict(calls))
    names = Counter(_name_of(part) for part in parts if part.kind in {"name", "quoted"})
    extra = 0
    if not called.isdisjoint(PATTERNED):
        parts, extra = guarded(parts)
    return _Examined(join(parts), found, tuple(names.items()), contexts, len(text) + extra)


def _name_of(part: Token) -> str:
    name = _unquoted(*part)
    if not name.isascii():
        raise Refused("a name that is not ASCII")  # upper and lower case would not be what they are to the library
    return name.lower()


def _check_scopes(parts: list[Token]) -> None:
    """`size(MY)` would read every attribute: what a match reads could not be told from its text."""
    for index, part in enumerate(parts):
        if (
            part.kind in {"name", "quoted"}
            and _unquoted(*part).lower() in _ADS
            and parts[index + 1 : index + 2] != _DOT
        ):
            raise Refused(f"{part.text}: an ad as a value")


def _check_size(parts: list[Token]) -> None:
    operands = sum(1 for kind, _ in parts if kind in {"name", "quoted", "text", "number"})
    operators = sum(1 for kind, _ in parts if kind in {"operator", ",", "."})
    if max(operands, operators) > MAX_TERMS:
        raise Refused(f"{max(operands, operators)} terms, more than {MAX_TERMS}")


def _check_brackets(parts: list[Token]) -> None:
    """Balanced and not too deep; a `;` or a lone `=` outside a record would end our record and start another."""
    open_: list[str] = []
    for kind, text in parts:
        if kind in "([{":
            open_.append(kind)
            if len(open_) > MAX_DEPTH:
                raise Refused(f"nested deeper than {MAX_DEPTH}")
        elif kind in _PAIRS:
            if not open_ or open_.pop() != _PAIRS[kind]:
                raise Refused("brackets do not match")
        elif (kind == ";" or text == "=") and (not open_ or open_[-1] != "["):
            raise Refused(f"'{text}' outside a record")
    if open_:
        raise Refused("a bracket is not closed")


def _check_calls(parts: list[Token], calls: list[tuple[int, str]]) -> bool:
    """Only allowed functions, none that walks a list inside another; whether there is one that does."""
    for index, name in calls:
        if name not in ALLOWED:
            raise Refused(f"function {name}() is not allowed")
        if name == "time" and parts[index + 2].kind != ")":
            raise Refused("time() takes no argument")
    inner_until = -1
    for index, name in calls:
        if name in CONTEXTS:
            if index < inner_until:
                raise Refused(f"{name}() inside another of its kind")
            inner_until = closing(parts, index + 1)
    return inner_until >= 0


def _bind_time(parts: list[Token], calls: dict[int, str]) -> list[Token]:
    out: list[Token] = []
    skip_until = -1
    for index, part in enumerate(parts):
        if calls.get(index) == "time":
            out.append(Token("name", NOW))
            skip_until = index + 2
        elif index > skip_until:
            out.append(part)
    return out


def _references(parts: list[Token]) -> frozenset[str]:
    """Errs on the side of too many: a name inside a record, or selected from something odd, counts too."""
    found: dict[str, str] = {}
    for index, (kind, text) in enumerate(parts):
        if kind in {"name", "quoted"} and (index + 1 == len(parts) or parts[index + 1].kind != "("):
            name = _reference(parts, index, _unquoted(kind, text))
            if name:
                found.setdefault(name.lower(), name)
    return frozenset(found.values())


def _reference(parts: list[Token], index: int, name: str) -> str:
    """What the name at `index` refers to; "" for a keyword, a scope, or a part of an attribute that is counted."""
    if parts[index].kind == "name" and name.lower() in _WORDS | _WORD_OPERATORS:
        return ""
    if index and parts[index - 1].kind == ".":
        base = _unquoted(*parts[index - 2]).lower() if index > 1 and parts[index - 2].kind in {"name", "quoted"} else ""
        scope = _SCOPES.get(base)
        if scope:
            return f"{scope}.{name}"
        return name if not base or base in _OUTER else ""
    selects = index + 1 < len(parts) and parts[index + 1].kind == "."
    return "" if selects and name.lower() in _ADS else name


def _unquoted(kind: str, text: str) -> str:
    return text[1:-1] if kind == "quoted" else text
