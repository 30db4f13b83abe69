"""One rule of the refusing policy: a CEL expression, and what is said where it is false; no rule itself."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """holds: CEL that must be true. words: what is said otherwise, beginning with the field's path.

    where: CEL for the path in its place (a string), where an index stands in it; `words` then follow it.
    """

    holds: str
    words: str
    where: str = ""

    def on(self, operation: Literal["CREATE", "UPDATE"]) -> dict[str, Any]:
        """As one of the policy's validations, for that operation alone."""
        found = {"expression": f'request.operation != "{operation}" || ({self.holds})', "message": self.words}
        if self.where:
            found["messageExpression"] = f"{self.where} + {_literal(self.words)}"
        return found


def _literal(words: str) -> str:
    return '": ' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'
