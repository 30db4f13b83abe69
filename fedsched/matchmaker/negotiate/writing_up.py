"""What a cycle came to, written into memory: spike, budgets, tiers, growth, drift (step 9 of the recipe)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.matchmaker import fill, share, surge
from fedsched.matchmaker.model import ClassReport, Drift, Held, Memory, Notice, Policy, Snapshot
from fedsched.matchmaker.reconcile import Standing


class Done(msgspec.Struct, frozen=True):
    """What the round did: what stands, what is gone, what was filled, what is reported."""

    snapshot: Snapshot
    policy: Policy
    standing: tuple[Standing, ...]
    gone: tuple[Held, ...]
    filled: fill.Filled
    reports: tuple[ClassReport, ...]


def written_up(done: Done, base: Memory, turns: fill.Round) -> tuple[Memory, tuple[Drift, ...], tuple[Notice, ...]]:
    """Memory for the next cycle, how pools' negotiators differ (FS8), and what an operator should hear."""
    memory, policy, at, filled = done.snapshot.memory, done.policy, done.snapshot.at, done.filled
    held = (*(s.held for s in done.standing), *filled.new)
    asked = [turn.ask.demand for turn in filled.turns]
    unmet = surge.usable_unmet(done.reports, {d.key: turns.shared.sizes.of(d.request) * d.pods for d in asked})
    surged, told = surge.watch(memory, surge.Facts(unmet, done.standing, done.gone, filled.new), policy.surge, at)
    spending, tiers = turns.purse.settle(_wanting(filled, turns))
    drift = share.drift(policy, done.snapshot.observation.pools, done.snapshot.pools)
    after = msgspec.structs.replace(
        base,
        held=held,
        serial=base.serial + len(filled.new),
        ramps=surge.ramps_after(base.ramps, (d.key for d in asked), _growth(done), policy.ramp, at),
        breakers=dict(sorted(turns.breakers.items())),
        spending=spending,
        tiers=tiers,
        surge=surged,
        drift=drift,
    )
    known = share.drift_notices(memory.drift, drift)
    notices = (*told, *known, *_evictions(memory, held), *_failures(memory, (*held, *done.gone)))
    return after, drift, notices


def _growth(done: Done) -> dict[str, int]:
    """Startds of each class that count as growth: started now, or room asked for now (SU3)."""
    found = dict(done.filled.started)
    asked = {(h.yields_to, h.yields_with) for s in done.standing if (h := s.held).yields_at == done.snapshot.at}
    for key, _ in sorted(asked):
        if key:
            found[key] = found.get(key, 0) + 1
    return found


def _wanting(filled: fill.Filled, turns: fill.Round) -> set[str]:
    """Tiers that classes with unmet jobs could use (SU4)."""
    found: set[str] = set()
    if turns.policy.tiers:
        for turn in filled.turns:
            if turn.unmet and not turn.ask.blocked:
                demand = turn.ask.demand
                found |= turns.purse.wanting((option, turns.blocker(demand, option)) for option in turn.options)
    return found


def _evictions(memory: Memory, held: tuple[Held, ...]) -> Iterable[Notice]:
    """Who was told in this cycle to make room: for whom, by which rule, and what work is lost (PR8)."""
    yielding = [one for one in held if one.yields_to]
    known = {h.placement.id for h in memory.held if h.yields_to} if yielding else set()
    for one in yielding:
        why = one.why
        if one.placement.id not in known and why is not None:
            leaves = one.wanted == "leave"
            how, lost = ("leaves", "at stake") if leaves else ("goes now", "lost")
            text = f"{one.placement.object_name} {how} for {why.what} by {why.need}, {why.have} of work {lost}"
            yield Notice("preempted", text, member=one.placement.member)


def _failures(memory: Memory, held: tuple[Held, ...]) -> Iterable[Notice]:
    """Placements that failed since the last cycle, said once."""
    failed = [one for one in held if one.failure is not None]
    known = {h.placement.id for h in memory.held if h.failure} if failed else set()
    for one in failed:
        if one.failure is not None and one.placement.id not in known:
            cause = f"{one.failure.cause} {one.failure.what} {one.failure.have}".rstrip()
            text = f"{one.placement.object_name} failed: {cause}"
            yield Notice("placement-failed", text, member=one.placement.member)
