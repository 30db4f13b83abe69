"""The simulated member as its API sees it: objects, preconditions, refusals and lost answers; no kubelet here."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from fedsched.matchmaker.model import (
    AdoptOwner,
    Change,
    CreateObject,
    DeleteObject,
    DeletePod,
    InvalidateAds,
    OrderLeave,
    Outcome,
    ParkDaemonSet,
    Placement,
    SetSubmitter,
    TellJob,
)
from fedsched.sim.copies import Copy, JobController
from fedsched.sim.nodes import Cluster, Pod
from fedsched.sim.scenario import SimJob
from fedsched.sim.timetable import NEVER, Timetable

Result = Literal["done", "gone", "conflict", "refused", "retry", "fenced"]
GRACE_S = 60.0
FINISHED_TTL_S = 600.0
REVISION = 1_000
"""What is brought back is told apart from all that was seen of it."""


@dataclass
class Thing:
    """A Job or DaemonSet; its placement's epoch is that of the fedsched that wrote it. failed: why, as the Job says.

    copy: how it stands as the copy of a user's Job; None for startds.
    """

    name: str
    kind: Literal["Job", "DaemonSet"]
    uid: str
    placement: Placement
    created_at: float
    version: int = 1
    parked: bool = False
    ours: bool = True
    pods: list[Pod] = field(default_factory=list)
    failed: str = ""
    finished_at: float | None = None
    copy: Copy | None = None

    @property
    def revision(self) -> str:
        """Its resourceVersion; a Job's status changes with its pods."""
        pods = sum(pod.version for pod in self.pods) if self.copy is not None else 0
        return f"{self.version}.{pods}" if pods else str(self.version)

    @property
    def finished(self) -> Literal["", "complete", "failed"]:
        """How a Job ended, "" while it has not."""
        if self.copy is not None:
            return self.copy.finished
        if self.kind != "Job":
            return ""
        ended = [pod for pod in self.pods if pod.ended_at is not None]
        if self.failed or not ended:
            return "failed" if self.failed else ""
        return "complete" if ended[-1].exit_code == 0 else "failed"


class ApiServer:
    """Answers one change at a time, as the actuator would report it."""

    def __init__(self, cluster: Cluster, chance: random.Random, copies: random.Random | None = None) -> None:
        """copies: the luck of users' Jobs, so that they do not shift that of everything else."""
        self.cluster = cluster
        self.things: dict[str, Thing] = {}
        self.fence = 0
        self.writes = 0
        self.controller = JobController(cluster, self.quota, copies or chance)
        self._chance = chance
        self._serial = 0
        self._timetable: Timetable[str] = Timetable()
        self._spread_at = 0

    @property
    def due_at(self) -> float:
        """When a controller has work next; before all times when it has some already."""
        if self.cluster.gone or self._uncovered:
            return -NEVER
        return min(self._timetable.next, self.controller.due_at)

    def quota(self, at: float) -> int | None:
        """Pods that the namespace may hold at that time; None for any number."""
        cuts = [c.pods for c in self.cluster.spec.faults.quotas if c.window.holds(at - self.cluster.begins)]
        return min(cuts, default=self.cluster.spec.max_pods)

    def act(self, change: Change, epoch: int, at: float, work: SimJob | None = None) -> Outcome:
        """Carry out one change, or answer as an API server in trouble does. work: the Job that is copied, if one is."""
        faults, luck = self.cluster.spec.faults, self._chance.random()
        if self.fence > epoch:
            return Outcome(change, "fenced", at, what=f"epoch {self.fence} stands there")
        if luck < faults.timeout:
            return Outcome(change, "retry", at, what="timed out", retry_after_s=5.0)
        if isinstance(change, CreateObject) and luck < faults.timeout + faults.refused:
            return Outcome(change, "refused", at, what="403: admission webhook denied the request")
        result, uid, what = self._apply(change, at, work)
        self.writes += result == "done"
        if luck > 1.0 - faults.lost_answer:
            return Outcome(change, "retry", at, what="the answer was lost", retry_after_s=5.0)
        return Outcome(change, result, at, uid=uid, what=what)

    def step(self, at: float) -> None:
        """The Job and DaemonSet controllers and the garbage collector."""
        self._bury(at)
        self._control(at)
        for name in self._timetable.take(at):
            thing = self.things.get(name)
            if thing is not None and thing.finished_at is not None and at >= thing.finished_at + FINISHED_TTL_S:
                self.remove(thing)
        if self._uncovered:
            self._spread_at = self.cluster.turnover
            for thing in list(self.things.values()):
                if thing.kind == "DaemonSet":
                    self._spread(thing, at)

    def _bury(self, at: float) -> None:
        """Each controller learns of its pods that ended or are gone."""
        gone, self.cluster.gone = self.cluster.gone, {}
        for pod in gone.values():
            thing = self.things.get(pod.placement.object_name) if pod.placement is not None else None
            if thing is None or pod not in thing.pods:
                continue
            if thing.copy is not None:
                self.controller.mourn(thing.name, thing.copy, pod, at)
            else:
                self._mourn(thing, pod, at)

    def adopt_stranger(self, name: str, placement: Placement, at: float) -> None:
        """Somebody else's Job stands under a name that we might compute (L5)."""
        self.things[name] = Thing(name, "Job", f"stranger-{name}", placement, at, ours=False)

    def remove(self, thing: Thing) -> None:
        """It is gone, and its pods with it."""
        for pod in thing.pods:
            self.cluster.remove(pod)
        self.things.pop(thing.name, None)

    def revive(self, thing: Thing, at: float) -> None:
        """An older state of the API is back, and this object with it; its pods are made again if it has not ended."""
        self.things[thing.name] = thing
        thing.version += REVISION
        if thing.copy is not None:
            self.controller.again(thing.name, at)
        elif thing.kind == "DaemonSet":
            self.cluster.turnover += 1
        elif not thing.finished_at:
            thing.pods.append(self._pod(thing, at))

    def _apply(self, change: Change, at: float, work: SimJob | None) -> tuple[Result, str, str]:
        match change:
            case CreateObject():
                return self._create(change.placement, at, work)
            case OrderLeave() | DeletePod():
                return self._to_pod(change, at)
            case DeleteObject() | ParkDaemonSet() | AdoptOwner():
                return self._to_object(change, at)
            case InvalidateAds() | SetSubmitter() | TellJob():
                return "refused", "", "that is no member's"

    def _create(self, placement: Placement, at: float, work: SimJob | None) -> tuple[Result, str, str]:
        name = placement.object_name
        there = self.things.get(name)
        if there is not None:
            same = there.ours and there.placement == placement
            return ("done", there.uid, "") if same else ("conflict", "", f"{name} is somebody else's")
        quota = self.quota(at) if work is None else None  # of a user's Job its pods are counted, when they are made
        if quota is not None and len(self.cluster.ours) >= quota:
            return "refused", "", f"403: exceeded quota: pods={quota}"
        self._serial += 1
        kind: Literal["Job", "DaemonSet"] = "DaemonSet" if placement.form == "startd-daemonset" else "Job"
        thing = Thing(name, kind, f"{self.cluster.spec.terms.name}-object-{self._serial:06d}", placement, at)
        self.things[name] = thing
        if work is not None:
            thing.copy = self.controller.begin(name, placement, work, at)
            thing.pods = thing.copy.pods
        elif kind == "Job":
            thing.pods.append(self._pod(thing, at))
        else:
            self.cluster.turnover += 1
        return "done", thing.uid, ""

    @property
    def _uncovered(self) -> bool:
        """Whether pods of a DaemonSet may be missing or too many."""
        if self._spread_at == self.cluster.turnover:
            return False
        if any(thing.kind == "DaemonSet" for thing in self.things.values()):
            return True
        self._spread_at = self.cluster.turnover
        return False

    def _pod(self, thing: Thing, at: float) -> Pod:
        request = msgspec.structs.replace(thing.placement.size + self.cluster.spec.terms.pod_overhead, pods=1)
        return self.cluster.add(thing.name, thing.placement.node_group, request, at, thing.placement)

    def _mourn(self, thing: Thing, pod: Pod, at: float) -> None:
        """What its controller does about a pod that ended or is gone: a Job has no second one, a DaemonSet has."""
        crashed = pod.exit_code not in {0, None}
        if thing.kind == "DaemonSet" and crashed:
            self.cluster.remove(pod)
        if pod.uid not in self.cluster.pods:
            thing.pods.remove(pod)
        if thing.kind != "Job":
            return
        if pod.end_reason == "DeadlineExceeded":
            thing.failed = pod.end_reason
        elif pod.ended_at is None:
            thing.failed = "BackoffLimitExceeded"
        if thing.finished and thing.finished_at is None:
            thing.finished_at = at
            thing.version += 1
            self._timetable.put(at + FINISHED_TTL_S, thing.name)

    def _spread(self, thing: Thing, at: float) -> None:
        nodes = [] if thing.parked else [node for node in self.cluster.racks.of(thing.placement.node_group) if node.up]
        names = {node.name for node in nodes}
        for pod in thing.pods:
            if (pod.pinned is None or pod.pinned.name not in names) and pod.delete_at is None:
                pod.delete_at = at + GRACE_S
                self.cluster.touch(pod)
        covered = {pod.pinned.name for pod in thing.pods if pod.pinned}
        for node in nodes:
            if node.name not in covered:
                pod = self._pod(thing, at)
                self.cluster.pin(pod, node)
                thing.pods.append(pod)

    def _to_pod(self, change: OrderLeave | DeletePod, at: float) -> tuple[Result, str, str]:
        pod = self.cluster.pods.get(change.uid)
        if pod is None or pod.ended_at is not None:
            return "gone", "", ""
        if isinstance(change, OrderLeave):
            pod.leave_at = pod.leave_at or change.at
        elif change.resource_version not in {"", str(pod.version)}:
            return "conflict", "", f"the pod changed: version {pod.version}"
        else:
            pod.delete_at = at + min(5.0, GRACE_S if change.grace_s is None else change.grace_s)
        self.cluster.touch(pod)
        return "done", pod.uid, ""

    def _control(self, at: float) -> None:
        """The controller of copies: what it has to look at now."""
        for name in self.controller.take(at):
            thing = self.things.get(name)
            if thing is None or thing.copy is None:
                continue
            thing.version += 1
            if not self.controller.sync(name, thing.placement, thing.copy, at):
                self.remove(thing)

    def _to_object(self, change: DeleteObject | ParkDaemonSet | AdoptOwner, at: float) -> tuple[Result, str, str]:
        thing = self.things.get(change.name)
        if thing is None:
            return "gone", "", ""
        if thing.uid != change.uid or not thing.ours:
            return "conflict", "", "the uid is another"
        if isinstance(change, ParkDaemonSet):
            thing.parked = True
            self.cluster.turnover += 1
        elif isinstance(change, DeleteObject) and thing.copy is not None:
            if change.resource_version not in {"", thing.revision}:
                return "conflict", "", f"the Job changed: version {thing.revision}"
            thing.version += 1
            self.controller.delete(thing.name, thing.copy, at)
        elif isinstance(change, DeleteObject):
            self.remove(thing)
        return "done", thing.uid, ""
