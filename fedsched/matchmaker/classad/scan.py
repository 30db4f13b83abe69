"""Cuts ClassAd text into tokens in one linear pass; knows strings and comments, not what an expression means."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_BYTES = 64 * 1024
"""Longest expression in UTF-8 bytes; a real Requirements has some hundred."""


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
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise Refused(f"longer than {MAX_BYTES // 1024} KiB")
    if "\0" in text:
        raise Refused("holds a zero byte")
    found: list[Token] = []
    at = 0
    while at < len(text):
        part = _PATTERN.match(text, at)
        if part is None:
            raise Refused(f"unexpected character or open string at position {at + 1}")
        kind, piece = str(part.lastgroup), part.group()
        if kind != "space":
            found.append(Token(piece if kind == "mark" else kind, piece))
        at = part.end()
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
