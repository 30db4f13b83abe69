"""The recipe: one snapshot and a policy in, one plan out. Each step's rules live in the module that it calls."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.matchmaker import fill, preempt, surge
from fedsched.matchmaker.book import Book
from fedsched.matchmaker.health import Health, look
from fedsched.matchmaker.learn import learn_members, learn_pairs
from fedsched.matchmaker.match import Place, pair_key
from fedsched.matchmaker.model import (
    ClassReport,
    DemandClass,
    Held,
    Memory,
    Notice,
    PairMemory,
    Plan,
    Policy,
    Ramping,
    Snapshot,
)
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.reconcile import Reconciled, Standing, reconcile
from fedsched.matchmaker.share import count


def negotiate(snapshot: Snapshot, policy: Policy) -> Plan:
    """Decide what should exist. Equal arguments give an equal plan; nothing outside them is read.

    1. Members' health, and whether it is ourselves who are cut off (FA1, FA2). Frozen: nothing moves.
    2. Memory meets observation: phases, failures, ghosts, orphans (FA7, FA8).
    3. Learn: slots seen, failures, refusals, trust (MA6, X8, S4, SU7).
    4. What must go: finished, failed, expired, ordered, cordoned, the owner's pods, no longer wanted (OW2, PR5, SU5).
    5. What supply there is for each class (SU2), and how fast it may grow (SU3, SU7).
    6. Turns, until nothing fits (FS6); every job left has its reason (RE1).
    """
    memory, at = snapshot.memory, snapshot.at
    health = look(snapshot.observation.members, memory.members, memory.frozen_since, (memory.at, at), policy.silence)
    facts = reconcile(snapshot, policy.startds)
    pairs = learn_pairs(snapshot, facts.standing, policy)
    trust = surge.learn_trust(memory, facts.standing, facts.gone, at)
    base = msgspec.structs.replace(
        memory,
        cycle=memory.cycle + 1,
        at=at,
        frozen_since=health.frozen_since,
        members=learn_members(snapshot, facts.standing, health.members),
        pairs=pairs,
        trust=trust,
    )
    if health.frozen_since is not None:
        return _frozen(snapshot, health, facts, base)
    served = surge.supply(surge.asked(snapshot.observation.schedds, at), facts.standing, _lost(base))
    asked = surge.demanded(snapshot.observation.schedds, (s.held for s in facts.standing), memory.drops, served)
    base = msgspec.structs.replace(base, drops=asked.drops)
    standing, base = _who_goes(snapshot, policy, facts, base, asked)
    places = _places(snapshot, base)
    filled, ramps = _fill(snapshot, policy, standing, places, base)
    held = (*(s.held for s in standing), *filled.new)
    base = msgspec.structs.replace(base, held=held, serial=base.serial + len(filled.new), ramps=ramps)
    return Plan(
        cycle=base.cycle,
        at=at,
        held=held,
        classes=filled.reports,
        memory=base,
        notices=(*health.notices, *facts.notices, *_failures(memory, (*held, *facts.gone))),
        ghosts=facts.ghosts,
        sweep=facts.sweep,
        adopt=facts.adopt,
    )


def _frozen(snapshot: Snapshot, health: Health, facts: Reconciled, base: Memory) -> Plan:
    """Nothing moves, nothing expires; every waiting job is told that it is us (FA2)."""
    held = tuple(s.held for s in facts.standing)
    why = Reason(Cause.FROZEN, "members that answer", "most", "few", at=health.frozen_since)
    reports = tuple(
        ClassReport(d.key, d.idle, 0, 0, d.idle, Verdict.NOT_NOW, why, ((d.idle, why),)) for d in _classes(snapshot)
    )
    memory = msgspec.structs.replace(base, held=held)
    return Plan(base.cycle, snapshot.at, held, reports, memory, notices=(*health.notices, *facts.notices))


def _classes(snapshot: Snapshot) -> tuple[DemandClass, ...]:
    """Every class with idle jobs, by key; observed order never matters."""
    found = [d for view in snapshot.observation.schedds for d in view.classes if d.idle > 0]
    return tuple(sorted(found, key=lambda d: d.key))


def _who_goes(
    snapshot: Snapshot, policy: Policy, facts: Reconciled, base: Memory, asked: surge.Demanded
) -> tuple[tuple[Standing, ...], Memory]:
    """Step 4: wishes for what stands, from the gentlest cause to the most urgent."""
    at, views = snapshot.at, {view.name: view for view in snapshot.observation.members}
    surplus = dict(asked.surplus)
    standing = []
    for stand in sorted(facts.standing, key=lambda s: (-s.held.placement.created_at, s.held.placement.id)):
        held = _called_back_too_late(stand)
        held = surge.leave_or_stay(with_held(stand, held), asked, surplus, policy, at)
        held = preempt.leave_cordoned(with_held(stand, held), views.get(held.placement.member), at)
        held = preempt.taken_by_owner(with_held(stand, held), at)
        held = preempt.obey_orders(held, snapshot.orders, at)
        held = preempt.follow_life(with_held(stand, held), policy, at)
        standing.append(with_held(stand, held))
    victims: dict[str, dict[str, Reason]] = {}
    members = dict(base.members)
    for terms in sorted(snapshot.terms, key=lambda t: t.name):
        view, memory = views.get(terms.name), members.get(terms.name)
        if view is None or memory is None:
            continue
        mine = [s for s in standing if s.held.placement.member == terms.name]
        chosen, evictions = preempt.yield_to_owner(view, mine, terms, memory, at)
        victims |= chosen
        members[terms.name] = msgspec.structs.replace(memory, evictions=evictions)
    out = tuple(
        with_held(s, preempt.give_up(s.held, victims[s.held.placement.id])) if s.held.placement.id in victims else s
        for s in sorted(standing, key=lambda s: (s.held.placement.created_at, s.held.placement.id))
    )
    return out, msgspec.structs.replace(base, members=members)


def with_held(stand: Standing, held: Held) -> Standing:
    """The same observation with another wish."""
    return stand if held is stand.held else Standing(held, stand.object, stand.slots)


def _called_back_too_late(stand: Standing) -> Held:
    """A pod that started before it could be withdrawn stays and serves (X5)."""
    held = stand.held
    if held.wanted == "withdraw" and held.failure is None and any(p.phase == "running" for p in stand.pods):
        return msgspec.structs.replace(held, wanted="run", why=None)
    return held


def _places(snapshot: Snapshot, base: Memory) -> tuple[Place, ...]:
    """Every node group of every member that has a file, by name."""
    views = {view.name: view for view in snapshot.observation.members}
    places = []
    for terms in sorted(snapshot.terms, key=lambda t: t.name):
        view, memory = views.get(terms.name), base.members.get(terms.name)
        if view is None or memory is None:
            continue
        for group in sorted(view.node_groups, key=lambda g: g.name):
            pair = base.pairs.get(pair_key(terms.name, group.name, terms.image), PairMemory())
            places.append(Place(terms, view, group, memory, pair))
    return tuple(places)


def _fill(
    snapshot: Snapshot, policy: Policy, standing: tuple[Standing, ...], places: tuple[Place, ...], base: Memory
) -> tuple[fill.Filled, dict[str, Ramping]]:
    """Steps 5 and 6."""
    at, classes = snapshot.at, _classes(snapshot)
    served = surge.supply(surge.asked(snapshot.observation.schedds, at), standing, _lost(base))
    out = _out(standing)
    ramps, asks = {}, []
    for demand in classes:
        ramp = surge.grow(base.ramps, demand.key, policy.ramp, at)
        key = surge.trust_key(demand.schedd, demand.principal)
        trusted = surge.trust_limit(base.trust.get(key), policy.ramp.first)
        shared = fill.Trusted(key, out.get(key, 0), trusted)
        ramps[demand.key] = ramp
        asks.append(fill.Ask(demand, served.get(demand.key, 0), ramp, shared, _blocked(demand, snapshot, policy)))
    accounts = count((s.held for s in standing), (slot for s in standing for slot in s.slots))
    counted = {who: account.counted for who, account in accounts.items()}
    book = Book(places, standing, policy, at)
    rules = fill.Rules(policy, snapshot.orders, at, snapshot.epoch, base.serial)
    filled = fill.fill(asks, places, counted, book, rules)
    for key, started in filled.started.items():
        ramps[key] = msgspec.structs.replace(ramps[key], used=ramps[key].used + started)
    kept = {k: r for k, r in base.ramps.items() if k not in ramps and at < r.until + 10 * policy.ramp.ramp_interval_s}
    return filled, dict(sorted({**kept, **ramps}.items()))


def _lost(base: Memory) -> frozenset[str]:
    """Members whose placements may be supplied elsewhere (FA1)."""
    return frozenset(name for name, memory in base.members.items() if memory.state == "lost")


def _out(standing: Iterable[Standing]) -> dict[str, int]:
    """Placements of each (schedd, principal) that wait for a first claim."""
    out: dict[str, int] = {}
    for stand in standing:
        held = stand.held
        if held.phase in surge.OPEN and held.claimed_at is None and held.wanted == "run":
            key = surge.trust_key(held.placement.schedd, held.placement.principal)
            out[key] = out.get(key, 0) + 1
    return out


def _blocked(demand: DemandClass, snapshot: Snapshot, policy: Policy) -> Reason | None:
    """Nothing new for a schedd that was not heard (D1), nor for a pool that startds could not join (S6)."""
    at = snapshot.at
    for view in snapshot.observation.schedds:
        if view.name == demand.schedd and (view.seen_at is None or at - view.seen_at > policy.silence.stale_demand_s):
            age = "never" if view.seen_at is None else f"{at - view.seen_at:.0f} s ago"
            need = f"{policy.silence.stale_demand_s:.0f} s"
            return Reason(Cause.SCHEDD_STALE, view.name, need, age, source=view.error, at=view.seen_at)
    pool = next((p for p in snapshot.observation.pools if p.name == demand.pool), None)
    if pool is None or pool.seen_at is None or at - pool.seen_at > policy.silence.stale_pool_s:
        age = "never" if pool is None or pool.seen_at is None else f"{at - pool.seen_at:.0f} s ago"
        need = f"{policy.silence.stale_pool_s:.0f} s"
        return Reason(
            Cause.STALE,
            f"collector of {demand.pool}",
            need,
            age,
            source=pool.error if pool else "",
            at=pool.seen_at if pool else None,
        )
    return None


def _failures(memory: Memory, held: tuple[Held, ...]) -> Iterable[Notice]:
    """Placements that failed since the last cycle, said once."""
    known = {h.placement.id for h in memory.held if h.failure}
    for one in held:
        if one.failure is not None and one.placement.id not in known:
            cause = f"{one.failure.cause} {one.failure.what} {one.failure.have}".rstrip()
            text = f"{one.placement.object_name} failed: {cause}"
            yield Notice("placement-failed", text, member=one.placement.member)
