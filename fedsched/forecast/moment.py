"""Members of a recorded moment as a simulated world takes them: node groups, learnt attributes and delays; no pods."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.match import footprint
from fedsched.matchmaker.model import MemberMemory, MemberTerms, MemberView, NodeGroup, Placement, Snapshot
from fedsched.matchmaker.resources import Resources
from fedsched.sim.racks import Node
from fedsched.sim.scenario import Faults, Scenario, SimMember, SimNodeGroup, Window

START_UP_S = 60.0
"""From written to running where no start-up was seen yet, in seconds."""
JOIN_S = 15.0
"""From running to the slot's first ad where none was seen yet, in seconds."""
ALWAYS = Window(-math.inf, math.inf)
CORDONED = "cordoned "
"""Nodes that take no pod are kept in a group of this name before theirs, for the pods that are on them."""


def scenario(snapshot: Snapshot) -> Scenario:
    """The federation as it stands, without demand. What does not answer now goes on not answering."""
    views = {view.name: view for view in snapshot.observation.members}
    members = tuple(_member(terms, views[terms.name], snapshot) for terms in snapshot.terms if terms.name in views)
    pools = snapshot.observation.pools
    return Scenario(
        members=members,
        pool=pools[0].name if pools else "",
        begins=snapshot.at,
        silent_schedds=_silent(snapshot, "schedd"),
        silent_queues=_silent(snapshot, "jobs"),
    )


def _silent(snapshot: Snapshot, kind: str) -> tuple[tuple[str, Window], ...]:
    views = snapshot.observation.schedds
    return tuple((view.name, ALWAYS) for view in views if view.error and view.kind == kind)


def nodes(view: MemberView) -> list[Node]:
    """Every node with what is free on it: those that hold something of ours by name, the others as in the histogram."""
    named = [
        Node(room.node, room.node_group if room.ready and not room.cordoned else CORDONED + room.node_group, room.free)
        for room in view.node_rooms
    ]
    return [*named, *(node for group in view.node_groups for node in _others(group, named))]


def _others(group: NodeGroup, named: Iterable[Node]) -> Iterable[Node]:
    left = Counter({room.free: room.nodes for room in group.rooms})
    left.subtract(Counter(node.free.floor_zero() for node in named if node.group == group.name))
    free = (room for room, count in sorted(left.items()) for _ in range(count))
    return (Node(f"{group.name}/{number}", group.name, room) for number, room in enumerate(free))


def _member(terms: MemberTerms, view: MemberView, snapshot: Snapshot) -> SimMember:
    silent = view.contact != "ok" or view.seen_at is None
    boot_s, pull_s = _start_up_s(snapshot.memory.members.get(terms.name))
    return SimMember(
        terms=terms,
        groups=tuple(_group(group, terms, snapshot) for group in view.node_groups),
        pull_s=pull_s,
        start_s=_join_s(terms.name, snapshot),
        faults=Faults(silent=(ALWAYS,)) if silent else Faults(),
        boot_s=boot_s,
    )


def _group(group: NodeGroup, terms: MemberTerms, snapshot: Snapshot) -> SimNodeGroup:
    """The group with what slots there were seen to say: a forecast knows no more of it than the matchmaker does."""
    where = f"{terms.name}/{group.name}/"
    learnt = [pair.attributes for key, pair in snapshot.memory.pairs.items() if key.startswith(where)]
    return SimNodeGroup(
        name=group.name,
        nodes=group.nodes,
        size=msgspec.structs.replace(group.allocatable, pods=max(group.allocatable.pods, 1)),
        attributes=group.attributes,
        slot_attributes=next((attributes for attributes in reversed(learnt) if attributes), ()),
        taints=group.taints,
        gpu_resource=group.gpu_resource,
    )


def _start_up_s(memory: MemberMemory | None) -> tuple[float, float]:
    """(seconds from scheduled to running, what a node takes more that has no image yet), from start-ups seen there."""
    if memory is None or not memory.starts:
        return 1.0, START_UP_S
    quick = min(memory.starts)
    return quick, statistics.median(memory.starts) - quick


def _join_s(member: str, snapshot: Snapshot) -> float:
    """Median of what it took startds there from running to their first ad."""
    took = [
        held.slot_seen_at - held.pod_started_at
        for held in snapshot.memory.held
        if held.placement.member == member and held.slot_seen_at is not None and held.pod_started_at is not None
    ]
    return max(1.0, statistics.median(took)) if took else JOIN_S


def request_of(placement: Placement, terms: MemberTerms) -> Resources:
    """What one pod of a placement asks of its node."""
    return msgspec.structs.replace(footprint(placement, terms), pods=1)
