"""What is asked for and what may be placed for it: classes with their supply, ramp and trust (step 6 of the recipe)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fedsched.matchmaker import preempt, surge
from fedsched.matchmaker.fill import Ask, Trusted
from fedsched.matchmaker.model import DemandClass, Memory, Policy, Ramping, Snapshot
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import UNBOUNDED


def classes_of(snapshot: Snapshot) -> tuple[DemandClass, ...]:
    """Every class with idle jobs, by key; observed order never matters."""
    found = [d for view in snapshot.observation.schedds for d in view.classes if d.idle > 0]
    return tuple(sorted(found, key=lambda d: d.key))


def out_by_trust(standing: Iterable[Standing]) -> dict[str, int]:
    """Placements of each (schedd, principal) that wait for a first claim."""
    out: dict[str, int] = {}
    for stand in standing:
        held = stand.held
        if held.phase not in surge.OPEN or held.claimed_at is not None or held.wanted != "run":
            continue
        if held.placement.form != "job":
            key = surge.trust_key(held.placement.schedd, held.placement.principal)
            out[key] = out.get(key, 0) + 1
    return out


def blocked(demand: DemandClass, snapshot: Snapshot, policy: Policy, since: float) -> Iterator[Reason]:
    """Nothing new for a schedd that was not heard (D1), nor for a pool that startds could not join (S6).

    since: when our memory began, epoch seconds.
    """
    at = snapshot.at
    for view in snapshot.observation.schedds:
        if view.name == demand.schedd and (view.seen_at is None or at - view.seen_at > policy.silence.stale_demand_s):
            age = "never" if view.seen_at is None else f"{at - view.seen_at:.0f} s ago"
            need = f"{policy.silence.stale_demand_s:.0f} s"
            yield Reason(Cause.SCHEDD_STALE, view.name, need, age, source=view.error, at=view.seen_at)
    if demand.job is not None:
        yield from _rebuilding(demand, snapshot, since)
        return
    pool = next((p for p in snapshot.observation.pools if p.name == demand.pool), None)
    if pool is None or pool.seen_at is None or at - pool.seen_at > policy.silence.stale_pool_s:
        age = "never" if pool is None or pool.seen_at is None else f"{at - pool.seen_at:.0f} s ago"
        need = f"{policy.silence.stale_pool_s:.0f} s"
        yield Reason(
            Cause.STALE,
            f"collector of {demand.pool}",
            need,
            age,
            source=pool.error if pool else "",
            at=pool.seen_at if pool else None,
        )


def _rebuilding(demand: DemandClass, snapshot: Snapshot, since: float) -> Iterator[Reason]:
    """Jobs that are older than our memory may have copies at members that were not seen since it began (FA7)."""
    if demand.oldest_at >= since:
        return
    unseen = sorted(m.name for m in snapshot.observation.members if m.seen_at is None or m.seen_at < since)
    for name in unseen:
        yield Reason(Cause.REBUILDING, name, "seen once", "not yet", source="a new journal", at=since)


def lost_members(base: Memory) -> frozenset[str]:
    """Members whose placements may be supplied elsewhere (FA1)."""
    return frozenset(name for name, memory in base.members.items() if memory.state == "lost")


def asks(
    snapshot: Snapshot, policy: Policy, standing: tuple[Standing, ...], base: Memory, wanted: surge.Asked
) -> tuple[Ask, ...]:
    """Every class with idle jobs as filling takes it, by key."""
    at = snapshot.at
    served = surge.supply(wanted, standing, lost_members(base))
    out = out_by_trust(standing)
    promised = preempt.promised(standing, policy.preemption.wait_s, at)
    found = []
    blocks: dict[tuple[str, str], tuple[Reason, ...]] = {}  # of classes for startds: thousands ask the same two
    for demand in classes_of(snapshot):
        key = surge.trust_key(demand.schedd, demand.principal)
        if demand.job is not None:
            trusted, ramp = Trusted(key, 0, UNBOUNDED), Ramping(UNBOUNDED, at)  # each Job is asked for by itself
        else:
            trusted = Trusted(key, out.get(key, 0), surge.trust_limit(base.trust.get(key), policy.ramp.first))
            ramp = surge.grow(base.ramps, demand.key, policy.ramp, at)
        leaked = surge.leaked(base.surge, demand.key, policy.surge)
        pair = (demand.schedd, demand.pool)
        why = blocks.get(pair) if demand.job is None else None
        if why is None:
            why = tuple(blocked(demand, snapshot, policy, base.since))
        if demand.job is None:
            blocks[pair] = why
        why = (*why, leaked) if leaked else why
        found.append(Ask(demand, served.get(demand.key, 0), ramp, trusted, why, promised.get(demand.key, 0)))
    return tuple(found)
