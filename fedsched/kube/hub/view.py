"""A queue's view, made of what is kept of its Jobs when one of them moved; it reads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from fedsched.kube.hub.reading import JobReading, Kept
from fedsched.matchmaker.model import DemandClass, QueuedJob, ScheddView

EXAMPLES = 5


class Views:
    """The last view, made again when `moved` was called since. Its owner's lock is held at each call."""

    def __init__(self, queue: str, reading: JobReading) -> None:
        self._reading = reading
        self._stale = True
        self._view = ScheddView(queue, "", kind="jobs")

    def moved(self) -> None:
        """A Job came, changed or went."""
        self._stale = True

    def view(self, entries: Sequence[Mapping[str, Kept]]) -> ScheddView:
        """All Jobs, sorted by id, and their classes."""
        if self._stale:
            kept = sorted((one for some in entries for one in some.values()), key=lambda one: one.job.id)
            classes = _classes(kept)
            self._reading.forget({one.key for one in classes})
            jobs = tuple(one.job for one in kept)
            self._view = msgspec.structs.replace(self._view, jobs=jobs, classes=classes)
            self._stale = False
        return self._view


def _classes(kept: Sequence[Kept]) -> tuple[DemandClass, ...]:
    """Each class once, sorted by key, with the numbers of its Jobs that wait."""
    found: dict[str, tuple[DemandClass, list[QueuedJob]]] = {}
    for one in kept:
        if one.demand is not None:
            found.setdefault(one.demand.key, (one.demand, []))[1].append(one.job)
    return tuple(_counted(*found[key]) for key in sorted(found))


def _counted(demand: DemandClass, jobs: list[QueuedJob]) -> DemandClass:
    waiting = [job for job in jobs if job.state == "waiting"]
    counts: dict[int, int] = {}
    for job in waiting:
        counts[job.priority] = counts.get(job.priority, 0) + 1
    return msgspec.structs.replace(
        demand,
        idle=len(waiting),
        priorities=tuple(sorted(counts.items(), reverse=True)),
        oldest_at=min((job.created_at for job in waiting), default=0.0),
        examples=tuple(job.id for job in waiting[:EXAMPLES]),
    )
