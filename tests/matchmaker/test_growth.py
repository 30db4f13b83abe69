"""S7, S9: room before growth; growth is asked of one member only; no DaemonSet where an autoscaler works."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.matchmaker.book import Book
from fedsched.matchmaker.match import Place, Shape, form_for
from fedsched.matchmaker.model import (
    Held,
    MemberMemory,
    Memory,
    NodeGroup,
    Placement,
    Plan,
    Policy,
    Ramp,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
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

NODE = res(8, 32, 100, pods=100)
ONE = res(4, 8)
STARTD = Shape("startd-job")


def template(can_grow_to: int = 3, **more: Any) -> NodeGroup:
    """A group of which no node exists yet."""
    return msgspec.structs.replace(
        NodeGroup("burst", NODE, 0, 0, 0, (), can_grow_to=can_grow_to, grow_s=240, template=True), **more
    )


def place(name: str, where: NodeGroup, **more: Any) -> Place:
    return Place(terms(name, **more), member(name, where), where, MemberMemory(), SEEN)


def growing(name: str, at_member: str = "m1", **more: Any) -> Standing:
    """A placement that waits for a node to come."""
    what: Placement = placement(name, at_member, node_group="burst", size=ONE, growth=True, **more)
    one: Held = held(what, "starting")
    return Standing(one, thing(what, pod(f"fs-{name}-x", "pending", node="", started_at=None)))


def book(places: list[Place], *standing: Standing) -> Book:
    return Book(places, standing, Policy(), T0)


def cause(reason: Reason | None) -> Cause | None:
    return reason.cause if reason else None


def test_a_group_can_grow_by_as_many_empty_nodes_as_it_does_not_have_yet() -> None:
    where = place("m1", template(2))
    one = book([where])
    assert cause(one.blocker(where, ONE, STARTD)) is Cause.NO_ROOM
    taken = 0
    while one.growable(where, ONE, STARTD, "c1") is None:
        assert one.take_growth(where, ONE, STARTD, "c1") == 1
        taken += 1
    # eight cores and 32 GiB hold one startd of four cores with its overhead, and a second
    assert taken == 4
    assert cause(one.growable(where, ONE, STARTD, "c1")) is Cause.NO_ROOM


def test_what_is_larger_than_an_empty_node_makes_nothing_grow() -> None:
    where = place("m1", template())
    assert cause(book([where]).growable(where, res(9, 8), STARTD, "c1")) is Cause.NO_ROOM


def test_a_group_that_cannot_grow_is_just_full() -> None:
    where = place("m1", group("g", 1, free=res(1, 1)))
    assert cause(book([where]).growable(where, ONE, STARTD, "c1")) is Cause.NO_ROOM
    grown = place("m1", template(3, nodes=3, ready=3))
    assert cause(book([grown]).growable(grown, ONE, STARTD, "c1")) is Cause.NO_ROOM


def test_one_member_is_asked_to_grow_for_a_class_and_another_class_may_ask_another() -> None:
    first, second = place("m1", template()), place("m2", template())
    one = book([first, second])
    one.take_growth(first, ONE, STARTD, "c1")
    reason = one.growable(second, ONE, STARTD, "c1")
    assert reason is not None
    assert (reason.cause, reason.member, reason.need) == (
        Cause.GROWTH_ASKED,
        "m2",
        "one member grows for it, m1",
    )
    assert one.growable(first, ONE, STARTD, "c1") is None
    assert one.growable(second, ONE, STARTD, "c2") is None


def test_the_member_that_was_asked_in_an_earlier_cycle_is_remembered_by_what_waits_there() -> None:
    first, second = place("m1", template()), place("m2", template())
    one = book([first, second], growing("1-1"))
    assert cause(one.growable(second, ONE, STARTD, "c1")) is Cause.GROWTH_ASKED
    assert one.growable(second, ONE, STARTD, "c2") is None


def test_what_waits_for_nodes_has_taken_them() -> None:
    where = place("m1", template(1))
    one = book([where], growing("1-1"), growing("1-2"))
    assert cause(one.growable(where, ONE, STARTD, "c1")) is Cause.NO_ROOM


def test_a_node_that_has_come_is_for_who_waited_for_it() -> None:
    came = msgspec.structs.replace(group("burst", 1, free=NODE), can_grow_to=2, grow_s=240)
    where = place("m1", came)
    one = book([where], growing("1-1"), growing("1-2"))
    assert cause(one.blocker(where, ONE, STARTD)) is Cause.NO_ROOM
    assert one.growable(where, ONE, STARTD, "c1") is None


def test_once_the_pod_has_its_node_another_member_may_be_asked() -> None:
    first, second = place("m1", template()), place("m2", template())
    what = placement("1-1", "m1", node_group="burst", size=ONE, growth=True)
    runs = Standing(held(what), thing(what, pod("x", node="new-1")))
    assert book([first, second], runs).growable(second, ONE, STARTD, "c1") is None


def test_growth_is_held_back_by_everything_that_holds_back_room() -> None:
    trial = place("m1", template(), mode="trial", trial=0)
    assert cause(book([trial]).growable(trial, ONE, STARTD, "c1")) is Cause.TRIAL_FULL
    capped = place("m1", template(), ceiling=Resources(1000), ceiling_names=frozenset({"cpu_milli"}))
    assert cause(book([capped]).growable(capped, ONE, STARTD, "c1")) is Cause.CEILING_REACHED
    lost = msgspec.structs.replace(place("m1", template()), memory=MemberMemory(state="lost"))
    assert cause(book([lost]).growable(lost, ONE, STARTD, "c1")) is Cause.MEMBER_LOST


def test_where_an_autoscaler_works_there_is_no_daemonset() -> None:
    forms = {"forms": ("startd-job", "startd-daemonset"), "daemonset_groups": ("g", "burst")}
    assert form_for(place("m1", group(), **forms)) == "startd-daemonset"
    assert form_for(place("m1", template(), **forms)) == "startd-job"
    assert form_for(place("m1", group(), **forms, autoscaled_groups=("g",))) == "startd-job"
    where = place("m1", template())
    assert cause(book([where]).growable(where, ONE, Shape("startd-daemonset"), "c1")) is Cause.NO_ROOM


def test_where_ranks_tie_nodes_that_hold_the_image_come_first() -> None:
    view = member("m1", group("a"), group("b", images=("site/startd:1",)))
    snap = snapshot(members=(view,), terms=(terms("m1", image="site/startd:1"),))
    snap = msgspec.structs.replace(
        snap, memory=msgspec.structs.replace(snap.memory, pairs={f"m1/{g}/site/startd:1": SEEN for g in "ab"})
    )
    assert [one.placement.node_group for one in negotiate(snap, Policy()).held] == ["b"]
    away = Policy(rank='FedschedNodeGroup == "a" ? 1.0 : 0.0')
    assert [one.placement.node_group for one in negotiate(snap, away).held] == ["a"]


def two_members(first: NodeGroup, second: NodeGroup, idle: int, **more: Any) -> Plan:
    """One cycle with one class of `idle` jobs of four cores over both members."""
    pairs = {f"{name}/{where.name}/": SEEN for name, where in (("m1", first), ("m2", second))}
    wants = demand(idle=idle, request=ONE)
    snap = snapshot(
        members=(member("m1", first), member("m2", second)),
        schedds=(schedd(wants),),
        memory=Memory(at=T0 - 5, pairs=pairs),
        **more,
    )
    return negotiate(snap, Policy(ramp=Ramp(first=20)))


def test_in_a_whole_cycle_room_that_is_there_is_used_before_anything_grows() -> None:
    plan = two_members(template(5), group("g", 1, free=NODE), 2)
    assert [(one.placement.member, one.placement.growth) for one in plan.held] == [("m2", False), ("m2", False)]
    more = two_members(template(5), group("g", 1, free=NODE), 3)
    assert [(one.placement.member, one.placement.growth) for one in more.held][2:] == [("m1", True)]


def test_in_a_whole_cycle_growth_is_asked_of_one_member_and_up_to_its_limit() -> None:
    plan = two_members(template(1), template(5), 9)
    grown = [one.placement for one in plan.held]
    assert {(what.member, what.growth) for what in grown} == {("m1", True)}
    # eight cores: two startds of four cores fit on the one node that may come
    assert len(grown) == 2
    (report,) = plan.classes
    assert report.unmet == 7
    assert report.why is not None


def test_what_waits_for_a_node_in_the_next_cycle_is_supply_and_nobody_else_is_asked() -> None:
    plan = two_members(template(5), template(5), 2)
    waits = [
        thing(one.placement, pod(f"x{n}", "pending", node="", created_at=T0, started_at=None))
        for n, one in enumerate(plan.held)
    ]
    snap = snapshot(
        at=T0 + 300,
        members=(member("m1", template(5), at=T0 + 300), member("m2", template(5), at=T0 + 300)),
        schedds=(schedd(demand(idle=2, request=ONE), seen_at=T0 + 300),),
        objects=tuple(waits),
        memory=msgspec.structs.replace(
            plan.memory,
            members={name: msgspec.structs.replace(m, starts=(5.0,) * 9) for name, m in plan.memory.members.items()},
        ),
    )
    later = negotiate(snap, Policy(ramp=Ramp(first=20)))
    assert [one.failure for one in later.held] == [None, None]
    assert later.classes[0].served == 2
