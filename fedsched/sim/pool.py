"""The simulated target pool: startds that join, run jobs and leave, and their ads; who gets which slot is not here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fedsched.matchmaker.model import PoolView
from fedsched.sim.negotiator import Matches, negotiate
from fedsched.sim.nodes import Cluster, Pod
from fedsched.sim.scenario import Scenario
from fedsched.sim.schedd import Queue, Schedd
from fedsched.sim.startd import Run, Startd
from fedsched.sim.timetable import NEVER, Timetable

__all__ = ["Pool", "Run", "Startd"]
_LITTLE = 1e-6


class Pool:
    """Collector and negotiator.

    The negotiator runs at whole multiples of `negotiator_s`, when something changed since it ran: a job became idle,
    or a startd came, got room or may serve others now.
    """

    def __init__(self, scenario: Scenario, schedds: tuple[Schedd, ...]) -> None:
        self.startds: dict[str, Startd] = {}
        self._scenario = scenario
        self._schedds = schedds
        self._matches = Matches(scenario.begins)
        self._joining: dict[str, tuple[Cluster, Pod]] = {}
        self._timetable: Timetable[str] = Timetable()
        self._leases: Timetable[str] = Timetable()
        self._dirty_at: float | None = scenario.begins
        self._ran = -1
        for name, window in scenario.gone_schedds:
            if window.end_at > window.begin_at + scenario.lease_s:
                self._leases.put(scenario.begins + window.begin_at + scenario.lease_s, name)

    @property
    def due_at(self) -> float:
        """When something happens here next."""
        return min(self._timetable.next, self._leases.next, self._negotiates_at)

    def step(self, clusters: Sequence[Cluster], at: float) -> None:
        """Startds come and go, jobs end, and idle jobs get slots."""
        for cluster in clusters:
            changed, cluster.changed = cluster.changed, {}
            for pod in changed.values():
                self._notice(cluster, pod, at)
        for uid in self._timetable.take(at):
            self._due(uid, at)
        for name in self._leases.take(at):
            self._leave_alone(name, at)
        if any(schedd.fresh for schedd in self._schedds):
            self._stir(at)
        if self._negotiates_at <= at:
            self._negotiate(at)

    def put(self, startd: Startd) -> None:
        """A startd that is there already."""
        self.startds[startd.pod.uid] = startd
        self._plan(startd)
        for moment in (startd.retires_at, startd.shared_at):
            self._timetable.put(moment, startd.pod.uid)

    def wake(self, at: float) -> None:
        """Startds were put here by hand, with jobs."""
        self._stir(at)
        for startd in self.startds.values():
            self._plan(startd)

    def lose(self, pod: Pod, at: float) -> None:
        """The pod was killed hard: its ad stays, its jobs hang until their lease ends."""
        startd = self.startds.get(pod.uid)
        if startd is not None and startd.lost_at is None:
            startd.lost_at = at
            self._plan(startd)

    def invalidate(self, pod_name: str) -> None:
        """Ghost ads of a pod are removed; jobs hang on until their lease ends all the same."""
        for startd in self.startds.values():
            if startd.pod.name == pod_name and startd.lost_at is not None:
                startd.pod.joins = False

    def view(self, at: float) -> PoolView:
        """What the collector says."""
        pool = self._scenario.pool
        slots = tuple(startd.slot(pool, at) for startd in self.startds.values() if startd.pod.joins)
        return PoolView(pool, seen_at=at, slots=slots)

    @property
    def _negotiates_at(self) -> float:
        if self._dirty_at is None:
            return NEVER
        every_s, begins = self._scenario.negotiator_s, self._scenario.begins
        number = max(self._ran + 1, math.ceil((self._dirty_at - begins) / every_s - _LITTLE))
        return begins + number * every_s

    def _stir(self, at: float) -> None:
        if self._dirty_at is None:
            self._dirty_at = at

    def _plan(self, startd: Startd) -> None:
        lost = startd.lost_at
        self._timetable.put(startd.due_at if lost is None else lost + self._scenario.lease_s, startd.pod.uid)

    def _notice(self, cluster: Cluster, pod: Pod, at: float) -> None:
        startd = self.startds.get(pod.uid)
        if startd is not None:
            self._live(startd, at)
        elif pod.placement is None or pod.placement.form == "job":
            return  # no startd runs in it
        elif pod.started_at is not None and pod.running and pod.joins:
            self._joining[pod.uid] = cluster, pod
            self._timetable.put(pod.started_at + cluster.spec.start_s, pod.uid)
        elif not pod.running:
            self._joining.pop(pod.uid, None)

    def _due(self, uid: str, at: float) -> None:
        startd = self.startds.get(uid)
        if startd is not None:
            self._live(startd, at)
            return
        cluster, pod = self._joining.get(uid, (None, None))
        if cluster is None or pod is None or not pod.running or pod.uid not in cluster.pods:
            self._joining.pop(uid, None)
        elif pod.started_at is not None and at >= pod.started_at + cluster.spec.start_s:
            self._join(cluster, pod, at)

    def _join(self, cluster: Cluster, pod: Pod, at: float) -> None:
        self._joining.pop(pod.uid, None)
        group = next((g for g in cluster.spec.groups if g.name == pod.group), None)
        if pod.placement is not None and group is not None:
            self.put(Startd(pod, pod.placement, cluster, group, at, at))
            self._live(self.startds[pod.uid], at)

    def _live(self, startd: Startd, at: float) -> None:
        """What is due at a startd; and the negotiator may find it otherwise than before."""
        pod, lost_at = startd.pod, startd.lost_at
        startd.view = None
        self._stir(at)
        if lost_at is not None:
            if at >= lost_at + self._scenario.lease_s:
                self._evict(startd, lost_at, at)
            return
        if pod.ended_at is not None or pod.uid not in startd.cluster.pods:
            self._evict(startd, at, at)
            return
        for run in [run for run in startd.runs if at >= run.ends_at]:
            self._finish(startd, run, at)
        overdue = pod.leave_at is not None and at >= pod.leave_at + startd.placement.retire_s
        if overdue or startd.may_go(at):
            startd.cluster.end(pod, at, 0, "Completed")
            self._evict(startd, at, at)
        else:
            self._plan(startd)

    def _finish(self, startd: Startd, run: Run, at: float) -> None:
        """The job is done; its schedd reuses the claim for another job of the same class, as a real one does."""
        queue = run.job.queue
        startd.drop(run, at)
        run.job.done_at = at
        queue.running -= 1
        run.schedd.stir(queue, at)
        if queue.idle and run.schedd.there(at) and startd.welcomes(queue, at):
            self._begin(startd, run.schedd, queue, at)

    def _evict(self, startd: Startd, until: float, at: float) -> None:
        """The startd is gone; what ran there until then is idle again, first in its queue."""
        for run in list(startd.runs):
            self._return(startd, run, until, at)
        self.startds.pop(startd.pod.uid, None)

    def _return(self, startd: Startd, run: Run, until: float, at: float) -> None:
        startd.drop(run, at)
        queue, job = run.job.queue, run.job
        job.lost_s += max(0.0, until - run.began_at)
        queue.running -= 1
        queue.idle.appendleft(job)
        run.schedd.stir(queue, at)
        run.schedd.fresh = True

    def _leave_alone(self, schedd: str, at: float) -> None:
        """The leases of all claims of a schedd that is gone have ended."""
        for startd in list(self.startds.values()):
            for run in [run for run in startd.runs if run.schedd.name == schedd]:
                self._return(startd, run, at, at)
            self._live(startd, at)

    def _negotiate(self, at: float) -> None:
        self._ran = round((self._negotiates_at - self._scenario.begins) / self._scenario.negotiator_s)
        self._dirty_at = None
        for schedd in self._schedds:
            schedd.fresh = False
        startds = list(self.startds.values())
        for startd, schedd, queue in negotiate(startds, self._schedds, self._matches, at):
            self._begin(startd, schedd, queue, at)

    def _begin(self, startd: Startd, schedd: Schedd, queue: Queue, at: float) -> None:
        job = queue.idle.popleft()
        job.first_claimed_at = job.first_claimed_at or at
        job.starts += 1
        queue.running += 1
        schedd.stir(queue, at)
        startd.take(Run(job, schedd, at, queue.request))
        self._plan(startd)
