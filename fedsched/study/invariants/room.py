"""What may be taken: nodes' room, what the owner keeps free, quotas, ceilings (MA2, S3, S4, OW3)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fedsched.matchmaker.model import Held, NodeGroup
from fedsched.matchmaker.resources import Resources, fits
from fedsched.study.invariants.step import Step

MOST_TRIES = 2000
"""Ways of packing that are tried before it is called possible: a check must be cheap and never wrong."""


def what_is_placed_at_once_fits_what_was_seen(step: Step) -> Iterator[str]:
    """MA2, S3: the placements of one cycle find room together on single nodes, as these were observed."""
    for member, new in step.new_at.items():
        for group in step.views[member].node_groups:
            mine = [h for h in new if _takes_room(h) and h.placement.node_group == group.name]
            sizes = [_pod(step.full(h)) for h in mine for _ in range(h.placement.pods)]
            if sizes and not packs(sizes, group):
                yield f"{len(sizes)} placements do not fit into {group.name} of {member} together"


def what_the_owner_keeps_free_stays_free(step: Step) -> Iterator[str]:
    """OW3: `leave_free` of a node group is never room."""
    for member, new in step.new_at.items():
        for group in step.views[member].node_groups:
            kept = dict(step.terms[member].leave_free)
            keep = kept.get(group.name) or kept.get("*")
            mine = [h for h in new if _takes_room(h) and h.placement.node_group == group.name]
            if keep is None or not mine:
                continue
            left = _total(group)
            for held in mine:
                left -= _pod(step.full(held)).times(held.placement.pods)
            short = [name for name, amount in keep.items() if amount and left.get(name) < amount]
            if short:
                yield f"{group.name} of {member} keeps less {short[0]} free than its owner wants"


def hard_quotas_are_not_passed(step: Step) -> Iterator[str]:
    """S4: what is placed, beside what was written and is not counted yet, stays within what quotas leave."""
    for member, new in step.new_at.items():
        for quota in step.views[member].quotas:
            coming = [h for h in step.held_at[member] if h.wanted == "run" and not _has_pods(step, h)]
            asked = Resources()
            for held in coming:
                asked += step.full(held).times(held.nodes)
            for name in sorted(quota.limits):
                if asked.get(name) > quota.left.get(name) and any(step.full(h).get(name) for h in new):
                    left = quota.left.get(name)
                    yield f"{asked.get(name)} {name} are asked of quota {quota.name} of {member}, {left} are left"


def ceilings_are_not_passed(step: Step) -> Iterator[str]:
    """S4: the member's file says how much of it we may hold, and nothing new goes beyond that."""
    for member, new in step.new_at.items():
        terms = step.terms[member]
        if not terms.ceiling_names:
            continue
        total = Resources()
        for held in step.held_at[member]:
            total += step.full(held).times(held.nodes)
        for name in sorted(terms.ceiling_names):
            if total.get(name) > terms.ceiling.get(name) and any(step.full(h).get(name) for h in new):
                yield f"we hold {total.get(name)} {name} at {member}, whose ceiling is {terms.ceiling.get(name)}"


ROOM = (
    what_is_placed_at_once_fits_what_was_seen,
    what_the_owner_keeps_free_stays_free,
    hard_quotas_are_not_passed,
    ceilings_are_not_passed,
)


def packs(sizes: list[Resources], group: NodeGroup) -> bool:
    """Whether all of them find room; True also when that cannot be ruled out with a bounded search."""
    bars = {room.free: room.nodes for room in group.rooms}
    if all(_best_fit(bars, size) for size in sizes):
        return True
    tries = [MOST_TRIES]
    bars = {room.free: room.nodes for room in group.rooms}
    return _search(sorted(sizes, reverse=True), bars, tries) or tries[0] <= 0


def _best_fit(bars: dict[Resources, int], size: Resources) -> bool:
    bar = min((free for free, nodes in bars.items() if nodes and fits(size, free)), default=None)
    if bar is None:
        return False
    bars[bar] -= 1
    bars[bar - size] = bars.get(bar - size, 0) + 1
    return True


def _search(sizes: list[Resources], bars: dict[Resources, int], tries: list[int]) -> bool:
    if not sizes:
        return True
    tries[0] -= 1
    size, rest = sizes[0], sizes[1:]
    for bar in [free for free, nodes in bars.items() if nodes and fits(size, free)]:
        if tries[0] <= 0:
            return False
        left = dict(bars)
        left[bar] -= 1
        left[bar - size] = left.get(bar - size, 0) + 1
        if _search(rest, left, tries):
            return True
    return False


def _takes_room(held: Held) -> bool:
    return held.placement.form != "startd-daemonset" and not held.placement.growth


def _pod(full: Resources) -> Resources:
    return full if full.pods else msgspec.structs.replace(full, pods=1)


def _total(group: NodeGroup) -> Resources:
    total = Resources()
    for room in group.rooms:
        total += room.free.times(room.nodes)
    return total


def _has_pods(step: Step, held: Held) -> bool:
    thing = step.objects.get((held.placement.member, held.placement.id))
    return thing is not None and bool(thing.pods)
