"""A request's path and query as a checked question; nothing is answered here."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from starlette.requests import Request

from fedsched.client import NoAnswer

LONGEST = 1024
"""Characters of one parameter."""
SHOWN = 60
"""So many characters of what was asked are repeated in a refusal."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]")
A = TypeVar("A", bound=msgspec.Struct)


def asked(request: Request, kind: type[A]) -> A:
    """The question's parameters, checked. NoAnswer (bad-question) names the one that is wrong."""
    given: dict[str, str] = dict(request.path_params)
    for name, value in request.query_params.multi_items():
        if name in given:
            raise NoAnswer("bad-question", f"parameter {shown(name)} is given twice")
        given[name] = value
    for name, value in given.items():
        if name not in kind.__struct_fields__:
            known = ", ".join(kind.__struct_fields__) or "none"
            raise NoAnswer("bad-question", f"no parameter {shown(name)} here; known: {known}")
        if len(value) > LONGEST:
            raise NoAnswer("bad-question", f"parameter {name} is longer than {LONGEST} characters")
        if _CONTROL.search(value):
            raise NoAnswer("bad-question", f"parameter {name} has control characters or is no UTF-8")
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise NoAnswer("bad-question", str(error)) from None


def shown(text: str) -> str:
    """What was asked, as a refusal repeats it: short, and with its control characters spelled out."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
