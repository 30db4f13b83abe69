"""SU2, SU3, SU5, SU7: how fast supply grows, how much of it counts, and that it goes."""

from __future__ import annotations

import math

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import (
    Budgets,
    Claim,
    CreateObject,
    JobLength,
    Memory,
    ObjectView,
    Outcome,
    Placement,
    Policy,
    PoolView,
    Principal,
    Ramp,
    SlotView,
    Trust,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.surge import JUST_S, trust_limit
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
    slot,
    snapshot,
    terms,
    thing,
)

ALICE = Principal("physics", "alice@b")


class Ideal:
    """A world where everything that is written runs at once and is claimed a moment later: only the ramp slows it."""

    def __init__(self, jobs: int, ramp: Ramp) -> None:
        self.jobs = jobs
        self.policy = Policy(ramp=ramp)
        self.memory = Memory(at=T0 - 5, pairs={"m1/g/": SEEN})
        self.placed: dict[str, Placement] = {}
        self.outcomes: tuple[Outcome, ...] = ()

    def cycle(self, at: float) -> int:
        """One cycle at that time; how many startds stand after it."""
        claimed = list(self.placed.values())
        idle = max(0, self.jobs - len(claimed))
        things: list[ObjectView] = [
            thing(p, pod(f"{p.object_name}-x", created_at=p.created_at, started_at=p.created_at)) for p in claimed
        ]
        slots: list[SlotView] = [
            slot(
                p,
                f"{p.object_name}-x",
                seen_at=at,
                started_at=p.created_at,
                claims=(Claim(ALICE, 1000, p.created_at),),
                unclaimed_since=None,
                free=res(0, 0, 0, pods=0),
            )
            for p in claimed
        ]
        view = member("m1", group("g", 1000), at=at)
        snap = snapshot(
            at=at,
            members=(view,),
            terms=(terms("m1", budgets=Budgets(objects_in_flight=10_000)),),
            schedds=(schedd(demand(idle=idle), seen_at=at),),
            pools=(PoolView("a", seen_at=at, slots=tuple(slots)),),
            objects=tuple(things),
            memory=self.memory,
            outcomes=self.outcomes,
        )
        plan = negotiate(snap, self.policy)
        made = [c for c in changes(snap.observation, plan) if isinstance(c, CreateObject)]
        self.outcomes = tuple(Outcome(c, "done", at, uid="u") for c in made)
        self.placed |= {c.placement.id: c.placement for c in made}
        self.memory = plan.memory
        return len(self.placed)


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 300), st.integers(1, 8), st.sampled_from([1.0, 2.5, 5.0, 10.0]))
def test_the_ramp_reaches_its_target_within_the_rules_intervals_and_never_overshoots(
    target: int, first: int, step: float
) -> None:
    """SU3: 95 % within ceil(log2(0.95 target / first)) + 1 intervals, however many cycles run in each."""
    ramp = Ramp(first=first, ramp_interval_s=10.0, max_starts=10_000)
    world = Ideal(target, ramp)
    bound = max(1, math.ceil(math.log2(max(1.0, 0.95 * target / first))) + 1)
    at, reached = T0, None
    while at < T0 + 10.0 * (bound + 5):
        standing = world.cycle(at)
        assert standing <= target
        if reached is None and standing >= 0.95 * target:
            reached = at - T0
        at += step
    assert reached is not None
    # start-up time is not the ramp's: here it is the moment in which a claimed job may still be counted as idle
    assert reached <= 10.0 * bound + JUST_S


def test_no_more_than_max_starts_begin_in_one_interval() -> None:
    world = Ideal(500, Ramp(first=8, ramp_interval_s=10.0, max_starts=20))
    before, interval = 0, []
    for step in range(20):
        standing = [world.cycle(T0 + 10 * step + second) for second in (0, 3, 6)][-1]
        interval.append(standing - before)
        before = standing
    assert max(interval) == 20


def test_trust_is_twice_what_was_claimed_and_shrinks_to_one_probe_when_nobody_came() -> None:
    assert trust_limit(None, 4) == 4
    assert trust_limit(Trust(claimed=1), 4) == 4
    assert trust_limit(Trust(claimed=9), 4) == 18
    assert trust_limit(Trust(claimed=9, unclaimed=1), 4) == 1


def test_all_classes_of_a_principal_share_its_trust_whatever_it_splits_its_jobs_into() -> None:
    classes = [demand(f"c{number}", idle=1, oldest_at=T0 - 100 + number) for number in range(6)]
    bobs = demand("d", idle=1, principal=Principal("physics", "bob@b"))
    snap = snapshot(memory=Memory(at=T0 - 5, pairs={"m1/g/": SEEN}), schedds=(schedd(*classes, bobs),))
    plan = negotiate(snap, Policy(ramp=Ramp(first=4)))
    assert {report.key: report.placed for report in plan.classes if report.placed} == dict.fromkeys(
        ("c0", "c1", "c2", "c3", "d"), 1
    )
    assert {r.key: r.why.cause for r in plan.classes if r.why} == {"c4": Cause.TRUST, "c5": Cause.TRUST}


def test_a_startd_that_ended_unclaimed_costs_trust_and_a_claim_restores_it() -> None:
    mine = held(phase="unclaimed", slot_seen_at=T0 - 30)
    over = thing(mine.placement, pod(phase="succeeded", exit_code=0), finished="complete")
    snap = snapshot(
        memory=Memory(at=T0 - 5, held=(mine,), pairs={"m1/g/": SEEN}),
        objects=(over,),
        schedds=(schedd(demand(idle=9)),),
    )
    plan = negotiate(snap, Policy())
    assert plan.memory.trust["schedd-b/physics.alice@b"].unclaimed == 1
    assert plan.classes[0].placed == 1
    assert plan.classes[0].why is not None
    assert plan.classes[0].why.cause is Cause.TRUST
    claimed = held(placement("1-2"), phase="unclaimed", slot_seen_at=T0 - 30, uid="uid-2")
    busy = slot(claimed.placement, "fs-1-2-x", claims=(Claim(ALICE, 1000, T0 - 1),), unclaimed_since=None)
    after = snapshot(
        memory=msgspec.structs.replace(plan.memory, at=T0 - 5, held=(claimed,)),
        objects=(thing(claimed.placement, pod("fs-1-2-x"), uid="uid-2"),),
        slots=(busy,),
    )
    assert negotiate(after, Policy()).memory.trust["schedd-b/physics.alice@b"].unclaimed == 0


def test_a_startd_that_ran_a_job_between_two_looks_costs_no_trust() -> None:
    mine = held(phase="unclaimed", slot_seen_at=T0 - 30)
    pairs = {"m1/g/": SEEN}
    seen = snapshot(
        memory=Memory(at=T0 - 5, held=(mine,), pairs=pairs),
        objects=(thing(mine.placement, pod()),),
        slots=(slot(mine.placement, jobs_started=1),),
        schedds=(schedd(),),
    )
    plan = negotiate(seen, Policy())
    assert plan.memory.trust["schedd-b/physics.alice@b"] == Trust(1, 0, T0)
    over = thing(mine.placement, pod(phase="succeeded", exit_code=0), finished="complete")
    after = negotiate(snapshot(memory=plan.memory, objects=(over,), at=T0 + 5), Policy())
    assert after.memory.trust["schedd-b/physics.alice@b"].unclaimed == 0


def test_a_startd_that_ends_before_the_job_would_is_not_supply_for_it() -> None:
    old = held(placement(created_at=T0 - 39_600), phase="unclaimed", slot_seen_at=T0 - 30)
    six_hours = demand(idle=1, length=JobLength(21_600, "MaxWallTimeMins"))
    snap = snapshot(
        memory=Memory(at=T0 - 5, held=(old,), pairs={"m1/g/": SEEN}),
        objects=(thing(old.placement, pod()),),
        slots=(slot(old.placement),),
        schedds=(schedd(six_hours),),
    )
    report = negotiate(snap, Policy()).classes[0]
    assert (report.served, report.placed) == (0, 1)


def test_an_unclaimed_startd_of_another_class_of_the_same_user_is_supply_where_it_fits() -> None:
    mine = held(placement(class_key="other"), phase="unclaimed", slot_seen_at=T0 - 30)
    snap = snapshot(
        memory=Memory(at=T0 - 5, held=(mine,), pairs={"m1/g/": SEEN}),
        objects=(thing(mine.placement, pod()),),
        slots=(slot(mine.placement),),
    )
    report = negotiate(snap, Policy()).classes[0]
    assert (report.served, report.placed) == (1, 0)


def test_a_job_that_was_claimed_after_its_schedd_was_asked_gets_no_second_startd() -> None:
    mine = held(phase="unclaimed", slot_seen_at=T0 - 30)
    for since, asked_at, placed in ((T0 - 1, T0 - 5, 0), (T0 - 7, T0 - 5, 0), (T0 - 60, T0 - 5, 1)):
        busy = slot(
            mine.placement, claims=(Claim(ALICE, 1000, since),), unclaimed_since=None, free=res(0, 0, 0, pods=0)
        )
        snap = snapshot(
            memory=Memory(at=T0 - 5, held=(mine,), pairs={"m1/g/": SEEN}),
            objects=(thing(mine.placement, pod()),),
            slots=(busy,),
            schedds=(schedd(demand(), seen_at=asked_at),),
        )
        report = negotiate(snap, Policy()).classes[0]
        assert (report.placed, report.served) == (placed, 1 - placed)


def test_somebody_elses_startd_is_not_supply() -> None:
    mine = held(
        placement(class_key="bobs", principal=Principal("physics", "bob@b")), phase="unclaimed", slot_seen_at=T0 - 30
    )
    snap = snapshot(
        memory=Memory(at=T0 - 5, held=(mine,), pairs={"m1/g/": SEEN}),
        objects=(thing(mine.placement, pod()),),
        slots=(slot(mine.placement),),
    )
    assert negotiate(snap, Policy()).classes[0].placed == 1


def test_a_startd_for_another_user_who_is_charged_as_the_same_principal_is_not_supply() -> None:
    """START admits the User that it was placed for, and no other of those whom a schedd's rule charges as one."""
    for user, placed in (("alice@ce2", 1), ("alice@ce1", 0)):
        mine = held(placement(class_key="other", user=user), phase="unclaimed", slot_seen_at=T0 - 30)
        snap = snapshot(
            memory=Memory(at=T0 - 5, held=(mine,), pairs={"m1/g/": SEEN}),
            objects=(thing(mine.placement, pod()),),
            slots=(slot(mine.placement),),
            schedds=(schedd(demand(user="alice@ce1")),),
        )
        plan = negotiate(snap, Policy())
        assert (plan.classes[0].placed, plan.classes[0].served) == (placed, 1 - placed)
        assert {one.placement.user for one in plan.held if one.phase == "intended"} <= {"alice@ce1"}


def test_an_idle_startd_without_demand_makes_way_sooner_when_others_wait_for_room() -> None:
    mine = held(placement(class_key="over"), phase="unclaimed", slot_seen_at=T0 - 60)
    waited = slot(mine.placement, unclaimed_since=T0 - 40, size=res(1, 1), free=res(1, 1, pods=0))
    others = demand("wait", idle=3, request=res(12, 4), principal=Principal("chem", "carol@b"))
    memory = Memory(at=T0 - 5, held=(mine,), pairs={"m1/g/": SEEN}, drops={"over": 3})
    snap = snapshot(memory=memory, objects=(thing(mine.placement, pod()),), slots=(waited,), schedds=(schedd(others),))
    assert [h.wanted for h in negotiate(snap, Policy()).held] == ["leave"]
    alone = snapshot(memory=memory, objects=(thing(mine.placement, pod()),), slots=(waited,), schedds=(schedd(),))
    assert [h.wanted for h in negotiate(alone, Policy()).held] == ["run"]


def test_a_daemonset_whose_startds_all_left_by_themselves_is_no_supply_and_goes() -> None:
    place = placement(form="startd-daemonset")
    mine = held(place, phase="unclaimed", slot_seen_at=T0 - 900, unclaimed_since=T0 - 400)
    memory = Memory(at=T0 - 5, held=(mine,), pairs={"m1/g/": SEEN})
    plan = negotiate(snapshot(memory=memory, objects=(thing(place, pod(), pod("fs-1-1-b")),)), Policy())
    assert plan.held[0].wanted == "leave"
    assert plan.classes[0].served == 0
