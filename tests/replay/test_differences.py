"""Two plans are compared by name: who has more or less where, who goes, what classes and shares are told."""

from __future__ import annotations

import msgspec
import pytest

from fedsched.matchmaker.model import (
    ClassReport,
    Held,
    MemberMemory,
    Memory,
    Notice,
    Plan,
    Policy,
    Principal,
    Ramp,
    ShareLine,
    Spike,
    SurgeMemory,
    TierState,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.replay import class_names, differences, sentence, tell
from fedsched.replay.differences import (
    ClassDiffers,
    GoingDiffers,
    MemoryDiffers,
    PlacementsDiffer,
    ShareDiffers,
    SpikeDiffers,
    StateDiffers,
    ValueDiffers,
)
from tests.matchmaker import builders
from tests.matchmaker.builders import T0, demand, held, placement, res

ALICE = Principal("physics", "alice@b")
EMPTY = Plan(1, T0, (), (), Memory())


def with_held(*these: Held) -> Plan:
    return msgspec.structs.replace(EMPTY, held=these)


def test_equal_plans_do_not_differ() -> None:
    one = with_held(held(placement("1-1")))
    assert differences(one, with_held(held(placement("1-1")))) == ()


def test_more_startds_of_a_principal_are_told_with_place_form_and_both_numbers() -> None:
    before = with_held(held(placement("1-1")))
    after = with_held(*(held(placement(f"1-{n}")) for n in range(3)))
    (found,) = differences(before, after)
    assert found == PlacementsDiffer(ALICE, "m1", "g", "startd-job", res(), 1, 3)
    assert sentence(found) == (
        "2 more startds of 1 core · 2 GiB · 1 GiB disk for physics.alice@b on m1/g (3 instead of 1)."
    )


def test_who_is_named_by_another_id_in_the_same_place_is_no_difference_in_placements() -> None:
    found = differences(with_held(held(placement("1-1"))), with_held(held(placement("1-2"))))
    assert [type(one) for one in found] == [ValueDiffers]


def test_an_eviction_that_only_one_plan_makes_is_named_with_victim_and_cause() -> None:
    why = Reason(Cause.PREEMPTED, "bob")
    stays, goes = held(placement("1-1")), held(placement("1-1"), wanted="leave", why=why)
    found = differences(with_held(stays), with_held(goes))
    assert found == (
        PlacementsDiffer(ALICE, "m1", "g", "startd-job", res(), 1, 0),
        GoingDiffers(ALICE, "m1", "g", "leave", Cause.PREEMPTED, ("1-1",), ()),
    )
    assert sentence(found[1]) == "1 more of physics.alice@b on m1/g evicted: told to leave (preempted): 1-1."
    back = differences(with_held(goes), with_held(stays))
    assert GoingDiffers(ALICE, "m1", "g", "leave", Cause.PREEMPTED, (), ("1-1",)) in back


def test_a_class_that_stands_otherwise_is_told_with_its_reason() -> None:
    why = Reason(Cause.NO_ROOM, "cpu_milli", "1 core", "", "m1", "g", at=T0)
    unmet = ClassReport("c1", 3, 0, 1, 2, Verdict.NOT_NOW, why)
    met = ClassReport("c1", 3, 0, 3, 0, Verdict.NOW)
    plans = (msgspec.structs.replace(EMPTY, classes=(one,)) for one in (unmet, met))
    (found,) = differences(*plans)
    assert isinstance(found, ClassDiffers)
    (text,) = tell((found,), class_names(builders.snapshot().observation))
    assert text.startswith("physics.alice@b (1 core · 2 GiB · 1 GiB disk, class c1): 3 placed instead of 1; 0 unmet")
    assert "no more: no node of m1/g has room" in text


def test_a_reason_that_only_grew_older_is_no_difference() -> None:
    reports = (ClassReport("c1", 1, 0, 0, 1, Verdict.NOT_NOW, Reason(Cause.NO_ROOM, at=at)) for at in (T0, T0 + 5))
    one, two = (msgspec.structs.replace(EMPTY, classes=(report,)) for report in reports)
    assert differences(one, msgspec.structs.replace(two, cycle=2, at=T0 + 5)) == ()


def test_shares_spikes_states_and_notices_are_named() -> None:
    memory = Memory(
        members={"m1": MemberMemory("lost")},
        tiers={"cloud": TierState(open=True)},
        surge=SurgeMemory(spikes=(Spike("s1", T0),)),
        frozen_since=T0,
    )
    after = msgspec.structs.replace(
        EMPTY,
        memory=memory,
        shares=(ShareLine("physics", entitled=2000),),
        notices=(Notice("lost", "Member m1 is lost."),),
    )
    before = msgspec.structs.replace(
        EMPTY,
        memory=Memory(members={"m1": MemberMemory("ready")}, surge=SurgeMemory(spikes=(Spike("s1", T0, peak=3.0),))),
        shares=(ShareLine("physics", entitled=1000),),
    )
    found = differences(before, after)
    assert {type(one) for one in found} >= {ShareDiffers, SpikeDiffers, StateDiffers}
    assert tell(found) == (
        "Federation: frozen instead of at work.",
        "Member m1: lost instead of ready.",
        "Tier cloud: open instead of none.",
        "Share of physics: entitled 2 instead of 1.",
        "Spike s1: peak 0 instead of 3.",
        "Also said: Member m1 is lost.",
    )


def test_a_value_without_a_name_is_shown_where_it_stands() -> None:
    one = with_held(held(placement("1-1"), uid="a"))
    (found,) = differences(one, with_held(held(placement("1-1"), uid="b")))
    assert found == ValueDiffers("plan.held[0].uid", "'a'", "'b'")


def test_what_is_remembered_otherwise_is_named() -> None:
    one, two = (msgspec.structs.replace(EMPTY, memory=Memory(drops=drops)) for drops in ({}, {"c1": 3}))
    assert differences(one, two) == (MemoryDiffers(("drops",)),)


@pytest.mark.parametrize("first", [1, 3])
def test_another_policy_differs_in_named_ways(first: int) -> None:
    snapshot = builders.snapshot(schedds=(builders.schedd(demand(idle=20)),))
    snapshot = msgspec.structs.replace(snapshot, memory=Memory(at=T0 - 5, pairs={"m1/g/": builders.SEEN}))
    plans = [negotiate(snapshot, Policy(ramp=Ramp(first=n))) for n in (first, 8)]
    found = differences(*plans)
    assert any(isinstance(one, PlacementsDiffer) and one.after > one.before for one in found)
    assert all(tell(found))
