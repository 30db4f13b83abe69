"""Budgets of tiers and groups: what is spent in the present window, and what all that stands can still cost (SU4).

A budget is never passed: whatever is started must be payable to its end, and what ends sooner gives back the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from fedsched.matchmaker.model import Held, Memory, PodView, Policy, Principal, Spending
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing

HOUR_S = 3_600.0

END_S = 60.0
"""What a pod may take to end after its deadline, in seconds: paid for, too."""


class Budget(msgspec.Struct):
    """One budget in its present window, in currency.

    spent: paid since `window_at` (epoch seconds). bound: what all that stands can still cost. paid: placement id ->
    epoch seconds up to which it is paid.
    """

    name: str
    most: float
    window_s: float
    window_at: float
    spent: float = 0.0
    bound: float = 0.0
    paid: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def left(self) -> float:
        """What may still be bound."""
        return self.most - self.spent - self.bound


class Budgets:
    """All budgets, brought up to now with what stands and what ended since the last round."""

    def __init__(self, policy: Policy, memory: Memory, standing: Iterable[Standing], at: float) -> None:
        self._at = at
        self._all = {budget.name: budget for budget in _named(policy, at)}
        for budget in self._all.values():
            _resume(budget, memory.spending.get(budget.name))
        if self._all:
            self._pay_all(memory, tuple(standing))

    def _pay_all(self, memory: Memory, standing: tuple[Standing, ...]) -> None:
        here = {stand.held.placement.id for stand in standing}
        for stand in standing:
            self._pay(stand.held, stand.pods, stays=True)
        for held in memory.held:
            if held.placement.id not in here:
                over = held if held.phase == "gone" else msgspec.structs.replace(held, phase="gone", since=self._at)
                self._pay(over, (), stays=False)
        for budget in self._all.values():
            budget.paid = {key: upto for key, upto in budget.paid.items() if key in here}

    def paying(self, principal: Principal, tier: str) -> list[Budget]:
        """Budgets that a placement of the principal in that tier ("" for none) is paid from."""
        names = [f"tier/{tier}", *(f"group/{path}" for path in _lineage(principal.group))]
        return [self._all[name] for name in names if name in self._all]

    def blockers(self, paying: Iterable[Budget], price: float, least_s: float) -> Iterator[Reason]:
        """Each budget that does not pay for `least_s` seconds at that price per hour."""
        if price <= 0:
            return
        least = price * least_s / HOUR_S
        for budget in paying:
            if budget.left < least:
                ends_s = budget.window_at + budget.window_s - self._at
                have = f"{max(0.0, budget.left):.2f} of {budget.most:g} left, its window ends in {ends_s:.0f} s"
                need = f"{least:.2f} for {least_s:.0f} s"
                yield Reason(Cause.BUDGET_SPENT, budget.name, need, have, source="policy", at=self._at)

    @staticmethod
    def affordable_s(paying: Iterable[Budget], price: float) -> float:
        """Seconds that all of them can still pay for at that price per hour; infinite where nothing costs anything."""
        if price <= 0:
            return float("inf")
        return min((budget.left / price * HOUR_S for budget in paying), default=float("inf"))

    @staticmethod
    def bind(paying: Iterable[Budget], price: float, seconds: float) -> None:
        """Set aside what a new placement can cost in its whole life."""
        for budget in paying:
            budget.bound += price * seconds / HOUR_S

    def settle(self) -> dict[str, Spending]:
        """What to remember, by name."""
        return {
            name: Spending(budget.window_at, budget.spent, self._at, tuple(sorted(budget.paid.items())))
            for name, budget in sorted(self._all.items())
        }

    def _pay(self, held: Held, pods: tuple[PodView, ...], *, stays: bool) -> None:
        """Pay for what a placement ran since it was last paid, and bind what it can still cost."""
        placement, at = held.placement, self._at
        if placement.price_per_hour <= 0:
            return
        began, ended = _ran(held, pods, at)
        rate = placement.price_per_hour / HOUR_S
        for budget in self.paying(placement.principal, placement.tier):
            if began is not None:
                since = max(began, budget.paid.get(placement.id, 0.0), budget.window_at)
                budget.spent += rate * max(0.0, ended - since)
            if stays:
                budget.paid[placement.id] = at
            if held.phase != "gone":
                budget.bound += rate * max(0.0, _ends_at(held, pods, at) - at)


def _ran(held: Held, pods: tuple[PodView, ...], at: float) -> tuple[float | None, float]:
    """From when to when (so far) its pods ran, epoch seconds; None when none of them started."""
    starts = [pod.started_at for pod in pods if pod.started_at]
    starts += [held.pod_started_at] if held.pod_started_at else []
    began = min(starts, default=None)
    if held.phase != "gone":
        return began, at
    ends = [pod.ended_at for pod in pods if pod.ended_at]
    return began, min(at, max(ends) if ends else held.since)


def _ends_at(held: Held, pods: tuple[PodView, ...], at: float) -> float:
    """When it is over at the latest: a DaemonSet at its expiry, a Job by its deadline, which counts from its start."""
    if held.placement.form == "startd-daemonset":
        return held.placement.expires_at + END_S
    began = min((pod.created_at for pod in pods if pod.created_at), default=at)
    return began + held.placement.lifetime_s + END_S


def _named(policy: Policy, at: float) -> Iterable[Budget]:
    """Every budget of the policy. Windows are counted in multiples from the epoch: no restart moves them."""
    named = [(f"tier/{t.name}", t.budget, t.budget_window_s) for t in policy.tiers]
    named += [(f"group/{g.path}", g.budget, g.budget_window_s) for g in policy.groups]
    for name, most, window_s in named:
        if most > 0:
            yield Budget(name, most, window_s, at // window_s * window_s)


def _resume(budget: Budget, known: Spending | None) -> None:
    """Go on where the last round stopped; a new window starts with nothing spent."""
    if known is None:
        return
    budget.paid = dict(known.paid)
    if known.window_at == budget.window_at:
        budget.spent = known.spent


def _lineage(group: str) -> list[str]:
    """A group and all above it, the root ("") last."""
    parts = group.split(".") if group else []
    return [".".join(parts[:count]) for count in range(len(parts), -1, -1)]
