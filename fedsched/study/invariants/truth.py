"""What is really so in a simulated world, read in one place; nothing of what fedsched believes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fedsched.matchmaker.model import (
    AdoptOwner,
    Change,
    CreateObject,
    DeleteObject,
    DeletePod,
    OrderLeave,
    ParkDaemonSet,
    Placement,
)
from fedsched.sim.apiserver import Thing
from fedsched.sim.nodes import Pod
from fedsched.sim.world import SimWorld


class Target(NamedTuple):
    """What a change is about, as it was before. claimed: jobs that ran on it. version: its resourceVersion."""

    name: str
    uid: str
    ours: bool
    claimed: int = 0
    alive: bool = False
    version: str = ""


def target(world: SimWorld, change: Change) -> Target | None:
    """What stands where the change points; None when nothing does."""
    member = world.members.get(change.member)
    if member is None:
        return None
    if isinstance(change, OrderLeave | DeletePod):
        pod = member.api.cluster.pods.get(change.uid)
        if pod is None:
            return None
        alive, ours = pod.ended_at is None, pod.placement is not None
        return Target(pod.name, pod.uid, ours, claims(world, pod), alive, str(pod.version))
    name = _object_name(change)
    thing = member.api.things.get(name) if name else None
    if thing is None:
        return None
    jobs = sum(claims(world, pod) for pod in thing.pods)
    return Target(thing.name, thing.uid, thing.ours, jobs, any(pod.running for pod in thing.pods))


def claims(world: SimWorld, pod: Pod) -> int:
    """Jobs that run in this pod now."""
    startd = world.pool.startds.get(pod.uid)
    return len(startd.runs) if startd and startd.lost_at is None and pod.running else 0


def things(world: SimWorld) -> Iterator[tuple[str, Thing]]:
    """(member, object) of all members, whoever's they are."""
    for name, member in world.members.items():
        for thing in member.api.things.values():
            yield name, thing


def placements(world: SimWorld) -> Iterator[tuple[str, Placement, Pod]]:
    """(member, placement, pod) of all pods of ours that have not ended."""
    for name, member in world.members.items():
        for pod in member.api.cluster.pods.values():
            if pod.placement is not None and pod.ended_at is None:
                yield name, pod.placement, pod


def strangers(world: SimWorld) -> dict[tuple[str, str], tuple[str, int]]:
    """Objects that are not ours: (member, name) -> (uid, version)."""
    return {(member, thing.name): (thing.uid, thing.version) for member, thing in things(world) if not thing.ours}


def _object_name(change: Change) -> str:
    if isinstance(change, CreateObject):
        return change.placement.object_name
    return change.name if isinstance(change, DeleteObject | ParkDaemonSet | AdoptOwner) else ""
