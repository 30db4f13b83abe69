"""Who must go: wishes for what stands, from the gentlest cause to the most urgent (step 5 of the recipe)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from fedsched.matchmaker import jobs, preempt, surge
from fedsched.matchmaker.model import Held, Memory, Policy, Snapshot
from fedsched.matchmaker.negotiate.asking import lost_members
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Reconciled, Standing

MOVING = frozenset({"drain", "deny"})
"""Kinds of orders that startds obey."""


class Needs(NamedTuple):
    """What is asked for, and calm startds by class."""

    wanted: surge.Asked
    calm: surge.Groups


def who_goes(
    snapshot: Snapshot, policy: Policy, facts: Reconciled, base: Memory, needs: Needs
) -> tuple[tuple[Standing, ...], Memory]:
    """What stands with what should become of it, and memory with drops of demand and evictions noted."""
    at, views = snapshot.at, {view.name: view for view in snapshot.observation.members}
    served = surge.supply(needs.wanted, facts.standing, lost_members(base))
    held_now = (s.held for s in facts.restless)  # who is quiet is claimed
    asked = surge.demanded(snapshot.observation.schedds, held_now, base.drops, served)
    base = msgspec.structs.replace(base, drops=asked.drops)
    until = min((group.until for group in needs.calm.values()), default=0.0)
    quiet = facts.quiet if at <= until else frozenset[str]()
    standing = tuple(_wishes(snapshot, policy, (facts.standing, quiet), asked))
    victims: dict[str, dict[str, Reason]] = {}
    there: dict[str, list[Standing]] = {}
    waits = {view.name for view in views.values() if view.site_pods}
    for stand in standing if waits else ():
        if stand.held.placement.member in waits:
            there.setdefault(stand.held.placement.member, []).append(stand)
    members = dict(base.members)
    for terms in sorted(snapshot.terms, key=lambda t: t.name):
        view, memory = views.get(terms.name), members.get(terms.name)
        if view is None or memory is None:
            continue
        chosen, evictions = preempt.yield_to_owner(view, there.get(terms.name, []), terms, memory, at)
        victims |= chosen
        members[terms.name] = msgspec.structs.replace(memory, evictions=evictions)
    if victims:
        standing = tuple(_given_up(stand, victims.get(stand.held.placement.id)) for stand in standing)
    out = tuple(sorted(standing, key=_in_order_of_decision))
    return out, msgspec.structs.replace(base, members=members)


def _wishes(
    snapshot: Snapshot, policy: Policy, there: tuple[tuple[Standing, ...], frozenset[str]], asked: surge.Demanded
) -> Iterator[Standing]:
    """What should become of each, but for what members' own pods need; the youngest first, who are sent away first.

    there: what stands, and ids of those that are quiet and in their time: they go on where nobody is moved.
    """
    at, said, orders = snapshot.at, jobs.known(snapshot), snapshot.orders
    views = {view.name: view for view in snapshot.observation.members}
    surplus, life = dict(asked.surplus), policy.startds
    idle_s = min(life.idle_s, life.gpu_idle_s, life.crowded_idle_s)
    standing, calm = there
    quiet = not any(order.kind in MOVING for order in orders)
    restless = {view.name for view in views.values() if any(room.cordoned for room in view.node_rooms)}
    calm = calm if quiet and not restless else frozenset()
    if surplus:
        standing = tuple(sorted(standing, key=lambda s: (-s.held.placement.created_at, s.held.placement.id)))
    for stand in standing:
        placement = stand.held.placement
        if placement.id in calm:
            yield stand
            continue
        if quiet and placement.member not in restless and _goes_on(stand, asked, idle_s, at):
            yield stand
            continue
        if placement.form == "job":
            yield with_held(stand, jobs.lived(stand, said, orders, policy))
            continue
        held = _called_back_too_late(stand)
        held = surge.leave_or_stay(with_held(stand, held), asked, surplus, policy, at)
        held = preempt.leave_cordoned(with_held(stand, held), views.get(placement.member), at)
        held = preempt.taken_by_owner(with_held(stand, held), at)
        held = preempt.obey_orders(held, orders, at)
        held = preempt.follow_life(with_held(stand, held), policy, at)
        yield with_held(stand, held)


def _goes_on(stand: Standing, asked: surge.Demanded, idle_s: float, at: float) -> bool:
    """Whether no wish can change of a startd on a node that nobody wants empty: it is wanted and in its time.

    Most are. False says nothing. idle_s: the shortest time after which one that nobody claims is sent away.
    """
    held, placement, thing = stand.held, stand.held.placement, stand.object
    if held.wanted != "run" or held.failure is not None or at > placement.expires_at or placement.form != "startd-job":
        return False
    if held.phase != "claimed":
        key, since = placement.class_key, held.unclaimed_since
        if held.phase not in surge.OPEN or key in asked.over or key in asked.surplus:
            return False
        if since is not None and at - since > idle_s:
            return False
    if thing is not None:
        for pod in thing.pods:
            if pod.taken_by:
                return False
    return True


def _given_up(stand: Standing, nodes: dict[str, Reason] | None) -> Standing:
    return stand if nodes is None else with_held(stand, preempt.give_up(stand.held, nodes))


def _in_order_of_decision(stand: Standing) -> tuple[float, int, str]:
    """Rooms are promised again in the order of the first decision, or another packing would leave other room.

    An id ends with a serial number in hexadecimal digits: a longer one is a later one.
    """
    placement = stand.held.placement
    return placement.created_at, len(placement.id), placement.id


def with_held(stand: Standing, held: Held) -> Standing:
    """The same observation with another wish."""
    return stand if held is stand.held else Standing(held, stand.object, stand.slots)


def _called_back_too_late(stand: Standing) -> Held:
    """A pod that started before it could be withdrawn stays and serves (X5)."""
    held = stand.held
    only_late = held.failure is None or held.failure.cause is Cause.PENDING_TOO_LONG
    if held.wanted == "withdraw" and only_late and any(p.phase == "running" for p in stand.pods):
        return msgspec.structs.replace(held, wanted="run", why=None, failure=None)
    return held
