"""What a run came to, from a few cycles whose numbers are worked out by hand beside them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.journal import Recorded
from fedsched.matchmaker.model import (
    Claim,
    ClassReport,
    Held,
    MemberTerms,
    Memory,
    Plan,
    Principal,
    Room,
    ShareLine,
    SlotView,
    Snapshot,
    Spike,
    SurgeMemory,
)
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.sim.scenario import Scenario, SimMember, SimNodeGroup
from fedsched.sim.world import SimWorld
from fedsched.study.losses import Loss
from fedsched.study.moment import Share, moment
from fedsched.study.numbers import MEANINGS, numbers
from fedsched.study.watch import Watch
from tests.matchmaker.builders import (
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
    thing,
)

ANN = Principal("physics", "ann@site")
HOUR = 3600.0


def watch() -> Watch:
    nodes = SimNodeGroup("g", 1, res(8, 32, 100, pods=110))
    return Watch(SimWorld(Scenario((SimMember(MemberTerms("m1", mode="on"), (nodes,)),), begins=T0)))


def cycle(at: float = 0.0, *, plan: dict[str, Any] | None = None, **seen: Any) -> Recorded:
    """One cycle so many seconds after the beginning."""
    look: Snapshot = snapshot(at=T0 + at, **seen)
    made: dict[str, Any] = {"cycle": 1, "at": T0 + at, "held": (), "classes": (), "memory": Memory(), **(plan or {})}
    return Recorded(look, Plan(**made))


def short(key: str, idle: int, unmet: int, cause: Cause = Cause.NO_ROOM) -> ClassReport:
    why = Reason(cause) if unmet else None
    return ClassReport(key, idle, idle - unmet, 0, unmet, Verdict.NOT_NOW if unmet else Verdict.NOW, why)


def line(path: str, entitled: int, held_: int, wanted: int) -> ShareLine:
    return ShareLine(path, path.partition("/")[0], entitled=entitled, held=held_, demand=wanted)


def startd(name: str, phase: str = "claimed", **more: Any) -> Held:
    return held(placement(name, size=res(2)), phase, **more)


def jobs_slot(name: str, *jobs: str, since: float = 0.0, seen_at: float = 0.0) -> SlotView:
    claims = tuple(Claim(ANN, 2000, T0 + since, job, "schedd-b") for job in jobs)
    return slot(placement(name), f"fs-{name}-abc", claims=claims, seen_at=T0 + seen_at)


def test_demand_is_what_waits_and_what_runs_in_cores() -> None:
    """Five jobs of 4 cores wait and three run; two of those that wait have nothing on its way: 32 cores, 8 unmet."""
    classes = (demand("big", 5, res(4), running=3),)
    seen = moment(cycle(schedds=(schedd(*classes),), plan={"classes": (short("big", 5, 2),)}))
    assert (seen.idle_jobs, seen.idle, seen.wanted) == (5, 20, 32)
    assert (seen.unmet_jobs, seen.unmet) == (2, {"no-room": 8})
    assert seen.short_of_room


@pytest.mark.parametrize("cause", [Cause.RAMP, Cause.PROBING, Cause.TRUST, Cause.REQUIREMENTS, Cause.PAUSED])
def test_who_waits_for_no_room_does_not_make_a_cycle_contended(cause: Cause) -> None:
    report = short("c1", 3, 3, cause)
    seen = moment(cycle(plan={"classes": (msgspec.structs.replace(report, verdict=Reason(cause).verdict),)}))
    assert seen.unmet_jobs == 3
    assert not seen.short_of_room


def test_supply_is_told_by_phase_in_cores_and_what_is_gone_is_none() -> None:
    standing = (
        startd("1", "claimed"),
        startd("2", "claimed"),
        startd("3", "unclaimed"),
        startd("4", "intended"),
        startd("5", "starting"),
        startd("6", "leaving"),
        startd("7", "gone"),
    )
    seen = moment(cycle(plan={"held": standing}))
    assert seen.supply == {"claimed": 4, "unclaimed": 2, "starting": 4, "leaving": 2}
    assert seen.startds_claimed == 2


def test_a_groups_share_is_the_sum_of_its_principals_and_short_is_only_who_wants_more() -> None:
    """Ann is 3 short of 5; Ben has a right to 4 but wants 1 and has it; Eve has more than her right."""
    lines = (
        line("physics", 9000, 3000, 9000),
        line("physics/ann@site", 5000, 2000, 9000),
        line("physics/ben@site", 4000, 1000, 1000),
        line("biology/eve@site", 2000, 6000, 7000),
    )
    seen = moment(cycle(plan={"shares": lines}))
    assert seen.shares == {"physics": Share(3, 9, 10, 3), "biology": Share(6, 2, 7, 0)}


def test_a_member_offers_what_others_leave_and_what_ours_hold() -> None:
    """Three nodes with 8, 8 and 5 cores free, and one pod of ours of 2 cores on a node, of which a job holds 1."""
    nodes = group("g", 3)
    nodes = msgspec.structs.replace(nodes, rooms=(Room(res(8), 2), Room(res(5), 1)))
    place = placement("1", size=res(2))
    objects = (thing(place, pod()), thing(placement("2", size=res(2)), pod(node="")))
    standing = (held(place, "claimed", claimed_cpu_milli=1000),)
    seen = moment(cycle(members=(member("m1", nodes),), objects=objects, plan={"held": standing}))
    assert seen.rooms["m1"] == (23, 2, 1)


def test_what_a_cycle_saw_counts_until_the_next_one() -> None:
    """Half an hour with 4 cores unmet and physics 1 short of 4, then half an hour with nothing."""
    seen = watch()
    classes, lines = (demand("c1", 2, res(2)),), (line("physics/ann@site", 4000, 3000, 9000),)
    seen.see(cycle(0, schedds=(schedd(*classes),), plan={"classes": (short("c1", 2, 2),), "shares": lines}))
    seen.see(cycle(HOUR / 2))
    seen.world.sleep(HOUR)
    seen.close()
    found = numbers(seen, ())
    assert found["unmet_core_hours"] == found["unmet.no-room"] == 2.0
    assert found["fairness_error_core_hours"] == 0.5
    assert found["fairness_error"] == found["fairness_error.physics"] == 0.25
    assert found["contended_cycles"] == found["contended_h"] == 0.5
    assert (found["peak_idle_jobs"], found["peak_wanted_cores"]) == (2, 4)


def test_utilisation_is_of_what_was_offered_over_time() -> None:
    """8 cores for an hour; jobs hold 2 in the first half and none in the second: an eighth."""
    seen = watch()
    nodes = msgspec.structs.replace(group("g", 1), rooms=(Room(res(6), 1),))
    place = placement("1", size=res(2))
    claimed = (held(place, "claimed", claimed_cpu_milli=2000),)
    seen.see(cycle(0, members=(member("m1", nodes),), objects=(thing(place, pod()),), plan={"held": claimed}))
    seen.see(cycle(HOUR / 2, members=(member("m1", group("g", 1)),)))
    seen.world.sleep(HOUR)
    seen.close()
    found = numbers(seen, ())
    assert found["utilisation"] == found["utilisation.m1"] == pytest.approx(1 / 8)
    assert (found["offered_core_hours"], found["claimed_core_hours"], found["use_of_held"]) == (8, 1, 1)


def test_a_pod_is_paid_from_its_start_to_its_end_whoever_used_it() -> None:
    """3 an hour: one ran from 0:00 to 0:20 and is gone from the plan, one since 0:30 and is looked at at 1:00."""
    seen = watch()
    first = held(placement("1", price_per_hour=3.0), "claimed", pod_started_at=T0, claimed_at=T0 + 60)
    over = msgspec.structs.replace(first, phase="gone", since=T0 + 1200)
    second = held(placement("2", price_per_hour=3.0), "unclaimed", pod_started_at=T0 + 1800, why=Reason(Cause.IDLE))
    for at, standing in ((0, (first,)), (1260, (over,)), (1800, (second,)), (3600, (second,))):
        seen.see(cycle(at, plan={"held": standing}))
    assert seen.placed.cost == {"m1": pytest.approx(1.0 + 1.5)}
    assert (seen.placed.written, seen.placed.claimed, seen.placed.never_claimed) == (2, 1, {"idle": 1})


def test_a_job_that_loses_its_slot_is_counted_with_its_work_and_the_cause() -> None:
    """Job 1.0 runs on 2 cores since 0:00, is seen until 0:30 and then not, as its startd yielded: one core-hour."""
    seen = watch()
    told = startd("1", "leaving", wanted="vacate", why=Reason(Cause.PREEMPTED))
    seen.see(cycle(0, slots=(jobs_slot("1", "1.0"),), plan={"held": (startd("1"),)}))
    seen.see(cycle(HOUR / 2, slots=(jobs_slot("1", "1.0", seen_at=HOUR / 2),), plan={"held": (told,)}))
    seen.see(cycle(HOUR / 2 + 60, plan={"held": (told,)}))
    assert seen.losses.by_cause == {"preempted": Loss(1, 1.0)}


def test_a_job_that_begins_anew_on_the_same_name_was_evicted_once() -> None:
    seen = watch()
    lost = startd("1", "gone", failure=Reason(Cause.POD_LOST))
    seen.see(cycle(0, slots=(jobs_slot("1", "1.0"),), plan={"held": (startd("1"),)}))
    again = (jobs_slot("2", "1.0", since=60, seen_at=60),)
    seen.see(cycle(60, slots=again, plan={"held": (lost, startd("2"))}))
    seen.see(cycle(120, slots=again, plan={"held": (startd("2"),)}))
    assert seen.losses.by_cause == {"pod-lost": Loss(1, 0.0)}


def test_a_spikes_ramp_is_the_time_until_jobs_held_half_of_the_most() -> None:
    seen = watch()
    spike = Spike("s1", T0, peak=8.0)
    memory = Memory(surge=SurgeMemory(spikes=(spike,)))
    for minute, cores in enumerate((0, 2, 4, 10, 10, 10)):
        standing = (held(placement("1", size=res(10)), "claimed", claimed_cpu_milli=1000 * cores),)
        seen.see(cycle(60.0 * minute, plan={"held": standing, "memory": memory}))
    (ramp,) = seen.ramps.ramps()
    assert list(ramp.claimed) == [0, 2, 4, 10, 10]
    assert (ramp.half_s, ramp.full_s) == (210, 210)  # the middle of the fourth minute


def test_every_number_says_what_it_means() -> None:
    """And a run has no number that nobody explains."""
    seen = watch()
    seen.see(cycle(0))
    seen.close()
    assert {name.partition(".")[0] for name in numbers(seen, ())} <= set(MEANINGS)
    assert all(told.text for told in MEANINGS.values())
