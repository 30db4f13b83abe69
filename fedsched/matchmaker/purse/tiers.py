"""Tiers: which places open when (SU4): by order, by window, and by how long everything before them is full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

import msgspec

from fedsched.matchmaker import classad
from fedsched.matchmaker.match import Place, slot_ad
from fedsched.matchmaker.model import Memory, Tier, TierState
from fedsched.matchmaker.purse.offers import Offer
from fedsched.matchmaker.purse.windows import open_for_s
from fedsched.matchmaker.reasons import Cause, Reason

PASSING = frozenset({Cause.PROBING, Cause.BUDGET, Cause.TIER_CLOSED, Cause.GROWTH_ASKED})
"""Blockers that pass by themselves soon: a place behind one of them does not count as full."""

BLIND_S = 60.0
"""What was remembered longer ago than this and the tier's dwell, in seconds, proves nothing about the time between."""


class Tiers:
    """The policy's tiers in their order, with their states as of the last round."""

    def __init__(self, tiers: Iterable[Tier], memory: Memory, places: Iterable[Place], at: float) -> None:
        self._tiers = tuple(sorted(tiers, key=lambda tier: tier.order))
        self._order = {tier.name: order for order, tier in enumerate(self._tiers)}
        self._at = at
        self._states = {tier.name: _as_of_now(tier, memory, at) for tier in self._tiers}
        self._of = {_name(place): _tier_of(place, self._tiers, at) for place in places} if self._tiers else {}

    def of(self, place: Place) -> Tier | None:
        """The place's tier; None for a place that none takes: it is always open, before all tiers."""
        return self._of.get(_name(place))

    def order(self, place: Place) -> int:
        """Number of the place's tier; -1 for a place of none."""
        tier = self.of(place)
        return -1 if tier is None else self._order[tier.name]

    def open_for_s(self, place: Place) -> float:
        """For how many seconds the windows of the place's tier stay open."""
        tier = self.of(place)
        return float("inf") if tier is None else open_for_s(tier.windows, self._at)

    def blockers(self, place: Place, least_s: int) -> Iterator[Reason]:
        """Why the place's tier takes nothing now that must live for `least_s` seconds: its window, its patience."""
        tier = self.of(place)
        if tier is None:
            return
        left_s = open_for_s(tier.windows, self._at)
        if left_s < least_s:
            have = f"open for {left_s:.0f} s more" if left_s else "outside its windows"
            yield Reason(Cause.TIER_WINDOW, tier.name, f"{least_s} s", have, source="policy tiers", at=self._at)
        if not self._is_open(tier):
            yield self._closed(tier)

    def _is_open(self, tier: Tier) -> bool:
        """Without any dwell up to it, order alone says what goes where; else its state or its patience does."""
        if all(earlier.dwell_s <= 0 for earlier in self._tiers[: self._order[tier.name] + 1]):
            return True
        state = self._states[tier.name]
        return state.open or (state.full_since is not None and self._at - state.full_since >= tier.dwell_s)

    def _closed(self, tier: Tier) -> Reason:
        since = self._states[tier.name].full_since
        full_s = 0.0 if since is None else self._at - since
        have = f"the tiers before it are full for {full_s:.0f} s"
        return Reason(Cause.TIER_CLOSED, tier.name, f"{tier.dwell_s:.0f} s", have, source="policy tiers", at=self._at)

    def wanting(self, blocked: Iterable[tuple[Offer, Reason | None]]) -> set[str]:
        """Tiers that a class with unmet jobs could use after all before them are full for it.

        blocked: all places where the class could run, each with what holds it back; None for one with room.
        """
        by_order: dict[int, list[Reason | None]] = {}
        for offer, reason in blocked:
            by_order.setdefault(self.order(offer.place), []).append(reason)
        found: set[str] = set()
        for order in sorted(by_order):
            if order >= 0:
                found.add(self._tiers[order].name)
            if any(reason is None or reason.cause in PASSING for reason in by_order[order]):
                break
        return found

    def settle(self, wanting: frozenset[str], used: frozenset[str]) -> dict[str, TierState]:
        """States after a round. wanting: tiers that unmet classes could use. used: tiers that something started in."""
        return {
            tier.name: _next(self._states[tier.name], tier, (tier.name in wanting, tier.name in used), self._at)
            for tier in sorted(self._tiers, key=lambda t: t.name)
        }


def _as_of_now(tier: Tier, memory: Memory, at: float) -> TierState:
    """The remembered state; what happened in a long pause of ours nobody knows, so patience starts anew after it."""
    state = memory.tiers.get(tier.name, TierState())
    if at - state.at <= max(tier.dwell_s, BLIND_S):
        return state
    return msgspec.structs.replace(state, open=False, full_since=None)


def _next(state: TierState, tier: Tier, now: tuple[bool, bool], at: float) -> TierState:
    """Opens when wanted for `dwell_s` without a break; closes when neither wanted nor used for as long."""
    wanted, used = now
    full_since = (at if state.full_since is None else state.full_since) if wanted else None
    wanted_at = at if wanted or used else state.wanted_at
    opens = full_since is not None and at - full_since >= tier.dwell_s
    stays = (state.open or used) and at - wanted_at < max(tier.dwell_s, 1.0)
    is_open = opens or stays
    return TierState(is_open, at if is_open != state.open else state.since, full_since, wanted_at, at)


def _tier_of(place: Place, tiers: tuple[Tier, ...], at: float) -> Tier | None:
    """The first tier that takes the place."""
    return next((tier for tier in tiers if _takes(tier, place, at)), None)


def _takes(tier: Tier, place: Place, at: float) -> bool:
    """Whether a tier's globs match the member and its expression is true of a slot as large as an empty node there."""
    if not any(fnmatchcase(place.terms.name, pattern) for pattern in tier.members):
        return False
    if not tier.where:
        return True
    try:
        slot = classad.Ad(slot_ad(place, place.group.allocatable))
        slot.bind(at)
        return classad.evaluate(classad.parse(tier.where), slot) is True
    except classad.Refused:
        return False


def _name(place: Place) -> tuple[str, str]:
    return place.terms.name, place.group.name
