"""Random small states, drawn directly: who asks, who lends, what stands, what was remembered; a seed gives one state.

Everything that can keep a class waiting is in the way now and then, alone and together with others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from fedsched.matchmaker.model import (
    Breaker,
    Claim,
    DemandClass,
    Held,
    JobLength,
    MemberMemory,
    MemberTerms,
    MemberView,
    Memory,
    ObjectView,
    Order,
    PairMemory,
    Policy,
    PoolView,
    Principal,
    Ramping,
    ScheddView,
    SlotView,
    Snapshot,
    Spike,
    SurgeMemory,
    TierState,
    Trust,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import (
    SEEN,
    T0,
    demand,
    held,
    placement,
    pod,
    schedd,
    slot,
    snapshot,
    thing,
)
from tests.reasons.lending import some_member
from tests.reasons.luck import Luck
from tests.reasons.policies import some_policy
from tests.reasons.queues import with_queue

PEOPLE = (
    Principal("physics", "ann@p.example"),
    Principal("physics.hep", "ben@p.example"),
    Principal("biology", "eve@b.example"),
    Principal("", "kim@c.example"),
)
WITH_JOBS = 0.4
"""So many states have a queue of users' Jobs, too."""
SHAPES = ((1, 2), (1, 4), (2, 4), (4, 8), (4, 24), (8, 16))
CLAUSES = (
    'TARGET.Arch == "aarch64"',
    'TARGET.Arch == "X86_64"',
    "TARGET.Memory >= 8192",
    'TARGET.FedschedRegion == "eu"',
    'TARGET.GPUs_DeviceName == "A100"',
    "TARGET.HasTape =?= true",
)


class State(NamedTuple):
    """One state: what a decision is made from."""

    snapshot: Snapshot
    policy: Policy


def state(seed: int) -> State:
    """The state of that seed."""
    luck = Luck(f"reasons {seed}")
    policy = some_policy(luck)
    names = ("alps", "bay", "coast")[: luck.one((5, 1), (4, 2), (2, 3))]
    joined = [some_member(luck, name) for name in names]
    views = tuple(view for view, _ in joined)
    files = tuple(file for _, file in joined)
    packs = policy.startds.pack_cpu_milli > 0
    classes = tuple(
        some_class(luck, f"class{number}", packs=packs) for number in range(luck.one((5, 1), (4, 2), (2, 3), (1, 4)))
    )
    standing = [
        one for number in range(luck.one((5, 0), (2, 1), (1, 3))) for one in some_startd(luck, views, classes, number)
    ]
    memory = some_memory(luck, (views, files), classes, policy)
    memory = msgspec.structs.replace(memory, held=tuple(one for one in standing if isinstance(one, Held)))
    seen = snapshot(
        members=views,
        schedds=some_schedds(luck, classes),
        pools=some_pools(luck, tuple(one for one in standing if isinstance(one, SlotView))),
        objects=tuple(one for one in standing if isinstance(one, ObjectView)),
    )
    snap = msgspec.structs.replace(seen, memory=memory, terms=files, orders=some_orders(luck, names, classes))
    beside = Luck(f"queues {seed}")
    if beside.now_and_then(WITH_JOBS):
        snap = with_queue(beside, snap, PEOPLE)
    return State(_looked_at(snap, policy), policy)


def _looked_at(snap: Snapshot, policy: Policy) -> Snapshot:
    """What is lent is smoothed, and was just looked at: what a change of now does to quotas shows only later (FS1)."""
    then = negotiate(snap, policy).memory
    members = {
        name: msgspec.structs.replace(known, lent=_noted(then.members[name].lent), lent_at=snap.at)
        for name, known in snap.memory.members.items()
    }
    shares = {"reference": then.reference, "reference_at": snap.at, "reference_since": snap.at}
    memory = msgspec.structs.replace(snap.memory, members=members, **shares)
    return msgspec.structs.replace(snap, memory=memory)


def _noted(lent: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """Next to nothing of what is not lent at all, which else would count at once when it is."""
    noted = dict.fromkeys(("cpu_milli", "memory_mib", "disk_mib", "gpus"), 0.5)
    return tuple(sorted({**noted, **dict(lent)}.items()))


# -- who asks


def some_class(luck: Luck, key: str, *, packs: bool) -> DemandClass:
    """A class of jobs alike. packs: a startd is as large as its node has room, and no clause asks how large it is."""
    who = luck.choice(PEOPLE)
    cores, gib = luck.choice(SHAPES)
    gpus = luck.one((12, 0), (1, 1))
    idle = luck.one((3, 1), (2, 3), (1, 8))
    clauses = luck.sample(
        [one for one in CLAUSES if not packs or "Memory" not in one], luck.one((9, 0), (2, 1), (1, 2))
    )
    found = demand(
        key,
        idle,
        Resources(cores * 1000, gib * 1024, luck.choice((1, 1, 10)) * 1024, gpus, 1),
        principal=who,
        schedd=f"ce.{who.user.partition('@')[2]}",
        length=JobLength(luck.choice((600, 600, 600, 5000, 40_000)), luck.choice(("assumed", "AllowedJobDuration"))),
        requirements=" && ".join(clauses),
        image=luck.one((8, ""), (1, "lab/x:1"), (2, "other/y:1")),
        oldest_at=T0 - luck.choice((100, 200)),
    )
    more: dict[str, Any] = {"priorities": ((luck.choice((0, 0, 5)), idle),)}
    if luck.now_and_then(0.15):
        more["concurrency"] = tuple(
            sorted((name, luck.choice((1, 2))) for name in luck.sample(("licence", "tape"), luck.choice((1, 2))))
        )
    if luck.now_and_then(0.02):
        more["gate"] = "2,001 operands"
    return msgspec.structs.replace(found, **more)


def some_schedds(luck: Luck, classes: tuple[DemandClass, ...]) -> tuple[ScheddView, ...]:
    """Each class at its schedd; one of them may have fallen silent."""
    found = []
    for name in sorted({one.schedd for one in classes}):
        mine = tuple(one for one in classes if one.schedd == name)
        found.append(schedd(*mine, name=name, seen_at=luck.one((20, T0), (1, T0 - 600), (0.3, None))))
    return tuple(found)


def some_pools(luck: Luck, slots: tuple[SlotView, ...]) -> tuple[PoolView, ...]:
    """The one pool; its collector may be silent."""
    return (PoolView("a", seen_at=luck.one((25, T0), (1, T0 - 600)), slots=slots),)


def some_orders(luck: Luck, names: Sequence[str], classes: tuple[DemandClass, ...]) -> tuple[Order, ...]:
    """What people said, each with a reason of its own."""
    found = []
    for number, kind in enumerate(("cordon", "drain", "pause", "deny")):
        if luck.now_and_then(0.05):
            target = luck.choice((*names, "*"))
            if kind == "deny":
                target = luck.choice(("physics.*", "*", classes[0].schedd))
            found.append(Order(kind, target, f"reason {number}", at=T0 - 50))  # type: ignore[arg-type]  # literals
    return tuple(found)


# -- what was remembered and what stands


def some_memory(
    luck: Luck,
    lent: tuple[tuple[MemberView, ...], tuple[MemberTerms, ...]],
    classes: tuple[DemandClass, ...],
    policy: Policy,
) -> Memory:
    """What the last cycles left."""
    views, files = lent
    pairs, members = {}, {}
    for view, file in zip(views, files, strict=True):
        members[view.name] = _health(luck, view)
        for one in view.node_groups:
            if luck.now_and_then(0.9):
                pairs[f"{view.name}/{one.name}/{file.image}"] = _pair(luck)
    changes: dict[str, Any] = {"members": members, "pairs": dict(sorted(pairs.items()))}
    changes |= _growth(luck, luck.choice(classes))
    changes |= _setbacks(luck, luck.choice(classes), views[0].name)
    if policy.tiers and luck.now_and_then(0.5):
        changes["tiers"] = {"rented": TierState(full_since=T0 - luck.choice((20, 200)), wanted_at=T0 - 5, at=T0 - 5)}
    return Memory(serial=1000, at=T0 - 5, **changes)


def _growth(luck: Luck, asking: DemandClass) -> dict[str, Any]:
    """Steps that are used up, and trust that was not earned."""
    changes: dict[str, Any] = {}
    if luck.now_and_then(0.1):
        changes["ramps"] = {asking.key: Ramping(allowance=4, until=T0 + 20, used=luck.choice((3, 4)))}
    if luck.now_and_then(0.03):
        changes["ramps"] = {"*": Ramping(allowance=4, until=T0 + 20, used=luck.choice((3, 1000)))}
    if luck.now_and_then(0.1):
        changes["trust"] = {f"{asking.schedd}/{asking.principal}": Trust(0, luck.choice((0, 1)), T0 - 5)}
    return changes


def _setbacks(luck: Luck, asking: DemandClass, member_name: str) -> dict[str, Any]:
    """Startds that failed fast, or were claimed by others."""
    changes: dict[str, Any] = {}
    if luck.now_and_then(0.2):
        rests = Breaker(5, T0 + luck.choice((-10, 100)), "crashed exit 1", 1, luck.now_and_then(0.3), T0 - 50)
        if luck.now_and_then(0.3):
            rests = msgspec.structs.replace(rests, last="pending-too-long 700 s")
        changes["breakers"] = {f"{asking.key}|{member_name}": rests}
    if luck.now_and_then(0.08):
        spike = Spike("s1", T0 - 500, leaks=((asking.key, luck.choice((1, 20))),))
        changes["surge"] = SurgeMemory(T0 - 500, None, (spike,), 1)
    return changes


def _health(luck: Luck, view: MemberView) -> MemberMemory:
    good = MemberMemory(since=T0 - 9000, good_at=T0 - 5, good_reads=5, contact_seen=T0 - 5)
    if view.contact == "timeout":
        state, silent_s = luck.choice((("unreachable", 890.0), ("lost", 1000.0), ("ready", 30.0)))
        return MemberMemory(state, T0 - 900, T0 - 900, silent_for_s=silent_s)  # type: ignore[arg-type]  # literals
    if luck.now_and_then(0.08):
        cores, gib = luck.choice(SHAPES)
        full = Resources(cores * 1000, gib * 1024, 1024, 0, 1)
        what = ",".join(f"{name}={amount}" for name, amount in full.items() if amount)
        cause = luck.choice((Cause.WRITE_REFUSED, Cause.POD_REFUSED))
        why = Reason(cause, have="policy no-large", member=view.name, at=T0 - 50)
        good = msgspec.structs.replace(good, refusals=((what, why),))
    return good


def _pair(luck: Luck) -> PairMemory:
    if luck.now_and_then(0.06):
        failed = Reason(Cause.IMAGE_PULL, "pod", have="not found")
        return msgspec.structs.replace(SEEN, failures=3, closed_until=T0 + 100, last_failure=failed)
    return SEEN


def some_startd(
    luck: Luck, views: tuple[MemberView, ...], classes: tuple[DemandClass, ...], number: int
) -> tuple[Held | ObjectView | SlotView, ...]:
    """Something of ours that stands: on its way, waiting for a job, or at work."""
    view = luck.choice(views)
    if not view.node_groups:
        return ()
    one, where = luck.choice(classes), luck.choice(view.node_groups)
    who = luck.choice(PEOPLE) if luck.now_and_then(0.5) else one.principal
    grows = where.can_grow_to > where.nodes and luck.now_and_then(0.5)
    place = placement(
        f"1-{number}",
        view.name,
        node_group=where.name,
        principal=who,
        schedd=one.schedd,
        class_key=one.key if who == one.principal else "gone",
        size=msgspec.structs.replace(one.request, pods=1),
        created_at=T0 - 900,
        probe=luck.now_and_then(0.2),
        growth=grows,
        concurrency=one.concurrency,
    )
    name = f"fs-{place.id}-abcde"
    kind = "starting" if grows else luck.choice(("starting", "unclaimed", "claimed", "claimed"))
    if kind == "starting":
        waits = pod(name, "pending", node="" if grows else "n1", started_at=None, pulling=luck.now_and_then(0.5))
        return held(place, "starting", since=T0 - 100), thing(place, waits)
    claims = (Claim(who, place.size.cpu_milli, T0 - 800, schedd=one.schedd),) if kind == "claimed" else ()
    free = Resources() if claims else msgspec.structs.replace(place.size, pods=0)
    ad = slot(place, name, free=free, claims=claims, unclaimed_since=None if claims else T0 - 10, started_at=T0 - 850)
    times = {"slot_seen_at": T0 - 850, "claimed_at": T0 - 800 if claims else None, "claims": len(claims)}
    return held(place, kind, since=T0 - 800, **times), thing(place, pod(name, started_at=T0 - 860)), ad
