"""RE2: change all that a report names and the verdict changes; change a proper part of it and it does not.

Each case is a world in which one class waits, and for each fact in the way a change of the snapshot or the policy that
removes it, with a smaller change that does not go far enough where the fact has an amount.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import msgspec
import pytest

from fedsched.matchmaker.model import (
    Breaker,
    Budgets,
    ClassReport,
    ConcurrencyLimit,
    ContainerLimits,
    Group,
    JobLength,
    MemberMemory,
    MemberTerms,
    MemberView,
    Memory,
    NodeGroup,
    Order,
    Plan,
    Policy,
    PoolView,
    PrincipalTerms,
    Quota,
    Ramp,
    Ramping,
    Room,
    Snapshot,
    Spike,
    Startds,
    SurgeMemory,
    SurgeTerms,
    Taint,
    Tier,
    Trust,
    Window,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import VERDICT_ORDER, Cause
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import (
    SEEN,
    T0,
    demand,
    group,
    held,
    member,
    placement,
    pod,
    res,
    schedd,
    snapshot,
    terms,
    thing,
)

World = tuple[Snapshot, Policy]
Step = Callable[[World], World]
WIDE = Policy(ramp=Ramp(first=1000, max_starts=1000))
NONE = Resources()


class Fact(NamedTuple):
    """One thing in the way: what adds it to an open world, removes it, changes it too little (None: it has no part)."""

    causes: tuple[Cause, ...]
    add: Step
    relieve: Step
    half: Step | None = None


def base(**asked: Any) -> World:
    """One class of one job, one member with one node that has room for it, every slot seen before."""
    view = member("m1", group("g", 2, res(8, 32, 100, pods=50)))
    snap = snapshot(members=(view,), schedds=(schedd(demand("k", idle=3, **asked)),))
    return msgspec.structs.replace(snap, memory=Memory(at=T0 - 5, pairs={"m1/g/": SEEN})), WIDE


def of_terms(**changes: Any) -> Step:
    def step(world: World) -> World:
        snap, policy = world
        new: tuple[MemberTerms, ...] = tuple(msgspec.structs.replace(t, **changes) for t in snap.terms)
        return msgspec.structs.replace(snap, terms=new), policy

    return step


def of_view(change: Callable[[MemberView], MemberView]) -> Step:
    def step(world: World) -> World:
        snap, policy = world
        members = tuple(change(view) for view in snap.observation.members)
        seen = msgspec.structs.replace(snap.observation, members=members)
        return msgspec.structs.replace(snap, observation=seen), policy

    return step


def view(**changes: Any) -> Step:
    return of_view(lambda one: msgspec.structs.replace(one, **changes))


def of_group(**changes: Any) -> Step:
    def change(one: MemberView) -> MemberView:
        groups: tuple[NodeGroup, ...] = tuple(msgspec.structs.replace(g, **changes) for g in one.node_groups)
        return msgspec.structs.replace(one, node_groups=groups)

    return of_view(change)


def rooms(*free: Resources) -> Step:
    return of_group(rooms=tuple(sorted(Room(one, 1) for one in free)))


def job(**changes: Any) -> Step:
    def step(world: World) -> World:
        snap, policy = world
        views = tuple(
            msgspec.structs.replace(s, classes=tuple(msgspec.structs.replace(d, **changes) for d in s.classes))
            for s in snap.observation.schedds
        )
        seen = msgspec.structs.replace(snap.observation, schedds=views)
        return msgspec.structs.replace(snap, observation=seen), policy

    return step


def of_schedd(**changes: Any) -> Step:
    def step(world: World) -> World:
        snap, policy = world
        views = tuple(msgspec.structs.replace(s, **changes) for s in snap.observation.schedds)
        seen = msgspec.structs.replace(snap.observation, schedds=views)
        return msgspec.structs.replace(snap, observation=seen), policy

    return step


def pool(seen_at: float) -> Step:
    def step(world: World) -> World:
        snap, policy = world
        seen = msgspec.structs.replace(snap.observation, pools=(PoolView("a", seen_at=seen_at),))
        return msgspec.structs.replace(snap, observation=seen), policy

    return step


def of_policy(**changes: Any) -> Step:
    return lambda world: (world[0], msgspec.structs.replace(world[1], **changes))


def memory(**changes: Any) -> Step:
    def step(world: World) -> World:
        snap, policy = world
        return msgspec.structs.replace(snap, memory=msgspec.structs.replace(snap.memory, **changes)), policy

    return step


def orders(*kinds: tuple[str, str]) -> Step:
    """Add orders to those that stand."""

    def step(world: World) -> World:
        snap, policy = world
        more = tuple(Order(kind, target, "a reason", at=T0) for kind, target in kinds)  # type: ignore[arg-type]  # literals
        return msgspec.structs.replace(snap, orders=(*snap.orders, *more)), policy

    return step


def lift(kind: str) -> Step:
    def step(world: World) -> World:
        snap, policy = world
        kept = tuple(order for order in snap.orders if order.kind != kind)
        return msgspec.structs.replace(snap, orders=kept), policy

    return step


def quota(cores: int) -> Step:
    full = Quota("compute", Resources(cpu_milli=cores), frozenset({"cpu_milli"}))
    return view(quotas=(full,))


def ceiling(gib: int) -> Step:
    return of_terms(ceiling=Resources(memory_mib=gib * 1024), ceiling_names=frozenset({"memory_mib"}))


def capped(cores: int) -> Step:
    limit = ContainerLimits("caps", Resources(cpu_milli=cores), frozenset({"cpu_milli"}), NONE, frozenset())
    return view(limits=(limit,))


def closed(until: float) -> Step:
    return memory(pairs={"m1/g/": msgspec.structs.replace(SEEN, failures=3, closed_until=until)})


def silent(state: str) -> Step:
    silent_for_s = 890.0 if state == "unreachable" else 1000.0
    gone = MemberMemory(state=state, since=T0 - 900, good_at=T0 - 900, silent_for_s=silent_for_s)  # type: ignore[arg-type]  # literals
    return lambda world: memory(members={"m1": gone})(view(contact="timeout", contact_at=T0, seen_at=T0 - 900)(world))


def answers(world: World) -> World:
    good = MemberMemory(state="ready", since=T0, good_at=T0, good_reads=5)
    return memory(members={"m1": good})(view(contact="ok", contact_at=T0, seen_at=T0)(world))


def all_of(*steps: Step) -> Step:
    def step(world: World) -> World:
        for one in steps:
            world = one(world)
        return world

    return step


def share(path: str, **said: Any) -> Step:
    """The policy has that group, beside those that it has."""

    def step(world: World) -> World:
        snap, policy = world
        others = tuple(one for one in policy.groups if one.path != path)
        return snap, msgspec.structs.replace(policy, groups=(*others, Group(path, **said)))

    return step


def cores(most: float) -> dict[str, Any]:
    return {"quota": Resources(cpu_milli=int(most * 1000)), "quota_names": frozenset({"cpu_milli"})}


def tiers(**rented: Any) -> Step:
    """The member is in the second tier."""
    return of_policy(tiers=(Tier("own", 0, members=("none",)), Tier("rented", 1, **rented)))


def leaks(most: int) -> Step:
    return of_policy(surge=SurgeTerms(max_leak=most))


def rests(until: float) -> Step:
    return memory(breakers={"k|m1": Breaker(5, until, "crashed exit 1", 1, last_at=T0 - 5)})


def probe(*, seen: bool) -> Step:
    """One of another user's is the first startd there; its slot was seen or not."""
    first = placement("9-1", class_key="other", principal=demand().principal, schedd="elsewhere", probe=True)
    stands = held(first, "starting", slot_seen_at=T0 - 1 if seen else None)
    remembered = memory(pairs={"m1/g/": SEEN} if seen else {}, held=(stands,))

    def step(world: World) -> World:
        snap, policy = remembered(world)
        waits = thing(first, pod("fs-9-1-abcde", "pending", started_at=None))
        observation = msgspec.structs.replace(snap.observation, objects=(waits,))
        return msgspec.structs.replace(snap, observation=observation), policy

    return step


JOB = res(4, 8)
EIGHT = res(8, 32, 100, pods=50)
LIMITS = (ConcurrencyLimit("licence", 0),)
FACTS: dict[str, Fact] = {
    "no room": Fact(
        (Cause.NO_ROOM,),
        rooms(res(2, 32, 100, pods=50)),
        rooms(res(4, 32, 100, pods=50)),
        rooms(res(3, 32, 100, pods=50)),
    ),
    "scattered": Fact(
        (Cause.FRAGMENTED,), rooms(res(2, 32, 100, pods=50), res(2, 31, 100, pods=50)), rooms(EIGHT, NONE)
    ),
    "no cores and no memory": Fact(
        (Cause.NO_ROOM, Cause.NO_ROOM),
        rooms(res(2, 4, 100, pods=50)),
        rooms(res(4, 9, 100, pods=50)),
        rooms(res(4, 4, 100, pods=50)),
    ),
    "kept free": Fact(
        (Cause.LEAVE_FREE,),
        of_terms(leave_free=(("g", Resources(cpu_milli=14_000)),)),
        of_terms(leave_free=(("g", Resources(cpu_milli=12_000)),)),
        of_terms(leave_free=(("g", Resources(cpu_milli=13_000)),)),
    ),
    "quota": Fact((Cause.QUOTA_FULL,), quota(2000), quota(4000), quota(3000)),
    "ceiling": Fact((Cause.CEILING_REACHED,), ceiling(4), ceiling(9), ceiling(6)),
    "trial": Fact((Cause.TRIAL_FULL,), of_terms(mode="trial", trial=0), of_terms(mode="on")),
    "in flight": Fact(
        (Cause.BUDGET,), of_terms(budgets=Budgets(objects_in_flight=0)), of_terms(budgets=Budgets(objects_in_flight=1))
    ),
    "backing off": Fact((Cause.BACKING_OFF,), closed(T0 + 100), closed(T0 - 1), closed(T0 + 50)),
    "silent": Fact((Cause.MEMBER_SILENT,), silent("unreachable"), answers, view(contact="timeout", seen_at=T0 - 900)),
    "lost": Fact((Cause.MEMBER_LOST,), silent("lost"), answers),
    "stale capacity": Fact((Cause.STALE,), view(seen_at=T0 - 300), view(seen_at=T0), view(seen_at=T0 - 150)),
    "no anchor": Fact((Cause.STALE,), view(anchor_uid=""), view(anchor_uid="again")),
    "stale schedd": Fact(
        (Cause.SCHEDD_STALE,), of_schedd(seen_at=T0 - 600), of_schedd(seen_at=T0), of_schedd(seen_at=T0 - 300)
    ),
    "stale pool": Fact((Cause.STALE,), pool(T0 - 600), pool(T0), pool(T0 - 300)),
    "ramp": Fact(
        (Cause.RAMP,),
        memory(ramps={"k": Ramping(allowance=4, until=T0 + 20, used=4)}),
        memory(ramps={"k": Ramping(allowance=4, until=T0 + 20, used=3)}),
    ),
    "principal's ceiling": Fact(
        (Cause.PRINCIPAL_CEILING,),
        of_policy(principals=(PrincipalTerms("*", ceiling=0.01),)),
        of_policy(principals=(PrincipalTerms("*", ceiling=100.0),)),
        of_policy(principals=(PrincipalTerms("*", ceiling=0.02),)),
    ),
    "concurrency limit": Fact(
        (Cause.CONCURRENCY_LIMIT,),
        lambda world: job(concurrency=(("licence", 2),))(of_policy(limits=LIMITS)(world)),
        of_policy(limits=(ConcurrencyLimit("licence", 2),)),
        of_policy(limits=(ConcurrencyLimit("licence", 1),)),
    ),
    "cordon": Fact((Cause.CORDONED,), orders(("cordon", "m1")), lift("cordon")),
    "drain": Fact((Cause.DRAINING,), orders(("drain", "m1")), lift("drain")),
    "pause": Fact((Cause.PAUSED,), orders(("pause", "*")), lift("pause")),
    "deny": Fact((Cause.DENIED,), orders(("deny", "physics.*")), lift("deny")),
    "observe": Fact((Cause.OBSERVE_ONLY,), of_terms(mode="observe"), of_terms(mode="on")),
    "nodes cordoned": Fact((Cause.NODES_CORDONED,), of_group(cordoned=2), of_group(cordoned=0)),
    "clause": Fact(
        (Cause.REQUIREMENTS,),
        job(requirements='TARGET.Arch == "aarch64" && TARGET.Memory > 0'),
        job(requirements="TARGET.Memory > 0"),
    ),
    "member's requirements": Fact(
        (Cause.REQUIREMENTS,), of_terms(requirements="TARGET.RequestCpus < 2"), of_terms(requirements="")
    ),
    "too small": Fact(
        (Cause.NODE_TOO_SMALL,),
        of_group(allocatable=res(2, 32, 100, pods=50)),
        of_group(allocatable=EIGHT),
        of_group(allocatable=res(3, 32, 100, pods=50)),
    ),
    "principal": Fact(
        (Cause.PRINCIPAL_REFUSED,), of_terms(principals=("bio.*",)), of_terms(principals=("bio.*", "physics.*"))
    ),
    "image": Fact(
        (Cause.IMAGE_REFUSED,),
        lambda world: job(image="x/y:1")(of_terms(images=("z/*",))(world)),
        of_terms(images=("z/*", "x/*")),
    ),
    "taint": Fact((Cause.TAINTED,), of_group(barred=(Taint("dedicated", "other", "NoSchedule"),)), of_group(barred=())),
    "form": Fact((Cause.FORM_REFUSED,), of_terms(forms=()), of_terms(forms=("startd-job",))),
    "pool": Fact((Cause.FORM_REFUSED,), of_terms(pools=("z",)), of_terms(pools=("z", "a"))),
    "length": Fact(
        (Cause.TOO_LONG,),
        lambda world: job(length=JobLength(7200, "AllowedJobDuration"))(of_terms(max_lifetime_s=3600)(world)),
        of_terms(max_lifetime_s=7320),  # its startd joins first: two minutes
        of_terms(max_lifetime_s=7319),
    ),
    "limit range": Fact((Cause.ADMISSION_REFUSED,), capped(1000), capped(4000), capped(3000)),
    "tier closed": Fact((Cause.TIER_CLOSED,), tiers(dwell_s=120.0), tiers(dwell_s=0.0), tiers(dwell_s=1.0)),
    "tier window": Fact(
        (Cause.TIER_WINDOW,),
        tiers(windows=(Window(ends_at=T0 + 100),)),
        tiers(windows=(Window(ends_at=T0 + 1200),)),  # the job and twice its startd's idle time
        tiers(windows=(Window(ends_at=T0 + 1199),)),
    ),
    "budget": Fact(
        (Cause.BUDGET_SPENT,),
        all_of(of_terms(price_per_core_hour=1.0), tiers(budget=1.0)),
        tiers(budget=1.4),  # four cores for 1,260 s, its end included
        tiers(budget=1.39),
    ),
    "group's budget": Fact(
        (Cause.BUDGET_SPENT,),
        all_of(of_terms(price_per_core_hour=1.0), share("physics", budget=1.0)),
        share("physics", budget=1.4),
        share("physics", budget=1.39),
    ),
    "failing fast": Fact((Cause.FAILING_FAST,), rests(T0 + 100), memory(breakers={}), rests(T0 + 50)),
    "leaked": Fact(
        (Cause.LEAKED,),
        all_of(memory(surge=SurgeMemory(spikes=(Spike("s1", T0 - 500, leaks=(("k", 20),)),))), leaks(10)),
        leaks(20),
        leaks(19),
    ),
    "probing": Fact((Cause.PROBING,), probe(seen=False), probe(seen=True)),
    "credential": Fact((Cause.CREDENTIAL,), view(contact="unauthorized"), view(contact="ok")),
    "group's quota": Fact(
        (Cause.GROUP_QUOTA,),
        share("physics", **cores(2)),
        share("physics", **cores(4)),
        share("physics", **cores(3.9)),
    ),
    "group's fraction": Fact(
        (Cause.GROUP_QUOTA,),
        share("physics", quota_fraction=0.1),
        share("physics", quota_fraction=0.25),
        share("physics", quota_fraction=0.24),
    ),
    "group's limit": Fact(
        (Cause.GROUP_LIMIT,),
        share("physics", limit=Resources(cpu_milli=2000), limit_names=frozenset({"cpu_milli"})),
        share("physics", limit=Resources(cpu_milli=4000), limit_names=frozenset({"cpu_milli"})),
        share("physics", limit=Resources(cpu_milli=3999), limit_names=frozenset({"cpu_milli"})),
    ),
    "borrowing": Fact(
        (Cause.GROUP_BORROW,),
        share("physics", **cores(2), accept_surplus=True, borrow=1.0),
        share("physics", **cores(2), accept_surplus=True, borrow=2.0),
        share("physics", **cores(2), accept_surplus=True, borrow=1.9),
    ),
    "not lent": Fact(
        (Cause.NOT_LENT,),
        share("biology", **cores(14), lend=0.0, accept_surplus=True),
        share("biology", **cores(14), lend=0.2, accept_surplus=True),
        share("biology", **cores(14), lend=0.1, accept_surplus=True),
    ),
    "gate": Fact((Cause.EXPRESSION_REFUSED,), job(gate="2,001 terms"), job(gate="")),
}


def decide(world: World) -> tuple[Plan, ClassReport]:
    plan = negotiate(*world)
    return plan, plan.classes[0]


def standing(world: World) -> tuple[int, int]:
    """(Which of MA3's answers, startds begun): it changed when one of the two is larger."""
    plan, report = decide(world)
    return VERDICT_ORDER[report.verdict], sum(1 for held in plan.held if held.phase == "intended")


def named(report: ClassReport) -> list[Cause]:
    assert report.why is not None
    return sorted([report.why.cause, *(reason.cause for reason in report.also)])


def built(*names: str) -> World:
    world = base(request=JOB)
    for name in names:
        world = FACTS[name].add(world)
    return world


def relieved(world: World, *names: str) -> World:
    for name in names:
        world = FACTS[name].relieve(world)
    return world


def test_without_any_fact_in_the_way_everything_is_placed() -> None:
    _, report = decide(base(request=JOB))
    assert (report.placed, report.unmet, report.why) == (3, 0, None)


@pytest.mark.parametrize("name", FACTS)
def test_one_fact_in_the_way_is_named_alone_and_removing_it_changes_the_verdict(name: str) -> None:
    fact, world = FACTS[name], built(name)
    _, report = decide(world)
    assert report.unmet == 3
    assert named(report) == sorted(fact.causes)
    assert standing(relieved(world, name)) > standing(world)


@pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if fact.half])
def test_changing_a_fact_too_little_changes_nothing(name: str) -> None:
    fact, world = FACTS[name], built(name)
    assert fact.half
    assert standing(fact.half(world)) == standing(world)


NOW = [
    *("no room", "kept free", "quota", "ceiling", "in flight", "backing off", "no anchor", "stale schedd", "ramp"),
    *("principal's ceiling", "concurrency limit", "trial", "failing fast", "credential", "leaked", "tier window"),
]
"""Facts that say "not now" and change different things, so that any of them can be in the way together."""
ORDERS = ("cordon", "drain", "pause", "deny", "nodes cordoned")
EVER = ("clause", "too small", "principal", "image", "length", "limit range")
PAIRS = [pair for kind in (NOW, ORDERS, EVER) for pair in combinations(kind, 2)]
APART = {frozenset({"kept free", "no room"})}
"""Not independent: room that is missing is missing beside what stays free."""


@pytest.mark.parametrize("pair", [p for p in PAIRS if frozenset(p) not in APART], ids="+".join)
def test_two_facts_that_block_together_are_both_named_and_only_both_together_help(pair: tuple[str, str]) -> None:
    world = built(*pair)
    _, report = decide(world)
    assert named(report) == sorted(FACTS[pair[0]].causes + FACTS[pair[1]].causes)
    now = standing(world)
    for one in pair:
        assert standing(relieved(world, one)) == now
    assert standing(relieved(world, *pair)) > now


def test_never_cordoned_and_not_now_are_answered_in_that_order() -> None:
    """MA3: what stands in the way for ever is told before what a person lifts, and that before what passes."""
    world = built("no room", "cordon", "clause")
    assert named(decide(world)[1]) == [Cause.REQUIREMENTS]
    world = relieved(world, "clause")
    assert named(decide(world)[1]) == [Cause.CORDONED]
    assert named(decide(relieved(world, "cordon"))[1]) == [Cause.NO_ROOM]


def test_where_one_member_needs_two_changes_and_another_one_the_one_is_named() -> None:
    snap, policy = base(request=JOB)
    full = Quota("compute", NONE, frozenset({"cpu_milli"}))
    both = member("m1", group("g", 1, res(8, 32, 100, pods=50), rooms=(Room(res(1), 1),)), quotas=(full,))
    one = member("m2", group("g", 1, res(8, 32, 100, pods=50), rooms=(Room(res(1, 32, 100, pods=9), 1),)))
    seen = msgspec.structs.replace(snap.observation, members=(both, one))
    pairs = {"m1/g/": SEEN, "m2/g/": SEEN}
    world = msgspec.structs.replace(
        snap, observation=seen, terms=(terms("m1"), terms("m2")), memory=Memory(at=T0 - 5, pairs=pairs)
    )
    _, report = decide((world, policy))
    assert report.why
    assert (report.why.cause, report.why.member, report.also) == (Cause.NO_ROOM, "m2", ())


def test_a_principal_that_has_to_claim_first_is_told_so_and_a_claim_helps() -> None:
    """SU7: trust is in memory; what was claimed lately allows twice as many."""
    snap, _ = base(request=JOB)
    policy = Policy(ramp=Ramp(first=1, max_starts=1000))
    wary = msgspec.structs.replace(
        snap.memory, trust={"schedd-b/physics.alice@b": Trust(claimed=0, unclaimed=1, at=T0 - 5)}
    )
    _, report = decide((msgspec.structs.replace(snap, memory=wary), policy))
    assert report.unmet == 2
    assert report.why
    assert report.why.cause in {Cause.TRUST, Cause.RAMP}


def test_members_that_fall_silent_together_freeze_all_and_that_is_the_reason() -> None:
    """FA2."""
    views = tuple(member(f"m{i}", contact="timeout", seen_at=T0 - 900, contact_at=T0) for i in range(3))
    good = {f"m{i}": MemberMemory(good_at=T0 - 61, contact_seen=T0 - 61) for i in range(3)}
    snap = msgspec.structs.replace(
        snapshot(members=views, schedds=(schedd(demand("k", idle=3)),)), memory=Memory(at=T0 - 5, members=good)
    )
    report = decide((snap, WIDE))[1]
    assert report.why
    assert report.why.cause in {Cause.FROZEN, Cause.STALE, Cause.MEMBER_SILENT}


def test_what_ends_a_class_everywhere_is_named_alone_although_the_best_place_is_full() -> None:
    """RE2: with the next step of the ramp it would start at the other member."""
    snap, policy = base(request=JOB)
    full = member("m1", group("g", 1, res(8, 32, 100, pods=50), rooms=(Room(res(1, 32, 100, pods=9), 1),)))
    free = member("m2", group("g", 1, res(8, 32, 100, pods=50)))
    seen = msgspec.structs.replace(snap.observation, members=(full, free))
    past = Memory(
        at=T0 - 5, pairs={"m1/g/": SEEN, "m2/g/": SEEN}, ramps={"k": Ramping(allowance=4, until=T0 + 20, used=4)}
    )
    world = msgspec.structs.replace(snap, observation=seen, terms=(terms("m1"), terms("m2")), memory=past)
    assert named(decide((world, policy))[1]) == [Cause.RAMP]


BOTH = frozenset({"cpu_milli", "memory_mib"})
KEEPS = {**cores(5), "lend": 0.0, "accept_surplus": True}
SEVERAL: dict[str, tuple[Step, tuple[Step, ...], Cause]] = {
    "cores and memory of a group's limit": (
        share("physics", limit=Resources(2000, 4096), limit_names=BOTH),
        (
            share("physics", limit=Resources(8000, 4096), limit_names=BOTH),
            share("physics", limit=Resources(2000, 32_768), limit_names=BOTH),
            share("physics", limit=Resources(8000, 32_768), limit_names=BOTH),
        ),
        Cause.GROUP_LIMIT,
    ),
    "two limits of licences": (
        all_of(
            job(concurrency=(("licence", 1), ("tape", 1))),
            of_policy(limits=(ConcurrencyLimit("licence", 0), ConcurrencyLimit("tape", 0))),
        ),
        (
            of_policy(limits=(ConcurrencyLimit("licence", 9), ConcurrencyLimit("tape", 0))),
            of_policy(limits=(ConcurrencyLimit("licence", 0), ConcurrencyLimit("tape", 9))),
            of_policy(limits=()),
        ),
        Cause.CONCURRENCY_LIMIT,
    ),
    "two of three that do not lend": (
        all_of(job(request=res(8, 31)), *(share(path, **KEEPS) for path in ("biology", "chemistry", "geology"))),
        (
            share("biology", **cores(5), lend=1.0, accept_surplus=True),
            share("chemistry", **cores(5), lend=1.0, accept_surplus=True),
            all_of(*(share(path, **cores(5), lend=1.0, accept_surplus=True) for path in ("biology", "chemistry"))),
        ),
        Cause.NOT_LENT,
    ),
    "a tier's budget and its group's": (
        all_of(of_terms(price_per_core_hour=1.0), tiers(budget=1.0), share("physics", budget=1.0)),
        (tiers(budget=9.0), share("physics", budget=9.0), all_of(tiers(budget=9.0), share("physics", budget=9.0))),
        Cause.BUDGET_SPENT,
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_every_bound_in_the_way_is_named_and_only_all_together_help(name: str) -> None:
    add, (one, other, both), cause = SEVERAL[name]
    world = add(base(request=JOB))
    assert named(decide(world)[1]) == [cause, cause]
    now = standing(world)
    assert standing(one(world)) == standing(other(world)) == now
    assert standing(both(world)) > now


def test_trust_and_growth_that_are_both_used_up_are_both_named() -> None:
    """SU3, SU7."""
    snap, _ = base(request=JOB)
    policy = Policy(ramp=Ramp(first=1, max_starts=1))
    wary = msgspec.structs.replace(
        snap.memory, trust={"schedd-b/physics.alice@b": Trust(claimed=0, unclaimed=1, at=T0 - 5)}
    )
    _, report = decide((msgspec.structs.replace(snap, memory=wary), policy))
    assert set(named(report)) >= {Cause.TRUST, Cause.RAMP}


def test_where_a_packed_startd_is_too_much_for_a_bound_one_job_starts_alone() -> None:
    """FS7: what a quota has left for one job is used."""
    packs = msgspec.structs.replace(WIDE, startds=Startds(pack_cpu_milli=8000))
    plan, report = decide((quota(4000)(base(request=JOB))[0], packs))
    assert [one.placement.units for one in plan.held] == [1]
    assert (report.placed, named(report)) == (1, [Cause.QUOTA_FULL])


def test_where_admission_takes_no_packed_startd_one_job_starts_alone() -> None:
    packs = msgspec.structs.replace(WIDE, startds=Startds(pack_cpu_milli=8000))
    plan, report = decide((capped(4000)(base(request=JOB))[0], packs))
    assert [one.placement.units for one in plan.held] == [1, 1, 1]
    assert report.unmet == 0


def test_no_more_room_is_asked_for_than_one_job_needs_although_startds_are_packed() -> None:
    packs = msgspec.structs.replace(WIDE, startds=Startds(pack_cpu_milli=8000))
    world = rooms(res(2, 32, 100, pods=50))(base(request=JOB))[0], packs
    assert decide(world)[1].why is not None
    assert standing(rooms(res(4, 32, 100, pods=50))(world)) > standing(world)
    why = decide(world)[1].why
    assert why is not None
    assert why.need == "4 cores"


def test_what_a_member_requires_counts_where_the_job_asks_for_what_only_a_slot_can_tell() -> None:
    """MA6: a probe would tell of the tape, and the site would not have the job all the same."""
    world = all_of(
        memory(pairs={}), of_terms(requirements="TARGET.RequestCpus < 2"), job(requirements="TARGET.HasTape =?= true")
    )(base(request=JOB))
    plan, report = decide(world)
    assert plan.held == ()
    assert named(report) == [Cause.REQUIREMENTS]
    assert report.why is not None
    assert report.why.source == "the member's file"
    assert standing(of_terms(requirements="")(world)) > standing(world)


def test_a_clause_that_only_a_slot_can_judge_is_not_named_beside_one_that_is_false() -> None:
    world = all_of(memory(pairs={}), job(requirements="TARGET.HasTape =?= true && TARGET.Memory >= 999999"))(
        base(request=JOB)
    )
    _, report = decide(world)
    assert [reason.what for reason in (report.why, *report.also) if reason] == ["TARGET.Memory >= 999999"]
    assert standing(job(requirements="TARGET.HasTape =?= true")(world)) > standing(world)


def test_all_that_rules_out_a_class_whose_expression_is_refused_is_named_with_it() -> None:
    world = all_of(job(gate="2,001 terms"), of_terms(principals=("bio.*",), requirements="TARGET.RequestCpus < 2"))(
        base(request=JOB)
    )
    assert named(decide(world)[1]) == sorted([Cause.EXPRESSION_REFUSED, Cause.PRINCIPAL_REFUSED, Cause.REQUIREMENTS])


def growing(room: Resources) -> World:
    """m2 brings a node for the class already, and could bring no other; m1 could, and has so much free."""
    whole = res(8, 32, 100, pods=50)
    m1 = member("m1", group("g", 1, whole, rooms=(Room(room, 1),), can_grow_to=3))
    m2 = member("m2", group("g", 1, whole, rooms=(Room(NONE, 1),), can_grow_to=2))
    size = msgspec.structs.replace(res(8, 24), pods=1)
    grows = placement("9-1", "m2", class_key="k", size=size, growth=True, schedd="schedd-b")
    snap = snapshot(
        members=(m1, m2),
        schedds=(schedd(demand("k", idle=3, request=res(8, 24))),),
        objects=(thing(grows, pod("fs-9-1-abcde", "pending", node="", started_at=None)),),
    )
    past = Memory(at=T0 - 5, pairs={"m1/g/": SEEN, "m2/g/": SEEN}, held=(held(grows, "starting"),))
    return msgspec.structs.replace(snap, memory=past), WIDE


def test_a_class_for_which_another_member_grows_is_told_so_and_room_there_helps() -> None:
    """S7."""
    world = growing(res(2, 32, 100, pods=50))
    _, report = decide(world)
    assert (report.served, report.unmet) == (1, 2)
    assert named(report) == [Cause.GROWTH_ASKED]
    assert standing(growing(res(8, 32, 100, pods=50))) > standing(world)


def test_a_place_that_could_not_grow_any_more_is_not_said_to_be_full_where_it_is_not() -> None:
    """S7, RE2: what keeps the class is its group, and nothing of the place."""
    full_grown = of_group(can_grow_to=2)
    world = all_of(full_grown, share("physics", **cores(2)))(base(request=JOB))
    assert named(decide(world)[1]) == [Cause.GROUP_QUOTA]
    growable = all_of(of_group(can_grow_to=3), share("physics", **cores(2)))(base(request=JOB))
    assert named(decide(growable)[1]) == [Cause.GROUP_QUOTA]
