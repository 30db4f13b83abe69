"""The pool's own negotiator as second judge (FS8): what is taken from it, what it should be told, where it differs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

from fedsched.matchmaker.model import (
    Drift,
    Group,
    GroupSeen,
    NegotiatorView,
    Notice,
    Policy,
    PoolTerms,
    PoolView,
    PrincipalTerms,
    SetSubmitter,
    SubmitterSeen,
)
from fedsched.matchmaker.resources import Resources

MOST_DRIFT = 200
"""Most differences that one pool's negotiator is told to have; one line says how many there are beyond."""
CLOSE = 0.001
"""Relative difference below which two numbers are the same: HTCondor keeps some of them in single precision."""

_GLOB = re.compile(r"[*?\[]")


def mirrored(policy: Policy, views: Iterable[PoolView], terms: Iterable[PoolTerms]) -> Policy:
    """The policy with groups and factors of the pools that say `mirror`; everything else of it stays.

    A group that a negotiator has replaces the quota and accept_surplus of the policy's group of that path (HTCondor
    does not distinguish case there); limit, weight, lend, borrow and budget, which no negotiator has, stay. A submitter
    whose factor, floor or ceiling differs from the policy's gets terms of its own, before all patterns. The first pool
    by name wins; where a later one differs is drift. A negotiator that never answered changes nothing.
    """
    groups = {group.path.lower(): group for group in policy.groups}
    seen_groups: dict[str, Group] = {}
    own: dict[str, PrincipalTerms] = {}
    for view in _judges(views, terms, {"mirror"}):
        for seen in view[1].groups:
            key = seen.path.lower()
            seen_groups.setdefault(key, _as_seen(groups.get(key, Group(seen.path)), seen))
        for submitter in view[1].submitters:
            if submitter.name not in own and not _agrees(terms_of(policy, submitter.name), submitter):
                own[submitter.name] = PrincipalTerms(
                    _escaped(submitter.name), submitter.factor, submitter.floor, submitter.ceiling
                )
    if not seen_groups and not own:
        return policy
    groups |= seen_groups
    return msgspec.structs.replace(
        policy,
        groups=tuple(groups[key] for key in sorted(groups)),
        principals=(*(own[name] for name in sorted(own)), *policy.principals),
    )


def drift(policy: Policy, views: Iterable[PoolView], terms: Iterable[PoolTerms]) -> tuple[Drift, ...]:
    """What the policy's file wants otherwise than the negotiators have it, for every pool that is not ignored.

    Only what the policy speaks of counts for `mirror`; for `drive` a group that only the negotiator has counts too.
    """
    found: list[Drift] = []
    for pool, view, judge in _judges_with(views, terms, {"mirror", "drive"}):
        one = [*_group_drift(policy, pool, view, driving=judge == "drive"), *_submitter_drift(policy, pool, view)]
        if judge == "drive" and view.refused:
            one.insert(0, Drift(pool, "right to set factors and ceilings", "ADMINISTRATOR", view.refused))
        if len(one) > MOST_DRIFT:
            more = len(one) - MOST_DRIFT
            one = [*one[:MOST_DRIFT], Drift(pool, "further differences", "none", str(more))]
        found += one
    return tuple(found)


def driven(policy: Policy, views: Iterable[PoolView], terms: Iterable[PoolTerms]) -> tuple[SetSubmitter, ...]:
    """What `drive` sets: factors and ceilings of submitters that the negotiator knows and has otherwise.

    Only of those that a pattern of the policy fits: what it does not speak of is the pool's admin's.
    Groups, quotas and half-life are configuration files, which only the pool's admin writes; floors, and taking a
    ceiling away, are not in HTCondor's Python bindings (25.14). These stay drift until somebody has set them.
    """
    wishes: list[SetSubmitter] = []
    for pool, view, _ in _judges_with(views, terms, {"drive"}):
        for submitter in view.submitters:
            want = _said_of(policy, submitter.name)
            if want is None:
                continue
            factor = None if _close(want.factor, submitter.factor) else want.factor
            ceiling = whole(want.ceiling) if want.ceiling > 0 else None
            ceiling = None if ceiling is not None and _close(ceiling, submitter.ceiling) else ceiling
            if factor is not None or ceiling is not None:
                wishes.append(SetSubmitter(pool, submitter.name, factor, ceiling))
    return tuple(wishes)


def drift_notices(before: Sequence[Drift], now: Sequence[Drift]) -> tuple[Notice, ...]:
    """One notice per pool whose drift changed, with its first lines; none while it stays."""
    notices = []
    for pool in sorted({one.pool for one in (*before, *now)}):
        was, here = [d for d in before if d.pool == pool], [d for d in now if d.pool == pool]
        if was == here:
            continue
        told = "; ".join(f"{d.what}: wanted {d.wanted}, is {d.have}" for d in here[:3])
        more = f"; and {len(here) - 3} more" if len(here) > 3 else ""
        text = (
            f"pool {pool}: its negotiator differs from the policy: {told}{more}. Try: fedsched negotiator-config {pool}"
        )
        notices.append(
            Notice("negotiator-drift", text if here else f"pool {pool}: its negotiator agrees with the policy")
        )
    return tuple(notices)


def terms_of(policy: Policy, name: str) -> PrincipalTerms:
    """What a policy says of "group.user@domain": the first pattern that fits, else factor 1 without bounds."""
    return _said_of(policy, name) or PrincipalTerms(name)


def _said_of(policy: Policy, name: str) -> PrincipalTerms | None:
    """The first pattern that fits; a negotiator's thousands of submitters stand here by name, so names go fast."""
    for terms in policy.principals:
        if terms.pattern == name or (_is_glob(terms.pattern) and fnmatchcase(name, terms.pattern)):
            return terms
    return None


@lru_cache(maxsize=65_536)
def _is_glob(pattern: str) -> bool:
    return _GLOB.search(pattern) is not None


def wanted_groups(policy: Policy) -> tuple[GroupSeen, ...]:
    """The policy's groups as a negotiator would have them.

    A quota counts by its cores (slot weight Cpus). HTCondor has no weights: a group without a quota becomes a fraction
    of what its siblings' fractions leave, by weight among those like it, that accepts surplus.
    """
    out = []
    for group in sorted(policy.groups, key=lambda g: g.path):
        fraction, surplus = group.quota_fraction, group.accept_surplus
        if not group.has_quota:
            fraction, surplus = _by_weight(policy.groups, group), True
        quota = group.quota.cpu_milli / 1000 if "cpu_milli" in group.quota_names else 0.0
        out.append(GroupSeen(group.path, quota, 0.0 if quota else fraction, surplus))
    return tuple(out)


def whole(ceiling: float) -> float:
    """A ceiling as HTCondor takes it: whole weighted slots, at least one where there is one at all."""
    return float(max(1, int(ceiling))) if ceiling > 0 else 0.0


def _by_weight(groups: Iterable[Group], group: Group) -> float:
    parent = group.path.rpartition(".")[0]
    siblings = [g for g in groups if g.path.rpartition(".")[0] == parent]
    left = max(0.0, 1.0 - math.fsum(g.quota_fraction for g in siblings))
    weights = math.fsum(_weight(g) for g in siblings if not g.has_quota)
    return round(left * _weight(group) / weights, 6) if weights > 0 else 0.0


def _weight(group: Group) -> float:
    return 1.0 if group.weight is None else group.weight


def _as_seen(group: Group, seen: GroupSeen) -> Group:
    quota = Resources(cpu_milli=round(seen.quota * 1000))
    return msgspec.structs.replace(
        group,
        quota=quota,
        quota_names=frozenset() if seen.quota_fraction > 0 else frozenset({"cpu_milli"}),
        quota_fraction=seen.quota_fraction,
        accept_surplus=seen.accept_surplus,
    )


def _agrees(want: PrincipalTerms, seen: SubmitterSeen) -> bool:
    pairs = ((want.factor, seen.factor), (want.floor, seen.floor), (want.ceiling, seen.ceiling))
    return all(_close(ours, theirs) for ours, theirs in pairs)


def _group_drift(policy: Policy, pool: str, view: NegotiatorView, *, driving: bool) -> Iterable[Drift]:
    have = {group.path.lower(): group for group in view.groups}
    wanted = wanted_groups(policy)
    for want in wanted:
        seen = have.get(want.path.lower())
        if seen is None:
            yield Drift(pool, f"group {want.path}", _group_words(want), "no such group")
        elif _group_words(want) != _group_words(seen):
            yield Drift(pool, f"group {want.path}", _group_words(want), _group_words(seen))
    if driving:
        known = {want.path.lower() for want in wanted}
        for path in sorted(have.keys() - known):
            yield Drift(pool, f"group {have[path].path}", "no such group", _group_words(have[path]))


def _group_words(group: GroupSeen) -> str:
    quota = f"{group.quota_fraction:.1%} of its parent" if group.quota_fraction > 0 else f"{group.quota:g} cores"
    return f"{quota}, {'accepts' if group.accept_surplus else 'no'} surplus"


def _submitter_drift(policy: Policy, pool: str, view: NegotiatorView) -> Iterable[Drift]:
    for seen in view.submitters:
        want = _said_of(policy, seen.name)
        if want is None:
            continue
        pairs = (
            ("factor", want.factor, seen.factor),
            ("floor", want.floor, seen.floor),
            ("ceiling", whole(want.ceiling), seen.ceiling),
        )
        for what, ours, theirs in pairs:
            if not _close(ours, theirs):
                yield Drift(pool, f"{what} of {seen.name}", f"{ours:g}", f"{theirs:g}")


def _judges_with(
    views: Iterable[PoolView], terms: Iterable[PoolTerms], judges: set[str]
) -> Iterable[tuple[str, NegotiatorView, str]]:
    """(pool, view, judge) of the pools whose negotiator has answered at least once, by name."""
    how = {term.name: term.negotiator for term in terms}
    for view in sorted(views, key=lambda v: v.name):
        judge, seen = how.get(view.name, "ignore"), view.negotiator
        if judge in judges and seen is not None and seen.seen_at is not None:
            yield view.name, seen, judge


def _judges(
    views: Iterable[PoolView], terms: Iterable[PoolTerms], judges: set[str]
) -> Iterable[tuple[str, NegotiatorView]]:
    return ((pool, view) for pool, view, _ in _judges_with(views, terms, judges))


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= CLOSE * max(abs(one), abs(other))


def _escaped(name: str) -> str:
    """A glob that fits this name only."""
    return _GLOB.sub(lambda match: f"[{match[0]}]", name)
