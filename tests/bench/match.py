"""Rounds of 1,000 classes over 100 members with 1,000 node groups, empty and at work: deciding, without any I/O."""

from __future__ import annotations

import os
import random
import time

from fedsched.matchmaker.model import (
    DemandClass,
    Group,
    JobLength,
    MemberTerms,
    MemberView,
    Memory,
    NodeGroup,
    Observation,
    PairMemory,
    Policy,
    PoolView,
    Principal,
    Ramp,
    Room,
    ScheddView,
    Snapshot,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from tests.bench.standing import at_work, remembered

TITLE = "Matching at size"
AT = 1_800_000_000.0
PLAIN = (
    '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && (TARGET.Disk >= RequestDisk) '
    "&& (TARGET.Memory >= RequestMemory) && (TARGET.Cpus >= RequestCpus) && TARGET.HasFileTransfer"
)
CLAUSES = (
    "",
    ' && (TARGET.FedschedRegion == "eu-west")',
    " && (TARGET.has_avx2 =?= true)",
    ' && stringListMember(TARGET.FedschedRegion, "eu-west,us-east,ap-south")',
    ' && (TARGET.FedschedMember =!= "m007")',
)
GPU = " && (TARGET.GPUs >= RequestGPUs)"


def member(number: int, groups: int, chance: random.Random) -> tuple[MemberTerms, MemberView]:
    """A member with groups of several shapes, half of them busy."""
    name = f"m{number:03}"
    region = chance.choice(("eu-west", "us-east", "ap-south", "eu-north"))
    found = []
    for index in range(groups):
        cores, gib = chance.choice(((8, 32), (16, 64), (32, 128), (64, 256), (64, 512), (128, 1024)))
        gpus = chance.choice((0, 0, 0, 4, 8))
        whole = Resources(cores * 1000, gib * 1024, 512 * 1024, gpus, 110)
        nodes = chance.randint(2, 60)
        rooms: dict[Resources, int] = {}
        for _ in range(nodes):
            used = chance.randint(0, cores)
            free = Resources(
                (cores - used) * 1000, (gib - used * gib // cores) * 1024, 500 * 1024, chance.randint(0, gpus), 90
            )
            rooms[free] = rooms.get(free, 0) + 1
        attributes = [("FedschedRegion", f'"{region}"'), ("FedschedLatitude", f"{chance.randint(-60, 60)}")]
        if chance.random() < 0.7:
            attributes.append(("has_avx2", "true"))
        if gpus:
            attributes.append(("GPUs_GlobalMemoryMb", str(chance.choice((16384, 40960, 81920)))))
        bars = tuple(sorted(Room(free, count) for free, count in rooms.items()))
        found.append(NodeGroup(f"g{index:02}", whole, nodes, nodes, 0, bars, attributes=tuple(sorted(attributes))))
    view = MemberView(
        name, contact="ok", contact_at=AT, seen_at=AT, node_groups=tuple(found), anchor_uid=f"anchor-{name}"
    )
    return MemberTerms(name, mode="on", price_per_core_hour=round(chance.uniform(0.01, 0.1), 3)), view


def demand(number: int, chance: random.Random) -> DemandClass:
    """A class: most are small and many, some want what few or no nodes have."""
    cores = chance.choice((1, 1, 1, 2, 4, 8, 16, 48))
    gib = max(1, cores * chance.choice((1, 2, 3, 4, 8, 16)))
    gpus = chance.choice((0, 0, 0, 0, 0, 1, 2, 16))
    idle = chance.choice((1, 5, 50, 500, 5000))
    text = PLAIN + chance.choice(CLAUSES) + (GPU if gpus else "")
    return DemandClass(
        f"k{number:05}",
        "a",
        f"ce{number % 20}",
        Principal(f"physics.g{number % 8}", f"user{number % 100}@site"),
        Resources(cores * 1000, gib * 1024 + 256 * (number % 8), (1 + number % 5) * 1024, gpus, 1),
        JobLength(3600, "assumed"),
        idle,
        requirements=text,
        priorities=((0, idle),),
        oldest_at=AT - number,
        examples=(f"{number}.0",),
    )


def round_of(classes: int, members: int, groups: int) -> Snapshot:
    """The snapshot: every pair of member and group was seen before, so that no probe holds anything back."""
    chance = random.Random(7)  # noqa: S311 - the same round each time, no secret
    sites = [member(i, groups // members, chance) for i in range(members)]
    asked = [demand(i, chance) for i in range(classes)]
    schedds = tuple(
        ScheddView(f"ce{i}", "a", seen_at=AT, reads=9, classes=tuple(d for d in asked if d.schedd == f"ce{i}"))
        for i in range(20)
    )
    seen = PairMemory(attributes=(("Arch", '"X86_64"'), ("OpSys", '"LINUX"')), seen_at=AT)
    pairs = {f"{v.name}/{g.name}/": seen for _, v in sites for g in v.node_groups}
    views = tuple(v for _, v in sites)
    observation = Observation(AT, schedds, views, (PoolView("a", seen_at=AT),))
    return Snapshot(observation, Memory(at=AT - 5, pairs=pairs), tuple(t for t, _ in sites))


GROUPS = (Group("physics"), *(Group(f"physics.g{number}", accept_surplus=True) for number in range(8)))
"""Eight groups of equal weight, so that those who hold everything are above their right."""

NOTE = (
    "Where all nodes are full, up to 100 classes of those below their right ask for evictions in each round (PR2). "
    "The second round is told the first one's plan, five seconds later."
)


def run(*, quick: bool) -> str:
    """The section's text."""
    *sizes, standing = (100, 20, 200, 500) if quick else (1000, 100, 1000, 5000)
    load = os.getloadavg()[0]
    empty = round_of(*sizes)
    rows = [_round_of("cold: nothing stands, first sight of everything", empty, Policy(groups=GROUPS))[0]]
    ranked = Policy(rank="-FedschedPricePerCoreHour * Cpus", groups=GROUPS)
    rows.append(_round_of("cold, ranked by price and cores", empty, ranked)[0])
    at_once = Policy(ramp=Ramp(first=1000, max_starts=100_000), groups=GROUPS)
    rows.append(_round_of("cold, everything may start at once", empty, at_once)[0])
    rows += _two_rounds(f"{standing:,} startds stand, nodes have room left", at_work(empty, standing, full=False))
    rows += _two_rounds(f"{standing:,} startds stand, all nodes are full", at_work(empty, standing, full=True))
    lines = (
        f"{sizes[0]:,} classes, {sizes[1]} members, {sizes[2]:,} node groups; one process, one core.",
        "",
        "| what | CPU s | wall s | placed | unmet classes | evicted |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        f"{NOTE} Load average {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end.",
    )
    return "\n".join(lines)


def _two_rounds(what: str, snapshot: Snapshot) -> list[str]:
    policy = Policy(groups=GROUPS)
    first, memory = _round_of(what, snapshot, policy)
    again, _ = _round_of("the same again, five seconds later", remembered(snapshot, memory, 5.0), policy)
    return [first, again]


def _round_of(what: str, snapshot: Snapshot, policy: Policy) -> tuple[str, Memory]:
    """One row, and what the cycle remembers."""
    before = {held.placement.id: held.wanted for held in snapshot.memory.held}
    began, cpu = time.perf_counter(), time.process_time()
    plan = negotiate(snapshot, policy)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    unmet = sum(1 for report in plan.classes if report.unmet)
    if any(report.unmet and report.why is None for report in plan.classes):
        raise AssertionError("an unmet class has no reason")
    new = sum(held.placement.id not in before for held in plan.held)
    gone = sum(bool(held.yields_to) and before.get(held.placement.id) == "run" for held in plan.held)
    return f"| {what} | {cpu:.1f} | {wall:.1f} | {new:,} | {unmet:,} | {gone:,} |", plan.memory
