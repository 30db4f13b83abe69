"""Who holds how much: the one ledger's counts (FS5). Entitlement by weight and memory of use join it here.

Knows placements and claims, not clusters' room.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.model import Held, Principal, SlotView


class Account(msgspec.Struct, frozen=True):
    """One principal's numbers over all members and pools, in thousandths of a core.

    counted: intended + starting + unclaimed for it + claimed by it (for turns and limits). charged: what it claims,
    whoever the startd was started for.
    """

    counted: int = 0
    charged: int = 0


def count(held: Iterable[Held], slots: Iterable[SlotView]) -> dict[Principal, Account]:
    """The accounts of everybody who holds or claims something (FS5: who uses a startd pays)."""
    counted: dict[Principal, int] = {}
    charged: dict[Principal, int] = {}
    for one in held:
        if one.phase != "gone":
            unclaimed = one.placement.size.cpu_milli * one.nodes - one.claimed_cpu_milli
            who = one.placement.principal
            counted[who] = counted.get(who, 0) + max(0, unclaimed)
    for slot in slots:
        for claim in slot.claims:
            charged[claim.principal] = charged.get(claim.principal, 0) + claim.cpu_milli
    everybody = sorted({*counted, *charged})
    return {who: Account(counted.get(who, 0) + charged.get(who, 0), charged.get(who, 0)) for who in everybody}
