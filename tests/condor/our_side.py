"""The other judge: fedsched's core on a snapshot with the scenario's cores, demand, use and policy; no daemon here."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from fedsched.matchmaker.match import pair_key
from fedsched.matchmaker.model import (
    Claim,
    DemandClass,
    JobLength,
    LedgerEntry,
    Memory,
    PairMemory,
    Placement,
    Policy,
    PoolTerms,
    PoolView,
    Preemption,
    Ramp,
    Room,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share import path_of
from tests.condor.against_negotiator import CORES, MIB_PER_CORE, Scenario, Work
from tests.matchmaker import builders
from tests.matchmaker.builders import T0

if TYPE_CHECKING:
    from fedsched.matchmaker.model import Held, ObjectView, SlotView

DOMAIN = "lab"
POOL = "a"
MOST = 10_000
"""Starts that ramp and trust allow: neither is what is compared."""


def ours(scenario: Scenario, pool: PoolView | None = None, terms: PoolTerms | None = None) -> dict[str, int]:
    """Cores that each user's placements have in the plan, those that stood before included.

    pool, terms: what is seen of the pool's negotiator and what it is to us; without, there is none.
    """
    seen = snapshot(scenario)
    if pool and terms:
        observed = msgspec.structs.replace(seen.observation, pools=(pool,))
        seen = msgspec.structs.replace(seen, observation=observed, pools=(terms,))
    plan = negotiate(seen, policy_of(scenario))
    users = {scenario.submitter(user, DOMAIN): user for user in scenario.users()}
    got: Counter[str] = Counter(dict.fromkeys(scenario.users(), 0))
    for held in plan.held:
        if held.wanted == "run":
            got[users[held.placement.principal]] += held.placement.size.cpu_milli // 1000
    return dict(got)


def policy_of(scenario: Scenario) -> Policy:
    """The scenario's policy without what a negotiator does not have: ramp, probing, eviction."""
    policy = scenario.policy(DOMAIN)
    ramp, nobody = Ramp(first=MOST, max_starts=MOST), Preemption(mode="never")
    return msgspec.structs.replace(policy, ramp=ramp, preemption=nobody)


def snapshot(scenario: Scenario) -> Snapshot:
    """One node with all cores; what ran before is claimed on it."""
    stood = [one for work in scenario.before for one in _standing(scenario, work)]
    used = sum(held.placement.size.cpu_milli for held, _, _ in stood)
    free = Resources(CORES * 1000 - used, CORES * MIB_PER_CORE * 100, 10**9, pods=10**4)
    whole = msgspec.structs.replace(free, cpu_milli=CORES * 1000)
    group = builders.group(free=whole, nodes=1, rooms=(Room(free, 1),))
    classes = [_class(scenario, number, work) for number, work in enumerate(scenario.work)]
    made = builders.snapshot(
        members=(builders.member("m1", group),),
        schedds=(builders.schedd(*classes),),
        slots=tuple(slot for _, _, slot in stood),
        objects=tuple(thing for _, thing, _ in stood),
    )
    known = PairMemory(attributes=(("Arch", '"X86_64"'),), seen_at=T0)
    memory = Memory(
        at=T0 - 5,
        held=tuple(held for held, _, _ in stood),
        pairs={pair_key("m1", "g", ""): known},
        ledger={
            path_of(scenario.submitter(user, DOMAIN)): LedgerEntry(usage=usage, at=T0 - 5)
            for user, usage in scenario.usage.items()
        },
    )
    return msgspec.structs.replace(made, memory=memory, pools=(PoolTerms(POOL, "ignore"),))


def _class(scenario: Scenario, number: int, work: Work) -> DemandClass:
    return builders.demand(
        f"{scenario.tag}{number}",
        work.jobs,
        Resources(work.cpus * 1000, work.memory, 1, pods=1),
        principal=scenario.submitter(work.user, DOMAIN),
        priorities=((work.priority, work.jobs),),
        length=JobLength(600, "assumed"),
        requirements="" if work.fits else "TARGET.NoSuchThing =?= 7",
        concurrency=((work.limit, 1),) if work.limit else (),
    )


def _standing(scenario: Scenario, work: Work) -> list[tuple[Held, ObjectView, SlotView]]:
    """Claimed placements of earlier work, each with its pod and slot."""
    who = scenario.submitter(work.user, DOMAIN)
    size = Resources(work.cpus * 1000, work.memory, 1, pods=1)
    found = []
    for number in range(work.jobs):
        place: Placement = builders.placement(
            f"b-{work.user}-{number}", principal=who, size=size, class_key=f"{scenario.tag}before"
        )
        pod = f"{place.object_name}-x"
        claim = Claim(who, size.cpu_milli, T0 - 30, amount=msgspec.structs.replace(size, pods=0))
        slot = builders.slot(place, pod, claims=(claim,), free=Resources(), unclaimed_since=None)
        held = builders.held(place, "claimed", claimed_at=T0 - 30, claimed_cpu_milli=size.cpu_milli, claims=1)
        found.append((held, builders.thing(place, builders.pod(pod)), slot))
    return found
