"""What members lend: per member what it could hold of ours now, smoothed; and its mean over thirty days (FS1, FS2).

Says nothing of who gets it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from fedsched.matchmaker.health import GOOD
from fedsched.matchmaker.match import footprint
from fedsched.matchmaker.model import (
    LIVE,
    Form,
    MemberMemory,
    MemberTerms,
    MemberView,
    NodeGroup,
    Order,
    Placement,
    Room,
    Sharing,
    Snapshot,
)
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.accounts import counts

Amounts: TypeAlias = dict[str, float]
"""Resource name to amount, in the units of Resources but with fractions, as means have them."""

MEAN_S = 30 * 86_400.0
"""Over how many seconds the reference is the mean of lent capacity (FS2)."""

CLOSING = frozenset({"cordon", "drain", "pause"})
"""Orders under which a member lends no more than what already stands there."""


def lent_now(
    snapshot: Snapshot, standing: Iterable[Standing], memory: Mapping[str, MemberMemory]
) -> dict[str, Amounts]:
    """What each member lends at this moment, unsmoothed; a member that is not there lends nothing.

    A member that does not answer is left out while it is not lost: its last value stands.
    """
    ours: dict[str, list[Standing]] = {}
    lost = frozenset(name for name, known in memory.items() if known.state == "lost")
    for stand in standing:
        if stand.object is not None and stand.held.phase != "gone" and (not lost or counts(stand, lost)):
            ours.setdefault(stand.held.placement.member, []).append(stand)
    views = {view.name: view for view in snapshot.observation.members}
    found: dict[str, Amounts] = {}
    for terms in sorted(snapshot.terms, key=lambda t: t.name):
        view, known = views.get(terms.name), memory.get(terms.name)
        if view is None or known is None or known.state == "lost":
            found[terms.name] = {}
        elif known.state in GOOD and view.seen_at is not None:
            lent = member_lends(terms, view, ours.get(terms.name, []), snapshot.orders)
            found[terms.name] = {name: float(amount) for name, amount in lent.items() if amount > 0 and name != "pods"}
    return found


def member_lends(
    terms: MemberTerms, view: MemberView, standing: Iterable[Standing], orders: Iterable[Order]
) -> Resources:
    """min(allocatable - other people's pods - leave_free, quota left + ours, ceiling) per resource (FS1, OW3).

    Growth that is not bought yet counts as nothing: only rooms of nodes that exist are summed.
    """
    if terms.mode == "observe":
        return Resources()
    bound, made = _ours(standing, terms)
    if any(order.kind in CLOSING and order.target in {"*", terms.name} for order in orders):
        return bound
    lent = bound
    for group in view.node_groups:
        lent += _group_free(group, terms)
    for quota in view.quotas:
        lent = lent.at_most((quota.left + made).floor_zero(), quota.limits)
    lent = lent.at_most(terms.ceiling, terms.ceiling_names)
    return _trial(lent, terms, view) if terms.mode == "trial" else lent


def _ours(standing: Iterable[Standing], terms: MemberTerms) -> tuple[Resources, Resources]:
    """What our pods take on the member's nodes, and what with those that have no node yet. Many are of one size."""
    kinds: dict[tuple[Resources, Form], tuple[Placement, list[int]]] = {}
    for stand in standing:
        live = placed = 0
        for pod in stand.pods:
            if pod.phase in LIVE:
                live += 1
                if pod.node:
                    placed += 1
        if live:
            placement = stand.held.placement
            _, found = kinds.setdefault((placement.size, placement.form), (placement, [0, 0]))
            found[0] += placed
            found[1] += live
    bound, made = Resources(), Resources()
    for placement, (placed, live) in kinds.values():
        size = footprint(placement, terms)
        bound += size.times(placed)
        made += size.times(live)
    return bound, made


def _group_free(group: NodeGroup, terms: MemberTerms) -> Resources:
    """Free room of the group's nodes beyond what its owner keeps free; a template has no node yet, taints bar us."""
    if group.template or group.barred:
        return Resources()
    total = _sum(group.rooms)
    if not terms.leave_free:
        return total
    kept = dict(terms.leave_free)
    return (total - kept.get(group.name, kept.get("*", Resources()))).floor_zero()


def _sum(rooms: Iterable[Room]) -> Resources:
    """What is free in all rooms. Written out for the five fixed resources: every room of every cycle comes by here."""
    cores = memory = disk = gpus = pods = 0
    others = Resources()
    for room in rooms:
        free, nodes = room.free, room.nodes
        if (amount := free.cpu_milli) > 0:
            cores += amount * nodes
        if (amount := free.memory_mib) > 0:
            memory += amount * nodes
        if (amount := free.disk_mib) > 0:
            disk += amount * nodes
        if (amount := free.gpus) > 0:
            gpus += amount * nodes
        if (amount := free.pods) > 0:
            pods += amount * nodes
        if free.other:
            others += Resources(other=free.other).floor_zero().times(nodes)
    return Resources(cores, memory, disk, gpus, pods, others.other)


def _trial(lent: Resources, terms: MemberTerms, view: MemberView) -> Resources:
    """`trial(n)` lends at most n pods, each at most the largest node."""
    largest = Resources()
    for group in view.node_groups:
        names = frozenset(name for name, _ in (*largest.items(), *group.allocatable.items()))
        keep = {name: max(largest.get(name), group.allocatable.get(name)) for name in names}
        fixed = {name: keep.pop(name) for name in ("cpu_milli", "memory_mib", "disk_mib", "gpus", "pods")}
        largest = Resources(**fixed, other=tuple(sorted((n, v) for n, v in keep.items() if v)))
    most = largest.times(terms.trial)
    return lent.at_most(most, frozenset(name for name, _ in lent.items()))


def smooth(
    now: Mapping[str, Amounts], memory: Mapping[str, MemberMemory], rules: Sharing, at: float
) -> dict[str, tuple[Amounts, float]]:
    """Each member's lent capacity, smoothed with the half-life `smoothing_s`, and the epoch seconds that it is of.

    The first look counts at once. A member that is missing in `now` (silent) keeps its last value.
    """
    out: dict[str, tuple[Amounts, float]] = {}
    for name in sorted({*now, *memory}):
        known = memory.get(name, MemberMemory())
        old, then = dict(known.lent), known.lent_at
        if name not in now:
            out[name] = (old, then)
        elif not then or not now[name]:
            out[name] = (dict(now[name]), at)
        else:
            keep = 0.5 ** (max(0.0, at - then) / rules.smoothing_s) if rules.smoothing_s > 0 else 0.0
            out[name] = (mix(old, now[name], keep), at)
    return out


def mix(old: Mapping[str, float], new: Mapping[str, float], keep: float) -> Amounts:
    """`keep` of the old amounts and the rest of the new ones; what is new altogether counts at once."""
    names = sorted({*old, *new})
    mixed = {n: keep * old.get(n, new.get(n, 0.0)) + (1 - keep) * new.get(n, 0.0) for n in names}
    return {n: amount for n, amount in mixed.items() if amount >= 0.5}


def total(amounts: Iterable[Mapping[str, float]]) -> Amounts:
    """The sum over members, by resource name."""
    parts: dict[str, list[float]] = {}
    for one in amounts:
        for name, amount in one.items():
            parts.setdefault(name, []).append(amount)
    return {name: math.fsum(found) for name, found in sorted(parts.items())}


class Reference(msgspec.Struct, frozen=True):
    """The mean of lent capacity: its amounts, as of `at`, observed since `since` (epoch seconds)."""

    amounts: Amounts
    at: float
    since: float


def mean(before: Reference, lent: Mapping[str, float], at: float) -> Reference:
    """The mean brought up to `at`: exact over time until thirty days have been seen, then fading with that time.

    A resource that was never lent before counts with what is lent now: its first day would else weigh next to nothing,
    and every request for it more than the whole federation.
    """
    if not before.at or not before.amounts:
        return Reference(dict(lent), at, at) if lent else before
    amounts, then = before.amounts, before.at
    young = min(at, before.since + MEAN_S)
    if young > then:
        amounts, then = mix(amounts, lent, (then - before.since) / (young - before.since)), young
    if at > then:
        amounts = mix(amounts, lent, math.exp(-(at - then) / MEAN_S))
    return Reference(amounts, max(at, before.at), before.since)


def whole(amounts: Mapping[str, float]) -> Resources:
    """The amounts as integers."""
    counts_of = {name: round(amount) for name, amount in amounts.items()}
    fixed = {name: counts_of.pop(name, 0) for name in ("cpu_milli", "memory_mib", "disk_mib", "gpus")}
    return Resources(**fixed, other=tuple(sorted((n, v) for n, v in counts_of.items() if v)))
