"""HTCondor's hierarchical group quotas, written down bottom-up as its negotiator works them out: a reference for tests.

Quotas go down the tree, unused quota comes up again, and each group deals out what came up to it among those of its
groups that accept surplus and itself, by quota.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Node:
    """One group: its configuration, the jobs submitted to it, and what it is given."""

    quota: float = 0.0
    static: bool = True
    surplus: bool = False
    wanted: float = 0.0
    children: list[Node] = field(default_factory=list)
    own: float = 0.0
    subtree: float = 0.0
    given: float = 0.0
    missing: float = 0.0


def allocate(root: Node, slots: float) -> None:
    """Set `given` of every group for a pool of that many slots."""
    _quotas(root, slots)
    _up(root)


def _quotas(node: Node, amount: float) -> None:
    node.subtree = amount
    static = sum(c.quota for c in node.children if c.static)
    dynamic = sum(c.quota for c in node.children if not c.static)
    first = min(static, amount)
    handed = 0.0
    for child in node.children:
        if child.static:
            mine = child.quota * first / static if static else 0.0
        else:
            mine = child.quota * _rest(amount - first) / max(1.0, dynamic)
        _quotas(child, mine)
        handed += mine
    node.own = _rest(amount - handed)


def _rest(amount: float) -> float:
    """Less than this is what floating point left over."""
    return amount if amount > 1e-9 else 0.0


def _up(node: Node) -> float:
    """Give what the quota allows; returns what is left over here and below."""
    node.given = min(node.wanted, node.own)
    node.missing = node.wanted - node.given
    left = node.own - node.given + sum(_up(child) for child in node.children)
    return _down(node, left)


def _open(node: Node) -> float:
    """What surplus this group and those below it would take."""
    return node.missing + sum(_open(child) for child in node.children if child.surplus)


def _down(node: Node, left: float) -> float:
    takers = [(child.subtree, _open(child), child) for child in node.children if child.surplus]
    shares = [(node.own, node.missing, None), *takers]
    parts = _by_weight([weight for weight, _, _ in shares], [wish for _, wish, _ in shares], left)
    rest = left - sum(parts)
    still = [wish - part for (_, wish, _), part in zip(shares, parts, strict=True)]
    equal = [0.0 if weight > 0 else 1.0 for weight, _, _ in shares]
    parts = [a + b for a, b in zip(parts, _by_weight(equal, still, rest), strict=True)]
    for (_, _, child), part in zip(shares, parts, strict=True):
        if child is None:
            node.given += part
            node.missing -= part
        elif part > 0:
            _down(child, part)
    return left - sum(parts)


def _by_weight(weights: list[float], wishes: list[float], amount: float) -> list[float]:
    parts = [0.0] * len(wishes)
    for _ in range(len(wishes) + 1):
        hungry = [i for i, wish in enumerate(wishes) if weights[i] > 0 and wish - parts[i] > 1e-12]
        left = amount - sum(parts)
        if not hungry or left <= 1e-12:
            break
        total = sum(weights[i] for i in hungry)
        level = min(left / total, *((wishes[i] - parts[i]) / weights[i] for i in hungry))
        for i in hungry:
            parts[i] += level * weights[i]
    return parts
