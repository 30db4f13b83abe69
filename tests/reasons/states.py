"""Random small states, drawn directly: who asks, who lends, what stands, what was remembered; a seed gives one state.

Everything that can keep a class waiting is in the way now and then, alone and together with others.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from fedsched.matchmaker.model import (
    Breaker,
    Budgets,
    Claim,
    ConcurrencyLimit,
    ContainerLimits,
    DemandClass,
    Group,
    Held,
    JobLength,
    MemberMemory,
    MemberTerms,
    MemberView,
    Memory,
    NodeGroup,
    ObjectView,
    Order,
    PairMemory,
    Policy,
    PoolView,
    Preemption,
    Principal,
    PrincipalTerms,
    Quota,
    Ramp,
    Ramping,
    Room,
    ScheddView,
    SitePod,
    SlotView,
    Snapshot,
    Spike,
    Startds,
    SurgeMemory,
    SurgeTerms,
    Taint,
    Tier,
    TierState,
    Trust,
    Window,
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
    schedd,
    slot,
    snapshot,
    terms,
    thing,
)

PEOPLE = (
    Principal("physics", "ann@p.example"),
    Principal("physics.hep", "ben@p.example"),
    Principal("biology", "eve@b.example"),
    Principal("", "kim@c.example"),
)
SHAPES = ((1, 2), (1, 4), (2, 4), (4, 8), (4, 24), (8, 16))
CLAUSES = (
    'TARGET.Arch == "aarch64"',
    'TARGET.Arch == "X86_64"',
    "TARGET.Memory >= 8192",
    'TARGET.FedschedRegion == "eu"',
    'TARGET.GPUs_DeviceName == "A100"',
    "TARGET.HasTape =?= true",
)
T = TypeVar("T")


class State(NamedTuple):
    """One state: what a decision is made from."""

    snapshot: Snapshot
    policy: Policy


class Luck(random.Random):
    """A source of chance with words for it."""

    def one(self, *weighted: tuple[float, T]) -> T:
        """One of several by weight."""
        return self.choices([what for _, what in weighted], [weight for weight, _ in weighted])[0]

    def now_and_then(self, chance: float) -> bool:
        """True that often."""
        return self.random() < chance


def state(seed: int) -> State:
    """The state of that seed."""
    luck = Luck(f"reasons {seed}")
    policy = some_policy(luck)
    names = ("alps", "bay", "coast")[: luck.one((5, 1), (4, 2), (2, 3))]
    joined = [some_member(luck, name) for name in names]
    views = tuple(view for view, _ in joined)
    files = tuple(file for _, file in joined)
    classes = tuple(some_class(luck, f"class{number}") for number in range(luck.one((5, 1), (4, 2), (2, 3), (1, 4))))
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


# -- who lends


def some_member(luck: Luck, name: str) -> tuple[MemberView, MemberTerms]:
    """A member with its file. Usually nothing is wrong with it."""
    groups = tuple(some_group(luck, f"g{number}") for number in range(luck.one((6, 1), (2, 2), (0.3, 0))))
    view = member(name)
    view = msgspec.structs.replace(view, node_groups=groups)
    file = terms(name, image="startd", attributes=(("FedschedRegion", f'"{luck.choice(("eu", "us"))}"'),))
    for chance, change in VIEWS:
        if luck.now_and_then(chance):
            view = msgspec.structs.replace(view, **change(luck, groups))
    for chance, change in FILES:
        if luck.now_and_then(chance):
            file = msgspec.structs.replace(file, **change(luck, groups))
    return view, file


def some_group(luck: Luck, name: str) -> NodeGroup:
    """Some nodes alike, each with something free."""
    cores, gib = luck.choice(((4, 16), (8, 32), (16, 64)))
    gpus = luck.one((5, 0), (1, 2))
    whole = Resources(cores * 1000, gib * 1024, 200 * 1024, gpus, 20)
    nodes = luck.randint(1, 3)
    bars: dict[Resources, int] = {}
    for _ in range(nodes):
        free = Resources(
            luck.choice((0, 1, 2, cores // 2, cores)) * 1000,
            luck.choice((0, 2, gib // 2, gib)) * 1024,
            luck.choice((200, 200, 200, 1)) * 1024,
            luck.choice((0, gpus)),
            luck.choice((20, 20, 20, 0)),
        )
        bars[free] = bars.get(free, 0) + 1
    attributes = (("GPUs_DeviceName", luck.choice(('"A100"', '"T4"'))),) if gpus else ()
    made = group(name, nodes, whole, rooms=tuple(sorted(Room(free, count) for free, count in bars.items())))
    more: dict[str, Any] = {"attributes": attributes}
    if luck.now_and_then(0.05):
        more["cordoned"] = nodes
    if luck.now_and_then(0.25):
        more["can_grow_to"] = nodes + luck.randint(1, 2)
    if luck.now_and_then(0.1):
        more["taints"] = (Taint("site", "yes", "NoSchedule"),)
        more["barred"] = luck.choice((more["taints"], ()))
    return msgspec.structs.replace(made, **more)


def _quotas(luck: Luck, _groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    name, left = luck.choice(
        (
            ("cpu_milli", Resources(cpu_milli=luck.choice((0, 1000, 3000, 6000)))),
            ("memory_mib", Resources(memory_mib=luck.choice((0, 1024, 6000, 20000)))),
            ("pods", Resources(pods=luck.choice((0, 1)))),
            ("gpus", Resources(gpus=luck.choice((0, 1)))),
        )
    )
    jobs = luck.one((4, None), (1, 0), (1, 1))
    return {"quotas": (Quota("compute", left, frozenset({name}), jobs),)}


def _limits(luck: Luck, _groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    most = Resources(cpu_milli=luck.choice((1000, 3000)), memory_mib=luck.choice((4096, 10_000)))
    named = luck.choice((frozenset({"cpu_milli"}), frozenset({"cpu_milli", "memory_mib"})))
    return {"limits": (ContainerLimits("caps", most, named, Resources(), frozenset()),)}


def _site_pods(luck: Luck, groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    """A pod of the site's own that waits for room."""
    names = tuple(group.name for group in groups[:1])
    waits = SitePod(
        "site-1", Resources(luck.choice((1000, 4000)), 2048, 0, 0, 1), T0 - luck.choice((5, 400)), (), groups=names
    )
    return {"site_pods": (waits,)}


VIEWS: Sequence[tuple[float, Any]] = (
    (0.15, _quotas),
    (0.06, _limits),
    (0.04, lambda luck, _: {"seen_at": luck.choice((T0 - 300, T0 - 61, None))}),
    (0.03, lambda _luck, _: {"anchor_uid": ""}),
    (0.03, lambda _luck, _: {"contact": "unauthorized"}),
    (0.05, lambda _luck, _: {"contact": "timeout", "seen_at": T0 - 900}),
    (0.05, _site_pods),
)


def _ceiling(luck: Luck, _groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    return luck.choice(
        (
            {"ceiling": Resources(cpu_milli=luck.choice((0, 2000, 5000))), "ceiling_names": frozenset({"cpu_milli"})},
            {"ceiling": Resources(memory_mib=luck.choice((1024, 5000))), "ceiling_names": frozenset({"memory_mib"})},
            {"ceiling": Resources(2000, 5000), "ceiling_names": frozenset({"cpu_milli", "memory_mib"})},
        )
    )


def _leave_free(luck: Luck, groups: tuple[NodeGroup, ...]) -> dict[str, Any]:
    kept = Resources(luck.choice((0, 4000, 12_000)), luck.choice((0, 8192)))
    return {"leave_free": ((luck.choice((*(group.name for group in groups), "*")), kept),)}


FILES: Sequence[tuple[float, Any]] = (
    (0.1, lambda luck, _: {"mode": "trial", "trial": luck.randint(0, 2)}),
    (0.04, lambda _luck, _: {"mode": "observe"}),
    (0.1, _ceiling),
    (0.1, _leave_free),
    (0.05, lambda luck, _: {"budgets": Budgets(objects_in_flight=luck.choice((0, 1)))}),
    (0.03, lambda _luck, _: {"budgets": Budgets(pods_pulling=0)}),
    (0.04, lambda luck, _: {"principals": (luck.choice(("physics.*", "biology.*")),)}),
    (0.05, lambda _luck, _: {"images": ("lab/*",)}),
    (0.04, lambda _luck, _: {"pools": ("z",)}),
    (0.03, lambda _luck, _: {"forms": ()}),
    (
        0.03,
        lambda _luck, groups: {
            "forms": ("startd-daemonset", "startd-job"),
            "daemonset_groups": tuple(g.name for g in groups),
        },
    ),
    (0.06, lambda _luck, _: {"requirements": "TARGET.RequestCpus < 4"}),
    (0.08, lambda luck, _: {"max_lifetime_s": luck.choice((3600, 7200))}),
    (0.3, lambda luck, _: {"price_per_core_hour": luck.choice((0.1, 1.0))}),
)


# -- who asks


def some_class(luck: Luck, key: str) -> DemandClass:
    """A class of jobs alike."""
    who = luck.choice(PEOPLE)
    cores, gib = luck.choice(SHAPES)
    gpus = luck.one((12, 0), (1, 1))
    idle = luck.one((3, 1), (2, 3), (1, 8))
    clauses = luck.sample(CLAUSES, luck.one((9, 0), (2, 1), (1, 2)))
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


# -- what the policy says


def some_policy(luck: Luck) -> Policy:
    """Groups with quotas and limits, growth, tiers, evictions."""
    ramp = luck.one((4, Ramp(first=1000, max_starts=1000)), (2, Ramp(first=2)), (1, Ramp(first=1, max_starts=1)))
    changes: dict[str, Any] = {
        "ramp": ramp,
        "groups": some_groups(luck) if luck.now_and_then(0.6) else (),
        "preemption": Preemption(mode=luck.choice(("never", "fair")), protect_s=0.0),
        "startds": Startds(
            lifetime_s=luck.choice((7200, 43_200)), pack_cpu_milli=luck.one((4, 0), (1, 8000)), join_s=120.0
        ),
    }
    if luck.now_and_then(0.1):
        changes["principals"] = (PrincipalTerms("*", ceiling=luck.choice((0.5, 3.0))),)
    if luck.now_and_then(0.7):
        changes["limits"] = tuple(ConcurrencyLimit(name, luck.choice((0, 1, 4))) for name in ("licence", "tape"))
    if luck.now_and_then(0.2):
        changes["tiers"] = some_tiers(luck)
    if luck.now_and_then(0.2):
        changes["surge"] = SurgeTerms(max_leak=0)
    return Policy(**changes)


def some_groups(luck: Luck) -> tuple[Group, ...]:
    """A small tree of accounting groups."""
    cpu = frozenset({"cpu_milli"})
    kinds: tuple[dict[str, Any], ...] = (
        {"weight": luck.choice((1.0, 3.0))},
        {"quota": Resources(luck.choice((1000, 4000, 12_000))), "quota_names": cpu},
        {"quota": Resources(luck.choice((1000, 4000)), 4096), "quota_names": cpu | {"memory_mib"}},
        {"quota": Resources(luck.choice((1000, 4000))), "quota_names": cpu, "accept_surplus": True, "borrow": 1.0},
        {"quota": Resources(luck.choice((4000, 12_000))), "quota_names": cpu, "lend": 0.0, "accept_surplus": True},
        {"quota_fraction": luck.choice((0.1, 0.5)), "lend": luck.choice((0.0, 1.0))},
        {"limit": Resources(luck.choice((0, 2000)), 4096), "limit_names": luck.choice((cpu, cpu | {"memory_mib"}))},
        {"budget": luck.choice((0.5, 20.0))},
    )
    return tuple(Group(path, **luck.choice(kinds)) for path in ("biology", "physics", "physics.hep"))


def some_tiers(luck: Luck) -> tuple[Tier, ...]:
    """One tier before another."""
    night = (Window(hours=((int(T0 // 3600) + 5) % 24, (int(T0 // 3600) + 6) % 24)),)
    ends = (Window(ends_at=T0 + 1800),)
    first = Tier("own", 0, members=("alps",))
    second = Tier(
        "rented",
        1,
        budget=luck.choice((0.0, 0.2, 50.0)),
        dwell_s=luck.choice((0.0, 120.0)),
        windows=luck.choice(((), (), night, ends)),
    )
    return (first, second)


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
