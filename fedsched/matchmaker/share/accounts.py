"""Who holds how much now: counted, charged and wasted of every principal over all members and pools (FS5).

Knows placements and claims, not clusters' room and not the past.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from fedsched.matchmaker.model import Claim, SlotView
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources


class Account(msgspec.Struct, frozen=True, gc=False):
    """One principal's numbers over all members and pools, in thousandths of a core-equivalent.

    counted: intended + starting + unclaimed for it + claimed by it (for turns, quotas, limits). charged: what it
    claims, whoever the startd was started for. wasted: of what was started for it, unclaimed for too long or in parts
    that nobody can claim. holds: the resources of `counted`; claims: those of `charged`.
    """

    counted: int = 0
    charged: int = 0
    wasted: int = 0
    holds: Resources = Resources()
    claims: Resources = Resources()


def counts(stand: Standing, lost: frozenset[str]) -> bool:
    """Whether a placement still counts: it is there, and its member is not given up (FA1).

    One on a lost member whose slots are not heard of is released (Q6): it counted for the whole grace time.
    """
    return stand.held.phase != "gone" and not (stand.held.placement.member in lost and not stand.slots)


def claim_amount(claim: Claim, slot: SlotView) -> Resources:
    """The resources of a claim; where the slot tells cores only, the same part of everything else."""
    return _amount(claim.amount, claim.cpu_milli, slot.size)


@lru_cache(maxsize=4096)
def _amount(told: Resources, cpu_milli: int, size: Resources) -> Resources:
    if told != Resources():
        return msgspec.structs.replace(told, pods=0).floor_zero()
    whole, cores = msgspec.structs.replace(size, pods=0), max(0, cpu_milli)
    if whole.cpu_milli <= 0 or cores >= whole.cpu_milli:
        return whole if whole.cpu_milli > 0 else msgspec.structs.replace(whole, cpu_milli=cores)
    return Resources(
        cores,
        whole.memory_mib * cores // whole.cpu_milli,
        whole.disk_mib * cores // whole.cpu_milli,
        whole.gpus * cores // whole.cpu_milli,
    )


def has_room(size: Resources, units: int, free: Resources) -> bool:
    """Whether one job fits of a startd for `units` jobs; disk aside, which is what is free on a file system."""
    return (
        size.cpu_milli // units <= max(0, free.cpu_milli)
        and size.memory_mib // units <= max(0, free.memory_mib)
        and size.gpus // units <= max(0, free.gpus)
    )
