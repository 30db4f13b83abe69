"""Times as Kubernetes writes them, as epoch seconds."""

from __future__ import annotations

from datetime import datetime


def epoch_s(text: str | None) -> float | None:
    """Epoch seconds of "2026-11-21T04:12:09Z" (with or without fractions); None for nothing or for what is no time."""
    if not text or len(text) > 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
