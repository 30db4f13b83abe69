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
)
from fedsched.sim.nodes import Cluster, Node, Pod

Result = Literal["done", "gone", "conflict", "refused", "retry", "fenced"]
GRACE_S = 60.0
FINISHED_TTL_S = 600.0


@dataclass
class Thing:
    """A Job or DaemonSet of ours; `epoch` is that of the fedsched that wrote it."""

    name: str
    kind: Literal["Job", "DaemonSet"]
    uid: str
    placement: Placement
    created_at: float
    version: int = 1
    parked: bool = False
    ours: bool = True
    pods: list[Pod] = field(default_factory=list)

    @property
    def finished(self) -> Literal["", "complete", "failed"]:
        """How a Job ended, "" while it has not."""
        ended = [pod for pod in self.pods if pod.ended_at is not None]
        if self.kind != "Job" or not ended:
            return ""
        return "complete" if ended[-1].exit_code == 0 else "failed"


class ApiServer:
    """Answers one change at a time, as the actuator would report it."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self.cluster = cluster
        self.things: dict[str, Thing] = {}
        self.fence = 0
        self.writes = 0
        self._chance = chance
        self._serial = 0

    def act(self, change: Change, epoch: int, at: float) -> Outcome:
        """Carry out one change, or answer as an API server in trouble does."""
        faults, luck = self.cluster.spec.faults, self._chance.random()
        if self.fence > epoch:
            return Outcome(change, "fenced", at, what=f"epoch {self.fence} stands there")
        if luck < faults.timeout:
            return Outcome(change, "retry", at, what="timed out", retry_after_s=5.0)
        if isinstance(change, CreateObject) and luck < faults.timeout + faults.refused:
            return Outcome(change, "refused", at, what="403: admission webhook denied the request")
        result, uid, what = self._apply(change, at)
        self.writes += result == "done"
        if luck > 1.0 - faults.lost_answer:
            return Outcome(change, "retry", at, what="the answer was lost", retry_after_s=5.0)
        return Outcome(change, result, at, uid=uid, what=what)

    def step(self, at: float) -> None:
        """The Job and DaemonSet controllers and the garbage collector."""
        for thing in list(self.things.values()):
            thing.pods = [pod for pod in thing.pods if pod.uid in self.cluster.pods]
            ended = [pod.ended_at for pod in thing.pods if pod.ended_at is not None]
            if thing.finished and at - max(ended) > FINISHED_TTL_S:
                self._remove(thing)
            elif thing.kind == "DaemonSet":
                self._spread(thing, at)

    def adopt_stranger(self, name: str, placement: Placement, at: float) -> None:
        """Somebody else's Job stands under a name that we might compute (L5)."""
        self.things[name] = Thing(name, "Job", f"stranger-{name}", placement, at, ours=False)

    def _apply(self, change: Change, at: float) -> tuple[Result, str, str]:
        match change:
            case CreateObject():
                return self._create(change.placement, at)
            case OrderLeave() | DeletePod():
                return self._to_pod(change, at)
            case DeleteObject() | ParkDaemonSet() | AdoptOwner():
                return self._to_object(change)
            case InvalidateAds() | SetSubmitter():
                return "refused", "", "that is the pool's"

    def _create(self, placement: Placement, at: float) -> tuple[Result, str, str]:
        name, spec = placement.object_name, self.cluster.spec
        there = self.things.get(name)
        if there is not None:
            same = there.ours and there.placement == placement
            return ("done", there.uid, "") if same else ("conflict", "", f"{name} is somebody else's")
        if spec.max_pods is not None and len(self._live()) >= spec.max_pods:
            return "refused", "", f"403: exceeded quota: pods={spec.max_pods}"
        self._serial += 1
        kind: Literal["Job", "DaemonSet"] = "DaemonSet" if placement.form == "startd-daemonset" else "Job"
        thing = Thing(name, kind, f"{spec.terms.name}-object-{self._serial:06d}", placement, at)
        self.things[name] = thing
        if kind == "Job":
            thing.pods.append(self._pod(thing, at))
        return "done", thing.uid, ""

    def _pod(self, thing: Thing, at: float, node: Node | None = None) -> Pod:
        request = msgspec.structs.replace(thing.placement.size + self.cluster.spec.terms.pod_overhead, pods=1)
        pod = self.cluster.add(thing.name, thing.placement.node_group, request, at, thing.placement)
        pod.pinned = node
        return pod

    def _spread(self, thing: Thing, at: float) -> None:
        nodes = [] if thing.parked else [n for n in self.cluster.nodes if n.group == thing.placement.node_group]
        for pod in thing.pods:
            if pod.pinned not in nodes and pod.delete_at is None:
                pod.delete_at = at + GRACE_S
        covered = {pod.pinned.name for pod in thing.pods if pod.pinned}
        thing.pods += [self._pod(thing, at, node) for node in nodes if node.name not in covered]

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
        pod.version += 1
        return "done", pod.uid, ""

    def _to_object(self, change: DeleteObject | ParkDaemonSet | AdoptOwner) -> tuple[Result, str, str]:
        thing = self.things.get(change.name)
        if thing is None:
            return "gone", "", ""
        if thing.uid != change.uid or not thing.ours:
            return "conflict", "", "the uid is another"
        if isinstance(change, ParkDaemonSet):
            thing.parked = True
        elif isinstance(change, DeleteObject):
            self._remove(thing)
        return "done", thing.uid, ""

    def _remove(self, thing: Thing) -> None:
        for pod in thing.pods:
            self.cluster.remove(pod)
        self.things.pop(thing.name, None)

    def _live(self) -> list[Pod]:
        return [pod for pod in self.cluster.pods.values() if pod.placement is not None and pod.ended_at is None]
