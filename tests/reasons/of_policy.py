"""How reasons that the policy gives are lifted: groups, principals, limits, tiers; all others are beside."""

from __future__ import annotations

from typing import Any

from fedsched.matchmaker.reasons import Reason
from tests.reasons.case import Case, replace
from tests.reasons.states import State

HUGE = 10**9


def group(case: Case, path: str, **changes: Any) -> State:
    groups = case.state.policy.groups
    return case.policy(groups=tuple(replace(one, **changes) if one.path == path else one for one in groups))


def group_limit(case: Case, reason: Reason) -> State:
    name, _, path = reason.what.partition(" of ")
    known = next(one for one in case.state.policy.groups if one.path == path)
    return group(case, path, limit_names=known.limit_names - {name})


def group_quota(case: Case, reason: Reason) -> State:
    """The group takes what others leave, of all resources; its quota stays, by which others are measured, too."""
    return group(case, reason.what.rpartition(" of ")[2], accept_surplus=True, borrow=None)


def group_borrow(case: Case, reason: Reason) -> State:
    return group(case, reason.what, borrow=None)


def not_lent(case: Case, reason: Reason) -> State:
    return group(case, reason.what, lend=1.0)


def principal_ceiling(case: Case, _reason: Reason) -> State:
    return case.policy(principals=tuple(replace(one, ceiling=0.0) for one in case.state.policy.principals))


def concurrency(case: Case, reason: Reason) -> State:
    limits = case.state.policy.limits
    return case.policy(limits=tuple(one for one in limits if one.name.lower() != reason.what.lower()))


def leaked(case: Case, _reason: Reason) -> State:
    return case.policy(surge=replace(case.state.policy.surge, max_leak=HUGE))


def tier(case: Case, name: str, **changes: Any) -> State:
    return case.policy(
        tiers=tuple(replace(one, **changes) if one.name == name else one for one in case.state.policy.tiers)
    )


def tier_closed(case: Case, reason: Reason) -> State:
    """It has been full before it for long enough."""
    return tier(case, reason.what, dwell_s=0.0)


def tier_window(case: Case, reason: Reason) -> State:
    return tier(case, reason.what, windows=())


def budget_spent(case: Case, reason: Reason) -> State:
    kind, _, name = reason.what.partition("/")
    return tier(case, name, budget=0.0) if kind == "tier" else group(case, name, budget=0.0)
