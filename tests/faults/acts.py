"""Mishaps that are deeds: pods killed, nodes lost, a cluster installed again, strangers, forgeries, people's orders."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from fedsched.matchmaker.model import Order
from fedsched.sim.apiserver import Thing
from fedsched.sim.nodes import Pod
from fedsched.sim.world import SimWorld

ORDERS = frozenset({"hold", "cancel", "prio"})

if TYPE_CHECKING:
    from fedsched.journal import Journal
    from fedsched.study.invariants import Checker
    from tests.faults.mishaps import Mishap
    from tests.faults.weather import Sky


def begin(mishap: Mishap, checker: Checker, sky: Sky) -> None:
    """What happens at once when a mishap begins."""
    world = checker.world
    deeds = {
        "pods killed": _kill_pods,
        "node lost": _lose_node,
        "installed again": _install_again,
        "foreign names": _take_names,
        "forged objects": _forge,
    }
    if mishap.kind in deeds:
        sky.hits[mishap.kind] += deeds[mishap.kind](mishap, checker, sky.chance)
    if mishap.kind in {"no image", "no join"}:
        _set_odds(world, mishap, mishap.badness)
        sky.hit(mishap.kind)
    if mishap.kind == "clock step":
        sky.clock_s += mishap.badness
        sky.hit(mishap.kind)


def end(mishap: Mishap, checker: Checker, sky: Sky) -> None:
    """What is so again when it ends."""
    if mishap.kind == "clock step":
        sky.clock_s -= mishap.badness
    if mishap.kind in {"no image", "no join"}:
        _set_odds(checker.world, mishap, 0.0)
    if mishap.kind == "node lost":
        _bring_node(checker.world, mishap)


def order(mishap: Mishap, world: SimWorld, at: float) -> Order | None:
    """The order that a person gives, if there is what it is about; a drain has a deadline in some seeds."""
    if mishap.kind in ORDERS:
        jobs = [job for queue in world.queues.values() for job in queue.waiting]
        picked = jobs[int(mishap.badness * len(jobs))] if jobs else None
        kind = mishap.kind
        return Order(kind, picked.uid, "the storm", "somebody", at, value=7) if picked else None  # type: ignore[arg-type]  # seen above
    deadline_at = at + 20.0 if mishap.kind == "drain" and mishap.badness > 0.5 else None
    kind = mishap.kind
    assert kind in {"cordon", "drain", "pause", "deny"}
    return Order(kind, mishap.target, "the storm", "somebody", at, deadline_at)  # type: ignore[arg-type]  # seen above


def withdraw(given: Order, journal: Journal) -> None:
    """What is cancelled stays so."""
    if given.kind != "cancel":
        journal.remove_order(given.kind, given.target)


def _ours(world: SimWorld, member: str) -> list[Pod]:
    pods = world.members[member].api.cluster.pods.values()
    return [pod for pod in pods if pod.placement is not None and pod.ended_at is None]


def _end(world: SimWorld, member: str, pod: Pod) -> None:
    world.pool.lose(pod, world.now())
    world.members[member].api.cluster.end(pod, world.now(), 137, "Error")


def _kill_pods(mishap: Mishap, checker: Checker, chance: random.Random) -> int:
    world = checker.world
    running = [pod for pod in _ours(world, mishap.target) if pod.running]
    victims = [pod for pod in running if chance.random() < mishap.badness]
    for pod in victims:
        _end(world, mishap.target, pod)
    return len(victims)


def _lose_node(mishap: Mishap, checker: Checker, chance: random.Random) -> int:
    """All that runs on it is over, and nothing more is scheduled there until it is back."""
    world, cluster = checker.world, checker.world.members[mishap.target].api.cluster
    if len(cluster.nodes) < 2:
        return 0
    node = chance.choice(cluster.nodes)
    for pod in cluster.lose_node(node):
        world.pool.lose(pod, world.now())
    return 1


def _bring_node(world: SimWorld, mishap: Mishap) -> None:
    cluster = world.members[mishap.target].api.cluster
    for group in cluster.spec.groups:
        for node in cluster.racks.of(group.name):
            if not node.up:
                cluster.bring_node(node)


def _install_again(mishap: Mishap, checker: Checker, chance: random.Random) -> int:
    """Namespace, objects and fence are gone; what ran is killed hard and its ads stay behind."""
    del chance
    world = checker.world
    member = world.members[mishap.target]
    for pod in _ours(world, mishap.target):
        world.pool.lose(pod, world.now())
    for thing in list(member.api.things.values()):
        member.api.remove(thing)
    member.api.fence = 0
    checker.removed(mishap.target)
    return 1


def _take_names(mishap: Mishap, checker: Checker, chance: random.Random) -> int:
    """Somebody else's Jobs stand under the names that the next placements will have (L5)."""
    del chance
    api = checker.world.members[mishap.target].api
    memory, taken = checker.journal.memory(), 0
    known = [thing.placement for thing in api.things.values() if thing.ours]
    pattern = known[0] if known else next((h.placement for h in memory.held), None)
    for serial in range(memory.serial, memory.serial + 12, 2):
        name = f"fs-{checker.journal.epoch():x}-{serial:x}"
        if pattern is not None and name not in api.things:
            api.adopt_stranger(name, msgspec.structs.replace(pattern, id=name[3:]), checker.world.now())
            taken += 1
    return taken


def _forge(mishap: Mishap, checker: Checker, chance: random.Random) -> int:
    """A Job with our labels and somebody's copy of a record: not what its record says."""
    api, at = checker.world.members[mishap.target].api, checker.world.now()
    pattern = next((h.placement for h in checker.journal.memory().held if h.placement.member == mishap.target), None)
    if pattern is None:
        return 0
    name = f"copied-{chance.randrange(10**6)}"
    api.things[name] = Thing(name, "Job", f"forged-{name}", pattern, at)
    checker.planted(f"forged-{name}", "a forgery")
    return 1


def _set_odds(world: SimWorld, mishap: Mishap, odds: float) -> None:
    cluster = world.members[mishap.target].api.cluster
    field = mishap.kind.replace(" ", "_")
    faults = msgspec.structs.replace(cluster.spec.faults, **{field: odds})
    cluster.spec = msgspec.structs.replace(cluster.spec, faults=faults)
