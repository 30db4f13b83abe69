"""What the policy's owner could change, by cause: groups, limits, tiers, budgets, growth, weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from fedsched.matchmaker.explain.counterfactuals.changes import World, demand_of
from fedsched.matchmaker.explain.counterfactuals.numbers import FURTHER, amount, beyond, unit_of
from fedsched.matchmaker.explain.counterfactuals.proving import Knob
from fedsched.matchmaker.explain.counterfactuals.sites import UNITS, one
from fedsched.matchmaker.model import DemandClass, Group, Step
from fedsched.matchmaker.reasons import Cause, Reason


def _group(world: World, path: str) -> Group | None:
    return next((group for group in world.policy.groups if group.path == path), None)


def _group_limit(world: World, reason: Reason) -> Iterator[Knob]:
    yield from _vector(world, reason, "group limit")


def _group_quota(world: World, reason: Reason) -> Iterator[Knob]:
    """A larger quota where it is a vector; that it accepts surplus, in any case."""
    path = reason.what.rpartition(" of ")[2]
    if _group(world, path) is not None:
        yield one(Step("surplus", target=path))
    yield from _vector(world, reason, "group quota")


def _vector(world: World, reason: Reason, what: str) -> Iterator[Knob]:
    name, _, path = reason.what.partition(" of ")
    group = _group(world, path)
    if group is None:
        return
    unit = UNITS.get(name, 1)
    now = (group.limit if what == "group limit" else group.quota).get(name)
    hints = beyond(amount(reason.need), amount(reason.have), unit)
    yield Knob(hints, lambda more: Step(what, target=path, name=name, to=float(now + more * unit)))


def _borrow(world: World, reason: Reason) -> Iterator[Knob]:
    group = _group(world, reason.what)
    if group is None or group.borrow is None:
        return
    now, hints = group.borrow, beyond(amount(reason.need), amount(reason.have), 1.0)
    yield Knob(hints, lambda more: Step("borrow", target=group.path, to=now + more))


def _lend(_world: World, reason: Reason) -> Iterator[Knob]:
    yield one(Step("lend", target=reason.what))


def _principal(world: World, reason: Reason) -> Iterator[Knob]:
    who = str(demand_of(world).principal)
    terms = next((terms for terms in world.policy.principals if fnmatchcase(who, terms.pattern)), None)
    if terms is None:
        return
    now, hints = terms.ceiling, beyond(amount(reason.need), amount(reason.have), 1.0)
    yield Knob(hints, lambda more: Step("principal's ceiling", target=terms.pattern, to=now + more))


def _units(world: World, reason: Reason) -> Iterator[Knob]:
    for limit in world.policy.limits:
        if limit.name.lower() == reason.what.lower():
            yield _more_units(limit.name, limit.units, beyond(amount(reason.need), amount(reason.have), 1))


def _more_units(name: str, now: int, hints: tuple[int, ...]) -> Knob:
    return Knob(hints, lambda more: Step("concurrency limit", target=name, to=float(now + more)))


def _budget(world: World, reason: Reason) -> Iterator[Knob]:
    kind, _, name = reason.what.partition("/")
    named = {group.path: group.budget for group in world.policy.groups}
    if kind == "tier":
        named = {tier.name: tier.budget for tier in world.policy.tiers}
    now = named.get(name)
    if now is None:
        return
    short = max(0.01, amount(reason.need) - amount(reason.have))
    unit = max(0.01, unit_of(short))
    hints = beyond(short, 0.0, unit)
    yield Knob(hints, lambda more: Step(f"{kind} budget", target=name, to=round(now + more * unit, 6)))


def _windows(_world: World, reason: Reason) -> Iterator[Knob]:
    yield one(Step("tier windows", target=reason.what))


def _dwell(_world: World, reason: Reason) -> Iterator[Knob]:
    yield one(Step("tier dwell", target=reason.what))


def _growth(world: World, _reason: Reason) -> Iterator[Knob]:
    now, idle = world.policy.ramp.first, demand_of(world).idle
    hints = tuple(sorted({more for more in FURTHER if more < idle} | {max(1, idle)}))
    yield Knob(hints, lambda more: Step("growth", to=float(now + more)))


def _leaks(world: World, reason: Reason) -> Iterator[Knob]:
    now = world.policy.surge.max_leak
    yield Knob(beyond(amount(reason.have), now, 1), lambda more: Step("leaks", to=float(now + more)))


def weight_knob(world: World, demand: DemandClass) -> Iterator[Knob]:
    """A multiple of the group's weight, where others want something, too."""
    group = _group(world, demand.principal.group)
    others = (
        other.principal.group != demand.principal.group and other.idle
        for view in world.snapshot.observation.schedds
        for other in view.classes
    )
    if group is not None and not group.has_quota and any(others):
        now = group.weight or 1.0
        yield Knob((1, 3, 7), lambda more: Step("weight", target=group.path, to=now * (1 + more)))


POLICY_KNOBS: dict[Cause, Callable[[World, Reason], Iterator[Knob]]] = {
    Cause.GROUP_LIMIT: _group_limit,
    Cause.GROUP_QUOTA: _group_quota,
    Cause.GROUP_BORROW: _borrow,
    Cause.NOT_LENT: _lend,
    Cause.PRINCIPAL_CEILING: _principal,
    Cause.CONCURRENCY_LIMIT: _units,
    Cause.BUDGET_SPENT: _budget,
    Cause.TIER_WINDOW: _windows,
    Cause.TIER_CLOSED: _dwell,
    Cause.RAMP: _growth,
    Cause.LEAKED: _leaks,
}
