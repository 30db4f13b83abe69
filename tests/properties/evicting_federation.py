"""Whole federations that are full, one for each number; whatever may decide who yields to whom is in some of them."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from fedsched.matchmaker.model import (
    Budgets,
    Claim,
    DemandClass,
    Group,
    Held,
    MemberMemory,
    MemberTerms,
    MemberView,
    Memory,
    NodeGroup,
    NodeRoom,
    ObjectView,
    Policy,
    PoolView,
    Preemption,
    Principal,
    Quota,
    Ramp,
    Room,
    SitePod,
    SlotView,
    Snapshot,
    Startds,
    Tier,
)
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import SEEN, T0, demand, held, member, placement, pod, res, schedd, slot, snapshot, thing

CORES = frozenset({"cpu_milli"})
BOARD = ("example.com/board", 1)


def federation(number: int) -> tuple[Snapshot, Policy]:
    """One to three members with one to three groups of nodes; two to five groups of people with one or two each."""
    chance = random.Random(number)  # noqa: S311 - the same federation each time, no secret
    people = [
        Principal(f"g{group}{chance.choice(('', '.sub'))}", f"u{user}@x")
        for group in range(chance.randint(2, 5))
        for user in range(chance.randint(1, 2))
    ]
    greedy = chance.sample(people, max(1, len(people) // 2))
    asked = [_class(index, chance.choice(people), chance) for index in range(chance.randint(2, 8))]
    members = [_member(index, greedy, chance) for index in range(chance.randint(1, 3))]
    views, terms, found = [], [], []
    for view, file, startds in members:
        views.append(view)
        terms.append(file)
        found += startds
    slots = tuple(one for _, _, one in found if one is not None)
    recent = {v.name: MemberMemory(evictions=(T0 - 30,) * chance.randint(0, 2)) for v in views}
    memory = Memory(
        cycle=3,
        at=T0 - 5,
        held=tuple(one for one, _, _ in found),
        members=recent,
        serial=len(found),
        pairs={f"{view.name}/{group.name}/": SEEN for view in views for group in view.node_groups},
    )
    seen = snapshot(
        members=tuple(views),
        terms=tuple(terms),
        schedds=(schedd(*asked),),
        objects=tuple(one for _, one, _ in found),
        pools=(PoolView("a", seen_at=T0, slots=slots),),
        memory=memory,
    )
    return seen, _policy(people, chance)


def _policy(people: list[Principal], chance: random.Random) -> Policy:
    groups = []
    for path in sorted({who.group for who in people} | {who.group.partition(".")[0] for who in people}):
        its: dict[str, Any] = {"accept_surplus": True, "weight": chance.choice((None, 1.0, 4.0))}
        if chance.random() < 0.3:
            its |= {"quota": res(chance.randint(1, 12)), "quota_names": CORES}
        groups.append(Group(path, **its))
    preemption = Preemption(
        mode=chance.choice(("fair", "fair", "fair", "reclaim")),
        way=chance.choice(("vacate", "leave")),
        protect_s=chance.choice((0.0, 600.0, 4_000.0)),
        by_priority=chance.random() < 0.3,
        requirements=chance.choice(("", "", "", "MY.TotalJobRunTime < 9000", 'MY.RemoteOwner =!= "u0@x"')),
        rank=chance.choice(("", "", "", "MY.RemoteUserPrio", "-MY.TotalJobRunTime")),
    )
    first = chance.choice((1, 3, 100))
    return Policy(
        groups=tuple(groups),
        preemption=preemption,
        ramp=Ramp(first=first, max_starts=max(4, first)),
        startds=Startds(pack_cpu_milli=chance.choice((0, 4000))),
        tiers=(Tier("far", 1, ("m1",)),) if chance.random() < 0.2 else (),
    )


def _class(index: int, who: Principal, chance: random.Random) -> DemandClass:
    idle, cores = chance.randint(1, 6), chance.choice((1, 1, 2, 3, 4, 6))
    request = res(cores, chance.choice((1, 2, 4)) * cores, 1, int(chance.random() < 0.1))
    if chance.random() < 0.1:
        request = msgspec.structs.replace(request, other=(BOARD,))
    priorities = ((chance.randint(0, 3), idle),)
    return demand(f"k{index}", idle, request, principal=who, priorities=priorities, oldest_at=T0 - chance.randint(1, 5))


Startd = tuple[Held, ObjectView, SlotView | None]


def _member(index: int, owners: list[Principal], chance: random.Random) -> tuple[MemberView, MemberTerms, list[Startd]]:
    name = f"m{index}"
    groups, nodes, startds = [], [], list[Startd]()
    for number in range(chance.randint(1, 3)):
        whole, bars = res(chance.choice((8, 16)), 64, 500, chance.randint(0, 1), 50), []
        for node in range(chance.randint(1, 3)):
            left, where = whole, (name, f"g{number}", f"g{number}-n{node}")
            while left.cpu_milli > 0 and chance.random() < 0.95:
                cores = min(left.cpu_milli // 1000, chance.choice((1, 2, 2, 4)))
                startds.append(_startd(f"1-{index}{number}{node}{len(startds):03}", owners, where, cores, chance))
                left -= startds[-1][0].placement.size
            left = msgspec.structs.replace(left, cpu_milli=left.cpu_milli - chance.choice((0, 0, 0, 500)))
            bars.append(Room(left, 1))
            nodes.append(NodeRoom(where[2], where[1], left, cordoned=chance.random() < 0.05))
        groups.append(NodeGroup(f"g{number}", whole, len(bars), len(bars), 0, tuple(sorted(bars))))
    return _view(name, groups, nodes, chance), _terms(name, startds, chance), startds


def _view(name: str, groups: list[NodeGroup], nodes: list[NodeRoom], chance: random.Random) -> MemberView:
    more: dict[str, Any] = {}
    if chance.random() < 0.2:
        more["quotas"] = (Quota("q", left=res(chance.randint(0, 4), 90, 90, 9, 90), limits=CORES),)
    if chance.random() < 0.15:
        one = chance.choice(nodes)
        more["site_pods"] = (SitePod("own", res(1, 1), T0 - 20, (one.node,), groups=(one.node_group,)),)
    return member(name, *groups, node_rooms=tuple(nodes), **more)


def _terms(name: str, startds: list[Startd], chance: random.Random) -> MemberTerms:
    held_there = sum(one.placement.size.cpu_milli for one, _, _ in startds) // 1000
    budgets = Budgets(evictions_per_min=chance.choice((1, 2, 5, 99, 99)))
    more: dict[str, Any] = {"budgets": budgets, "pod_overhead": chance.choice((Resources(), res(0, 0.25, 0, 0, 0)))}
    limited = chance.random()
    if limited < 0.15:
        more |= {"ceiling": res(held_there + chance.randint(0, 2)), "ceiling_names": CORES}
    elif limited < 0.3:
        more |= {"mode": "trial", "trial": len(startds) + chance.randint(0, 1)}
    elif limited < 0.4:
        more |= {"leave_free": (("g0", res(1, 0, 0, 0, 0)),)}
    return msgspec.structs.replace(MemberTerms(name, mode="on"), **more)


def _startd(
    name: str, owners: list[Principal], where: tuple[str, str, str], cores: int, chance: random.Random
) -> Startd:
    owner, age = chance.choice(owners), chance.choice((50.0, 700.0, 5_000.0, 20_000.0)) + chance.randint(0, 40)
    phase = chance.choice((*("claimed",) * 7, "unclaimed", "starting"))
    place = placement(
        name,
        where[0],
        node_group=where[1],
        principal=owner,
        class_key=f"of-{owner}",
        size=res(cores, cores),
        created_at=T0 - age - 60,
        expires_at=T0 + 80_000,
        lifetime_s=86_400,
    )
    its_pod = pod(f"fs-{name}-x", node=where[2])
    object_ = thing(place, its_pod, uid=f"uid-{name}")
    if phase == "starting":
        return held(place, phase, uid=object_.uid), object_, None
    several = [chance.choice(owners) for _ in range(cores)] if chance.random() < 0.15 else [owner]
    claims = tuple(
        Claim(one, cores * 1000 // len(several), T0 - age + n, f"{name}.{n}", "schedd-b", priority=chance.randint(0, 2))
        for n, one in enumerate(several)
    )
    claims = claims if phase == "claimed" else ()
    free = msgspec.structs.replace(place.size, cpu_milli=0 if claims else place.size.cpu_milli, pods=0)
    its_slot = slot(place, its_pod.name, claims=claims, free=free, unclaimed_since=None if claims else T0 - 60)
    since = T0 - age if claims else None
    one = held(place, phase, uid=object_.uid, slot_seen_at=T0 - age, claims=len(claims), claimed_at=since)
    return one, object_, its_slot
