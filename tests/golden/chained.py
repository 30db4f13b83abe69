"""Situations that the matchmaker itself decides, one for each way in which a link holds or a startd is on its way."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.matchmaker.model import (
    Claim,
    ConcurrencyLimit,
    DemandClass,
    Group,
    MemberMemory,
    Memory,
    NodeRoom,
    Order,
    PairMemory,
    Policy,
    Preemption,
    Principal,
    Quota,
    Ramp,
    Room,
    Snapshot,
    Trust,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Reason
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
    slot,
    snapshot,
    terms,
    thing,
)

WIDE = Policy(ramp=Ramp(first=1000, ramp_interval_s=30, max_starts=1000))
SLOW = Policy(ramp=Ramp(first=2, ramp_interval_s=30, max_starts=1000))
FULL = group(rooms=(Room(res(2, 20, 50, pods=90), 10),))
ALICE = Principal("physics", "alice@b")
PULL = Reason(
    Cause.IMAGE_PULL,
    "fs-1-0-abc",
    have="ErrImagePull: site/worker:9 not found",
    member="m1",
    node_group="g",
)
Situation = tuple[Snapshot, Policy]


def wants(idle: int = 10, **more: Any) -> DemandClass:
    """Jobs of 4 cores and 8 GiB."""
    return demand(idle=idle, request=res(4, 8), **more)


def moment(demand_: DemandClass | None = None, policy: Policy = WIDE, **more: Any) -> Situation:
    """One member with room, one schedd; a real slot was seen there."""
    memory = msgspec.structs.replace(Memory(at=T0 - 5, pairs={"m1/g/": SEEN}), **more.pop("memory", {}))
    snap = snapshot(schedds=(schedd(demand_ or wants(), **more.pop("schedd", {})),), **more)
    return msgspec.structs.replace(snap, memory=memory), policy


def one(phase: str, *pods: Any, slots: tuple[Any, ...] = (), **more: Any) -> Situation:
    """One job, and one startd for it that has come so far."""
    place = placement(size=res(4, 8), probe=bool(more.pop("probe", False)))
    ours = held(place, phase, **more.pop("held", {}))
    more["memory"] = {"held": (ours,), "serial": 9, **more.get("memory", {})}
    refused = more.pop("refused", "")
    return moment(more.pop("demand", wants(1)), objects=(thing(place, *pods, refused=refused),), slots=slots, **more)


def situations() -> dict[str, Situation]:
    """By a sentence that says what is the case."""
    return {**_held_by_the_asking(), **_held_there(), **_on_their_way()}


def _held_by_the_asking() -> dict[str, Situation]:
    small = Group("physics", limit=res(6), limit_names=frozenset({"cpu_milli"}))
    deny = Order("deny", "physics.alice@b", "runs miners", "eve", T0 - 60)
    return {
        "the schedd is silent": moment(schedd={"seen_at": T0 - 1200}),
        "the user is denied": moment(orders=(deny,)),
        "nothing of it was claimed so far": moment(policy=SLOW),
        "growth is stepwise": moment(
            policy=SLOW,
            memory={"trust": {"schedd-b/physics.alice@b": Trust(claimed=100, at=T0 - 60)}},
        ),
        "the group is at its limit": moment(policy=msgspec.structs.replace(WIDE, groups=(small,))),
        "a licence is used up": moment(
            wants(concurrency=(("matlab", 2),)),
            msgspec.structs.replace(WIDE, limits=(ConcurrencyLimit("matlab", 5),)),
        ),
        "others are below their share": above_its_share(),
    }


def _held_there() -> dict[str, Situation]:
    quota = Quota("compute", res(6, 100, 100, pods=50), frozenset({"cpu_milli", "memory_mib"}))
    cordon = Order("cordon", "m1", "broken fan", "eve", T0 - 60)
    lost = {"m1": MemberMemory("unreachable", T0 - 200, T0 - 260, silent_for_s=260)}
    rests = PairMemory(SEEN.attributes, T0, failures=3, last_failure=PULL, closed_until=T0 + 540)
    return {
        "the member is cordoned": moment(orders=(cordon,)),
        "the member does not answer": moment(memory={"members": lost}, members=(_silent(),)),
        "the trial is full": _trial(),
        "the quota is full": moment(members=(member(quotas=(quota,)),)),
        "no node has room": moment(members=(member("m1", FULL),)),
        "no node will ever do": moment(demand(idle=10, request=res(64, 8))),
        "no startd could know the user": moment(wants(gate="User: only up to 253 letters can stand in START")),
        "no slot satisfies the job": moment(wants(requirements="TARGET.HasCVMFS =?= true")),
        "the first startd is being tried": one("starting", pod(), probe=True, demand=wants(), memory={"pairs": {}}),
        "the first startd cannot pull its image": one(
            "starting",
            pod(phase="pending", started_at=None, problem="ErrImagePull: site/worker:9 not found"),
            probe=True,
            demand=wants(),
            memory={"pairs": {}},
        ),
        "the image could not be pulled three times": moment(memory={"pairs": {"m1/g/": rests}}),
    }


def _on_their_way() -> dict[str, Situation]:
    place = placement(size=res(4, 8))
    claim = Claim(ALICE, 4000, T0 - 300, "1.0", "schedd-b")
    taken = slot(place, claims=(claim,), unclaimed_since=None, free=Resources())
    return {
        "all is placed in this cycle": moment(wants(3)),
        "the pod is pending": one("starting", pod(phase="pending", started_at=None)),
        "the pod cannot be scheduled": one(
            "starting", pod(phase="pending", started_at=None, problem='Unschedulable: pvc "data" not found')
        ),
        "admission refuses the pod": one("intended", refused="admission webhook denied the request: no"),
        "the startd must be seen": one("starting", pod(), held={"pod_started_at": T0 - 20}),
        "the negotiator must hand it over": one(
            "unclaimed",
            pod(),
            slots=(slot(place),),
            held={"pod_started_at": T0 - 40, "slot_seen_at": T0 - 20, "unclaimed_since": T0 - 10},
        ),
        "one job runs and the next is placed for": one(
            "claimed", pod(), slots=(taken,), demand=wants(2, running=1), held={"slot_seen_at": T0 - 400, "claims": 1}
        ),
        "all of it runs": one(
            "claimed", pod(), slots=(taken,), demand=wants(0, running=1), held={"slot_seen_at": T0 - 400, "claims": 1}
        ),
    }


def _silent() -> Any:
    return member(at=T0 - 260, contact="timeout", contact_error="connection timed out")


def _trial() -> Situation:
    snap, policy = moment()
    return msgspec.structs.replace(snap, terms=(terms(mode="trial", trial=2),)), policy


def above_its_share() -> Situation:
    """Two nodes full of alice's startds, and bob's and carol's jobs wait as hers do; alice holds what she asks for."""
    mine = tuple(placement(f"1-{n}", size=res(4, 8), class_key="old", created_at=T0 - 9000) for n in range(4))
    ours = tuple(
        held(p, "claimed", slot_seen_at=T0 - 8000, claimed_at=T0 - 8000, claims=1, claimed_cpu_milli=4000) for p in mine
    )
    claim = Claim(ALICE, 4000, T0 - 8000, "0.1", "schedd-b", amount=res(4, 8, pods=0))
    slots = tuple(
        slot(p, f"{p.object_name}-x", claims=(claim,), unclaimed_since=None, free=Resources(), started_at=T0 - 8500)
        for p in mine
    )
    things = tuple(thing(p, pod(f"{p.object_name}-x", node=f"n{n % 2}")) for n, p in enumerate(mine))
    full = group(nodes=2, rooms=(Room(res(0, 16, 50, pods=90), 2),))
    rooms = tuple(NodeRoom(f"n{n}", "g", res(0, 16, 50, pods=90)) for n in range(2))
    others = tuple(
        wants(key=f"c{n}", principal=Principal("physics", name)) for n, name in ((2, "bob@b"), (3, "carol@b"))
    )
    snap = snapshot(
        schedds=(schedd(wants(), *others),),
        members=(member("m1", full, node_rooms=rooms),),
        objects=things,
        slots=slots,
    )
    memory = Memory(at=T0 - 5, pairs={"m1/g/": SEEN}, held=ours, serial=9)
    policy = msgspec.structs.replace(WIDE, groups=(Group("physics"),), preemption=Preemption(mode="fair"))
    return msgspec.structs.replace(snap, memory=memory), policy


def decided(situation: Situation) -> tuple[Snapshot, Any]:
    """The snapshot with its plan."""
    snap, policy = situation
    return snap, negotiate(snap, policy)
