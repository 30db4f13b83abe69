"""The Job controller of a simulated member, for copies of users' Jobs; who places them is not known here."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from fedsched.matchmaker.model import JobCondition, JobStatus, Placement
from fedsched.sim.nodes import Cluster, Pod
from fedsched.sim.scenario import SimJob
from fedsched.sim.timetable import NEVER, Timetable

COPY_TTL_S = 3600.0
"""ttlSecondsAfterFinished of a copy."""
BACKOFF_S = 10.0
"""Before the first retry of a failed pod; twice as long each time, up to the longest."""
LONGEST_BACKOFF_S = 360.0
LONGEST_GRACE_S = 30.0
OVER_DEADLINE, TOO_MANY_FAILED = "DeadlineExceeded", "BackoffLimitExceeded"


@dataclass(eq=False)
class Copy:
    """What the controller keeps of one copy. made: pods that it ever made. failing: why it is about to fail.

    deadline_s: of the whole Job, from its start. grace_s: what its pods take to go. deletes: in the foreground.
    refused: why pods that it lacks are not made.
    """

    work: SimJob
    deadline_s: float
    grace_s: float
    starts_at: float
    started_at: float | None = None
    made: int = 0
    succeeded: int = 0
    failed: int = 0
    again_at: float = 0.0
    refused: str = ""
    failing: str = ""
    done: bool = False
    ended_at: float | None = None
    deletes: bool = False
    conditions: tuple[JobCondition, ...] = ()
    pods: list[Pod] = field(default_factory=list)

    @property
    def active(self) -> list[Pod]:
        """Its pods that have not ended."""
        return [pod for pod in self.pods if pod.ended_at is None]

    @property
    def finished(self) -> Literal["", "complete", "failed"]:
        """How it ended; "" while its pods are still on their way out."""
        if self.ended_at is None:
            return ""
        return "failed" if self.failing else "complete"

    @property
    def deadline_at(self) -> float:
        """When the controller ends it; infinite before it has started."""
        return NEVER if self.started_at is None else self.started_at + self.deadline_s

    def may_run(self, at: float) -> bool:
        """Whether a pod of it runs, or may still be made."""
        return bool(self.active) or not (self.deletes or self.failing or self.done or at >= self.deadline_at)

    def status(self) -> JobStatus:
        """As the API shows it."""
        active = [pod for pod in self.active if pod.delete_at is None]
        return JobStatus(
            active=len(active),
            ready=sum(pod.running for pod in active),
            terminating=len(self.active) - len(active),
            succeeded=self.succeeded,
            failed=self.failed,
            started_at=self.started_at,
            completed_at=self.ended_at if self.finished == "complete" else None,
            conditions=self.conditions,
        )

    def as_it_was(self) -> Copy:
        """For a backup: without its pods."""
        return replace(self, pods=[])


class JobController:
    """Brings each copy where it should be, one after the other; `stopped` while the controller itself is down."""

    def __init__(self, cluster: Cluster, quota: Callable[[float], int | None], chance: random.Random) -> None:
        """quota: pods that the namespace may hold at a time; None for any number."""
        self.stopped_until = 0.0
        self._cluster = cluster
        self._quota = quota
        self._chance = chance
        self._timetable: Timetable[str] = Timetable()

    @property
    def due_at(self) -> float:
        """When a copy must be looked at next."""
        return self._timetable.next

    def take(self, at: float) -> list[str]:
        """Names of the copies that are due."""
        return self._timetable.take(at)

    def _due(self, at: float, name: str) -> None:
        self._timetable.put(at, name)

    def begin(self, name: str, placement: Placement, work: SimJob, at: float) -> Copy:
        """A copy was created; its controller notices a moment later."""
        least = min(placement.lifetime_s, work.deadline_s or placement.lifetime_s)
        grace_s, late_s = self._chance.uniform(1.0, LONGEST_GRACE_S), self._chance.uniform(0.2, 4.0)
        self._due(at + late_s, name)
        return Copy(work, float(least), grace_s, at + late_s)

    def again(self, name: str, at: float) -> None:
        """Look at it at once."""
        self._due(at, name)

    def delete(self, name: str, copy: Copy, at: float) -> None:
        """In the foreground: its pods are told to go, and it goes after them."""
        if not copy.deletes:
            copy.deletes = True
            self._due(at, name)

    def mourn(self, name: str, copy: Copy, pod: Pod, at: float) -> None:
        """A pod of it ended or is gone."""
        if pod.uid not in self._cluster.pods:
            copy.pods.remove(pod)
        self._due(at, name)
        if pod.counted:
            return
        pod.counted = True
        if pod.exit_code == 0:
            copy.succeeded += 1
        elif not copy.deletes:
            copy.failed += 1
            pause_s = min(LONGEST_BACKOFF_S, BACKOFF_S * 2.0 ** min(copy.failed - 1, 6))
            copy.again_at = at + pause_s

    def sync(self, name: str, placement: Placement, copy: Copy, at: float) -> bool:
        """One look at it; False when its object is to go."""
        if at < self.stopped_until:
            self._due(self.stopped_until, name)
            return True
        if copy.ended_at is None and not copy.deletes:
            self._advance(name, placement, copy, at)
        if copy.deletes or copy.failing or copy.done:
            self._end_pods(copy, at)
        if copy.deletes:
            return bool(copy.active)
        if copy.ended_at is None and (copy.failing or copy.done) and not copy.active:
            self._finish(copy, at)
            self._due(at + COPY_TTL_S, name)
        return copy.ended_at is None or at < copy.ended_at + COPY_TTL_S

    def _advance(self, name: str, placement: Placement, copy: Copy, at: float) -> None:
        """Its start, its end when that is due, and the pods that it lacks."""
        if at < copy.starts_at:
            self._due(copy.starts_at, name)
            return
        if copy.started_at is None:
            copy.started_at = float(int(at))  # the API tells whole seconds
            self._due(copy.deadline_at, name)
        if not copy.failing and not copy.done:
            self._judge(copy, at)
        if not copy.failing and not copy.done:
            self._fill(name, placement, copy, at)

    def _judge(self, copy: Copy, at: float) -> None:
        if copy.succeeded >= copy.work.needed:
            copy.done = True
            copy.conditions += (JobCondition("SuccessCriteriaMet", "True", "CompletionsReached", at=at),)
        elif copy.failed > copy.work.backoff_limit or at >= copy.deadline_at:
            copy.failing = TOO_MANY_FAILED if copy.failed > copy.work.backoff_limit else OVER_DEADLINE
            copy.conditions += (JobCondition("FailureTarget", "True", copy.failing, at=at),)

    def _fill(self, name: str, placement: Placement, copy: Copy, at: float) -> None:
        lacks = min(copy.work.pods, placement.pods, copy.work.needed - copy.succeeded) - len(copy.active)
        if lacks > 0 and at < copy.again_at:
            self._due(copy.again_at, name)
            return
        quota = self._quota(at)
        left = lacks if quota is None else quota - len(self._cluster.ours)
        copy.refused = "" if lacks <= left else f"403: exceeded quota: pods={quota}"
        if copy.refused:
            self._due(at + BACKOFF_S, name)
        for _ in range(max(0, min(lacks, left))):
            request = msgspec.structs.replace(placement.size, pods=1)
            pod = self._cluster.add(name, placement.node_group, request, at, placement)
            pod.runs_s, pod.grace_s = copy.work.runs_s, copy.grace_s
            pod.exits_with = copy.work.exits[copy.made] if copy.made < len(copy.work.exits) else 0
            copy.made += 1
            copy.pods.append(pod)

    def _end_pods(self, copy: Copy, at: float) -> None:
        for pod in copy.active:
            if pod.delete_at is None:
                pod.delete_at = at + (copy.grace_s if pod.node is not None else 0.0)
                self._cluster.touch(pod)

    def _finish(self, copy: Copy, at: float) -> None:
        copy.ended_at = at
        kind, why = ("Failed", copy.failing) if copy.failing else ("Complete", "CompletionsReached")
        copy.conditions += (JobCondition(kind, "True", why, at=at),)
