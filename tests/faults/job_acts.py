"""Mishaps that are deeds to copies of Jobs: partitions, older backups, deletions, a controller that stands still."""

from __future__ import annotations

from collections.abc import Iterator

from fedsched.sim.apiserver import Thing
from fedsched.sim.backups import Backup, backup, restore
from fedsched.sim.world import SimWorld
from fedsched.study.invariants import Checker
from tests.faults.mishaps import Mishap
from tests.faults.weather import Sky

HIT = "cut off from a running copy"
OF_COPIES = frozenset({"cut off", "backup restored", "copies deleted", "copies vanish", "controller down"})
RESTORE_S = 15.0
"""A control plane is away for so long while it is restored."""


class JobActs:
    """What one storm does to copies; keeps the backups that it will bring back."""

    def __init__(self, sky: Sky) -> None:
        self._sky = sky
        self._backups: dict[Mishap, Backup] = {}

    def waits(self, mishap: Mishap, world: SimWorld) -> bool:
        """Whether it is to fall on whoever runs a copy, and there is nobody yet."""
        if mishap.kind not in OF_COPIES:
            return False
        running = set(_running(world))
        return mishap.target not in running if mishap.target else not running

    def begin(self, mishap: Mishap, checker: Checker) -> None:
        """What happens at once."""
        world, sky = checker.world, self._sky
        if mishap.kind == "cut off":
            self._cut(mishap, world)
        elif mishap.kind == "cut off in a write":
            sky.armed.append(mishap)
        elif mishap.kind == "backup restored":
            self._backups[mishap] = backup(world.members[mishap.target].api)
        elif mishap.kind in {"copies deleted", "copies vanish"}:
            sky.hits[mishap.kind] += _take(mishap, world, sky)
        elif mishap.kind == "controller down":
            controller = world.members[mishap.target].api.controller
            controller.stopped_until = world.now() + mishap.end - mishap.begin
            sky.hits[mishap.kind] += any(_copies(world, mishap.target))

    def end(self, mishap: Mishap, checker: Checker) -> None:
        """An older state of the member is back."""
        kept = self._backups.pop(mishap, None)
        if kept is None:
            return
        world, name = checker.world, mishap.target
        restored = restore(world.members[name].api, kept, world.now())
        for pod in restored.killed:
            world.pool.lose(pod, world.now())
        checker.restored(name, restored.revived)
        self._sky.hits[mishap.kind] += 1
        self._sky.hits["objects revived"] += len(restored.revived)
        if mishap.badness > 0.5:
            self._sky.cut[name] = max(self._sky.cut.get(name, 0.0), self._sky.at + RESTORE_S)

    def _cut(self, mishap: Mishap, world: SimWorld) -> None:
        hit = sorted(set(_running(world)))
        name = mishap.target or hit[int(mishap.badness * len(hit)) % len(hit)]
        self._sky.cut[name] = max(self._sky.cut.get(name, 0.0), self._sky.at + mishap.end - mishap.begin)
        self._sky.hit(mishap.kind)
        if name in hit:
            self._sky.hit(HIT)


def _copies(world: SimWorld, member: str) -> Iterator[Thing]:
    return (thing for thing in world.members[member].api.things.values() if thing.copy is not None)


def _running(world: SimWorld) -> Iterator[str]:
    """Members that answer to somebody and run a copy, once for each."""
    for name in world.members:
        yield from (name for thing in _copies(world, name) if any(pod.running for pod in thing.pods))


def _take(mishap: Mishap, world: SimWorld, sky: Sky) -> int:
    """The site's admin deletes copies, or they are gone at once with all that was known of them."""
    api, taken = world.members[mishap.target].api, 0
    for thing in list(_copies(world, mishap.target)):
        if thing.copy is None or sky.chance.random() >= mishap.badness:
            continue
        taken += 1
        if mishap.kind == "copies vanish":
            api.remove(thing)
        else:
            thing.version += 1
            api.controller.delete(thing.name, thing.copy, world.now())
    return taken
