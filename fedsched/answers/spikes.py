"""`spikes`: load spikes with their bills, tiers and budgets, as the last cycle remembers them."""

from __future__ import annotations

from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import Budget, Of, Spikes, head


def spikes(view: View, of: Of, name: str = "") -> Spikes:
    """All that are remembered, the latest first, or one. NoAnswer where there is none of that id."""
    memory = view.plan.memory
    chosen = tuple(spike for spike in reversed(memory.surge.spikes) if name in {"", spike.id})
    if name and not chosen:
        raise NoAnswer("unknown", f"no spike {name!r} is remembered", "see all: fedsched spikes")
    return Spikes(
        **head(of),
        spikes=chosen,
        above_since=memory.surge.above_since,
        below_since=memory.surge.below_since,
        tiers=memory.tiers,
        budgets={key: Budget(one.spent, one.window_at) for key, one in memory.spending.items()},
    )
