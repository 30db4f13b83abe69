"""Changes of the policy alone: groups, principals, limits, tiers, growth; of members and jobs beside it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fedsched.matchmaker.model import Group, Policy, PrincipalTerms, Step, Tier
from fedsched.matchmaker.resources import with_amount


def _limit(group: Group, step: Step) -> Group:
    return msgspec.structs.replace(group, limit=with_amount(group.limit, step.name, int(step.to)))


def _group_quota(group: Group, step: Step) -> Group:
    return msgspec.structs.replace(group, quota=with_amount(group.quota, step.name, int(step.to)))


def _surplus(group: Group, _step: Step) -> Group:
    return msgspec.structs.replace(group, accept_surplus=True)


def _borrow(group: Group, step: Step) -> Group:
    return msgspec.structs.replace(group, borrow=step.to)


def _lend(group: Group, _step: Step) -> Group:
    return msgspec.structs.replace(group, lend=1.0)


def _weight(group: Group, step: Step) -> Group:
    return msgspec.structs.replace(group, weight=step.to)


def _group_budget(group: Group, step: Step) -> Group:
    return msgspec.structs.replace(group, budget=step.to)


GROUP_CHANGES: dict[str, Callable[[Group, Step], Group]] = {
    "group limit": _limit,
    "group quota": _group_quota,
    "surplus": _surplus,
    "borrow": _borrow,
    "lend": _lend,
    "weight": _weight,
    "group budget": _group_budget,
}


def _principal_ceiling(policy: Policy, step: Step) -> Policy:
    terms: tuple[PrincipalTerms, ...] = tuple(
        msgspec.structs.replace(one, ceiling=step.to) if one.pattern == step.target else one
        for one in policy.principals
    )
    return msgspec.structs.replace(policy, principals=terms)


def _units(policy: Policy, step: Step) -> Policy:
    limits = tuple(
        msgspec.structs.replace(limit, units=int(step.to)) if limit.name == step.target else limit
        for limit in policy.limits
    )
    return msgspec.structs.replace(policy, limits=limits)


def _tier(policy: Policy, target: str, **changes: object) -> Policy:
    tiers: tuple[Tier, ...] = tuple(
        msgspec.structs.replace(tier, **changes) if tier.name == target else tier for tier in policy.tiers
    )
    return msgspec.structs.replace(policy, tiers=tiers)


def _tier_budget(policy: Policy, step: Step) -> Policy:
    return _tier(policy, step.target, budget=step.to)


def _tier_windows(policy: Policy, step: Step) -> Policy:
    return _tier(policy, step.target, windows=())


def _tier_order(policy: Policy, step: Step) -> Policy:
    """Nothing is waited for before that tier opens, nor before those that come earlier."""
    order = next((tier.order for tier in policy.tiers if tier.name == step.target), 0)
    for tier in policy.tiers:
        if tier.order <= order:
            policy = _tier(policy, tier.name, dwell_s=0.0)
    return policy


def _first(policy: Policy, step: Step) -> Policy:
    """Growth begins with so many; a bound that is below is raised, too."""
    first = int(step.to)
    ramp = msgspec.structs.replace(policy.ramp, first=first, max_starts=max(first, policy.ramp.max_starts))
    return msgspec.structs.replace(policy, ramp=ramp)


def _leaks(policy: Policy, step: Step) -> Policy:
    return msgspec.structs.replace(policy, surge=msgspec.structs.replace(policy.surge, max_leak=int(step.to)))


def _startds_live(policy: Policy, step: Step) -> Policy:
    return msgspec.structs.replace(policy, startds=msgspec.structs.replace(policy.startds, lifetime_s=int(step.to)))


POLICY_CHANGES: dict[str, Callable[[Policy, Step], Policy]] = {
    "principal's ceiling": _principal_ceiling,
    "concurrency limit": _units,
    "tier budget": _tier_budget,
    "tier windows": _tier_windows,
    "tier dwell": _tier_order,
    "growth": _first,
    "leaks": _leaks,
    "startds' life": _startds_live,
}
