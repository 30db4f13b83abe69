"""What is wrong in a policy only when several of its keys are seen together; each alone is judged where it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from fedsched.config.lines import KeyPath
from fedsched.config.problems import did_you_mean
from fedsched.config.tables import Reading
from fedsched.matchmaker.model import Policy
from fedsched.matchmaker.model.shares import Group
from fedsched.matchmaker.resources import Resources, show

Wrong = Iterator[tuple[KeyPath, str]]
_DUST = 1e-9
"""Fractions such as 0.1 + 0.2 + 0.7 are not exact."""


def judge(reading: Reading, policy: Policy) -> None:
    """Record everything that does not go together."""
    for rule in (_times, _groups, _children, _principals, _limits, _reservations, _tiers):
        for path, text in rule(policy):
            reading.wrong(path, text)


def _times(policy: Policy) -> Wrong:
    silence, startds, surge, pending = policy.silence, policy.startds, policy.surge, policy.pending
    if not silence.slow_s <= silence.silent_s <= silence.lost_s:
        yield ("silence",), "expected slow_s <= silent_s <= lost_s"
    if startds.retire_s >= startds.lifetime_s:
        yield ("startds", "retire_s"), f"expected less than lifetime_s ({startds.lifetime_s} s)"
    if surge.off >= surge.on:
        yield ("surge", "off"), f"expected less than on ({surge.on:g}): a spike must be able to end"
    if pending.least_s > pending.most_s:
        yield ("pending", "least_s"), f"expected at most most_s ({pending.most_s:g} s)"


def _groups(policy: Policy) -> Wrong:
    seen: dict[str, str] = {}
    for group in policy.groups:
        path: KeyPath = ("group", group.path)
        same = seen.setdefault(group.path.lower(), group.path)
        if same != group.path:
            yield path, f'a second group "{same}": upper and lower case are the same to HTCondor'
        if group.quota_names and group.quota_fraction:
            yield (*path, "quota_fraction"), "expected this or quota, not both"
        for name in _over(group.quota, group.quota_names, group.limit, group.limit_names):
            text = f"{show(name, group.limit.get(name))} is below the quota of {show(name, group.quota.get(name))}"
            yield (*path, "limit"), text
        if group.borrow is not None and not group.accept_surplus:
            yield (*path, "borrow"), "is only read with accept_surplus = true"


def _children(policy: Policy) -> Wrong:
    """The floors of a group's children must fit into its own, or somebody is promised what nobody has."""
    for parent in sorted({_parent(group.path) for group in policy.groups}):
        children = [group for group in policy.groups if _parent(group.path) == parent]
        parts = [group for group in children if group.quota_fraction]
        if (total := sum(group.quota_fraction for group in parts)) > 1 + _DUST:
            text = f"{_listed(parts)} have {total:g} together, more than all of {_called(parent)}"
            yield ("group", parts[-1].path, "quota_fraction"), text
        yield from _above(next((group for group in policy.groups if group.path == parent), None), children)


def _above(parent: Group | None, children: list[Group]) -> Wrong:
    if parent is None:
        return
    bounds = (("quota", parent.quota, parent.quota_names), ("limit", parent.limit, parent.limit_names))
    for what, most, names in bounds:
        for name in sorted(names):
            naming = [group for group in children if name in group.quota_names]
            total = sum(group.quota.get(name) for group in naming)
            if total > most.get(name):
                text = f"{_listed(naming)} have {show(name, total)} together, their parent's {what} is "
                yield ("group", naming[-1].path, "quota"), text + show(name, most.get(name))


def _principals(policy: Policy) -> Wrong:
    seen: dict[str, int] = {}
    for place, terms in enumerate(policy.principals):
        first = seen.setdefault(terms.pattern, place)
        if first != place:
            yield ("principal", place, "pattern"), f"is that of principal[{first}] already; the first match counts"
        if 0 < terms.ceiling < terms.floor:
            yield ("principal", place, "ceiling"), f"expected at least the floor of {terms.floor:g}"


def _limits(policy: Policy) -> Wrong:
    seen: dict[str, str] = {}
    for limit in policy.limits:
        same = seen.setdefault(limit.name.lower(), limit.name)
        if same != limit.name:
            yield ("limits", limit.name), f'a second limit "{same}": upper and lower case are the same to HTCondor'


def _reservations(policy: Policy) -> Wrong:
    known = {path for group in policy.groups for path in _with_parents(group.path)}
    for place, one in enumerate(policy.reservations):
        path: KeyPath = ("reservation", place)
        if one.group not in known:
            text = f'no group "{one.group}"{did_you_mean(one.group, sorted(known))}'
            yield (*path, "group"), f'{text}; say it: [group."{one.group}"]'
        if one.ends_at <= one.begins_at:
            yield (*path, "ends_at"), f"expected later than begins_at ({_date(one.begins_at)})"
        if one.quota_names and one.quota_fraction:
            yield (*path, "quota_fraction"), "expected this or quota, not both"
        elif not one.quota_names and not one.quota_fraction:
            yield (*path, "quota"), "is missing; or quota_fraction"
        for other, earlier in enumerate(policy.reservations[:place]):
            if earlier.group == one.group and earlier.begins_at < one.ends_at and one.begins_at < earlier.ends_at:
                yield (*path, "begins_at"), f'overlaps reservation[{other}], which is for "{one.group}" too'


def _tiers(policy: Policy) -> Wrong:
    names: dict[str, int] = {}
    orders: dict[int, str] = {}
    for place, tier in enumerate(policy.tiers):
        path: KeyPath = ("tier", place)
        first = names.setdefault(tier.name, place)
        if first != place:
            yield (*path, "name"), f'"{tier.name}" is the name of tier[{first}] already'
        same = orders.setdefault(tier.order, tier.name)
        if same != tier.name:
            yield (*path, "order"), f'{tier.order} is the order of tier "{same}" already; say which opens first'
        if not tier.members:
            yield (*path, "members"), "expected at least one pattern"
        for number, window in enumerate(tier.windows):
            if window.begins_at is not None and window.ends_at is not None and window.ends_at <= window.begins_at:
                text = f"expected later than begins_at ({_date(window.begins_at)})"
                yield (*path, "window", number, "ends_at"), text


def _over(low: Resources, low_names: frozenset[str], high: Resources, high_names: frozenset[str]) -> list[str]:
    """The resources that both name, with more in `low`."""
    return sorted(name for name in low_names & high_names if low.get(name) > high.get(name))


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _with_parents(path: str) -> Iterator[str]:
    """A group and those that it lies in, which need not be said."""
    while path:
        yield path
        path = _parent(path)


def _listed(groups: Iterable[Group]) -> str:
    return ", ".join(group.path for group in groups)


def _called(parent: str) -> str:
    return f'group "{parent}"' if parent else "what is lent"


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
