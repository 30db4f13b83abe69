"""Who must go: wishes for what stands, from the gentlest cause to the most urgent (step 5 of the recipe)."""

from __future__ import annotations

import msgspec

from fedsched.matchmaker import jobs, preempt, surge
from fedsched.matchmaker.model import Held, Memory, Policy, Snapshot
from fedsched.matchmaker.negotiate.asking import lost_members
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Reconciled, Standing


def who_goes(
    snapshot: Snapshot, policy: Policy, facts: Reconciled, base: Memory
) -> tuple[tuple[Standing, ...], Memory]:
    """What stands with what should become of it, and memory with drops of demand and evictions noted."""
    at, views = snapshot.at, {view.name: view for view in snapshot.observation.members}
    served = surge.supply(surge.asked(snapshot.observation.schedds, at), facts.standing, lost_members(base))
    held_now = (s.held for s in facts.standing)
    asked = surge.demanded(snapshot.observation.schedds, held_now, base.drops, served)
    base = msgspec.structs.replace(base, drops=asked.drops)
    surplus = dict(asked.surplus)
    standing = []
    said = jobs.known(snapshot)
    for stand in sorted(facts.standing, key=lambda s: (-s.held.placement.created_at, s.held.placement.id)):
        if stand.held.placement.form == "job":
            standing.append(with_held(stand, jobs.lived(stand, said, snapshot.orders, policy)))
            continue
        held = _called_back_too_late(stand)
        held = surge.leave_or_stay(with_held(stand, held), asked, surplus, policy, at)
        held = preempt.leave_cordoned(with_held(stand, held), views.get(held.placement.member), at)
        held = preempt.taken_by_owner(with_held(stand, held), at)
        held = preempt.obey_orders(held, snapshot.orders, at)
        held = preempt.follow_life(with_held(stand, held), policy, at)
        standing.append(with_held(stand, held))
    victims: dict[str, dict[str, Reason]] = {}
    there: dict[str, list[Standing]] = {}
    for stand in standing:
        there.setdefault(stand.held.placement.member, []).append(stand)
    members = dict(base.members)
    for terms in sorted(snapshot.terms, key=lambda t: t.name):
        view, memory = views.get(terms.name), members.get(terms.name)
        if view is None or memory is None:
            continue
        chosen, evictions = preempt.yield_to_owner(view, there.get(terms.name, []), terms, memory, at)
        victims |= chosen
        members[terms.name] = msgspec.structs.replace(memory, evictions=evictions)
    out = tuple(
        with_held(s, preempt.give_up(s.held, victims[s.held.placement.id])) if s.held.placement.id in victims else s
        for s in sorted(standing, key=lambda s: _in_order_of_decision(s.held))
    )
    return out, msgspec.structs.replace(base, members=members)


def _in_order_of_decision(held: Held) -> tuple[float, int, str]:
    """Rooms are promised again in the order of the first decision, or another packing would leave other room.

    An id ends with a serial number in hexadecimal digits: a longer one is a later one.
    """
    return held.placement.created_at, len(held.placement.id), held.placement.id


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
