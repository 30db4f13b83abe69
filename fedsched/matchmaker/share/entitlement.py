"""What every group and principal has a right to now (FS1, FS4): quotas, demand, and one division per group.

Principals directly in a group that has groups, too, stand beside these as one: as HTCondor's <none> does at the root.
"""

from __future__ import annotations

import math

import msgspec

from fedsched.matchmaker.model import Group
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.division import Claimant, divide
from fedsched.matchmaker.share.paths import upwards
from fedsched.matchmaker.share.quotas import Quotas, assign, weight_of
from fedsched.matchmaker.share.sizes import CE, Sizes
from fedsched.matchmaker.share.tree import Leaf, Tree, Want, touching, usable

SLACK = 1e-6
"""What floating point may lack of a whole thousandth."""


class Rights(msgspec.Struct, frozen=True):
    """By path, thousandths of a core-equivalent. floors: the part of entitled that nobody may take. demand: usable."""

    entitled: dict[str, int]
    floors: dict[str, int]
    demand: dict[str, int]
    weights: dict[str, float]
    quotas: Quotas


class _Needs(msgspec.Struct, frozen=True):
    """By path: demand under limits; kept: unused quota that may not be lent, at a group itself, and with all below it.

    floors: the part of the demand that is served before others.
    """

    demand: dict[str, float]
    kept: dict[str, float]
    kept_below: dict[str, float]
    floors: dict[str, float]

    def whole(self, path: str) -> float:
        """What a node takes out of the amount above it: its demand and what it may not lend."""
        return self.demand[path] + self.kept_below.get(path, 0.0)


def entitle(tree: Tree, amount: int, at_reference: int, sizes: Sizes) -> Rights:
    """Divide `amount` over the tree.

    at_reference: the amount at which weights that come from quotas are taken. Taken at the present amount, as in
    HTCondor, more capacity would lower somebody's share: a fraction's weight would grow beside a fixed quota's.
    """
    quotas, steady = assign(tree, amount, sizes), assign(tree, at_reference, sizes)
    needs = _needs(tree, quotas)
    out = _Parts({}, {}, {"": 1.0})
    _hand_down("", min(float(amount), needs.whole("")), needs.floors[""], needs, out)
    for path in tree.downwards():
        _divide_group(tree, path, needs, (quotas, steady), out)
    return Rights(*_rounded(tree, out.parts, needs), out.weights, quotas)


def _needs(tree: Tree, quotas: Quotas) -> _Needs:
    needs = _Needs({}, {}, {}, {})
    for path in reversed(list(tree.downwards())):
        for leaf in tree.leaves.get(path, ()):
            demand = _leaf_demand(tree, leaf, quotas)
            needs.demand[leaf.path] = demand
            needs.floors[leaf.path] = min(max(0.0, leaf.terms.floor) * CE, demand)
        _group_needs(tree, path, quotas, needs)
    return needs


def _leaf_demand(tree: Tree, leaf: Leaf, quotas: Quotas) -> float:
    """What a principal could use if nobody else were there: its ceiling and the vectors of the groups above it."""
    demand = float(sum(want.size for want in leaf.wants))
    if leaf.terms.ceiling > 0:
        demand = min(demand, leaf.terms.ceiling * CE)
    for above in upwards(leaf.parent):
        group = tree.groups.get(above)
        for limit, names in vectors(group, quotas.scales.get(above, 1.0)) if group else ():
            demand = min(demand, usable(leaf.wants, limit, names))
    return demand


def vectors(group: Group, scale: float, kept: float = 0.0) -> list[tuple[Resources, frozenset[str]]]:
    """The vectors that a group may not pass: its limit, and its quota when it accepts no surplus.

    kept: thousandths of the quota that a subgroup does not lend; they are counted in cores.
    """
    found = [(group.limit, group.limit_names)] if group.limit_names else []
    if group.quota_names and not group.accept_surplus:
        quota = scaled(group.quota, scale)
        if kept > 0:
            left = max(0, math.floor(quota.cpu_milli - kept + SLACK))
            quota = msgspec.structs.replace(quota, cpu_milli=left)
        found.append((quota, group.quota_names))
    return found


def scaled(quota: Resources, scale: float) -> Resources:
    """A vector quota when quotas together exceed what is there; rounded down."""
    if scale >= 1.0:
        return quota
    fixed = {
        name: math.floor(quota.get(name) * scale + SLACK) for name in ("cpu_milli", "memory_mib", "disk_mib", "gpus")
    }
    return Resources(**fixed, other=tuple((n, v) for n, a in quota.other if (v := math.floor(a * scale + SLACK))))


def most(group: Group, quota: float) -> float:
    """The most that a group may hold by rules that count in thousandths of a core-equivalent; infinite for none."""
    if not group.has_quota:
        return math.inf
    if group.accept_surplus:
        return math.inf if group.borrow is None else quota + max(0.0, group.borrow) * CE
    return math.inf if group.quota_names else quota


def _group_needs(tree: Tree, path: str, quotas: Quotas, needs: _Needs) -> None:
    group, quota = tree.groups[path], quotas.amounts[path]
    children = [*tree.inner[path], *(leaf.path for leaf in tree.leaves.get(path, ()))]
    assured = math.fsum(needs.floors[child] for child in children)
    ceiling = quota if group.has_quota and not group.accept_surplus else most(group, quota)
    # what subgroups do not lend comes out of this group's quota, too; after floors
    inside = min(math.fsum(needs.kept_below[child] for child in tree.inner[path]), max(0.0, ceiling - assured))
    demand = min(math.fsum(needs.demand[child] for child in children), max(0.0, most(group, quota) - inside))
    for limit, names in vectors(group, quotas.scales.get(path, 1.0), inside):
        demand = min(demand, usable(_wants(tree, path), limit, names))
    unused = max(0.0, quota - demand - inside) if group.has_quota else 0.0
    needs.demand[path] = demand
    needs.kept[path] = (1.0 - min(1.0, max(0.0, group.lend))) * unused
    needs.kept_below[path] = inside + needs.kept[path]
    needs.floors[path] = min(demand, _floor(tree, path, quota, needs, children))


def _floor(tree: Tree, path: str, quota: float, needs: _Needs, children: list[str]) -> float:
    """A quota as far as it is wanted; without one, what the floors inside sum to."""
    group = tree.groups[path]
    if not group.has_quota:
        return math.fsum(needs.floors[child] for child in children)
    if not group.quota_names:
        return quota
    wanted = touching(_wants(tree, path), group.quota_names)
    return min(quota, usable(wanted, group.quota, group.quota_names))


def _wants(tree: Tree, path: str) -> list[Want]:
    return [want for leaf in tree.below(path) for want in leaf.wants]


_Both = tuple[Quotas, Quotas]
"""Quotas at the present amount, and at the amount of the reference."""


class _Parts(msgspec.Struct, frozen=True):
    """By path: parts: what a node may hold; kept: what may not be lent beside it; weights as they were applied."""

    parts: dict[str, float]
    kept: dict[str, float]
    weights: dict[str, float]


def _hand_down(path: str, amount: float, floor: float, needs: _Needs, out: _Parts) -> None:
    """Split what a group got into what it may hold and what is kept: floors first, then what is kept, then the rest."""
    keeps = min(needs.kept_below[path], max(0.0, amount - floor))
    out.parts[path] = min(needs.demand[path], amount - keeps)
    out.kept[path] = amount - out.parts[path]


def _divide_group(tree: Tree, path: str, needs: _Needs, quotas: _Both, out: _Parts) -> None:
    """Divide what a group may hold among its groups and principals."""
    amount = out.parts[path]
    groups, leaves = [tree.groups[child] for child in tree.inner[path]], tree.leaves.get(path, ())
    if groups:
        direct = math.fsum(needs.floors[leaf.path] for leaf in leaves)
        scale = _fitting(amount, [*(needs.floors[g.path] for g in groups), direct])
        floors = [needs.floors[g.path] * scale for g in groups]
        claimants = [
            Claimant(_weight(g, quotas[1]), floor, needs.whole(g.path)) for g, floor in zip(groups, floors, strict=True)
        ]
        if leaves:
            beside = _beside(path, groups, leaves, needs, quotas)
            base = min(beside.floor, max(0.0, amount - math.fsum(floors)))
            claimants.append(msgspec.structs.replace(beside, floor=max(direct * scale, base)))
        kept = [needs.kept_below[g.path] for g in groups]
        total = amount + min(math.fsum(kept), out.kept[path])
        found = divide(total, _keeping(total, claimants, kept))
        for group, floor, claimant, part in zip(groups, floors, claimants, found, strict=False):
            _hand_down(group.path, part, floor, needs, out)
            out.weights[group.path] = claimant.weight
        amount = found[-1]
    if leaves:
        among = [Claimant(leaf.weight, needs.floors[leaf.path], needs.demand[leaf.path]) for leaf in leaves]
        for leaf, part in zip(leaves, divide(amount, among), strict=True):
            out.parts[leaf.path], out.weights[leaf.path] = part, leaf.weight


def _fitting(amount: float, floors: list[float]) -> float:
    """By how much floors are scaled down to fit into the amount."""
    asked = math.fsum(floors)
    return min(1.0, amount / asked) if asked > 0 else 1.0


def _keeping(amount: float, claimants: list[Claimant], kept: list[float]) -> list[Claimant]:
    """Claimants whose floors hold what may not be lent, too, as far as all floors leave room for it."""
    if not any(kept):
        return claimants
    free = max(0.0, amount - math.fsum(c.floor for c in claimants))
    part = min(1.0, free / math.fsum(kept))
    more = [k * part for k in kept] + [0.0] * (len(claimants) - len(kept))
    return [msgspec.structs.replace(c, floor=min(c.cap, c.floor + k)) for c, k in zip(claimants, more, strict=True)]


def _weight(group: Group, steady: Quotas) -> float:
    """A group's weight: as the policy says, else its quota in core-equivalents, else 1."""
    if group.weight is not None or not group.has_quota:
        return weight_of(group)
    return steady.amounts[group.path] / CE


def _beside(path: str, groups: list[Group], leaves: tuple[Leaf, ...], needs: _Needs, quotas: _Both) -> Claimant:
    """All principals directly in a group that has groups, as one claimant.

    Where every group has a quota they stand on what the quotas leave over, as HTCondor's <none> does; else they are
    like a group without a quota.
    """
    now, steady = quotas
    demand = math.fsum(needs.demand[leaf.path] for leaf in leaves)
    if all(group.has_quota and group.weight is None for group in groups):
        return Claimant(steady.beside[path] / CE, min(demand, now.beside[path]), demand)
    return Claimant(1.0, 0.0, demand)


def _rounded(
    tree: Tree, parts: dict[str, float], needs: _Needs
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Whole thousandths: entitlements down, demand up; a group has what its principals have, so that sums agree."""
    entitled: dict[str, int] = {}
    demand = {path: math.ceil(amount - SLACK) for path, amount in needs.demand.items()}
    for path in reversed(list(tree.downwards())):
        mine = 0
        for leaf in tree.leaves.get(path, ()):
            entitled[leaf.path] = math.floor(parts[leaf.path] + SLACK)
            mine += entitled[leaf.path]
        entitled[path] = mine + sum(entitled[child] for child in tree.inner[path])
    floors = {path: min(entitled[path], math.floor(floor + SLACK)) for path, floor in needs.floors.items()}
    return entitled, floors, demand
