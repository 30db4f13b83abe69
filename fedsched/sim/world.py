"""The simulated World and its virtual clock, as the loop drives them; every part of it lives beside this file."""

from __future__ import annotations

import random

from fedsched.loop import Unreachable
from fedsched.matchmaker.model import (
    Change,
    CreateObject,
    InvalidateAds,
    Observation,
    Outcome,
    SetSubmitter,
    TellJob,
)
from fedsched.sim.agenda import Agenda
from fedsched.sim.apiserver import ApiServer
from fedsched.sim.jobqueue import JobQueue
from fedsched.sim.member import Member
from fedsched.sim.nodes import Cluster
from fedsched.sim.pool import Pool
from fedsched.sim.scenario import Scenario, SimMember
from fedsched.sim.schedd import Schedd


class SimWorld:
    """A federation in memory. Equal scenarios and seeds give equal histories. It is its own clock."""

    def __init__(self, scenario: Scenario, seed: int = 1) -> None:
        self.scenario = scenario
        self.at = scenario.begins
        # One stream of chance per part, so that a fault at one member does not shift the luck of another.
        self.schedds = tuple(Schedd(name, scenario, _chance(seed, name)) for name in scenario.schedds)
        self.members = {m.terms.name: _member(m, scenario, seed) for m in scenario.members}
        self.queues = {name: JobQueue(name, scenario) for name in scenario.queues}
        self.pool = Pool(scenario, self.schedds)
        self._advance(0.0)

    # -- the clock -----------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Virtual time in epoch seconds."""
        return self.at

    def monotonic(self) -> float:
        """Virtual seconds since the scenario began."""
        return self.at - self.scenario.begins

    def sleep(self, seconds: float) -> None:
        """Let virtual seconds pass, from one event to the next."""
        self._advance(seconds)

    # -- the world -----------------------------------------------------------------------------------------------

    def observe(self, at: float) -> Observation:
        """What the pollers last stored."""
        for member in self.members.values():
            member.look(self.at)
        members = tuple(member.view for _, member in sorted(self.members.items()))
        objects = tuple(thing for _, member in sorted(self.members.items()) for thing in member.objects)
        schedds = tuple(schedd.view(self.at) for schedd in self.schedds if schedd.listed(self.at))
        queues = tuple(queue.view(self.at) for queue in self.queues.values())
        return Observation(at, (*schedds, *queues), members, (self.pool.view(self.at),), objects)

    def act(self, change: Change) -> Outcome:
        """One change to one object, with whatever goes wrong there."""
        if isinstance(change, InvalidateAds):
            self.pool.invalidate(change.pod)
            return Outcome(change, "done", self.at)
        if isinstance(change, SetSubmitter):
            return Outcome(change, "refused", self.at, what="a simulated pool has no negotiator of its own")
        if isinstance(change, TellJob):
            queue = self.queues.get(change.queue)
            return queue.tell(change, self.at) if queue else Outcome(change, "gone", self.at, what="no such queue")
        member = self.members[change.member]
        if member.silent(self.at):
            return Outcome(change, "retry", self.at, what="timed out", retry_after_s=5.0)
        if isinstance(change, CreateObject) and change.placement.form == "job":
            return self._copy(change, member)
        return member.api.act(change, member.epoch, self.at)

    def _copy(self, change: CreateObject, member: Member) -> Outcome:
        """A copy of what the queue holds now: nothing is made of a Job that is gone."""
        place = change.placement
        queue = self.queues.get(place.schedd)
        if queue is None or queue.silent(self.at):
            return Outcome(change, "retry", self.at, what=f"queue {place.schedd} does not answer", retry_after_s=5.0)
        job = queue.find(place.job, place.job_uid)
        if job is None:
            return Outcome(change, "refused", self.at, what=f"Job {place.job} is gone from queue {place.schedd}")
        return member.api.act(change, member.epoch, self.at, job.work)

    def claim(self, member: str, epoch: int) -> int:
        """Raise the fence of a member; Unreachable while it is silent."""
        there = self.members[member]
        if there.silent(self.at):
            raise Unreachable(member)
        there.epoch = epoch
        there.api.fence = max(there.api.fence, epoch)
        return there.api.fence

    def wait(self, timeout_s: float) -> bool:
        """Let virtual time pass; the cadence alone wakes the loop."""
        self._advance(timeout_s)
        return False

    # -- for whoever watches ---------------------------------------------------------------------------------------

    @property
    def quiet(self) -> bool:
        """No job will come, waits or runs, and no object or pod of ours is left."""
        over = all(s.over for s in self.schedds) and all(queue.over for queue in self.queues.values())
        return over and not self.leftovers

    @property
    def leftovers(self) -> tuple[str, ...]:
        """Names of objects, pods and ads of ours that still exist."""
        objects = [name for m in self.members.values() for name, thing in m.api.things.items() if thing.ours]
        pods = [p.name for m in self.members.values() for p in m.api.cluster.pods.values() if p.placement]
        return (*objects, *pods, *(s.pod.name for s in self.pool.startds.values() if s.pod.joins))

    def wake(self) -> None:
        """What was put into schedds and pool by hand counts from now on."""
        for schedd in self.schedds:
            schedd.wake(self.at)
        self.pool.wake(self.at)

    def _advance(self, seconds: float) -> None:
        """All that is due by then, in its order: how long time passes in one go makes no difference."""
        end = self.at + seconds
        # Made anew each time: whoever holds a part may have changed it, or put another in its place.
        parts: list[Member | Schedd | JobQueue] = [*self.members.values(), *self.schedds, *self.queues.values()]
        self._agenda = Agenda(parts)
        while (due := min(self.pool.due_at, self._agenda.next)) <= end:
            self.at = max(self.at, due)
            self._step()
        self.at = end

    def _step(self) -> None:
        """Each part that is due does its work, then the pool. Where pods were changed, their member is due."""
        changed = []
        for part in self._agenda.take(self.at):
            if isinstance(part, Member):
                part.step(self.at, self.pool)
                changed.append(part.api.cluster)
            else:
                part.step(self.at)
        self.pool.step(changed, self.at)


def _member(spec: SimMember, scenario: Scenario, seed: int) -> Member:
    """A member with streams of chance of its own: what befalls its nodes does not shift the luck of its API."""
    name = spec.terms.name
    cluster = Cluster(spec, _chance(seed, f"{name}/nodes"), scenario.begins)
    api = ApiServer(cluster, _chance(seed, name), _chance(seed, f"{name}/copies"))
    return Member(api, scenario.silent_hub)


def _chance(seed: int, part: str) -> random.Random:
    return random.Random(f"{seed}/{part}")  # noqa: S311 - repeatable luck, no secret
