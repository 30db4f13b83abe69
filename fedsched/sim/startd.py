"""One simulated startd: what it holds, whom it admits, when something happens to it, and how its ad reads."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from fedsched.matchmaker.model import Claim, Placement, Share, SlotView
from fedsched.matchmaker.resources import Resources, fits
from fedsched.sim.nodes import Cluster, Pod
from fedsched.sim.scenario import SimNodeGroup
from fedsched.sim.schedd import Job, Queue, Schedd
from fedsched.sim.timetable import NEVER

_DYNAMIC = frozenset({"Cpus", "Memory", "Disk", "GPUs"})


@dataclass(eq=False)
class Run:
    """One job on one startd."""

    job: Job
    schedd: Schedd
    began_at: float
    request: Resources

    @property
    def ends_at(self) -> float:
        """When the job is done."""
        return self.began_at + self.job.runs_s


@dataclass(eq=False)
class Startd:
    """One startd of ours, its ad included: an ad may outlive its pod (a ghost). began: jobs that it ever began."""

    pod: Pod
    placement: Placement
    cluster: Cluster
    group: SimNodeGroup
    began_at: float
    unclaimed_since: float | None
    runs: list[Run] = field(default_factory=list)
    lost_at: float | None = None
    began: int = 0
    view: SlotView | None = None

    def __post_init__(self) -> None:
        self.size = _size(self.placement, self.pod)
        self.free = self.size
        for run in self.runs:
            self.free -= run.request
        self.kind = (self.placement.member, self.group.name, self.size)
        self.attributes = _attributes(self)
        self.learnt = tuple((name, value) for name, value in self.attributes if name not in _DYNAMIC)

    @property
    def end_at(self) -> float | None:
        """Hard end of its Job; None for a DaemonSet's."""
        return self.pod.created_at + self.placement.lifetime_s if self.placement.form == "startd-job" else None

    @property
    def retires_at(self) -> float:
        """From when on it takes no new work, being too near its end."""
        return NEVER if self.end_at is None else self.end_at - self.placement.retire_s

    @property
    def shared_at(self) -> float:
        """When it may serve others than the one it was placed for."""
        return self.began_at + self.placement.first_refusal_s

    @property
    def due_at(self) -> float:
        """When something happens here by itself, past moments included."""
        due = min((run.ends_at for run in self.runs), default=NEVER)
        if self.pod.leave_at is not None:
            due = min(due, self.pod.leave_at + self.placement.retire_s)
        if not self.runs and self.placement.form == "startd-job" and self.unclaimed_since is not None:
            due = min(due, self.unclaimed_since + 2 * self.placement.idle_s)
        return due

    def take(self, run: Run) -> None:
        """A job begins here."""
        self.runs.append(run)
        self.free -= run.request
        self.began += 1
        self.unclaimed_since = None
        self.view = None

    def drop(self, run: Run, at: float) -> None:
        """A job does not run here any more."""
        self.runs.remove(run)
        self.free += run.request
        self.unclaimed_since = self.unclaimed_since if self.runs else at
        self.view = None

    def leaving(self, at: float) -> bool:
        """Takes no new work: told to, deleted, or too near its end."""
        return at >= self.retires_at or self.pod.leave_at is not None or self.pod.delete_at is not None

    def may_go(self, at: float) -> bool:
        """An empty startd exits when it takes no new work, and by its own dead man's switch (FA4)."""
        since = self.unclaimed_since
        idle = since is not None and at >= since + 2 * self.placement.idle_s
        return self.placement.form == "startd-job" and not self.runs and (self.leaving(at) or idle)

    def welcomes(self, queue: Queue, at: float) -> bool:
        """START: room, time enough, and whom it is for: during first refusal its own, then as its share says."""
        batch = queue.batch
        if not fits(queue.request, self.free) or self.lost_at is not None or self.leaving(at):
            return False
        if batch.length_s and self.end_at is not None and at + batch.length_s > self.end_at:
            return False
        mine, theirs, audience = self.placement.principal, batch.principal, self.audience(at)
        if audience == "user":
            return mine == theirs and self.placement.user == batch.user
        return audience == "any" or mine.group == theirs.group

    def audience(self, at: float) -> Share:
        """Whom it is for: during first refusal the one that it was placed for, then as its share says."""
        return "user" if at < self.shared_at else self.placement.share

    def slot(self, pool: str, at: float) -> SlotView:
        """Its ad, as the collector has it."""
        leaving = self.leaving(at)
        if self.view is None or self.view.leaving != leaving:
            self.view = self._slot(pool, leaving=leaving)
        return msgspec.structs.replace(self.view, seen_at=self.lost_at or at)

    def _slot(self, pool: str, *, leaving: bool) -> SlotView:
        return SlotView(
            name=f"slot1@{self.pod.name}",
            pool=pool,
            placement_id=self.placement.id,
            member=self.placement.member,
            node_group=self.placement.node_group,
            pod=self.pod.name,
            size=self.size,
            free=self.free,
            seen_at=0.0,
            claims=tuple(_claim(run) for run in self.runs),
            leaving=leaving,
            unclaimed_since=self.unclaimed_since,
            started_at=self.began_at,
            end_at=self.end_at,
            retire_at=None if self.end_at is None else self.retires_at,
            attributes=self.learnt,
            jobs_started=self.began,
        )


def _claim(run: Run) -> Claim:
    principal, request = run.job.queue.batch.principal, run.request
    priority = run.job.queue.batch.priority
    return Claim(principal, request.cpu_milli, run.began_at, run.job.id, run.schedd.name, priority=priority)


def _size(placement: Placement, pod: Pod) -> Resources:
    size = msgspec.structs.replace(placement.size, pods=0)
    if pod.keeps == 1.0:
        return size
    cores, memory = int(size.cpu_milli * pod.keeps), int(size.memory_mib * pod.keeps)
    return msgspec.structs.replace(size, cpu_milli=cores, memory_mib=memory)


def _attributes(startd: Startd) -> tuple[tuple[str, str], ...]:
    size, group = startd.size, startd.group
    said = {"Arch": '"X86_64"', "OpSys": '"LINUX"', "HasFileTransfer": "true"}
    said.update(startd.cluster.spec.terms.attributes)
    said.update(group.attributes)
    said.update(group.slot_attributes)
    said |= {"Cpus": str(size.cpu_milli // 1000), "Memory": str(size.memory_mib), "Disk": str(size.disk_mib * 1024)}
    said["GPUs"] = str(size.gpus)
    return tuple(sorted(said.items()))
