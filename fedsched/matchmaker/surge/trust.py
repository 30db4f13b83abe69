"""Trust: what a (schedd, principal) earned by claiming what was started for it (SU7)."""

from __future__ import annotations

from collections.abc import Iterable

from fedsched.matchmaker.model import (
    Held,
    Memory,
    Trust,
)
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.reconcile import Standing

FORGET_S = 3600.0
"""For how long trust lasts without news, in seconds."""


def trust_key(schedd: str, principal: object) -> str:
    """Key of what a principal of a schedd has earned."""
    return f"{schedd}/{principal}"


def learn_trust(memory: Memory, standing: Iterable[Standing], gone: Iterable[Held], at: float) -> dict[str, Trust]:
    """Trust after this look (SU7): a first claim earns, a startd that ended without any claim costs.

    standing: what is as memory has it may be left out.
    """
    before = {held.placement.id: held for held in memory.held}
    trust = {key: kept for key, kept in memory.trust.items() if at - kept.at < FORGET_S}
    for held in [*(s.held for s in standing), *gone]:
        if held.placement.form == "job":
            continue  # nobody else has to claim it
        old = before.get(held.placement.id)
        if held is old:
            continue  # as remembered
        key = trust_key(held.placement.schedd, held.placement.principal)
        kept = trust.get(key, Trust(at=at))
        if held.claimed_at and not (old and old.claimed_at):
            trust[key] = Trust(kept.claimed + 1, 0, at)
        elif _wasted(held) and not (old and _wasted(old)):
            trust[key] = Trust(kept.claimed, kept.unclaimed + 1, at)
    return dict(sorted(trust.items()))


def _wasted(held: Held) -> bool:
    """It was there to be claimed, nobody did, and it is over though it was not called back."""
    withdrawn = held.why is not None and held.why.cause in {Cause.DEMAND_GONE, Cause.OWNER, Cause.ORDERED}
    return held.phase == "gone" and held.slot_seen_at is not None and held.claimed_at is None and not withdrawn


def trust_limit(trust: Trust | None, first: int) -> int:
    """How many unclaimed placements a (schedd, principal) may have out at once (SU7)."""
    if trust is None:
        return first
    if trust.unclaimed:
        return 1
    return max(first, 2 * trust.claimed)
