"""What every group's quota amounts to when so much is lent (FS1); demand plays no part in it.

Follows HTCondor: vectors first, fractions of what they leave, both scaled down together when they exceed what is above.
Source: HTCondor manual, Accounting Groups with Hierarchical Group Quotas; the order of the two, where the manual is
silent, as its negotiator has it (GroupEntry::hgq_assign_quotas).
"""

from __future__ import annotations

import math

import msgspec

from fedsched.matchmaker.model import Group
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.sizes import Sizes
from fedsched.matchmaker.share.tree import Tree

NOTHING = 1e-6
"""Thousandths of a core-equivalent that are only what floating point left over."""


class Quotas(msgspec.Struct, frozen=True):
    """By group path, in thousandths of a core-equivalent.

    amounts: what its quota amounts to; for a group without one, what the quotas beside it leave over, by weight.
    scales: how much of a vector quota remains, 1 when all of them fit. beside: what its own principals have once the
    quotas of its groups are taken off.
    """

    amounts: dict[str, float]
    scales: dict[str, float]
    beside: dict[str, float]


def size_of_quota(group: Group, sizes: Sizes) -> int:
    """A vector quota in thousandths of a core-equivalent; 0 for a group without one."""
    amounts = dict.fromkeys(("cpu_milli", "memory_mib", "disk_mib", "gpus"), 0)
    other = []
    for name in sorted(group.quota_names):
        if name in amounts:
            amounts[name] = group.quota.get(name)
        elif name != "pods":
            other.append((name, group.quota.get(name)))
    return sizes.of(Resources(**amounts, other=tuple(other)))


def weight_of(group: Group) -> float:
    """The weight that the policy gives a group without a quota; 1 when it gives none."""
    return 1.0 if group.weight is None else max(0.0, group.weight)


def assign(tree: Tree, amount: float, sizes: Sizes) -> Quotas:
    """Every group's quota when `amount` thousandths are lent."""
    fixed = _fixed(tree, sizes)
    quotas = Quotas({"": amount}, {}, {})
    for path in tree.downwards():
        _assign_children(tree, path, fixed, quotas)
    return quotas


def _fixed(tree: Tree, sizes: Sizes) -> dict[str, float]:
    """Vector quotas; a group without any quota needs what vector quotas below it sum to."""
    fixed: dict[str, float] = {}
    for path in reversed(list(tree.downwards())):
        group = tree.groups[path]
        if group.quota_names:
            fixed[path] = float(size_of_quota(group, sizes))
        elif group.quota_fraction > 0:
            fixed[path] = 0.0
        else:
            fixed[path] = math.fsum(fixed[child] for child in tree.inner[path])
    return fixed


def _assign_children(tree: Tree, path: str, fixed: dict[str, float], quotas: Quotas) -> None:
    mine = quotas.amounts[path]
    children = [tree.groups[child] for child in tree.inner[path]]
    asked = math.fsum(fixed[child.path] for child in children)
    scale = min(1.0, mine / asked) if asked > 0 else 1.0
    left = _rest(mine - asked * scale)
    fractions = {c.path: min(1.0, c.quota_fraction) for c in children if c.quota_fraction > 0 and not c.quota_names}
    parts = max(1.0, math.fsum(fractions.values()))
    left_over = left - left * math.fsum(fractions.values()) / parts
    free = [c for c in children if not c.has_quota]
    weights = math.fsum(weight_of(c) for c in free)
    for child in children:
        share = left * fractions.get(child.path, 0.0) / parts
        if not child.has_quota and weights > 0:
            share = left_over * weight_of(child) / weights
        quotas.amounts[child.path] = fixed[child.path] * scale + share
        quotas.scales[child.path] = scale
    given = math.fsum(quotas.amounts[c.path] for c in children if c.has_quota or fixed[c.path] > 0)
    quotas.beside[path] = _rest(mine - given)


def _rest(amount: float) -> float:
    return amount if amount > NOTHING else 0.0
