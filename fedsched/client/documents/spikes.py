"""Load spikes with their bills, tiers and budgets."""

from __future__ import annotations

import msgspec

from fedsched.client.documents.document import Document
from fedsched.matchmaker.model import Spike, TierState


class Budget(msgspec.Struct, frozen=True):
    """What a budget has paid in its present window, which began at `window_at` (epoch seconds)."""

    spent: float
    window_at: float


class Spikes(Document, frozen=True, kw_only=True, tag="spikes"):
    """Spikes, the latest first. above_since, below_since: since when demand is high or low, None while it is not."""

    spikes: tuple[Spike, ...] = ()
    above_since: float | None = None
    below_since: float | None = None
    tiers: dict[str, TierState] = {}
    budgets: dict[str, Budget] = {}
