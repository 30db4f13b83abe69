"""X8: a class that keeps failing fast on one member rests there; one startd tries again; nobody else is touched."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.matchmaker.breaker import blocker, learn_breakers, take
from fedsched.matchmaker.learn import learn_pairs
from fedsched.matchmaker.match import Place
from fedsched.matchmaker.model import (
    Breaker,
    Breaking,
    Held,
    MemberMemory,
    Memory,
    PairMemory,
    Policy,
    Ramp,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from tests.matchmaker.builders import T0, demand, held, member, placement, pod, schedd, snapshot, terms, thing

RULES = Breaking(failures=3, fast_s=300.0, open_s=600.0)
POLICY = Policy(breaker=RULES, backoff_failures=3)
CRASH = Reason(Cause.CRASHED, have="exit code 1")
KEY = "c1|m1"


def place(name: str = "m1") -> Place:
    view = member(name)
    return Place(terms(name), view, view.node_groups[0], MemberMemory(), PairMemory())


class Tries:
    """Startds one after the other, and what is remembered of their ends."""

    def __init__(self, breakers: dict[str, Breaker] | None = None) -> None:
        self.breakers = breakers or {}
        self.count = 0

    def look(self, *now: Held, before: tuple[Held, ...] = (), at: float = T0) -> None:
        memory = Memory(at=at - 5, held=before, breakers=self.breakers)
        self.breakers = learn_breakers(memory, [Standing(one) for one in now], POLICY, at)

    def start(self, at: float, **more: Any) -> Held:
        self.count += 1
        return held(placement(f"1-{self.count}", created_at=at, **more), "starting", written_at=at)

    def fails(self, at: float, after_s: float = 20.0, cause: Reason = CRASH, **more: Any) -> None:
        one = msgspec.structs.replace(self.start(at - after_s, **more), pod_started_at=at - after_s)
        self.look(msgspec.structs.replace(one, phase="gone", failure=cause), before=(one,), at=at)

    def says(self, at: float, key: str = "c1", name: str = "m1") -> str:
        reason = blocker(self.breakers, demand(key), place(name), at)
        return "" if reason is None else f"{reason.cause}: {reason.need}: {reason.have}"


def tripped(at: float = T0) -> Tries:
    tries = Tries()
    for number in range(3):
        tries.fails(at - 20 + 10 * number)
    return tries


def test_so_many_fast_failures_in_a_row_close_that_class_on_that_member_only() -> None:
    tries = Tries()
    for number in range(3):
        assert tries.says(T0) == ""
        tries.fails(T0 - 20 + 10 * number)
    told = "failing-fast: tries again in 600 s: 3 failures in a row, last: crashed exit code 1"
    assert tries.says(T0) == told
    assert tries.says(T0, key="c2") == ""
    assert tries.says(T0, name="m2") == ""
    assert tries.says(T0 + 599).startswith("failing-fast: tries again in 1 s")


def test_a_failure_is_counted_once_however_long_its_object_stands() -> None:
    tries = Tries()
    one = msgspec.structs.replace(tries.start(T0 - 20), phase="gone", failure=CRASH)
    tries.look(one, at=T0)
    for second in range(10):
        tries.look(one, before=(one,), at=T0 + second)
    assert tries.breakers[KEY].failures == 1


@pytest.mark.parametrize(
    ("cause", "after_s", "counts"),
    [
        (CRASH, 299.0, True),
        (CRASH, 301.0, False),
        (Reason(Cause.NEVER_JOINED), 150.0, True),
        (Reason(Cause.PROBE_FAILED), 10.0, True),
        (Reason(Cause.IMAGE_PULL), 70.0, True),
        (Reason(Cause.WRITE_REFUSED), 1.0, False),
        (Reason(Cause.FOREIGN_OBJECT), 1.0, False),
        (Reason(Cause.POD_REFUSED), 5.0, False),
    ],
)
def test_only_fast_failures_that_the_class_may_have_caused_count(
    cause: Reason, after_s: float, *, counts: bool
) -> None:
    tries = Tries()
    tries.fails(T0, after_s, cause)
    assert (KEY in tries.breakers) is counts


def test_a_startd_that_served_and_was_killed_hard_tells_nothing_against_its_class() -> None:
    tries = Tries()
    one = msgspec.structs.replace(tries.start(T0 - 60), slot_seen_at=T0 - 30)
    tries.look(msgspec.structs.replace(one, phase="gone", failure=Reason(Cause.POD_LOST)), before=(one,), at=T0)
    assert tries.breakers == {}


def test_one_that_waited_too_long_sends_its_class_elsewhere_at_once_where_nothing_of_it_runs() -> None:
    """X9: but not where others of it run: then one node is full or bad, not the member."""
    waited = Reason(Cause.PENDING_TOO_LONG, have="145 s")
    tries = Tries()
    tries.fails(T0, 900.0, waited)
    told = "backing-off: tries again in 600 s: 1 failure in a row, last: pending-too-long 145 s"
    assert tries.says(T0) == told
    assert tries.says(T0, key="c2") == tries.says(T0, name="m2") == ""
    works = Tries()
    one = msgspec.structs.replace(works.start(T0 - 200), phase="gone", failure=waited)
    runs = msgspec.structs.replace(works.start(T0 - 300), phase="claimed", claimed_at=T0 - 250)
    works.look(one, runs, before=(runs,), at=T0)
    assert works.breakers == {}


def test_a_claim_in_between_begins_the_row_anew() -> None:
    tries = Tries()
    tries.fails(T0 - 30)
    tries.fails(T0 - 20)
    one = tries.start(T0 - 40)
    tries.look(msgspec.structs.replace(one, phase="claimed", claimed_at=T0 - 10), before=(one,), at=T0 - 10)
    tries.fails(T0)
    assert tries.breakers[KEY].failures == 1
    assert tries.says(T0) == ""


def test_after_the_rest_one_startd_tries_alone() -> None:
    tries = tripped()
    at = T0 + 600
    assert tries.says(at) == ""
    round_ = dict(tries.breakers)
    take(round_, demand(), place())
    assert blocker(round_, demand(), place(), at) is not None
    assert not tries.breakers[KEY].trying
    one = tries.start(at)
    tries.look(one, before=(), at=at + 5)
    assert tries.says(at + 5).startswith("failing-fast: one startd tries first")
    idle = msgspec.structs.replace(one, phase="gone", why=Reason(Cause.IDLE))
    tries.look(idle, before=(one,), at=at + 400)
    assert tries.says(at + 400) == ""


def test_a_try_that_fails_closes_twice_as_long_and_one_that_is_claimed_opens_all() -> None:
    tries = tripped()
    at = T0
    for rest_s in (1200.0, 2400.0, 4800.0):
        at = tries.breakers[KEY].closed_until + 30
        tries.fails(at)
        assert tries.breakers[KEY].closed_until == at + rest_s
    at = tries.breakers[KEY].closed_until + 30
    one = tries.start(at)
    tries.look(msgspec.structs.replace(one, phase="claimed", claimed_at=at + 20), before=(one,), at=at + 25)
    assert tries.breakers == {}


def test_startds_that_were_out_already_do_not_make_the_rest_longer() -> None:
    tries = tripped()
    until = tries.breakers[KEY].closed_until
    for second in range(1, 20):
        tries.fails(T0 + second)
    assert tries.breakers[KEY].closed_until == until
    assert tries.breakers[KEY].failures == 22


def test_a_breaker_without_news_for_a_day_is_forgotten() -> None:
    tries = tripped()
    tries.look(at=T0 + 86_000)
    assert KEY in tries.breakers
    tries.look(at=T0 + 87_100)
    assert tries.breakers == {}


def pair_after(classes: list[str], pair: PairMemory) -> PairMemory:
    """What is known of a pair after one failure of each class, one after the other."""
    memory = Memory(at=T0 - 5, pairs={"m1/g/": pair})
    for number, key in enumerate(classes):
        one = msgspec.structs.replace(held(placement(f"1-{number}", class_key=key)), failure=CRASH, phase="gone")
        pairs = learn_pairs(snapshot(memory=memory), [Standing(one)], POLICY)
        memory = msgspec.structs.replace(memory, pairs=pairs)
    return memory.pairs["m1/g/"]


def test_a_group_that_worked_is_closed_for_all_only_when_two_classes_fail_there() -> None:
    worked = PairMemory(attributes=(("Arch", '"X86_64"'),), seen_at=T0 - 500)
    assert pair_after(["c1"] * 9, worked).closed_until == 0.0
    assert pair_after(["c1", "c1", "c2"], worked).closed_until == T0 + POLICY.backoff_s
    assert pair_after(["c1", "c2"], worked).closed_until == 0.0


def test_a_group_that_never_worked_is_closed_by_one_class_alone() -> None:
    assert pair_after(["c1"] * 3, PairMemory()).closed_until == T0 + POLICY.backoff_s


def test_in_a_whole_cycle_the_class_rests_with_its_reason_and_another_class_is_placed() -> None:
    tries = tripped()
    worked = PairMemory(attributes=(("Arch", '"X86_64"'),), seen_at=T0)
    snap = snapshot(
        memory=Memory(at=T0 - 5, pairs={"m1/g/": worked}, breakers=tries.breakers),
        schedds=(schedd(demand("c1", idle=3), demand("c2", idle=3)),),
    )
    reports = {r.key: r for r in negotiate(snap, Policy(breaker=RULES, ramp=Ramp(first=8))).classes}
    assert (reports["c1"].placed, reports["c2"].placed) == (0, 3)
    why = reports["c1"].why
    assert why is not None
    assert why.cause is Cause.FAILING_FAST


def test_in_a_whole_cycle_only_one_startd_tries_after_the_rest() -> None:
    worked = PairMemory(attributes=(("Arch", '"X86_64"'),), seen_at=T0)
    at = T0 + 601
    memory = Memory(at=at - 5, pairs={"m1/g/": worked}, breakers=tripped().breakers)
    snap = snapshot(at=at, memory=memory, schedds=(schedd(demand("c1", idle=5), seen_at=at),))
    plan = negotiate(snap, Policy(breaker=RULES, ramp=Ramp(first=8)))
    assert plan.classes[0].placed == 1
    what = plan.held[0].placement
    later = snapshot(
        at=at + 5,
        memory=plan.memory,
        objects=(thing(what, pod("x", "pending", created_at=at, started_at=None)),),
        schedds=(schedd(demand("c1", idle=5), seen_at=at + 5),),
    )
    assert negotiate(later, Policy(breaker=RULES, ramp=Ramp(first=8))).classes[0].placed == 0
