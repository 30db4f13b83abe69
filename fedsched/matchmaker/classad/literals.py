"""Texts that are plainly one value: known without the parser, and they read nothing."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from fedsched.matchmaker.classad.scan import MAX_BYTES

UNDEFINED, ERROR, BOOLEAN, INTEGER, REAL, STRING, OTHER = range(7)
"""What a value is; OTHER is all that only the library handles: lists, ads, times, text beyond ASCII."""

Scalar: TypeAlias = bool | int | float | str | None


class Typed(NamedTuple):
    """A value with its kind; None where the kind says all."""

    kind: int
    value: Scalar = None


_LITERAL = re.compile(
    r"""
    (?P<integer>-?(?:0|[1-9][0-9]{0,17}))
  | (?P<real>-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18})
  | "(?P<string>[\x20\x21\x23-\x5b\x5d-\x7e]*)"
  | (?P<word>true|false|undefined|error)
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_WORDS = {
    "true": Typed(BOOLEAN, value=True),
    "false": Typed(BOOLEAN, value=False),
    "undefined": Typed(UNDEFINED),
    "error": Typed(ERROR),
}
WORDS = frozenset(_WORDS)
"""Names that are values, in lower case."""


@lru_cache(maxsize=1 << 17)
def literal(text: str) -> Typed | None:
    """The value of a text that is plainly a literal; None for everything else."""
    found = _LITERAL.fullmatch(text)
    if found is None or len(text) > MAX_BYTES:
        return None
    if found.lastgroup == "integer":
        return Typed(INTEGER, int(text))
    if found.lastgroup == "real":
        return Typed(REAL, float(text))
    return Typed(STRING, found["string"]) if found.lastgroup == "string" else _WORDS[text.lower()]
