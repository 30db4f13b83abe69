"""What is told of random states is true: each reason is lifted, and each part of them; each counterfactual is made."""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import msgspec
import pytest

from fedsched.matchmaker.explain.counterfactuals import MOST, counterfactuals
from fedsched.matchmaker.explain.counterfactuals.changes import World
from fedsched.matchmaker.explain.counterfactuals.phrases import PHRASES
from fedsched.matchmaker.explain.counterfactuals.proving import Candidate, Knob, Prover, least
from fedsched.matchmaker.model import Memory, Order, Quota, Room, Step
from fedsched.matchmaker.negotiate import fares, negotiate
from fedsched.matchmaker.reasons import CORDONS, NEVERS, Cause
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import SEEN, T0, demand, group, member, res, schedd, snapshot
from tests.properties.test_reasons import WIDE, built
from tests.reasons.__main__ import table
from tests.reasons.remedies import REMEDIES
from tests.reasons.states import State, state
from tests.reasons.truth import several

STATES = 1_000
LANES = 2


def test_in_a_thousand_new_random_states_every_reason_and_every_counterfactual_is_true() -> None:
    """RE1, RE2: the seed is new each time; `python -m tests.reasons --seed N` repeats the state that it names."""
    first = random.SystemRandom().randrange(10**9)
    print(f"states {first} to {first + STATES - 1}")
    lanes = [range(first + lane, first + STATES, LANES) for lane in range(LANES)]
    with ProcessPoolExecutor(LANES, mp_context=get_context("forkserver")) as pool:
        one, other = pool.map(several, lanes)
    found = one + other
    print(*table(found), sep="\n")
    assert found.broken == []
    assert found.waiting > STATES
    assert len(found.tested) >= 35
    assert sum(found.kinds.values()) > STATES / 2
    assert found.apart < found.waiting / 20


def test_a_seed_gives_the_same_state_each_time_and_another_one_another() -> None:
    assert state(7) == state(7)
    assert state(7) != state(8)


def test_there_is_a_remedy_for_every_cause_that_can_hold_a_class() -> None:
    """What is left out is never why a class waits: parts of a report, ends of placements, why nobody is evicted."""
    holding = {*NEVERS, *CORDONS} | NOT_NOW
    assert set(REMEDIES) == holding


NOT_NOW = frozenset(
    {
        Cause.REBUILDING,
        Cause.NO_ROOM,
        Cause.FRAGMENTED,
        Cause.QUOTA_FULL,
        Cause.CEILING_REACHED,
        Cause.TRIAL_FULL,
        Cause.LEAVE_FREE,
        Cause.RAMP,
        Cause.TRUST,
        Cause.PROBING,
        Cause.MEMBER_SILENT,
        Cause.MEMBER_LOST,
        Cause.CREDENTIAL,
        Cause.FROZEN,
        Cause.STALE,
        Cause.BUDGET,
        Cause.BACKING_OFF,
        Cause.SCHEDD_STALE,
        Cause.GROUP_LIMIT,
        Cause.GROUP_QUOTA,
        Cause.GROUP_BORROW,
        Cause.NOT_LENT,
        Cause.PRINCIPAL_CEILING,
        Cause.CONCURRENCY_LIMIT,
        Cause.LEAKED,
        Cause.TIER_CLOSED,
        Cause.TIER_WINDOW,
        Cause.BUDGET_SPENT,
        Cause.FAILING_FAST,
        Cause.GROWTH_ASKED,
        Cause.WRITE_REFUSED,
        Cause.POD_REFUSED,
    }
)


def helps(world: State, key: str = "k") -> list[str]:
    """What is told of one class, in order."""
    report = next(report for report in negotiate(*world).classes if report.key == key)
    return [one.found.text for one in counterfactuals(*world, report) if one.found]


def crowded(*free: Resources, request: Resources, **asked: object) -> State:
    """One class before one member whose nodes have so much free."""
    whole = res(64, 256, 500, gpus=4, pods=50)
    rooms = tuple(sorted(Room(one, 1) for one in free))
    view = member("m1", group("g", len(free), whole, rooms=rooms, attributes=(("GPUs_DeviceName", '"T4"'),)))
    snap = snapshot(members=(view,), schedds=(schedd(demand("k", idle=3, request=request, **asked)),))
    return State(snap, WIDE)


def seen_before(world: State) -> State:
    """A slot was seen there: nothing waits for a probe."""
    memory = Memory(at=T0 - 5, pairs={"m1/g/": SEEN})
    return world._replace(snapshot=msgspec.structs.replace(world.snapshot, memory=memory))


def test_the_largest_request_that_would_do_is_named_and_nothing_that_would_not() -> None:
    world = crowded(res(8, 62, 100, pods=9), res(8, 40, 100, pods=9), request=res(4, 96))
    said = helps(world)
    assert said[0] == "1 of 3 would start now with at most 61.75 GiB of memory"
    assert not any("core" in text for text in said)


def test_a_model_of_gpu_that_nobody_has_is_named_as_what_to_drop() -> None:
    world = crowded(
        res(8, 62, 100, gpus=4, pods=9), request=res(2, 8, gpus=1), requirements='TARGET.GPUs_DeviceName == "A100"'
    )
    assert helps(seen_before(world)) == ["would start now with any GPU model"]


def test_a_quota_is_raised_by_exactly_what_is_missing() -> None:
    world = crowded(res(64, 256, 100, pods=9), request=res(10, 8))
    view = msgspec.structs.replace(
        world.snapshot.observation.members[0],
        quotas=(Quota("compute", Resources(cpu_milli=2000), frozenset({"cpu_milli"})),),
    )
    seen = msgspec.structs.replace(world.snapshot.observation, members=(view,))
    said = helps(world._replace(snapshot=msgspec.structs.replace(world.snapshot, observation=seen)))
    assert said == [
        "1 of 3 would start now with at most 2 cores",
        "1 of 3 would start now if quota compute of m1 had 8 cores more",
    ]


def test_two_orders_are_told_together_where_one_alone_changes_nothing() -> None:
    world = crowded(res(64, 256, 100, pods=9), request=res(1, 2))
    orders = (Order("cordon", "m1", "disks"), Order("pause", "*", "holiday"))
    world = world._replace(snapshot=msgspec.structs.replace(world.snapshot, orders=orders))
    assert helps(world) == ["1 of 3 would start now if m1 were uncordoned and all members were resumed"]


def test_what_alone_changes_nothing_is_told_only_together_with_the_rest() -> None:
    assert helps(State(*built("no room", "quota"))) == [
        "1 of 3 would start now with at most 2 cores",
        "1 of 3 would start now if quota compute of m1 had 2 cores more and m1/g had 1 empty node more",
    ]


def test_of_several_changes_only_those_that_are_needed_are_told() -> None:
    world = crowded(res(64, 256, 100, pods=9), request=res(1, 2))
    world = world._replace(snapshot=msgspec.structs.replace(world.snapshot, orders=(Order("cordon", "m1", "disks"),)))
    order, mode = Step("order", "m1", "m1", "cordon"), Step("mode", "m1")
    both = Candidate(0, (Knob((1,), lambda _: order), Knob((1,), lambda _: mode)))
    found = Prover(World(*world, "k")).prove(both)
    assert found is not None
    assert found.steps == (order,)


def test_what_the_user_can_do_himself_comes_first() -> None:
    world = State(*built("too small"))
    orders = (Order("cordon", "m1", "disks"),)
    world = world._replace(snapshot=msgspec.structs.replace(world.snapshot, orders=orders))
    assert helps(world)[0] == "only a person's order would hold it back with at most 2 cores"


def test_a_class_that_does_not_wait_is_told_nothing_and_at_once() -> None:
    world = crowded(res(64, 256, 100, pods=9), request=res(1, 2), image="")
    wide = seen_before(world)
    report = negotiate(*wide).classes[0]
    assert report.unmet == 0
    assert [tuple(one) for one in counterfactuals(*wide, report)] == [(0, 0, None)]


def test_progress_counts_up_to_what_was_said_first_and_never_beyond_the_most() -> None:
    for seed in range(25):
        world = state(seed)
        for report in negotiate(*world).classes:
            steps = list(counterfactuals(*world, report))
            assert [one.done for one in steps] == list(range(len(steps)))
            assert {one.total for one in steps} == {len(steps) - 1}
            assert len(steps) - 1 <= MOST


def test_one_class_fares_alone_as_in_the_whole_decision() -> None:
    for seed in range(60):
        world = state(seed)
        for report in negotiate(*world).classes:
            alone = fares(*world, report.key)
            assert alone is not None
            assert (alone.verdict, alone.placed, alone.unmet) == (report.verdict, report.placed, report.unmet)
    assert fares(*state(1), "no such class") is None


@pytest.mark.parametrize("needed", [1, 2, 5, 17, 63, 64])
def test_the_least_amount_is_found_and_one_less_was_tried(needed: int) -> None:
    asked: list[int] = []

    def does(units: int) -> bool:
        asked.append(units)
        return units >= needed

    assert least(does, (3, 20, 64)) == needed
    assert needed == 1 or needed - 1 in asked
    assert len(asked) <= 10


def test_every_kind_of_change_has_its_words() -> None:
    from fedsched.matchmaker.explain.counterfactuals import changes, rules  # noqa: PLC0415 - beside what it compares

    known = {*changes.OF_CLASS, *changes.OF_TERMS, *changes.OF_VIEW, *changes.OF_SNAPSHOT}
    assert set(PHRASES) == known | {*rules.GROUP_CHANGES, *rules.POLICY_CHANGES}
