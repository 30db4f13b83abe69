"""Copies of users' Jobs that stand in a recorded moment: how their controller goes on, and when each began."""

from __future__ import annotations

import random
from collections.abc import Iterable

from fedsched.matchmaker.model import JobStatus, ObjectView, Placement
from fedsched.sim.apiserver import Thing
from fedsched.sim.copies import COPY_TTL_S, OVER_DEADLINE, Copy, JobController
from fedsched.sim.nodes import Pod
from fedsched.sim.scenario import SimJob

GRACE_S = (1.0, 30.0)
"""What pods take to go, between these, in seconds."""
LEAST_S = 1.0
When = tuple[float, random.Random]
"""The moment, in epoch seconds, and the luck of one object."""


def stand(seen: ObjectView, placement: Placement, work: SimJob, when: When) -> Copy:
    """The copy as its controller at the member has it; pods are put into it afterwards."""
    at, chance = when
    status = seen.status or JobStatus()
    copy = Copy(work, float(placement.lifetime_s), chance.uniform(*GRACE_S), at)
    copy.started_at, copy.conditions = status.started_at, status.conditions
    copy.succeeded, copy.failed = status.succeeded, status.failed
    copy.made, copy.refused, copy.deletes = len(seen.pods), seen.refused, seen.deleting
    copy.done = _says(status, "SuccessCriteriaMet")
    if _says(status, "FailureTarget") or seen.finished == "failed":
        copy.failing = seen.finished_reason or OVER_DEADLINE
    if seen.finished:
        ends = [one.at for one in status.conditions if one.type in {"Complete", "Failed"} and one.at is not None]
        copy.ended_at = status.completed_at or max(ends, default=at)
        copy.done = copy.done or seen.finished == "complete"
    return copy


def go_on(pod: Pod, copy: Copy) -> None:
    """What a pod that is there does next: the Job ends as a whole, so a later pod of it runs for less."""
    pod.grace_s, pod.counted = copy.grace_s, pod.ended_at is not None
    begun = min(
        (one.started_at for one in copy.pods if one.started_at is not None and one.ended_at is None), default=None
    )
    later_s = pod.started_at - begun if pod.started_at is not None and begun is not None else 0.0
    pod.runs_s = max(LEAST_S, copy.work.runs_s - later_s)


def watch(controller: JobController, name: str, copy: Copy, at: float) -> None:
    """Its controller looks at it now, at its deadline, and when it is old enough to be cleared away."""
    controller.again(name, at)
    if copy.ended_at is not None:
        controller.again(name, copy.ended_at + COPY_TTL_S)
    elif copy.started_at is not None:
        controller.again(name, max(at, copy.deadline_at))


class Life:
    """What was seen of the copies of one Job. began: when the first pod of each ran, by name.

    ended: one ended by itself. there: one stands now that is not told to go. lost: how many were told to go after they
    had begun.
    """

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.ended = False
        self.there = False
        self._told: set[str] = set()

    @property
    def lost(self) -> int:
        """How often it lost what it had begun."""
        return len(self._told & self.began.keys())

    def see(self, thing: Thing, copy: Copy) -> None:
        """One look at one copy."""
        started = [pod.started_at for pod in copy.pods if pod.started_at is not None]
        if started and thing.name not in self.began:
            self.began[thing.name] = min(started)
        self.there = self.there or not copy.deletes
        if copy.deletes and copy.ended_at is None:
            self._told.add(thing.name)
        self.ended = self.ended or copy.ended_at is not None


def look(lives: dict[str, Life], things: Iterable[Thing]) -> None:
    """Look at every copy that there is; what ended stays so."""
    for life in lives.values():
        life.there = False
    for thing in things:
        if thing.copy is not None:
            lives.setdefault(thing.placement.job_uid, Life()).see(thing, thing.copy)


def _says(status: JobStatus, kind: str) -> bool:
    found = status.condition(kind)
    return found is not None and found.status == "True"
