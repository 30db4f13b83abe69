"""How much less a user could ask for: of a resource, of time; and with which priority."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fedsched.matchmaker.explain.counterfactuals.changes import World
from fedsched.matchmaker.explain.counterfactuals.proving import Knob
from fedsched.matchmaker.model import DemandClass, MemberTerms, MemberView, Step
from fedsched.matchmaker.resources import Resources, fits, with_amount

STEPS = {"cpu_milli": 1000, "memory_mib": 256, "disk_mib": 1024}
"""Requests are whole multiples of these (MA7); of 1 for every other resource."""
MOST_HINTS = 24
LENGTH_STEP_S = 60


def request_knob(world: World, demand: DemandClass, name: str) -> Iterator[Knob]:
    """Less of one resource, in the steps of requests: down to what nodes, quotas and ceilings have of it."""
    unit, asked = STEPS.get(name, 1), demand.request.get(name)
    units = math.ceil(asked / unit)
    least = 0 if name not in STEPS else 1
    values = {value // unit for value in _there(world, demand, name) if value < asked}
    hints = sorted({units - value for value in values if least <= value < units} | {units - least})
    if not hints or hints[-1] <= 0:
        return
    some = _some([hint for hint in hints if hint > 0])
    yield Knob(some, lambda less: Step("request", name=name, to=float((units - less) * unit)))


def _some(hints: list[int]) -> tuple[int, ...]:
    """Not too many, the ends among them."""
    if len(hints) <= MOST_HINTS:
        return tuple(hints)
    return tuple(sorted({hints[round(i * (len(hints) - 1) / (MOST_HINTS - 1))] for i in range(MOST_HINTS)}))


def _there(world: World, demand: DemandClass, name: str) -> Iterator[int]:
    """Amounts of it that are there somewhere, less what a pod needs besides, where all else would fit."""
    views = {view.name: view for view in world.snapshot.observation.members}
    for terms in world.snapshot.terms:
        if terms.name in views:
            yield from _at(terms, views[terms.name], demand, name)


def _at(terms: MemberTerms, view: MemberView, demand: DemandClass, name: str) -> Iterator[int]:
    others = with_amount(demand.request + terms.pod_overhead, name, 0)
    aside = terms.pod_overhead.get(name)
    for group in view.node_groups:
        rooms: list[Resources] = [group.allocatable, *(room.free for room in group.rooms)]
        yield from (room.get(name) - aside for room in rooms if fits(others, room))
    yield from (quota.left.get(name) - aside for quota in view.quotas if name in quota.limits)
    yield from (limit.maximum.get(name) - aside for limit in view.limits if name in limit.maximum_names)
    if name in terms.ceiling_names:
        yield terms.ceiling.get(name) - aside


def length_knob(world: World, demand: DemandClass) -> Iterator[Knob]:
    """A shorter length: as long as startds live once they have joined, or whole minutes less."""
    policy = world.policy.startds
    asked = demand.length.seconds
    lives = {min(terms.max_lifetime_s, policy.lifetime_s) - round(policy.join_s) for terms in world.snapshot.terms}
    hints = sorted({asked - life for life in lives if 0 < life < asked})
    if demand.length.source != "assumed" and hints:
        yield Knob(tuple(hints), lambda less: Step("length", to=float(asked - less)))
    minutes = (asked - 1) // LENGTH_STEP_S
    if minutes > 0:
        some = tuple(sorted({max(1, minutes // 4), max(1, minutes // 2), minutes}))
        yield Knob(some, lambda less: Step("length", to=float((minutes - less + 1) * LENGTH_STEP_S)))


def priority_knob(world: World, demand: DemandClass) -> Iterator[Knob]:
    """A priority above that of the principal's other classes, where it has any (FS6)."""
    own = max((priority for priority, _ in demand.priorities), default=0)
    others = {
        priority
        for view in world.snapshot.observation.schedds
        for one in view.classes
        if one.principal == demand.principal and one.key != demand.key and one.idle
        for priority, _ in one.priorities
        if priority >= own
    }
    hints = sorted({more for priority in others for more in (priority - own, priority - own + 1) if more > 0})
    if hints:
        yield Knob(_some(hints), lambda more: Step("priority", to=float(own + more)))
