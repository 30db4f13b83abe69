"""The simulated target pool: startds that join, the negotiator's step from jobs to slots, claims and leaving."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from fedsched.matchmaker import classad
from fedsched.matchmaker.model import Claim, MemberTerms, Placement, PoolView, SlotView
from fedsched.matchmaker.resources import Resources, fits
from fedsched.sim.nodes import Cluster, Pod
from fedsched.sim.scenario import Scenario, SimNodeGroup
from fedsched.sim.schedd import Job, Queue, Schedd


@dataclass
class Run:
    """One job on one startd."""

    job: Job
    schedd: Schedd
    began_at: float
    request: Resources


@dataclass
class Startd:
    """One startd of ours, its ad included: an ad may outlive its pod (a ghost)."""

    pod: Pod
    placement: Placement
    cluster: Cluster
    group: SimNodeGroup
    began_at: float
    unclaimed_since: float | None
    runs: list[Run] = field(default_factory=list)
    lost_at: float | None = None

    @property
    def free(self) -> Resources:
        """What no job holds."""
        free = msgspec.structs.replace(self.placement.size, pods=0)
        for run in self.runs:
            free -= run.request
        return free

    @property
    def end_at(self) -> float | None:
        """Hard end of its Job; None for a DaemonSet's."""
        return self.pod.created_at + self.placement.lifetime_s if self.placement.form == "startd-job" else None

    def leaving(self, at: float) -> bool:
        """Takes no new work: told to, deleted, or too near its end."""
        late = self.end_at is not None and at >= self.end_at - self.placement.retire_s
        return late or self.pod.leave_at is not None or self.pod.delete_at is not None


class Pool:
    """Collector and negotiator."""

    def __init__(self, scenario: Scenario, schedds: tuple[Schedd, ...]) -> None:
        self.startds: dict[str, Startd] = {}
        self._scenario = scenario
        self._schedds = schedds
        self._matches: dict[tuple[str, str, str], bool] = {}

    def step(self, clusters: Iterable[Cluster], at: float) -> None:
        """Startds come and go, jobs end, and every `negotiator_s` idle jobs get slots."""
        for cluster in clusters:
            for pod in list(cluster.pods.values()):
                if pod.running and pod.joins and pod.placement is not None and pod.uid not in self.startds:
                    self._join(cluster, pod, pod.placement, at)
        for startd in list(self.startds.values()):
            self._live(startd, at)
        if (at - self._scenario.begins) % self._scenario.negotiator_s == 0:
            for startd in list(self.startds.values()):
                self._fill(startd, at)

    def lose(self, pod: Pod, at: float) -> None:
        """The pod was killed hard: its ad stays, its jobs hang until their lease ends."""
        startd = self.startds.get(pod.uid)
        if startd is not None:
            startd.lost_at = at

    def invalidate(self, pod_name: str) -> None:
        """Ghost ads of a pod are removed; jobs hang on until their lease ends all the same."""
        for startd in self.startds.values():
            if startd.pod.name == pod_name and startd.lost_at is not None:
                startd.pod.joins = False

    def view(self, at: float) -> PoolView:
        """What the collector says."""
        slots = tuple(_slot(startd, self._scenario.pool, at) for startd in self.startds.values() if startd.pod.joins)
        return PoolView(self._scenario.pool, seen_at=at, slots=slots)

    def _join(self, cluster: Cluster, pod: Pod, placement: Placement, at: float) -> None:
        if pod.started_at is None or at < pod.started_at + cluster.spec.start_s:
            return
        group = next(g for g in cluster.spec.groups if g.name == placement.node_group)
        self.startds[pod.uid] = Startd(pod, placement, cluster, group, at, at)

    def _live(self, startd: Startd, at: float) -> None:
        if startd.lost_at is not None:
            if at >= startd.lost_at + self._scenario.lease_s:
                self._evict(startd)
            return
        pod = startd.pod
        if pod.ended_at is not None or pod.uid not in startd.cluster.pods:
            self._evict(startd)
            return
        for run in [run for run in startd.runs if at >= run.began_at + run.job.runs_s]:
            self._finish(startd, run, at)
        overdue = pod.leave_at is not None and at >= pod.leave_at + startd.placement.retire_s
        if overdue or (not startd.runs and _may_go(startd, at)):
            startd.cluster.end(pod, at, 0, "Completed")
            self._evict(startd)

    def _finish(self, startd: Startd, run: Run, at: float) -> None:
        """The job is done; its schedd reuses the claim for another job of the same class, as a real one does."""
        startd.runs.remove(run)
        run.job.done_at = at
        queue = run.job.queue
        queue.running -= 1
        if queue.idle and self._admits(startd, queue, at):
            self._run(startd, run.schedd, queue, at)
        elif not startd.runs:
            startd.unclaimed_since = at

    def _evict(self, startd: Startd) -> None:
        """The startd is gone; what ran there is idle again, first in its queue."""
        for run in startd.runs:
            run.job.queue.running -= 1
            run.job.queue.idle.appendleft(run.job)
        self.startds.pop(startd.pod.uid, None)

    def _fill(self, startd: Startd, at: float) -> None:
        waiting = [
            (q.idle[0].submitted_at, s.name, q.key, s, q) for s in self._schedds for q in s.queues.values() if q.idle
        ]
        for *_, schedd, queue in sorted(waiting, key=lambda w: w[:3]):
            while queue.idle and self._admits(startd, queue, at):
                self._run(startd, schedd, queue, at)

    def _run(self, startd: Startd, schedd: Schedd, queue: Queue, at: float) -> None:
        job = queue.idle.popleft()
        job.first_claimed_at = job.first_claimed_at or at
        job.starts += 1
        queue.running += 1
        startd.unclaimed_since = None
        startd.runs.append(Run(job, schedd, at, msgspec.structs.replace(queue.batch.request, pods=0)))

    def _admits(self, startd: Startd, queue: Queue, at: float) -> bool:
        """START, Requirements and room, as the startd and the negotiator see them."""
        if startd.lost_at is not None or startd.leaving(at):
            return False
        if not fits(msgspec.structs.replace(queue.batch.request, pods=0), startd.free):
            return False
        if queue.batch.length_s and startd.end_at is not None and at + queue.batch.length_s > startd.end_at:
            return False
        return _welcome(startd, queue, at) and self._match(startd, queue)

    def _match(self, startd: Startd, queue: Queue) -> bool:
        key = (queue.key, startd.placement.member, f"{startd.group.name}/{startd.placement.size}")
        if key not in self._matches:
            ask = queue.batch.request
            job = (
                ("RequestMemory", str(ask.memory_mib)),
                ("RequestDisk", str(ask.disk_mib * 1024)),
                *queue.batch.attributes,
                ("Requirements", queue.batch.requirements),
            )
            slot = dict(_slot_attributes(startd, startd.cluster.spec.terms))
            slot["Requirements"] = startd.cluster.spec.terms.requirements or "true"
            self._matches[key] = classad.symmetric(classad.Ad(job), classad.Ad(slot.items()), self._scenario.begins)
        return self._matches[key]


def _may_go(startd: Startd, at: float) -> bool:
    """An empty startd exits when it takes no new work, and by its own dead man's switch (FA4)."""
    since = startd.unclaimed_since
    idle = since is not None and at - since >= 2 * startd.placement.idle_s
    return startd.placement.form == "startd-job" and (startd.leaving(at) or idle)


def _welcome(startd: Startd, queue: Queue, at: float) -> bool:
    """Whom START admits: the one it was placed for during first refusal, then as the placement's share says."""
    mine, theirs = startd.placement.principal, queue.batch.principal
    if at < startd.began_at + startd.placement.first_refusal_s or startd.placement.share == "user":
        return mine == theirs
    return startd.placement.share == "any" or mine.group == theirs.group


def _slot_attributes(startd: Startd, terms: MemberTerms) -> tuple[tuple[str, str], ...]:
    size = startd.placement.size
    said = {"Arch": '"X86_64"', "OpSys": '"LINUX"', "HasFileTransfer": "true"}
    said.update(terms.attributes)
    said.update(startd.group.attributes)
    said.update(startd.group.slot_attributes)
    said |= {"Cpus": str(size.cpu_milli // 1000), "Memory": str(size.memory_mib), "Disk": str(size.disk_mib * 1024)}
    said["GPUs"] = str(size.gpus)
    return tuple(sorted(said.items()))


def _slot(startd: Startd, pool: str, at: float) -> SlotView:
    dynamic = {"Cpus", "Memory", "Disk", "GPUs"}
    learnt = tuple((n, v) for n, v in _slot_attributes(startd, startd.cluster.spec.terms) if n not in dynamic)
    return SlotView(
        name=f"slot1@{startd.pod.name}",
        pool=pool,
        placement_id=startd.placement.id,
        member=startd.placement.member,
        node_group=startd.placement.node_group,
        pod=startd.pod.name,
        size=startd.placement.size,
        free=startd.free,
        seen_at=startd.lost_at or at,
        claims=tuple(
            Claim(run.job.queue.batch.principal, run.request.cpu_milli, run.began_at, run.job.id, run.schedd.name)
            for run in startd.runs
        ),
        leaving=startd.leaving(at),
        unclaimed_since=startd.unclaimed_since,
        started_at=startd.began_at,
        end_at=startd.end_at,
        retire_at=None if startd.end_at is None else startd.end_at - startd.placement.retire_s,
        attributes=learnt,
    )
