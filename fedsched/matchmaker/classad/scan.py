"""Cuts ClassAd text into tokens in one linear pass; knows strings and comments, not what an expression means."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_BYTES = 64 * 1024
"""Longest expression in UTF-8 bytes; a real Requirements has some hundred."""
MAX_TOKENS = 10_000
"""Most tokens that are looked at."""


class Refused(ValueError):  # noqa: N818 - a refusal is an answer of the gate, its text is the reason
    """An expression that the gate does not let through; the text says why, without repeating the expression."""


class Token(NamedTuple):
    """One token. kind: name, quoted (a name in quotes), text (a string), number, operator, or one of ()[]{},;."""

    kind: str
    text: str


_PATTERN = re.compile(
    r"""
    (?P<space>(?:\s|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/|//[^\n]*)+)
  | (?P<text>"(?:[^"\\]|\\.)*")
  | (?P<quoted>'(?:[^'\\]|\\.)*')
  | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<operator>=\?=|\?:|=!=|>>>|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%!~<>&|^?:=])
  | (?P<mark>[()\[\]{},;.])
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str) -> list[Token]:
    """The tokens of `text`, white space and comments left out; Refused when it is too long or not ClassAd text."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise Refused(f"longer than {MAX_BYTES // 1024} KiB")
    if "\0" in text:
        raise Refused("holds a zero byte")
    found: list[Token] = []
    at, match = 0, _PATTERN.match
    while part := match(text, at):  # a search would skip what it does not know, and look for it again and again
        at = part.end()
        kind = part.lastgroup
        if kind != "space":
            piece = part.group()
            found.append(Token(piece if kind == "mark" else str(kind), piece))
            if len(found) > MAX_TOKENS:
                raise Refused(f"more than {MAX_TOKENS} names, numbers, operators and brackets: too many terms")
    if at < len(text):
        raise Refused(f"unexpected character or open string at position {at + 1}")
    return found


def join(parts: list[Token]) -> str:
    """Text that means the same as the tokens, in one line."""
    out: list[str] = []
    before = ""
    for kind, text in parts:
        tight = before in _TIGHT_AFTER or kind in _TIGHT_BEFORE or (kind == "(" and before == "name")
        out.append(text if tight or not out else f" {text}")
        before = "operator-unary" if text in {"!", "~"} else kind
    return "".join(out)


_TIGHT_AFTER = frozenset({"(", "[", ".", "operator-unary"})
_TIGHT_BEFORE = frozenset({")", "]", ",", ";", "."})


_ESCAPE = re.compile(r"\\([0-3][0-7]{2}|[0-7]{1,2}|.)", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "b": "\b", "a": "\a", "v": "\v"}


def string_value(literal: str) -> str:
    """What a string literal in new syntax, quotes included, stands for; bytes above 127 as one character each."""
    return _ESCAPE.sub(_unescaped, literal[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    escaped = found.group(1)
    return chr(int(escaped, 8)) if escaped[0] in "01234567" else _CONTROLS.get(escaped, escaped)
