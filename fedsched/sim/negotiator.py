"""The simulated negotiator's step from idle jobs to slots that admit them; whose turn it is is not fair, only old."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from fedsched.matchmaker import classad
from fedsched.matchmaker.model import Principal
from fedsched.matchmaker.resources import Resources
from fedsched.sim.schedd import Queue, Schedd
from fedsched.sim.startd import Startd

Start = Callable[[Startd, Schedd, Queue, float], None]


class Asking(NamedTuple):
    """A class with idle jobs and its schedd."""

    schedd: Schedd
    queue: Queue


class Matches:
    """Whether slots and jobs want each other by their ads, worked out once per kind of slot and kind of job."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._known: dict[tuple[object, ...], bool] = {}

    def agree(self, startd: Startd, queue: Queue) -> bool:
        """Requirements of both sides hold."""
        key = (queue.wants, startd.kind)
        if key not in self._known:
            slot = dict(startd.attributes)
            slot["Requirements"] = startd.cluster.spec.terms.requirements or "true"
            self._known[key] = classad.symmetric(classad.Ad(_job(queue)), classad.Ad(slot.items()), self._now)
        return self._known[key]


class _Crowd:
    """Who asks, by whom a startd may be for."""

    def __init__(self, asking: Iterable[Asking]) -> None:
        self._everybody = list(asking)
        self._people: dict[tuple[Principal, str], list[Asking]] = {}
        self._groups: dict[str, list[Asking]] = {}
        for one in self._everybody:
            batch = one.queue.batch
            self._people.setdefault((batch.principal, batch.user), []).append(one)
            self._groups.setdefault(batch.principal.group, []).append(one)

    def for_whom(self, startd: Startd, at: float) -> list[Asking]:
        """Those whom it may be for; whether it welcomes them is asked of each."""
        mine, audience = startd.placement, startd.audience(at)
        if audience == "user":
            return self._people.get((mine.principal, mine.user), [])
        return self._everybody if audience == "any" else self._groups.get(mine.principal.group, [])


def negotiate(
    startds: Iterable[Startd], schedds: Iterable[Schedd], matches: Matches, at: float
) -> Iterator[tuple[Startd, Schedd, Queue]]:
    """Each startd takes what waits longest of all that it admits; a principal's higher priorities come first.

    Whoever asks lets each job begin before asking for the next.
    """
    asking = [Asking(schedd, queue) for schedd in schedds if schedd.there(at) for queue in schedd.queues.values()]
    crowd = _Crowd(one for one in asking if one.queue.idle)
    for startd in startds:
        if startd.lost_at is not None or startd.free.cpu_milli <= 0:
            continue
        asked = [one for one in crowd.for_whom(startd, at) if one.queue.idle and startd.welcomes(one.queue, at)]
        asked = [one for one in asked if matches.agree(startd, one.queue)]
        for schedd, queue in _in_turn(asked) if asked else ():
            while queue.idle and startd.welcomes(queue, at):
                yield startd, schedd, queue


def _in_turn(asking: list[Asking]) -> list[Asking]:
    oldest: dict[Principal, float] = {}
    for one in asking:
        who, since = one.queue.batch.principal, one.queue.idle[0].submitted_at
        oldest[who] = min(since, oldest.get(who, since))
    return sorted(asking, key=lambda one: (*_turn(one.queue, oldest), one.schedd.name, one.queue.key))


def _turn(queue: Queue, oldest: dict[Principal, float]) -> tuple[float, Principal, int, float]:
    who = queue.batch.principal
    return oldest[who], who, -queue.batch.priority, queue.idle[0].submitted_at


def _job(queue: Queue) -> tuple[tuple[str, str], ...]:
    ask: Resources = queue.batch.request
    return (
        ("RequestCpus", str(max(1, ask.cpu_milli // 1000))),
        ("RequestMemory", str(ask.memory_mib)),
        ("RequestDisk", str(ask.disk_mib * 1024)),
        ("RequestGPUs", str(ask.gpus)),
        *queue.batch.attributes,
        ("Requirements", queue.batch.requirements),
    )
