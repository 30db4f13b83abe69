"""How joining says no: the object, the cause and the next command, and nothing that came with a secret."""

from __future__ import annotations

SHOWN = 200
"""Characters of foreign text that a message may carry."""


class JoinError(Exception):
    """Joining stops here. what: the object and the cause, one sentence. way_out: the next command or step.

    unreachable: the cluster did not answer (exit code 5), as opposed to a no (exit code 1).
    """

    def __init__(self, what: str, way_out: str = "", *, unreachable: bool = False) -> None:
        self.what, self.way_out, self.unreachable = what, way_out, unreachable
        super().__init__(f"{what}\n  → {way_out}" if way_out else what)


def shown(text: object, limit: int = SHOWN) -> str:
    """Foreign text made fit for a terminal and a log: one line, no control characters, cut."""
    line = " ".join(str(text).split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"
