"""Startds as looks see them, drawn from few values so that they meet: for what is read of thousands at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec
from hypothesis import strategies as st

from fedsched.matchmaker.model import (
    Claim,
    Held,
    Memory,
    ObjectView,
    Observation,
    Placement,
    PodView,
    PoolView,
    Principal,
    SlotView,
    Snapshot,
)
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, demand, held, member, placement, pod, res, schedd, slot, terms, thing

ALICE, BOB = Principal("physics", "alice@b"), Principal("physics", "bob@b")
MOMENTS = (T0 - 700, T0 - 100, T0 - 20, T0 - 2)


T = TypeVar("T")


class Seen(NamedTuple):
    """One startd: what memory holds of it, its object, its slots."""

    held: Held
    object: ObjectView | None
    slots: tuple[SlotView, ...]


Change: TypeAlias = Callable[[Seen], Seen]


def rarely(usual: T, *others: T) -> st.SearchStrategy[T]:
    """Mostly the first."""
    return st.sampled_from((*[usual] * 30, *others))


@st.composite
def claims(draw: st.DrawFn) -> tuple[Claim, ...]:
    """Up to three, often alike."""
    found: list[Claim] = []
    for _ in range(draw(st.integers(0, 3))):
        again = draw(st.booleans())
        if found and again:
            found.append(msgspec.structs.replace(found[-1], since=draw(st.sampled_from(MOMENTS))))
            continue
        who, cpu = draw(st.sampled_from((ALICE, ALICE, BOB))), draw(st.sampled_from((1000, 2000)))
        amount, used = draw(st.sampled_from((Resources(), res(1, 2)))), draw(rarely(None, 0, 700, 5000))
        since = draw(st.sampled_from(MOMENTS))
        found.append(Claim(who, cpu, since, amount=amount, used_cpu_milli=used))
    return tuple(found)


@st.composite
def slots(draw: st.DrawFn, place: Placement) -> tuple[SlotView, ...]:
    """Mostly one; what is free has little to do with what is claimed, as collectors tell both."""
    found = []
    for number in range(draw(st.sampled_from((1, 1, 1, 1, 0, 2)))):
        its = draw(claims())
        found.append(
            slot(
                place,
                pod_name=draw(rarely(f"fs-{place.id}-abc", "stray")) if number == 0 else f"fs-{place.id}-{number}",
                name=f"slot1@{place.id}-{number}",
                claims=its,
                free=draw(st.sampled_from((res(0, 4, 9, pods=0), res(1, 1, 0, pods=0), res(4, 16, 9, pods=0)))),
                unclaimed_since=None if its else draw(st.sampled_from((None, *MOMENTS))),
                leaving=draw(rarely(False, True)),  # noqa: FBT003 - a value
                probe_ok=draw(rarely(None, True, False)),  # noqa: FBT003 - a value
                jobs_started=draw(rarely(0, 2)),
                seen_at=draw(rarely(T0, T0 - 10)),
            )
        )
    return tuple(found)


@st.composite
def pods(draw: st.DrawFn, place: Placement) -> tuple[PodView, ...]:
    """Mostly one that runs."""
    return tuple(
        pod(
            f"fs-{place.id}-abc" if number == 0 else f"fs-{place.id}-{number}",
            phase=draw(rarely("running", "pending", "failed")),
            node=draw(rarely("n1", "")),
            started_at=draw(rarely(T0 - 40, None)),
            deleting=draw(rarely(False, True)),  # noqa: FBT003 - a value
            leave_ordered_at=draw(rarely(None, T0 - 5)),
            taken_by=draw(rarely("", "", "PreemptionByScheduler")),
            pulling=draw(rarely(False, True)),  # noqa: FBT003 - a value
        )
        for number in range(draw(rarely(1, 0, 2)))
    )


@st.composite
def startds(draw: st.DrawFn, number: int) -> Seen:
    """One with that number."""
    place = placement(
        f"1-{number}",
        member=draw(st.sampled_from(("m1", "m1", "m2"))),
        form=draw(rarely("startd-job", "startd-daemonset")),
        principal=draw(st.sampled_from((ALICE, ALICE, BOB))),
        class_key=draw(st.sampled_from(("c1", "c1", "c2", "c3", "gone"))),
        size=draw(st.sampled_from((res(2, 4), res(4, 16)))),
        units=draw(rarely(1, 2)),
        created_at=T0 - 50 - number // 2,
        expires_at=draw(rarely(T0 + 50_000, T0 - 1)),
        probe=draw(st.booleans()),
    )
    found = held(
        place,
        draw(st.sampled_from(("intended", "starting", "unclaimed", "claimed"))),
        written_at=draw(rarely(T0 - 50, None)),
        uid=draw(rarely("uid-1", "other")),
        wanted=draw(rarely("run", "leave")),
        nodes=draw(rarely(1, 2)) if place.form == "startd-daemonset" else 1,
        unclaimed_since=draw(rarely(None, T0 - 100)),
    )
    its = draw(pods(place))
    more = {"finished": draw(rarely("", "failed")), "deleting": draw(rarely(False, True))}  # noqa: FBT003 - a value
    seen = draw(rarely(thing(place, *its, **more), None))
    return Seen(found, seen, draw(slots(place)))


def of_held(**more: Any) -> Change:
    """Memory has something else of it."""
    return lambda one: one._replace(held=msgspec.structs.replace(one.held, **more))


def of_placement(**more: Any) -> Change:
    """It was placed otherwise; its object's record is not asked again."""
    return lambda one: of_held(placement=msgspec.structs.replace(one.held.placement, **more))(one)


def of_object(**more: Any) -> Change:
    """Its object says something else."""
    return lambda one: one._replace(object=msgspec.structs.replace(one.object, **more) if one.object else None)


def of_pod(**more: Any) -> Change:
    """All its pods say something else."""

    def change(one: Seen) -> Seen:
        its = tuple(msgspec.structs.replace(each, **more) for each in one.object.pods) if one.object else ()
        return of_object(pods=its)(one)

    return change


def of_slot(**more: Any) -> Change:
    """All its slots say something else."""
    return lambda one: one._replace(slots=tuple(msgspec.structs.replace(each, **more) for each in one.slots))


def twice(one: Seen) -> Seen:
    """It has two pods."""
    return of_object(pods=(*one.object.pods, pod("second")))(one) if one.object else one


FAILED = Reason(Cause.CRASHED, have="exit code 1", member="m1", at=T0 - 60)
CLAIM = Claim(ALICE, 1000, T0 - 20)
CHANGES: dict[str, Change] = {
    "nothing": lambda one: one,
    "no object": lambda one: one._replace(object=None),
    "no slot": lambda one: one._replace(slots=()),
    "two slots": lambda one: one._replace(slots=(*one.slots, *of_slot(name="slot1@other", pod="other")(one).slots)),
    "two pods": twice,
    "no pod": of_object(pods=()),
    **{f"phase {name}": of_held(phase=name) for name in ("intended", "starting", "unclaimed", "claimed", "leaving")},
    **{f"wanted {name}": of_held(wanted=name) for name in ("leave", "vacate", "withdraw")},
    "withdrawn late": of_held(wanted="withdraw", failure=msgspec.structs.replace(FAILED, cause=Cause.PENDING_TOO_LONG)),
    "failed": of_held(failure=FAILED),
    "never written": of_held(written_at=None),
    "written at no time": of_held(written_at=0.0),
    "another uid": of_held(uid="other"),
    "not started": of_held(pod_started_at=None),
    "told to leave": of_held(leave_ordered_at=T0 - 9),
    "told to leave at no time": of_held(leave_ordered_at=0.0),
    "two nodes": of_held(nodes=2),
    "slot not seen": of_held(slot_seen_at=None),
    "never claimed": of_held(claimed_at=None),
    "claimed at no time": of_held(claimed_at=0.0),
    "claimed long ago": of_held(last_claimed_at=T0 - 99),
    "idle long ago": of_held(unclaimed_since=T0 - 77),
    "idle for too long": lambda one: of_slot(unclaimed_since=T0 - 900)(of_held(unclaimed_since=T0 - 900)(one)),
    "never idle": of_held(unclaimed_since=None),
    "more claims": of_held(claims=5),
    "more cores": of_held(claimed_cpu_milli=5),
    "finished": of_object(finished="complete"),
    "ended badly": of_object(finished="failed"),
    "deleted": of_object(deleting=True),
    "made anew": of_object(uid="anew"),
    **{f"pod {name}": of_pod(phase=name) for name in ("pending", "succeeded", "failed", "unknown")},
    "pod pending for long": of_pod(phase="pending", created_at=T0 - 9000),
    "pod goes": of_pod(deleting=True),
    "pod told": of_pod(leave_ordered_at=T0 - 3),
    "pod without a begin": of_pod(started_at=None),
    "pod without a node": of_pod(node=""),
    "pod taken": of_pod(taken_by="PreemptionByScheduler"),
    "slot leaves": of_slot(leaving=True),
    "probe says no": of_slot(probe_ok=False),
    "slot heard again": of_slot(seen_at=T0 + 1),
    "slot freed": of_slot(claims=(), unclaimed_since=T0 - 1),
    "slot idle, nobody knows since when": of_slot(claims=(), unclaimed_since=None),
    "slot served": of_slot(claims=(), jobs_started=2, unclaimed_since=T0 - 1),
    "slot claimed": of_slot(claims=(CLAIM,), unclaimed_since=None),
    "slot claimed twice": of_slot(claims=(CLAIM, CLAIM), unclaimed_since=None),
    "slot of another pod": of_slot(pod="stray"),
    "a DaemonSet": of_placement(form="startd-daemonset"),
    "a DaemonSet that gives up a node": lambda one: of_placement(form="startd-daemonset")(
        of_held(nodes_wanted=(("n1", "leave"),))(one)
    ),
    "a user's Job": of_placement(form="job"),
    "expired": of_placement(expires_at=T0 - 1),
    "the probe": of_placement(probe=True),
    "of a class that nobody asks for": of_placement(class_key="gone"),
    "on another member": of_placement(member="m2"),
}
"""What may be otherwise with an ordinary startd when it is looked at again."""


def ordinary() -> dict[str, Seen]:
    """Startds as most are: they run, and are claimed or not."""
    place = placement(size=res(2, 4))
    its = thing(place, pod())
    once = {"slot_seen_at": T0 - 30, "pod_started_at": T0 - 40}
    claimed = {"claimed_at": T0 - 20, "last_claimed_at": T0, "claims": 1, "claimed_cpu_milli": 1000}
    return {
        "claimed": Seen(
            held(place, "claimed", **once, **claimed), its, (slot(place, claims=(CLAIM,), unclaimed_since=None),)
        ),
        "idle": Seen(held(place, "unclaimed", unclaimed_since=T0 - 10, **once), its, (slot(place),)),
        "starting": Seen(held(place, "starting", pod_started_at=T0 - 40), its, ()),
    }


@st.composite
def looks(draw: st.DrawFn) -> tuple[list[Seen], list[Seen]]:
    """Startds at one look and at the next, in which most stand as they stood."""
    count = draw(st.integers(1, 5))
    first = [draw(startds(number)) for number in range(count)]
    return first, [draw(startds(n)) if draw(st.integers(0, 3)) == 0 else one for n, one in enumerate(first)]


def look(startds: list[Seen], at: float = T0, memory: Memory | None = None) -> Snapshot:
    """What a look sees of them; without a memory the one that they tell of themselves."""
    members = tuple(member(name, at=at) for name in ("m1", "m2"))
    classes = (demand("c1", 3, res(1, 2)), demand("c2", 2, res(2, 1), principal=BOB), demand("c3", 9, res(1, 1)))
    seen = Observation(
        at,
        schedds=(schedd(*classes, seen_at=at),),
        members=members,
        pools=(PoolView("a", seen_at=at, slots=tuple(one for startd in startds for one in startd.slots)),),
        objects=tuple(startd.object for startd in startds if startd.object is not None),
    )
    known = memory or Memory(cycle=3, at=at - 5, held=tuple(startd.held for startd in startds))
    return Snapshot(seen, known, tuple(terms(one.name) for one in members))
