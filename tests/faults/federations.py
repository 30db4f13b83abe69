"""Small random federations and policies with short timers, from one seed; what goes wrong there is drawn elsewhere."""

from __future__ import annotations

import random

import msgspec

from fedsched.matchmaker.model import (
    Breaking,
    Budgets,
    ConcurrencyLimit,
    Group,
    MemberTerms,
    Mode,
    Pending,
    Policy,
    Preemption,
    Principal,
    Ramp,
    Sharing,
    Silence,
    Startds,
    SurgeTerms,
    Tier,
)
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import Batch, Owner, Scenario, SimMember, SimNodeGroup

PEOPLE = (
    Principal("physics", "ann@site"),
    Principal("physics", "ben@site"),
    Principal("biology", "eve@lab"),
    Principal("", "guest@home"),
)
MODES: tuple[Mode, ...] = ("on", "on", "on", "on", "on", "trial", "observe")
SCHEDDS = ("ce1", "ce2", "ap3")


class Federation(msgspec.Struct, frozen=True):
    """What a seed is about. storm_s: faults happen in its first so many seconds. cycle_s: the cadence.

    settle_s: so long after it, beside `lost_s`, the policy's own timers are over: silence, breakers and ramps are
    shorter; what an admission refused is remembered for ten minutes (S4).
    """

    scenario: Scenario
    policy: Policy
    storm_s: float
    cycle_s: float
    settle_s: float = 700.0

    @property
    def terms(self) -> tuple[MemberTerms, ...]:
        return tuple(member.terms for member in self.scenario.members)


def federation(chance: random.Random) -> Federation:
    """One to four members, one to three schedds, a spike, and work that goes on after the storm."""
    storm_s = float(chance.randrange(240, 480, 10))
    policy = _policy(chance)
    members = tuple(_member(chance, f"m{number}", storm_s) for number in range(1, chance.randint(1, 4) + 1))
    if all(member.terms.mode == "observe" for member in members):
        first = members[0]
        members = (msgspec.structs.replace(first, terms=msgspec.structs.replace(first.terms, mode="on")), *members[1:])
    batches = tuple(_batch(chance, storm_s) for _ in range(chance.randint(2, 5)))
    after = _batch(chance, storm_s)
    late = msgspec.structs.replace(after, at=storm_s + 30.0, count=min(4, after.count))
    scenario = Scenario(members, (*batches, late), negotiator_s=10.0, lease_s=60.0)
    return Federation(scenario, policy, storm_s, chance.choice((5.0, 10.0, 10.0, 15.0)))


def _policy(chance: random.Random) -> Policy:
    silent_s = chance.choice((20.0, 30.0, 45.0))
    return Policy(
        name="storm",
        ramp=Ramp(chance.choice((1, 2, 4)), chance.choice((10.0, 20.0)), chance.choice((4, 20))),
        silence=Silence(silent_s / 2, silent_s, silent_s * chance.choice((2, 3)), chance.choice((1, 2)), 40.0, 40.0),
        startds=Startds(
            lifetime_s=chance.choice((600, 1200)),
            retire_s=chance.choice((60, 120)),
            idle_s=chance.choice((20, 40)),
            gpu_idle_s=20,
            crowded_idle_s=10,
            first_refusal_s=30,
            pack_cpu_milli=chance.choice((0, 0, 4000)),
            pending_s=90.0,
            join_s=60.0,
            keep_finished_s=10.0,
            intent_s=chance.choice((60.0, 200.0)),
        ),
        sharing=Sharing(half_life_s=600.0, smoothing_s=30.0, free_idle_s=30.0),
        groups=_groups(chance),
        limits=(ConcurrencyLimit("licence", 3),),
        preemption=Preemption(
            mode=chance.choice(("never", "reclaim", "fair", "fair")),
            way=chance.choice(("leave", "vacate")),
            protect_s=chance.choice((20.0, 60.0)),
            by_priority=chance.random() < 0.3,
            wait_s=200.0,
        ),
        surge=SurgeTerms(on=2.0, on_s=10.0, off_s=30.0),
        tiers=_tiers(chance),
        breaker=Breaking(failures=3, fast_s=60.0, open_s=40.0),
        pending=Pending(least_s=60.0, most_s=200.0),
        backoff_s=30.0,
    )


def _groups(chance: random.Random) -> tuple[Group, ...]:
    if chance.random() < 0.5:
        return ()
    physics = Group("physics", weight=2.0, accept_surplus=True)
    kind = chance.randrange(3)
    if kind == 1:
        cores = frozenset({"cpu_milli"})
        physics = msgspec.structs.replace(physics, limit=Resources(chance.choice((4000, 8000))), limit_names=cores)
    if kind == 2:
        physics = msgspec.structs.replace(physics, quota_fraction=0.5, lend=chance.choice((0.5, 1.0)))
    return (physics, Group("biology", weight=1.0, accept_surplus=True))


def _tiers(chance: random.Random) -> tuple[Tier, ...]:
    if chance.random() < 0.75:
        return ()
    return (
        Tier("home", 0, ("m1", "m2")),
        Tier("bought", 1, budget=chance.choice((0.2, 1.0)), budget_window_s=3600.0, dwell_s=20.0),
    )


def _member(chance: random.Random, name: str, storm_s: float) -> SimMember:
    groups = tuple(_group(chance, f"g{number}") for number in range(1, chance.choice((1, 1, 2, 3)) + 1))
    mode: Mode = chance.choice(MODES)
    leave_free = (("*", Resources(cpu_milli=chance.choice((1000, 4000)))),) if chance.random() < 0.2 else ()
    ceiling = chance.random() < 0.2
    terms = MemberTerms(
        name,
        mode=mode,
        trial=chance.randint(1, 3),
        image="worker",
        leave_free=leave_free,
        ceiling=Resources(8000) if ceiling else Resources(),
        ceiling_names=frozenset({"cpu_milli"}) if ceiling else frozenset(),
        share=chance.choice(("user", "user", "group", "any")),
        max_lifetime_s=1800,
        pod_overhead=Resources(memory_mib=128),
        budgets=Budgets(10.0, chance.choice((2, 5, 50)), chance.choice((2, 10)), chance.choice((1, 10))),
        price_per_core_hour=chance.choice((0.0, 0.5)),
        yield_s=chance.choice((20, 60)),
    )
    max_pods = chance.choice((1, 3, 6)) if chance.random() < 0.2 else None
    owners = tuple(_owner(chance, groups, storm_s) for _ in range(chance.choice((0, 0, 1, 2))))
    return SimMember(terms, groups, chance.choice((5.0, 20.0)), chance.choice((3.0, 8.0)), max_pods, owners)


def _group(chance: random.Random, name: str) -> SimNodeGroup:
    cores = chance.choice((4, 8, 16))
    size = Resources(cores * 1000, cores * 4096, 200_000, chance.choice((0, 0, 0, 2)), 20)
    busy = Resources(chance.choice((0, 1000)), 1024, 0, 0, 3)
    return SimNodeGroup(name, chance.randint(1, 3), size, busy, gpu_resource="nvidia.com/gpu" if size.gpus else "")


def _owner(chance: random.Random, groups: tuple[SimNodeGroup, ...], storm_s: float) -> Owner:
    group = chance.choice(groups)
    request = Resources(int(group.size.cpu_milli * chance.choice((0.3, 0.7))), 1024)
    at, lasts_s = chance.uniform(0, storm_s), float(chance.randrange(60, 200))
    return Owner(at, group.name, chance.randint(1, 2), request, lasts_s)


def _batch(chance: random.Random, storm_s: float) -> Batch:
    who = chance.choice(PEOPLE)
    cores = chance.choice((1, 1, 2, 4))
    request = Resources(cores * 1000, cores * chance.choice((1024, 2048)), 1024, int(chance.random() < 0.1), 1)
    runs_s = float(chance.randrange(20, 160, 10))
    return Batch(
        at=float(chance.randrange(0, int(storm_s), 5)),
        schedd=chance.choice(SCHEDDS),
        principal=who,
        count=chance.choice((1, 2, 4, 8, 12)),
        request=request,
        runs_s=runs_s,
        over_s=chance.choice((0.0, 30.0, 100.0)),
        length_s=chance.choice((0, int(runs_s * 1.3))),
        priority=chance.choice((0, 0, 5)),
        patience_s=900.0,
    )
