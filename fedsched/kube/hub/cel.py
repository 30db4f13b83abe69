"""Pieces of CEL, the language of Kubernetes' admission policies: strings, globs; what a policy says is not here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

QUEUE = "variables.queue"


def text(value: str) -> str:
    """A string literal."""
    return json.dumps(value, ensure_ascii=False)


def texts(values: Iterable[str]) -> str:
    """A list of string literals."""
    return "[" + ", ".join(text(value) for value in values) + "]"


def matches(subject: str, globs: Iterable[str]) -> str:
    """Whether the expression `subject`, a string, is what one of the globs means; `false` without any."""
    globs = tuple(globs)
    if "*" in globs:
        return "true"
    plain = [glob for glob in globs if not _is_glob(glob)]
    parts = [f"{subject} in {texts(plain)}"] if plain else []
    parts += [f"{subject}.matches({text(regex(glob))})" for glob in globs if _is_glob(glob)]
    return " || ".join(parts) or "false"


def regex(glob: str) -> str:
    """A glob as a whole-string expression of RE2: `*`, `?` and `[…]` as in fnmatch, everything else is itself."""
    found = ""
    rest = glob
    while rest:
        head, rest = rest[0], rest[1:]
        closed = rest.find("]", 1) if head == "[" else -1
        if closed > 0:
            inside, rest = rest[:closed], rest[closed + 1 :]
            inside = inside.replace("\\", "\\\\").replace("[", "\\[")
            found += "[" + ("^" + inside[1:] if inside.startswith("!") else inside) + "]"
        else:
            found += {"*": ".*", "?": "."}.get(head) or re.escape(head)
    return f"^(?s:{found})$"


def _is_glob(glob: str) -> bool:
    return any(sign in glob for sign in "*?[")
