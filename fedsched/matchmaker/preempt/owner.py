"""The owner of the cluster: a member's own pods come before ours, outside all fair share (OW2)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.match import footprint
from fedsched.matchmaker.model import (
    LIVE,
    Held,
    MemberMemory,
    MemberTerms,
    MemberView,
    PodView,
    SitePod,
)
from fedsched.matchmaker.preempt.life import urge
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources, fits

SETTLED_S = 2.0
"""How long a site's pod must have been unschedulable before we yield, in seconds: its scheduler may just be busy."""


def taken_by_owner(stand: Standing, at: float) -> Held:
    """What the member takes away itself (its scheduler preempts, its admin drains a node) is vacated, not failed.

    A user's Job makes another pod by itself.
    """
    held = stand.held
    takers = sorted({pod.taken_by for pod in stand.pods if pod.taken_by})
    if not takers or held.placement.form != "startd-job":
        return held
    return urge(held, "vacate", Reason(Cause.OWNER, what=takers[0], member=held.placement.member, at=at))


def give_up(held: Held, nodes: dict[str, Reason]) -> Held:
    """Vacate for the owner: a startd Job goes as a whole, a DaemonSet gives up the nodes that are needed."""
    if held.placement.form != "startd-daemonset":
        return urge(held, "vacate", next(iter(nodes.values())))
    kept = tuple((node, wish) for node, wish in held.nodes_wanted if node not in nodes)
    return msgspec.structs.replace(held, nodes_wanted=(*kept, *((node, "vacate") for node in sorted(nodes))))


def yield_to_owner(
    view: MemberView, standing: Iterable[Standing], terms: MemberTerms, memory: MemberMemory, at: float
) -> tuple[dict[str, dict[str, Reason]], tuple[float, ...]]:
    """Placements to vacate for pods of the member's own that would fit if ours left (OW2): id -> node -> reason.

    Unclaimed first, then youngest, as few as do. Also the times of the last evictions, at most so many per minute.
    """
    recent = tuple(t for t in memory.evictions if at - t < 60.0)
    budget = terms.budgets.evictions_per_min - len(recent)
    ours: dict[str, list[tuple[Standing, PodView]]] = {}
    for stand in standing:
        for pod in stand.pods:
            if pod.node and pod.phase in LIVE:
                ours.setdefault(pod.node, []).append((stand, pod))
    free = {room.node: room.free for room in view.node_rooms}
    victims: dict[tuple[str, str], Reason] = {}
    for waiting in sorted(view.site_pods, key=lambda p: (-p.priority, p.since, p.name)):
        if at - waiting.since < SETTLED_S:
            continue
        chosen = _within(_cheapest_node(waiting, ours, free, terms, set(victims)), set(victims), budget, terms)
        budget -= len([c for c in chosen if c not in victims])
        have = f"waiting {at - waiting.since:.0f} s"
        victims |= {c: Reason(Cause.OWNER, waiting.name, have=have, member=view.name, at=view.seen_at) for c in chosen}
    by_id: dict[str, dict[str, Reason]] = {}
    for (placement_id, node), reason in victims.items():
        by_id.setdefault(placement_id, {})[node] = reason
    return by_id, (*recent, *([at] * len(victims)))


def _within(
    chosen: list[tuple[str, str]], doomed: set[tuple[str, str]], budget: int, terms: MemberTerms
) -> list[tuple[str, str]]:
    """Those of the chosen who may go now: all of them, or none before the minute allows them all (FA9).

    Where one pod needs more of ours to go than any minute allows, as many as it does: it would wait for ever.
    """
    more = [victim for victim in chosen if victim not in doomed]
    if len(more) <= budget:
        return chosen
    return more[: max(0, budget)] if len(more) > terms.budgets.evictions_per_min else []


def _cheapest_node(
    pod: SitePod,
    ours: dict[str, list[tuple[Standing, PodView]]],
    free: dict[str, Resources],
    terms: MemberTerms,
    doomed: set[tuple[str, str]],
) -> list[tuple[str, str]]:
    """The fewest claims, then the fewest placements, that make room on one node; nobody where nothing helps.

    What already leaves makes room too; a pod that will fit without new victims costs nothing.
    """
    best: tuple[tuple[int, int, str], list[tuple[str, str]]] | None = None
    whole = {name for name, _ in doomed}  # a user's Job goes with all its pods
    for node in pod.nodes:
        victims: list[tuple[str, str]] = []
        room, claims = free.get(node, Resources()), 0
        for stand, mine in sorted(ours.get(node, []), key=lambda pair: _cost(pair[0])):
            key = (stand.held.placement.id, node)
            going = mine.deleting or key in doomed or key in victims or stand.held.wanted == "vacate"
            going = going or (stand.held.placement.form == "job" and key[0] in whole)
            if not going and fits(pod.request, room):
                continue
            room += footprint(stand.held.placement, terms)
            if not going:
                claims += stand.held.claims
                victims.append(key)
        if fits(pod.request, room):
            cost = (claims, len(victims), node)
            if best is None or cost < best[0]:
                best = (cost, victims)
    return best[1] if best else []


def _cost(stand: Standing) -> tuple[int, int, float, str]:
    """Already leaving first, then unclaimed, then youngest."""
    held = stand.held
    going = any(p.deleting for p in stand.pods)
    return (0 if going else 1, 1 if held.claims else 0, -held.placement.created_at, held.placement.id)
