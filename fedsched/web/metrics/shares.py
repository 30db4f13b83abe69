"""Shares and fairness by group, spikes, tiers and budgets; of principals nothing is named."""

from __future__ import annotations

from fedsched.matchmaker.model import Policy, ShareLine, Spike
from fedsched.web.metrics.samples import Samples, Scene

AMOUNTS = (
    ("group_entitled_core_equivalents", "entitled"),
    ("group_counted_core_equivalents", "held"),
    ("group_charged_core_equivalents", "charged"),
    ("group_wasted_core_equivalents", "wasted"),
    ("group_demand_core_equivalents", "demand"),
)


def shares(scene: Scene, into: Samples) -> None:
    """Every group of the tree: one contains those below it, as in the tree itself."""
    for line in scene.view.plan.shares:
        if line.path and "/" not in line.path:
            _group(scene, line, scene.groups(line.path), into)
    for path, entry in scene.view.plan.memory.ledger.items():
        for group in _lineage(path.partition("/")[0]):
            into.add("group_shortfall_core_equivalent_seconds", entry.shortfall_s, scene.groups(group))
            into.add("group_usage_core_equivalents", entry.usage, scene.groups(group))


def _group(scene: Scene, line: ShareLine, group: str, into: Samples) -> None:
    for name, field in AMOUNTS:
        into.add(name, scene.cores(getattr(line, field)), group)
    lacks = max(0, min(line.entitled, line.demand) - line.held)
    into.add("group_fairness_error_core_equivalents", scene.cores(lacks), group)
    into.add("group_shortfall_core_equivalent_seconds", 0, group)
    into.add("group_usage_core_equivalents", 0, group)


def _lineage(group: str) -> list[str]:
    """The group and all above it, without the root."""
    parts = group.split(".") if group else []
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def surge(scene: Scene, into: Samples) -> None:
    """The present spike, else the last one; tiers; budgets."""
    memory = scene.view.plan.memory
    spikes = memory.surge.spikes
    now = next((spike for spike in reversed(spikes) if spike.ended_at is None), None)
    into.add("spike_on", now is not None)
    into.add("spike_seconds", scene.now - now.began_at if now else 0)
    _spike(now or (spikes[-1] if spikes else None), into)
    for name, tier in sorted(memory.tiers.items()):
        into.add("tier_open", tier.open, name)
    limits = _limits(scene.policy) if scene.policy else {}
    for budget in sorted(set(limits) | set(memory.spending)):
        known = memory.spending.get(budget)
        into.add("budget_spent", known.spent if known else 0, budget)
    for budget, limit in sorted(limits.items()):
        into.add("budget_limit", limit, budget)


def _spike(spike: Spike | None, into: Samples) -> None:
    into.add("spike_peak_core_equivalents", spike.peak if spike else 0)
    into.add("spike_added", spike.added if spike else 0)
    into.add("spike_claimed", spike.claimed if spike else 0)
    into.add("spike_cost", spike.cost if spike else 0)


def _limits(policy: Policy) -> dict[str, float]:
    limits = {f"tier/{tier.name}": tier.budget for tier in policy.tiers if tier.budget}
    return limits | {f"group/{group.path}": group.budget for group in policy.groups if group.budget}
