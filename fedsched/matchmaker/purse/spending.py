"""One round's spending: what tiers and budgets allow a class at a place, and for how long (SU4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import DemandClass, Memory, Policy, Spending, TierState
from fedsched.matchmaker.purse.budgets import END_S, Budget, Budgets
from fedsched.matchmaker.purse.offers import Offer, price
from fedsched.matchmaker.purse.tiers import Tiers
from fedsched.matchmaker.reasons import Reason
from fedsched.matchmaker.reconcile import Standing

ROUNDING_S = 1e-6
"""Seconds that are lost in reckoning with money."""


class Priced(msgspec.Struct, frozen=True):
    """What one placement costs in an hour, whole, in the federation's currency, and its tier ("" for none)."""

    price_per_hour: float
    tier: str


class Purse:
    """Brought up to now with what stands; then asked, taken from, and settled at the end of the round."""

    def __init__(
        self, policy: Policy, memory: Memory, standing: Iterable[Standing], places: Iterable[Place], at: float
    ) -> None:
        self._policy = policy
        self._tiers = Tiers(policy.tiers, memory, places, at)
        self._budgets = Budgets(policy, memory, standing, at)
        self._used: set[str] = set()
        self.bounds_nothing = not policy.tiers and not any(group.budget for group in policy.groups)

    def order(self, offer: Offer) -> int:
        """Number of the offer's tier in their order; places of no tier come first."""
        return self._tiers.order(offer.place)

    def blocker(self, demand: DemandClass, offer: Offer) -> Reason | None:
        """Why nothing may be started there for that class now; None where it may."""
        return next(self.blockers(demand, offer), None)

    def blockers(self, demand: DemandClass, offer: Offer) -> Iterator[Reason]:
        """All of it (RE2): its tier is closed, now or for want of patience, and each budget that is spent."""
        if self.bounds_nothing:
            return
        least_s = self._least_s(demand, offer)
        for reason in self._tiers.blockers(offer.place, least_s):
            yield offer.place.here(reason)
        paying = self._paying(demand, offer)
        for reason in self._budgets.blockers(paying, price(offer), least_s + self._beyond_s(offer)) if paying else ():
            yield offer.place.here(reason)

    def lifetime_s(self, demand: DemandClass, offer: Offer, wanted_s: int) -> int:
        """Life of a startd there: `wanted_s` seconds, or as much of it as windows and budgets allow."""
        if self.bounds_nothing:
            return max(0, wanted_s)
        paid_s = self._budgets.affordable_s(self._paying(demand, offer), price(offer)) - self._beyond_s(offer)
        return max(0, int(min(wanted_s, self._tiers.open_for_s(offer.place), paid_s + ROUNDING_S)))

    def take(self, demand: DemandClass, offer: Offer, lifetime_s: int) -> Priced:
        """Set aside what one startd there can cost in its whole life."""
        if self.bounds_nothing:
            return Priced(price(offer), "")
        cost, tier = price(offer), self._tiers.of(offer.place)
        self._budgets.bind(self._paying(demand, offer), cost, lifetime_s + self._beyond_s(offer))
        if tier is not None:
            self._used.add(tier.name)
        return Priced(cost, tier.name if tier else "")

    def wanting(self, blocked: Iterable[tuple[Offer, Reason | None]]) -> set[str]:
        """Tiers that a class with unmet jobs could use after all before them are full for it; see Tiers.wanting."""
        return self._tiers.wanting(blocked)

    def settle(self, wanting: Iterable[str]) -> tuple[dict[str, Spending], dict[str, TierState]]:
        """What to remember of budgets and tiers. wanting: what `wanting` gave for all unmet classes together."""
        return self._budgets.settle(), self._tiers.settle(frozenset(wanting), frozenset(self._used))

    def _paying(self, demand: DemandClass, offer: Offer) -> list[Budget]:
        tier = self._tiers.of(offer.place)
        return self._budgets.paying(demand.principal, tier.name if tier else "")

    def _least_s(self, demand: DemandClass, offer: Offer) -> int:
        """The shortest life that is of any use: the job's length, after a start and a wait as long as its idle time."""
        life = self._policy.startds
        idle_s = life.gpu_idle_s if offer.size.gpus else life.idle_s
        wanted_s = min(life.lifetime_s, offer.place.terms.max_lifetime_s)
        return min(wanted_s, demand.length.seconds + 2 * idle_s)

    def _beyond_s(self, offer: Offer) -> float:
        """What it can run beyond its lifetime: its grace; a DaemonSet's expiry also counts what it may stay pending."""
        if offer.form != "startd-daemonset":
            return END_S
        return END_S + max(self._policy.startds.pending_s, self._policy.pending.most_s)
