"""Who holds how much now: counted, charged and wasted of every principal over all members and pools (FS5).

Knows placements and claims, not clusters' room and not the past.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from fedsched.matchmaker.model import Claim, Principal, SlotView
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.sizes import Sizes


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


class _Sums:
    """One principal's running totals; claims, and what startds have left, by amount, since many are alike."""

    def __init__(self) -> None:
        self.counted = self.charged = self.wasted = 0
        self.unclaimed: dict[Resources, int] = {}
        self.claimed: dict[Resources, int] = {}

    def freeze(self) -> Account:
        unclaimed, claims = Resources(), Resources()
        for amount, times in self.unclaimed.items():
            unclaimed += amount.floor_zero().times(times)
        for amount, times in self.claimed.items():
            claims += amount.times(times)
        return Account(self.counted, self.charged, self.wasted, unclaimed + claims, claims)


class _Everybody(dict[Principal, _Sums]):
    """Totals by principal; those of somebody new are zeros."""

    def __missing__(self, who: Principal) -> _Sums:
        self[who] = found = _Sums()
        return found


def tally(
    standing: Iterable[Standing], sizes: Sizes, lost: frozenset[str], free_idle_s: float, at: float
) -> dict[Principal, Account]:
    """The accounts of everybody who holds or claims something, at epoch seconds `at`.

    A placement on a lost member whose slots are not heard of is released (Q6): it counted for the whole grace time.
    """
    sums = _Everybody()
    for stand in standing:
        if counts(stand, lost):
            _add(stand, sizes, sums)
            sums[stand.held.placement.principal].wasted += wasted_now(stand, sizes, free_idle_s, at)
    return {who: sums[who].freeze() for who in sorted(sums)}


def counts(stand: Standing, lost: frozenset[str]) -> bool:
    """Whether a placement still counts: it is there, and its member is not given up (FA1)."""
    return stand.held.phase != "gone" and not (stand.held.placement.member in lost and not stand.slots)


def _add(stand: Standing, sizes: Sizes, sums: _Everybody) -> None:
    placement, nodes, claimed = stand.held.placement, stand.held.nodes, 0
    rest = placement.size if nodes == 1 else placement.size.times(nodes)
    for slot in stand.slots:
        for claim in slot.claims:
            amount = claim_amount(claim, slot)
            size = sizes.of(amount)
            who = sums[claim.principal]
            who.counted += size
            who.charged += size
            who.claimed[amount] = who.claimed.get(amount, 0) + 1
            claimed += size
            rest -= amount
    owner = sums[placement.principal]
    owner.counted += max(0, sizes.of(placement.size) * nodes - claimed)
    owner.unclaimed[rest] = owner.unclaimed.get(rest, 0) + 1


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


def wasted_now(stand: Standing, sizes: Sizes, free_idle_s: float, at: float) -> int:
    """What of a placement is wasted at this moment, in thousandths: see Account."""
    if not stand.slots:
        since = stand.held.unclaimed_since
        idle = stand.held.phase == "unclaimed" and since is not None and at - since > free_idle_s
        return sizes.of(stand.held.placement.size) * stand.held.nodes if idle else 0
    return sum(_wasted_slot(stand, slot, sizes, at - free_idle_s) for slot in stand.slots)


def _wasted_slot(stand: Standing, slot: SlotView, sizes: Sizes, before: float) -> int:
    if not slot.claims:
        idle = slot.unclaimed_since is not None and slot.unclaimed_since < before
        return sizes.of(stand.held.placement.size) if idle else 0
    return stuck(stand, slot, sizes)


def stuck(stand: Standing, slot: SlotView, sizes: Sizes) -> int:
    """The unclaimed part of a claimed startd in which no further job of its class has room, in thousandths."""
    placement = stand.held.placement
    if _has_room(placement.size, max(1, placement.units), slot.free):
        return 0
    claimed = sum(sizes.of(claim_amount(claim, slot)) for claim in slot.claims)
    return max(0, sizes.of(placement.size) - claimed)


def _has_room(size: Resources, units: int, free: Resources) -> bool:
    """Whether one job fits of a startd for `units` jobs; disk aside, which is what is free on a file system."""
    return (
        size.cpu_milli // units <= max(0, free.cpu_milli)
        and size.memory_mib // units <= max(0, free.memory_mib)
        and size.gpus // units <= max(0, free.gpus)
    )
