"""A whole round at full size, in a process of its own: cold, with evictions wanted everywhere, with 1 % changed."""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec

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
    Plan,
    Policy,
    PoolView,
    Principal,
    Ramp,
    Room,
    ScheddView,
    Snapshot,
)
from fedsched.matchmaker.negotiate import Kept, negotiated
from fedsched.matchmaker.resources import Resources
from tests.bench.match import AT, CLAUSES, GPU, PLAIN
from tests.bench.standing import at_work, remembered

TITLE = "A round"
TIMES = 3
GROUPS, PRINCIPALS, SCHEDDS, MEMBERS, GROUPS_OF_A_MEMBER = 20, 200, 20, 100, 10
SHAPES = ((8, 32, 0), (16, 64, 0), (32, 128, 0), (64, 256, 0), (64, 512, 4), (128, 1024, 8))
"""Cores, GiB and GPUs of a node."""


class Size(msgspec.Struct, frozen=True):
    """How much is asked and lent. startds: of ours that stand already."""

    jobs: int = 1_000_000
    classes: int = 1_000
    nodes: int = 10_000
    startds: int = 5_000


FULL = Size()
GROWTH = {
    "jobs": Size(jobs=FULL.jobs // 10),
    "nodes": Size(nodes=FULL.nodes // 10),
    "classes": Size(classes=FULL.classes // 10),
}
"""A tenth of each; and how many times as long the whole may take."""
WANTED = {"jobs": 1.5, "nodes": 10.0, "classes": 10.0}


def policy(ramp: Ramp | None = None) -> Policy:
    """Twenty groups of equal weight."""
    groups = (Group("physics"), *(Group(f"physics.g{number}", accept_surplus=True) for number in range(GROUPS)))
    return Policy(groups=groups, ramp=ramp or Ramp())


def federation(size: Size) -> Snapshot:
    """Everything was seen before, so that no probe holds anything back; nothing stands yet; equal for equal sizes."""
    chance = random.Random(8)  # noqa: S311 - the same federation each time, no secret
    each = max(1, size.nodes // (MEMBERS * GROUPS_OF_A_MEMBER))
    members = [_member(number, each, chance) for number in range(MEMBERS)]
    asked = [_class(number, size, chance) for number in range(size.classes)]
    schedds = tuple(
        ScheddView(name, "a", seen_at=AT, reads=9, classes=tuple(d for d in asked if d.schedd == name))
        for name in sorted({d.schedd for d in asked})
    )
    seen = PairMemory(attributes=(("Arch", '"X86_64"'), ("OpSys", '"LINUX"')), seen_at=AT)
    views = tuple(view for _, view in members)
    pairs = {f"{view.name}/{group.name}/": seen for view in views for group in view.node_groups}
    observation = Observation(AT, schedds, views, (PoolView("a", seen_at=AT),))
    return Snapshot(observation, Memory(at=AT - 5, pairs=pairs), tuple(terms for terms, _ in members))


def _member(number: int, nodes: int, chance: random.Random) -> tuple[MemberTerms, MemberView]:
    region = chance.choice(("eu-west", "us-east", "ap-south", "eu-north"))
    groups = tuple(_group(index, nodes, region, chance) for index in range(GROUPS_OF_A_MEMBER))
    name = f"m{number:03}"
    view = MemberView(name, contact="ok", contact_at=AT, seen_at=AT, node_groups=groups, anchor_uid=f"anchor-{name}")
    return MemberTerms(name, mode="on", price_per_core_hour=round(chance.uniform(0.01, 0.1), 3)), view


def _group(index: int, nodes: int, region: str, chance: random.Random) -> NodeGroup:
    cores, gib, gpus = chance.choice(SHAPES)
    whole = Resources(cores * 1000, gib * 1024, 512 * 1024, gpus, 110)
    rooms: dict[Resources, int] = {}
    for _ in range(nodes):
        free = _free(whole, chance)
        rooms[free] = rooms.get(free, 0) + 1
    attributes = [("FedschedRegion", f'"{region}"'), ("has_avx2", "true" if chance.random() < 0.7 else "false")]
    if gpus:
        attributes.append(("GPUs_GlobalMemoryMb", "40960"))
    bars = tuple(sorted(Room(free, count) for free, count in rooms.items()))
    return NodeGroup(f"g{index:02}", whole, nodes, nodes, 0, bars, attributes=tuple(attributes))


def _free(whole: Resources, chance: random.Random) -> Resources:
    """What a node has left: each resource is used to another part."""
    used = chance.random()
    return Resources(
        int(whole.cpu_milli * used) // 100 * 100,
        int(whole.memory_mib * min(1.0, used * chance.uniform(0.5, 1.5))),
        int(whole.disk_mib * chance.uniform(0.1, 1.0)),
        chance.randint(0, whole.gpus),
        chance.randint(10, 90),
    )


def _class(number: int, size: Size, chance: random.Random) -> DemandClass:
    """Small and large requests; each principal in one group."""
    cores, gpus = chance.choice((1, 1, 1, 2, 4, 8, 16, 48)), chance.choice((0, 0, 0, 0, 0, 0, 1, 2))
    gib, user = max(1, cores * chance.choice((1, 2, 3, 4, 8))), number % PRINCIPALS
    idle = size.jobs // size.classes
    return DemandClass(
        f"k{number:05}",
        "a",
        f"ce{number % SCHEDDS}",
        Principal(f"physics.g{user % GROUPS}", f"user{user}@site"),
        Resources(cores * 1000, gib * 1024 + 256 * (number % 8), (1 + number % 5) * 1024, gpus, 1),
        JobLength(3600, "assumed"),
        idle,
        requirements=PLAIN + chance.choice(CLAUSES) + (GPU if gpus else ""),
        priorities=((0, idle),),
        oldest_at=AT - number,
        examples=(f"{number}.0",),
    )


def changed(snapshot: Snapshot) -> Snapshot:
    """One class in a hundred has other jobs waiting, one node group in a hundred has other room."""
    chance, seen = random.Random(9), snapshot.observation  # noqa: S311 - as above
    schedds = tuple(
        msgspec.structs.replace(view, classes=tuple(_more_jobs(one) for one in view.classes)) for view in seen.schedds
    )
    members = tuple(
        msgspec.structs.replace(view, node_groups=(_other_room(view.node_groups[0], chance), *view.node_groups[1:]))
        if number % (100 // GROUPS_OF_A_MEMBER) == 0
        else view
        for number, view in enumerate(seen.members)
    )
    return msgspec.structs.replace(
        snapshot, observation=msgspec.structs.replace(seen, schedds=schedds, members=members)
    )


def _more_jobs(one: DemandClass) -> DemandClass:
    if int(one.key[1:]) % 100:
        return one
    return msgspec.structs.replace(one, idle=one.idle + 7, priorities=((0, one.idle + 7),))


def _other_room(group: NodeGroup, chance: random.Random) -> NodeGroup:
    rooms = {_free(group.allocatable, chance): 1 for _ in range(group.nodes)}
    return msgspec.structs.replace(group, rooms=tuple(sorted(Room(free, count) for free, count in rooms.items())))


Measured = dict[str, float]
NOTHING = Kept()


def _measured(snapshot: Snapshot, rules: Policy, kept: Kept = NOTHING) -> tuple[Measured, Plan, Kept]:
    wall, cpu = time.perf_counter(), time.process_time()
    plan, kept = negotiated(snapshot, rules, kept)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if any(report.unmet and report.why is None for report in plan.classes):
        raise AssertionError("an unmet class has no reason")
    before = {held.placement.id for held in snapshot.memory.held}
    started = sum(held.placement.id not in before for held in plan.held)
    yields = sum(bool(held.yields_to) for held in plan.held)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"wall": wall, "cpu": cpu, "started": started, "yields": yields, "peak": peak}, plan, kept


def cold(size: Size) -> Measured:
    """Nothing was decided in this process before."""
    return _measured(federation(size), policy())[0]


def at_once(size: Size) -> Measured:
    """No ramp holds anybody back: all free room is given away in one round."""
    return _measured(federation(size), policy(Ramp(first=1_000_000, max_starts=1_000_000)))[0]


def preempting(size: Size) -> Measured:
    """All nodes are full, half of the groups hold everything, and the others want it."""
    return _measured(at_work(federation(size), size.startds, full=True), policy())[0]


def moved(size: Size) -> Measured:
    """The cycle after one like it, with little changed, told what that one found out."""
    snapshot = at_work(federation(size), size.startds, full=False)
    _, plan, kept = _measured(snapshot, policy())
    return _measured(changed(remembered(snapshot, plan.memory, 5.0)), policy(), kept)[0]


def moved_cold(size: Size) -> Measured:
    """The same, told nothing."""
    snapshot = at_work(federation(size), size.startds, full=False)
    _, plan, _ = _measured(snapshot, policy())
    return _measured(changed(remembered(snapshot, plan.memory, 5.0)), policy())[0]


CASES: dict[str, tuple[Callable[[Size], Measured], str, str]] = {
    "cold": (cold, "cold: nothing stands, first sight of everything", "< 1 s"),
    "preempting": (preempting, "cold, {startds:,} startds stand, evictions are wanted everywhere", "< 2 s"),
    "moved": (moved, "{startds:,} startds stand, 1 % changed since the last cycle", "< 0.3 s"),
    "moved_cold": (moved_cold, "the same, with nothing kept from the last", ""),
    "at_once": (at_once, "cold, and everything may start at once", ""),
}
NOTE = (
    "One process, one core, no I/O; each figure is the median of {times} processes. Half of each node is used, of each "
    "resource another part. The ramp lets 200 startds start in a round, but where said otherwise. "
    "Load average {before:.1f} at the start, {after:.1f} at the end."
)


def run(*, quick: bool) -> str:
    """The section's text."""
    size, times, load = Size(20_000, 100, 1_000, 500) if quick else FULL, 1 if quick else TIMES, os.getloadavg()[0]
    lines = [f"{size.jobs:,} jobs in {size.classes:,} classes of {PRINCIPALS} principals in {GROUPS} groups; "]
    lines[0] += f"{MEMBERS} members, {MEMBERS * GROUPS_OF_A_MEMBER:,} node groups, {size.nodes:,} nodes, 4 resources."
    lines += ["", "| a round | CPU s | wall s | peak MiB | started | evicted | wanted |", "|" + "---|" * 7]
    for name, (_, what, wanted) in CASES.items():
        found = _median(name, size, times)
        figures = f"{found['cpu']:.2f} | {found['wall']:.2f} | {found['peak']:.0f}"
        told = what.format(startds=size.startds)
        lines.append(f"| {told} | {figures} | {found['started']:,.0f} | {found['yields']:,.0f} | {wanted} |")
    if not quick:
        lines += ["", "| ten times as many | CPU s of a tenth | CPU s | ratio | wanted |", "|" + "---|" * 5]
        whole = _median("cold", FULL, times)["cpu"]
        for what, tenth in GROWTH.items():
            before = _median("cold", tenth, times)["cpu"]
            lines.append(f"| {what} | {before:.2f} | {whole:.2f} | {whole / before:.1f} | ≤ {WANTED[what]:g} |")
    return "\n".join([*lines, "", NOTE.format(times=times, before=load, after=os.getloadavg()[0])])


def _median(name: str, size: Size, times: int) -> Measured:
    """Of each figure, over so many fresh processes."""
    command = [sys.executable, "-m", "tests.bench.round", name, msgspec.json.encode(size).decode()]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(times)]
    return {figure: statistics.median(one[figure] for one in found) for figure in found[0]}


if __name__ == "__main__":
    case, _, _ = CASES[sys.argv[1]]
    print(json.dumps(case(msgspec.json.decode(sys.argv[2].encode(), type=Size))))
