"""The owner of the cluster comes first (OW2), judged by what really is so at the members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fedsched.matchmaker.resources import Resources, fits
from fedsched.sim.copies import LONGEST_GRACE_S
from fedsched.sim.nodes import Cluster, Pod
from fedsched.study.invariants.step import Step

SLACK_S = 20.0
"""What an order takes beside `yield_s` and a cycle: its scheduler's own time, a startd's grace; a Job's is its own."""


def the_owner_gets_our_room(step: Step) -> Iterator[str]:
    """OW2: a pod of the site's own that would fit if ours left has its node within `yield_s` and a cycle.

    Counted only while the member answers, nobody else's eviction uses up its minute, and we are there to see it. Where
    more of ours have to go than may in a minute (FA9), so many minutes more.
    """
    since: dict[tuple[str, str], float] = {}
    now = step.world.now()
    for name, member in step.world.members.items():
        view, terms = step.views.get(name), step.terms.get(name)
        if terms is None or view is None or view.contact != "ok" or _busy(step, name):
            continue
        cycle_s = now - step.past.at if step.past.at else 0.0
        for pod, ours in _could_go(member.api.cluster):
            key = (name, pod.uid)
            since[key] = step.past.waiting.get(key, now)
            minutes = (ours - 1 + _recent(step, name)) // terms.budgets.evictions_per_min
            slack_s = SLACK_S + LONGEST_GRACE_S * any(p.runs_s is not None for p in member.api.cluster.ours.values())
            if now - since[key] > terms.yield_s + 2 * cycle_s + slack_s + 60.0 * minutes:
                yield f"{pod.name} of {name} waits for {now - since[key]:.0f} s for a node that we could leave"
    step.past.waiting = since


OWNER = (the_owner_gets_our_room,)


def _busy(step: Step, member: str) -> bool:
    """Whether it is not for us to move there now: silent, frozen, an older view, or no eviction left this minute."""
    memory = step.plan.memory.members.get(member)
    view, terms = step.views[member], step.terms[member]
    if step.plan.memory.frozen_since is not None or memory is None or memory.state not in {"ready", "slow"}:
        return True
    stale = view.seen_at is None or step.at - view.seen_at > SLACK_S
    return stale or _recent(step, member) >= terms.budgets.evictions_per_min


def _recent(step: Step, member: str) -> int:
    """Evictions of the last minute, which it takes from."""
    return sum(step.at - at < 60.0 for at in step.plan.memory.members[member].evictions)


def _could_go(cluster: Cluster) -> Iterator[tuple[Pod, int]]:
    """The pending pod of the site that is first in line and would fit on a node if ours left, and how many ours are."""
    waiting = [p for p in cluster.pods.values() if p.placement is None and p.node is None and p.ended_at is None]
    if not waiting:
        return
    ours: dict[str, Resources] = {}
    count: Counter[str] = Counter()
    for pod in cluster.pods.values():
        if pod.placement is not None and pod.node is not None and pod.ended_at is None:
            ours[pod.node.name] = ours.get(pod.node.name, Resources()) + pod.request
            count[pod.node.name] += 1
    for pod in sorted(waiting, key=lambda p: (p.created_at, p.uid))[:1]:
        for node in cluster.nodes:
            room = node.free + ours.get(node.name, Resources())
            if node.group == pod.group and node.name in ours and fits(pod.request, room):
                yield pod, count[node.name]
                break
