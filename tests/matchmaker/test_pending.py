"""X9: how long a placement may stay pending is learnt per member, and never shorter than a new node takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker.learn import KEEP_STARTS, learn_members
from fedsched.matchmaker.model import (
    Held,
    MemberMemory,
    Memory,
    NodeGroup,
    PairMemory,
    Pending,
    PodView,
    Policy,
    Startds,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing, reconcile
from tests.matchmaker.builders import T0, group, held, member, placement, pod, snapshot, thing

RULES = Pending(times=3.0, least_s=120.0, most_s=1800.0)
QUICK = tuple(float(second) for second in range(1, 51))
"""Fifty starts of one to fifty seconds: 95 % took at most 48."""


@pytest.mark.parametrize(
    ("starts", "limit_s"),
    [
        ((), 600.0),
        ((5.0, 5.0), 600.0),
        ((5.0, 5.0, 5.0), 120.0),
        (QUICK, 144.0),
        ((100.0,) * 3, 300.0),
        ((900.0,) * 3, 1800.0),
        ((*[10.0] * 49, 5000.0), 120.0),
    ],
)
def test_the_limit_is_three_times_what_95_percent_of_starts_took_within_its_bounds(
    starts: tuple[float, ...], limit_s: float
) -> None:
    assert RULES.limit_s(starts, 600.0) == limit_s
    assert RULES.limit_s(tuple(reversed(starts)), 600.0) == limit_s


@given(st.lists(st.floats(0, 10_000), max_size=60), st.floats(0, 5000), st.floats(1, 5000))
def test_the_limit_is_never_shorter_than_a_new_node_takes(
    starts: list[float], fallback_s: float, grow_s: float
) -> None:
    assert RULES.limit_s(tuple(starts), fallback_s, grow_s) >= grow_s + RULES.least_s


def failure_of(one: Held, seen: PodView, memory: MemberMemory, where: NodeGroup | None = None) -> Reason | None:
    snap = snapshot(
        memory=Memory(at=T0 - 5, held=(one,), members={"m1": memory}),
        members=(member("m1", where or group()),),
        objects=(thing(one.placement, seen),),
    )
    (stand,) = reconcile(snap, Startds(pending_s=600.0), RULES).standing
    return stand.held.failure


def waiting(age_s: float, **more: Any) -> tuple[Held, PodView]:
    what = placement(created_at=T0 - age_s, **more)
    return held(what, "starting", written_at=T0 - age_s), pod(
        phase="pending", node="", created_at=T0 - age_s, started_at=None, problem="Unschedulable"
    )


def test_before_anything_is_learnt_the_policys_own_limit_counts() -> None:
    assert failure_of(*waiting(599), MemberMemory()) is None
    reason = failure_of(*waiting(601), MemberMemory())
    assert reason is not None
    assert (reason.cause, reason.need, reason.have) == (Cause.PENDING_TOO_LONG, "600 s", "601 s")


def test_a_member_that_starts_quickly_is_given_up_sooner() -> None:
    known = MemberMemory(starts=QUICK)
    assert failure_of(*waiting(143), known) is None
    reason = failure_of(*waiting(145), known)
    assert reason is not None
    assert reason.need == "144 s"


def test_a_pod_that_has_its_node_may_pull_its_image_as_long_as_before() -> None:
    one, seen = waiting(300)
    placed = pod(phase="pending", created_at=seen.created_at, started_at=None, scheduled_at=T0 - 290)
    assert failure_of(one, placed, MemberMemory(starts=QUICK)) is None


def test_where_a_node_has_to_come_its_time_is_waited_for() -> None:
    known, grows = MemberMemory(starts=QUICK), group(can_grow_to=20, grow_s=500)
    assert failure_of(*waiting(600), known, grows) is None
    assert failure_of(*waiting(621), known, grows) is not None
    full = group(nodes=20, can_grow_to=20, grow_s=500)
    assert failure_of(*waiting(145), known, full) is not None
    assert failure_of(*waiting(145, growth=True), known, full) is None


def test_start_up_times_are_learnt_once_each_and_only_so_many_are_kept() -> None:
    written = placement("1-1", created_at=T0 - 40)
    one = held(written, "unclaimed", written_at=T0 - 40, pod_started_at=T0 - 28)
    before = MemberMemory(starts=tuple(float(n) for n in range(KEEP_STARTS)))
    fresh = snapshot(memory=Memory(at=T0 - 5))
    learnt = learn_members(fresh, [Standing(one)], {"m1": before})["m1"].starts
    assert learnt == (*before.starts[1:], 12.0)
    again = snapshot(memory=Memory(at=T0 - 5, held=(one,)))
    assert learn_members(again, [Standing(one)], {"m1": before})["m1"].starts == before.starts


def test_what_waited_for_a_new_node_or_was_only_adopted_teaches_nothing() -> None:
    grown = held(placement("1-1", growth=True), "unclaimed", pod_started_at=T0 - 28)
    adopted = held(placement("1-2"), "unclaimed", pod_started_at=T0 - 28, adopted=True)
    waits = held(placement("1-3"), "starting")
    stands = [Standing(one) for one in (grown, adopted, waits)]
    assert learn_members(snapshot(memory=Memory(at=T0 - 5)), stands, {"m1": MemberMemory()})["m1"].starts == ()


def test_in_a_whole_cycle_the_policys_bounds_count_and_what_waits_too_long_is_withdrawn_and_placed_elsewhere() -> None:
    """X9, X5: its pod goes, its job is idle still, and the other member gets the next startd."""
    one, seen = waiting(200, member="m1")
    snap = snapshot(
        members=(member("m1"), member("m2")),
        memory=Memory(
            at=T0 - 5,
            held=(one,),
            members={"m1": MemberMemory(starts=(10.0,) * 5)},
            pairs={f"{name}/g/": PairMemory(attributes=(("Arch", '"X86_64"'),)) for name in ("m1", "m2")},
        ),
        objects=(thing(one.placement, seen),),
    )
    patient = negotiate(snap, Policy(pending=Pending(least_s=240.0), backoff_failures=1))
    assert [(h.placement.member, h.wanted) for h in patient.held] == [("m1", "run")]
    plan = negotiate(snap, Policy(pending=RULES, backoff_failures=1))
    assert [(h.placement.member, h.wanted) for h in plan.held] == [("m1", "withdraw"), ("m2", "run")]
