"""Nodes and pods of one simulated member: first fit, image pull, start, end; why a pod is there is not known here."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from fedsched.matchmaker.model import Placement
from fedsched.matchmaker.resources import Resources, fits, lacking
from fedsched.sim.scenario import SimMember


@dataclass
class Node:
    """One node: `free` is what no pod holds; `images` are pulled already."""

    name: str
    group: str
    free: Resources
    images: set[str] = field(default_factory=set)


@dataclass
class Pod:
    """A pod, ours (with its placement) or the site's own. Times are epoch seconds, None before they happened."""

    name: str
    uid: str
    group: str
    request: Resources
    created_at: float
    placement: Placement | None = None
    version: int = 1
    node: Node | None = None
    pinned: Node | None = None
    scheduled_at: float | None = None
    starts_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    end_reason: str = ""
    problem: str = ""
    leave_at: float | None = None
    delete_at: float | None = None
    joins: bool = True

    @property
    def running(self) -> bool:
        """Started and not ended."""
        return self.started_at is not None and self.ended_at is None


class Cluster:
    """The kubelets and the kube-scheduler of one member."""

    def __init__(self, spec: SimMember, chance: random.Random) -> None:
        self.spec = spec
        self.pods: dict[str, Pod] = {}
        self._chance = chance
        self._serial = 0
        self.nodes = [
            Node(f"{group.name}-{number:03d}", group.name, group.size - group.busy)
            for group in spec.groups
            for number in range(group.nodes)
        ]

    def add(self, stem: str, group: str, request: Resources, at: float, placement: Placement | None = None) -> Pod:
        """A new pending pod; its name is the stem and five characters, as a Job's pods have it."""
        self._serial += 1
        uid = f"{self.spec.terms.name}-pod-{self._serial:06d}"
        pod = Pod(f"{stem}-{self._chance.randrange(16**5):05x}", uid, group, request, at, placement)
        self.pods[uid] = pod
        return pod

    def remove(self, pod: Pod) -> None:
        """The pod is gone and what it held is free."""
        if pod.node is not None and pod.ended_at is None:
            pod.node.free += pod.request
        self.pods.pop(pod.uid, None)

    def end(self, pod: Pod, at: float, exit_code: int, reason: str) -> None:
        """The pod's container ended; the pod stays to be seen, what it held is free."""
        if pod.node is not None and pod.ended_at is None:
            pod.node.free += pod.request
        pod.ended_at, pod.exit_code, pod.end_reason, pod.version = at, exit_code, reason, pod.version + 1

    def step(self, at: float) -> None:
        """What is due at `at`: deletions, deadlines, starts, then first fit, the site's own pods first."""
        for pod in list(self.pods.values()):
            if pod.delete_at is not None and at >= pod.delete_at:
                self.remove(pod)
            elif pod.running and pod.placement is not None and at >= _deadline(pod):
                self.end(pod, at, 137, "DeadlineExceeded")
            elif pod.started_at is None and pod.starts_at is not None and at >= pod.starts_at:
                pod.started_at, pod.version = at, pod.version + 1
        pending = [pod for pod in self.pods.values() if pod.node is None and pod.delete_at is None]
        for pod in sorted(pending, key=lambda p: (p.placement is not None, p.created_at, p.uid)):
            self._schedule(pod, at)

    def _schedule(self, pod: Pod, at: float) -> None:
        candidates = [pod.pinned] if pod.pinned else [n for n in self.nodes if n.group == pod.group]
        node = next((n for n in candidates if fits(pod.request, n.free)), None)
        if node is None:
            scarce = lacking(pod.request, candidates[0].free) if candidates else None
            pod.problem = f"Unschedulable: 0/{len(self.nodes)} nodes: insufficient {scarce[0] if scarce else 'nodes'}"
            return
        node.free -= pod.request
        pod.node, pod.scheduled_at, pod.problem, pod.version = node, at, "", pod.version + 1
        if pod.placement is None:
            pod.starts_at = at + 1
            return
        faults, image = self.spec.faults, pod.placement.image
        if self._chance.random() < faults.no_image:
            pod.problem = "ErrImagePull: the registry does not answer"
            return
        pull_s = 0.0 if image in node.images else self.spec.pull_s
        node.images.add(image)
        pod.joins = self._chance.random() >= faults.no_join
        pod.starts_at = at + 1 + pull_s * self._chance.uniform(0.8, 1.2)


def _deadline(pod: Pod) -> float:
    if pod.placement is None or pod.placement.form != "startd-job":
        return float("inf")
    return pod.created_at + pod.placement.lifetime_s
