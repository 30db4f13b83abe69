"""The owner of the cluster comes first (OW2), judged by what really is so at the members."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.matchmaker.resources import Resources, fits
from fedsched.sim.nodes import Cluster, Pod
from fedsched.study.invariants.step import Step

SLACK_S = 20.0
"""What an order takes beside `yield_s` and a cycle: its scheduler's own time, a pod's grace."""


def the_owner_gets_our_room(step: Step) -> Iterator[str]:
    """OW2: a pod of the site's own that would fit if ours left has its node within `yield_s` and a cycle.

    Counted only while the member answers, nobody else's eviction uses up its minute, and we are there to see it.
    """
    since: dict[tuple[str, str], float] = {}
    now = step.world.now()
    for name, member in step.world.members.items():
        view, terms = step.views.get(name), step.terms.get(name)
        if terms is None or view is None or view.contact != "ok" or _busy(step, name):
            continue
        cycle_s = now - step.past.at if step.past.at else 0.0
        for pod in _could_go(member.api.cluster):
            key = (name, pod.uid)
            since[key] = step.past.waiting.get(key, now)
            if now - since[key] > terms.yield_s + 2 * cycle_s + SLACK_S:
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
    recent = [at for at in memory.evictions if step.at - at < 60.0]
    return stale or len(recent) >= terms.budgets.evictions_per_min


def _could_go(cluster: Cluster) -> Iterator[Pod]:
    """The site's own pending pod that is first in line, when it would fit on one node if ours left."""
    waiting = [p for p in cluster.pods.values() if p.placement is None and p.node is None and p.ended_at is None]
    if not waiting:
        return
    ours: dict[str, Resources] = {}
    for pod in cluster.pods.values():
        if pod.placement is not None and pod.node is not None and pod.ended_at is None:
            ours[pod.node.name] = ours.get(pod.node.name, Resources()) + pod.request
    for pod in sorted(waiting, key=lambda p: (p.created_at, p.uid))[:1]:
        for node in cluster.nodes:
            room = node.free + ours.get(node.name, Resources())
            if node.group == pod.group and node.name in ours and fits(pod.request, room):
                yield pod
                break
