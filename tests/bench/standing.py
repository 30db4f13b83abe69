"""A federation that is at work: thousands of startds that stand, claimed, unclaimed and starting; no measuring."""

from __future__ import annotations

import random

import msgspec

from fedsched.matchmaker.model import (
    Claim,
    DemandClass,
    Held,
    MemberTerms,
    MemberView,
    Memory,
    NodeGroup,
    NodeRoom,
    ObjectView,
    Phase,
    Placement,
    PodView,
    PoolView,
    Room,
    SlotView,
    Snapshot,
)
from fedsched.matchmaker.resources import Resources

PHASES: tuple[Phase, ...] = (*("claimed",) * 8, "unclaimed", "starting")
ON_A_NODE = 4
"""So many of ours share one node."""
FULL = (Resources(0, 4096, 200_000, 0, 50), Resources(500, 65_536, 200_000, 0, 50), Resources(0, 0, 200_000, 0, 50))
"""What full nodes have left: cores are used up first, on some of them memory too."""


def at_work(before: Snapshot, count: int, *, full: bool) -> Snapshot:
    """The same federation with `count` startds, for principals of every second group; full: no node has room left."""
    chance = random.Random(11)  # noqa: S311 - the same federation each time, no secret
    at = before.at
    demands = [d for view in before.observation.schedds for d in view.classes]
    owners = [d for d in demands if greedy(d)] or demands
    pairs = [(t, v, g) for t, v in _members(before) for g in v.node_groups]
    found = []
    for index in range(count):
        terms, _, group = pairs[index % len(pairs)]
        node = f"{group.name}-n{index // len(pairs) // ON_A_NODE}"
        found.append(_startd(index, owners[chance.randrange(len(owners))], (terms, group.name, node), at, chance))
    nodes = {(held.placement.member, pod.node, held.placement.node_group) for held, _, _, pod in found}
    views = tuple(_with_nodes(v, nodes, full=full) for _, v in _members(before))
    seen = msgspec.structs.replace(
        before.observation,
        members=views,
        objects=tuple(thing for _, thing, _, _ in found),
        pools=(PoolView("a", seen_at=at, slots=tuple(slot for _, _, slot, _ in found if slot is not None)),),
    )
    memory = msgspec.structs.replace(before.memory, held=tuple(held for held, _, _, _ in found), serial=count)
    return msgspec.structs.replace(before, observation=seen, memory=memory)


def greedy(demand: DemandClass) -> bool:
    """Whether its principal holds all that there is."""
    return int(demand.principal.group.rpartition("g")[2]) % 2 == 0


def _members(snapshot: Snapshot) -> list[tuple[MemberTerms, MemberView]]:
    return list(zip(snapshot.terms, snapshot.observation.members, strict=True))


def _startd(
    index: int, demand: DemandClass, where: tuple[MemberTerms, str, str], at: float, chance: random.Random
) -> tuple[Held, ObjectView, SlotView | None, PodView]:
    """One startd with its object, slot and pod: most are claimed, a tenth wait for a job, a tenth still start."""
    terms, group, node = where
    cores, phase = chance.choice((2, 4, 8)), chance.choice(PHASES)
    age = chance.uniform(20, 80) if phase == "starting" else chance.uniform(700, 40_000)
    size = Resources(cores * 1000, cores * 4096, 20 * 1024, 0, 1)
    placement = Placement(
        id=f"1-{index:06x}",
        member=terms.name,
        node_group=group,
        form="startd-job",
        pool="a",
        schedd=demand.schedd,
        principal=demand.principal,
        class_key=demand.key,
        size=size,
        created_at=at - age,
        expires_at=at + 80_000,
        lifetime_s=86_400,
        retire_s=1800,
        idle_s=300,
        first_refusal_s=300,
        epoch=1,
        image=terms.image,
    )
    pod = PodView(f"fs-{placement.id}-x", f"uid-{index}", "7", "running", node, at - age, at - age, at - age + 20)
    thing = ObjectView(
        placement.object_name,
        "Job",
        f"job-{index}",
        "5",
        terms.name,
        placement.id,
        1,
        "digest",
        at - age,
        placement,
        pods=(pod,),
    )
    claims = _claims(index, demand, cores, at - age, chance) if phase == "claimed" else ()
    held = Held(placement, phase, at - age / 2, uid=thing.uid, written_at=at - age, pod_started_at=at - age + 20)
    if phase == "starting":
        return msgspec.structs.replace(held, pod_started_at=at - 30), thing, None, pod
    free = msgspec.structs.replace(size, cpu_milli=0, pods=0) if claims else msgspec.structs.replace(size, pods=0)
    slot = SlotView(
        f"slot1@{pod.name}",
        "a",
        placement.id,
        terms.name,
        group,
        pod.name,
        size,
        free,
        at,
        claims,
        unclaimed_since=None if claims else at - 60,
        started_at=at - age + 40,
        attributes=(("Arch", '"X86_64"'), ("OpSys", '"LINUX"')),
    )
    held = msgspec.structs.replace(
        held, slot_seen_at=at - age + 40, claims=len(claims), claimed_at=at - age + 60 if claims else None
    )
    return held, thing, slot, pod


def _claims(index: int, demand: DemandClass, cores: int, since: float, chance: random.Random) -> tuple[Claim, ...]:
    """Cores of one startd in claims of one or two cores, or all in one."""
    each = chance.choice((1, 2, cores))
    return tuple(
        Claim(demand.principal, each * 1000, since + chance.uniform(60, 600), f"{index}.{n}", demand.schedd)
        for n in range(cores // each)
    )


def _with_nodes(view: MemberView, nodes: set[tuple[str, str, str]], *, full: bool) -> MemberView:
    """The member with the nodes on which ours stand; full: neither these nor others have room for more."""
    rooms = tuple(NodeRoom(node, group, FULL[0]) for name, node, group in sorted(nodes) if name == view.name)
    groups = tuple(_full(group, number) if full else group for number, group in enumerate(view.node_groups))
    return msgspec.structs.replace(view, node_rooms=rooms, node_groups=groups)


def _full(group: NodeGroup, number: int) -> NodeGroup:
    bars = (Room(FULL[0], group.nodes - group.nodes // 2), Room(FULL[number % 3], group.nodes // 2))
    return msgspec.structs.replace(group, rooms=tuple(sorted({bar.free: bar for bar in bars}.values())))


def remembered(snapshot: Snapshot, memory: Memory, seconds: float) -> Snapshot:
    """The same observation some seconds later, with what the cycle before remembered."""
    at = snapshot.at + seconds
    seen = snapshot.observation
    later = msgspec.structs.replace(
        seen,
        at=at,
        schedds=tuple(msgspec.structs.replace(v, seen_at=at) for v in seen.schedds),
        members=tuple(msgspec.structs.replace(v, seen_at=at, contact_at=at) for v in seen.members),
        pools=tuple(msgspec.structs.replace(v, seen_at=at) for v in seen.pools),
    )
    return msgspec.structs.replace(snapshot, observation=later, memory=memory)
