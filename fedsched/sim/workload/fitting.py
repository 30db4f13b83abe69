"""Jobs made to fit nodes: rounded as a poller does it, split where no node holds them whole; no log is read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from fedsched.condor.requests import DISK_STEP_MIB, MEMORY_STEP_MIB
from fedsched.matchmaker.resources import Resources, fits
from fedsched.sim.scenario import SimMember

CORE = 1000


class Fitted(NamedTuple):
    """What one entry of a log becomes: one request, several alike, or none when it fits nowhere."""

    requests: tuple[Resources, ...]
    assumed_memory: bool = False


def rooms(members: Iterable[SimMember]) -> tuple[Resources, ...]:
    """The most that one startd can have on each kind of node: without what is busy and what a pod needs besides."""
    found = {
        msgspec.structs.replace(
            (group.size - group.busy - member.terms.pod_overhead).floor_zero(), pods=max(1, group.size.pods)
        )
        for member in members
        for group in member.groups
    }
    return tuple(sorted(found, reverse=True))


class Fitter:
    """Fits requests into rooms. missing: what is asked for per core of what a log does not tell."""

    def __init__(self, rooms: tuple[Resources, ...], missing: Resources) -> None:
        self._rooms = rooms
        self._missing = missing
        self._known: dict[Resources, Fitted] = {}

    def fit(self, asked: Resources) -> Fitted:
        """What one entry becomes: N cores in one piece if some node has them, else in the fewest pieces."""
        if asked not in self._known:
            self._known[asked] = self._fitted(asked)
        return self._known[asked]

    def _fitted(self, asked: Resources) -> Fitted:
        cores = max(1, math.ceil(asked.cpu_milli / CORE))
        told = asked.memory_mib > 0
        memory = asked.memory_mib if told else self._missing.memory_mib * cores
        disk = asked.disk_mib or self._missing.disk_mib * cores
        whole = _rounded(Resources(cores * CORE, memory, disk, asked.gpus, 1, asked.other))
        if any(fits(whole, room) for room in self._rooms):
            return Fitted((whole,), not told)
        if asked.gpus or asked.other:
            # What holds devices together is one program; in two pieces it is another.
            return Fitted(())
        most = max((self._cores_in(room, memory / cores, disk / cores) for room in self._rooms), default=0)
        if most == 0:
            return Fitted(())
        pieces = math.ceil(cores / most)
        sizes = [cores // pieces + (number < cores % pieces) for number in range(pieces)]
        parts = tuple(
            _rounded(Resources(n * CORE, _part(memory, n, cores), _part(disk, n, cores), 0, 1)) for n in sizes
        )
        return Fitted(parts, not told)

    def _cores_in(self, room: Resources, memory: float, disk: float) -> int:
        """How many cores with their part of memory and disk (MiB each) a room holds, rounding included."""
        most = room.cpu_milli // CORE
        while most and not fits(_rounded(Resources(most * CORE, _up(memory * most), _up(disk * most), 0, 1)), room):
            most -= 1
        return most


def _part(amount: int, cores: int, of: int) -> int:
    return _up(amount * cores / of)


def _up(amount: float) -> int:
    return math.ceil(amount - 1e-6)


def _rounded(request: Resources) -> Resources:
    """As the poller rounds what jobs ask for (MA7), so that alike jobs are one class."""
    return msgspec.structs.replace(
        request,
        memory_mib=math.ceil(request.memory_mib / MEMORY_STEP_MIB) * MEMORY_STEP_MIB,
        disk_mib=math.ceil(request.disk_mib / DISK_STEP_MIB) * DISK_STEP_MIB,
    )
