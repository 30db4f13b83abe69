"""Kubelets and scheduler of one simulated member: first fit, pull, start, end; why a pod is there is not known."""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import partial

import msgspec

from fedsched.matchmaker.model import Placement
from fedsched.matchmaker.resources import Resources, fits, lacking, show
from fedsched.sim.agenda import Bell
from fedsched.sim.lines import Lines
from fedsched.sim.pods import Pod
from fedsched.sim.racks import Node, Racks
from fedsched.sim.scenario import NodeLoss, SimMember
from fedsched.sim.timetable import NEVER, Timetable

__all__ = ["Cluster", "Node", "Pod"]


class Cluster:
    """All pods of one member on its nodes.

    version: grows with every change of what is free, held or waiting. changed: pods that started, ended, went, or were
    told to, since somebody last took note. gone: pods that ended or were removed since then, for the controllers. bell:
    rung when a pod was changed, so that something may be due.
    """

    def __init__(self, spec: SimMember, chance: random.Random, begins: float = 0.0) -> None:
        self.spec = spec
        self.begins = begins
        self.pods: dict[str, Pod] = {}
        self.ours: dict[str, Pod] = {}
        self.racks = Racks(_nodes(spec))
        self.version = 0
        self.turnover = 0
        self.changed: dict[str, Pod] = {}
        self.gone: dict[str, Pod] = {}
        self.bell = Bell()
        self._chance = chance
        self._serial = 0
        self._timetable: Timetable[str] = Timetable()
        self._lines = Lines()
        self._unsettled: set[str] = set()

    @property
    def nodes(self) -> list[Node]:
        """Nodes that are up."""
        return list(self.racks)

    @nodes.setter
    def nodes(self, nodes: Iterable[Node]) -> None:
        """These instead of all others; pods on them are not looked at."""
        self.racks = Racks(nodes)
        self._moved_nodes()

    @property
    def due_at(self) -> float:
        """When something happens here next; before all times when it is due already."""
        return -NEVER if self._unsettled else self._timetable.next

    def waiting(self) -> list[Pod]:
        """Pods that wait for a node and are not being deleted, those of the site's own first."""
        return list(self._lines)

    def add(self, stem: str, group: str, request: Resources, at: float, placement: Placement | None = None) -> Pod:
        """A new pending pod; its name is the stem and five characters, as a Job's pods have it."""
        uid = self._new_uid()
        pod = Pod(f"{stem}-{self._chance.randrange(16**5):05x}", uid, group, request, at, placement)
        if placement is not None:
            self._admit(pod, at)
        self.put(pod)
        return pod

    def _new_uid(self) -> str:
        """One that no pod has; some may have been put here that another world had made."""
        while True:
            self._serial += 1
            uid = f"{self.spec.terms.name}-pod-{self._serial:06d}"
            if uid not in self.pods:
                return uid

    def put(self, pod: Pod) -> None:
        """A pod as it is, on a node that counts it already or on none."""
        self.pods[pod.uid] = pod
        if pod.placement is not None and pod.ended_at is None:
            self.ours[pod.uid] = pod
        if pod.pending:
            self._lines.join(pod)
            self._unsettled.add(pod.group)
        self._note(pod)

    def pin(self, pod: Pod, node: Node | None) -> None:
        """The pod goes to this node and no other."""
        self._lines.leave(pod)
        pod.pinned = node
        self._lines.join(pod)
        self._unsettled.add(pod.group)

    def touch(self, pod: Pod) -> None:
        """The pod was changed: what is due for it may be another time, and others must look at it."""
        pod.version += 1
        if pod.delete_at is not None:
            self._lines.leave(pod)
        self._note(pod)

    def remove(self, pod: Pod) -> None:
        """The pod is gone and what it held is free."""
        if self.pods.pop(pod.uid, None) is None:
            return
        self._let_go(pod)
        self.gone[pod.uid] = pod
        self.turnover += 1
        self.touch(pod)

    def end(self, pod: Pod, at: float, exit_code: int | None, reason: str) -> None:
        """The pod's container ended; the pod stays to be seen, what it held is free."""
        self._let_go(pod)
        self.gone[pod.uid] = pod
        pod.ended_at, pod.exit_code, pod.end_reason = at, exit_code, reason
        self.touch(pod)

    def lose_node(self, node: Node) -> list[Pod]:
        """The node goes; the pods that were on it, which are gone with it."""
        self.racks.lose(node)
        lost = [pod for pod in self.pods.values() if pod.node is node]
        for pod in lost:
            self.remove(pod)
        self._moved_nodes()
        return lost

    def bring_node(self, node: Node) -> None:
        """The node is there again, with nothing on it but what the site always has there."""
        group = next(group for group in self.spec.groups if group.name == node.group)
        self.racks.bring(node, group.size - group.busy)
        self._moved_nodes()

    def fall(self, loss: NodeLoss) -> list[Node]:
        """The nodes that a loss hits: the last ones of the group that are up."""
        return [node for node in self.racks.of(loss.node_group) if node.up][::-1][: loss.count]

    def step(self, at: float) -> None:
        """What is due at `at`: deletions, deadlines, starts, then first fit, the site's own pods first."""
        for uid in self._timetable.take(at):
            pod = self.pods.get(uid)
            if pod is not None and pod.due_at <= at:
                self._happen(pod, at)
        unsettled, self._unsettled = sorted(self._unsettled), set()
        for group in unsettled:
            self._settle(group, at)

    def _note(self, pod: Pod) -> None:
        self.version += 1
        self.changed[pod.uid] = pod
        self.bell.ring()
        self._timetable.put(pod.due_at, pod.uid)

    def _happen(self, pod: Pod, at: float) -> None:
        if pod.delete_at is not None and at >= pod.delete_at:
            self.remove(pod)
        elif pod.ended_at is None and at >= pod.deadline_at:
            self.end(pod, at, None, "DeadlineExceeded")
        elif pod.ended_at is None and at >= pod.ends_at:
            self.end(pod, at, pod.exits_with, "Error" if pod.exits_with else "Completed")
        else:
            pod.started_at = at
            self.touch(pod)

    def _let_go(self, pod: Pod) -> None:
        """What it held is free, or its place in line is."""
        if pod.ended_at is not None:
            return
        self.ours.pop(pod.uid, None)
        self._lines.leave(pod)
        if pod.node is not None and pod.node.up:
            self.racks.release(pod.node, pod.request)
            self._unsettled.add(pod.group)

    def _settle(self, group: str, at: float) -> None:
        """First fit for all that wait for this group."""
        for pod in self._lines.serve(group, partial(self._serve, at)):
            pod.problem = self._problem(pod)
            self.touch(pod)

    def _serve(self, at: float, pod: Pod) -> bool:
        node = pod.pinned
        if node is None:
            node = self.racks.first_fit(pod.group, pod.request)
        elif not node.up or not fits(pod.request, node.free):
            node = None
        if node is not None:
            self._schedule(pod, node, at)
        return node is not None

    def _problem(self, pod: Pod) -> str:
        nodes = self.racks.of(pod.group)
        scarce = lacking(pod.request, (pod.pinned or nodes[0]).free) if nodes else None
        return f"Unschedulable: 0/{len(self.racks)} nodes: insufficient {scarce[0] if scarce else 'nodes'}"

    def _schedule(self, pod: Pod, node: Node, at: float) -> None:
        self.racks.hold(node, pod.request)
        pod.node, pod.scheduled_at, pod.problem = node, at, ""
        if pod.placement is None:
            pod.starts_at = at + 1
        else:
            pod.starts_at = self._starts_at(pod, node, pod.placement.image, at)
        self.touch(pod)

    def _starts_at(self, pod: Pod, node: Node, image: str, at: float) -> float:
        faults, draw = self.spec.faults, self._chance.random
        if draw() < faults.no_image:
            pod.problem = "ErrImagePull: the registry does not answer"
            return NEVER
        if faults.no_start and draw() < faults.no_start:
            return NEVER
        pod.joins = draw() >= faults.no_join
        pulled_at = at + self.spec.pull_s * self._chance.uniform(0.8, 1.2)
        return max(at, node.images.setdefault(image, pulled_at)) + self.spec.boot_s

    def _admit(self, pod: Pod, at: float) -> None:
        """Admission takes some of what was asked, in the times in which it does."""
        since, asked = at - self.begins, pod.request
        for admission in self.spec.faults.admission:
            if admission.window.holds(since):
                cores, memory = int(asked.cpu_milli * admission.keeps), int(asked.memory_mib * admission.keeps)
                pod.request = msgspec.structs.replace(asked, cpu_milli=cores, memory_mib=memory)
                pod.keeps = admission.keeps
                pod.fact = f"admission made {show('cpu_milli', cores)} of {show('cpu_milli', asked.cpu_milli)}"

    def _moved_nodes(self) -> None:
        self.version += 1
        self.turnover += 1
        self._unsettled |= self._lines.groups


def _nodes(spec: SimMember) -> Iterable[Node]:
    return (
        Node(f"{group.name}-{number:03d}", group.name, group.size - group.busy)
        for group in spec.groups
        for number in range(group.nodes)
    )
