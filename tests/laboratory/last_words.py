"""What the laboratory's daemons said last: shown with a test that failed, while their logs are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.laboratory.places import tail

if TYPE_CHECKING:
    from pathlib import Path

LOGS = ("SchedLog", "ShadowLog", "NegotiatorLog", "MatchLog")
"""Of a pool: who asks for slots, who gives them away, and what became of that."""


def last_words(session: Path, lines: int = 8) -> str:
    """The last lines of all pools' logs; session: the folder of one."""
    logs = (folder / "log" / name for folder in sorted(session.glob("pool-*")) for name in LOGS)
    return "".join(f"{log.parent.parent.name} {log.name}:{said}\n" for log in logs if (said := tail(log, lines)))
