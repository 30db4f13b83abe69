"""The simulated World and its virtual clock, as the loop drives them; every part of it lives beside this file."""

from __future__ import annotations

import random

import msgspec

from fedsched.loop import Unreachable
from fedsched.matchmaker.model import Change, InvalidateAds, MemberView, ObjectView, Observation, Outcome, SetSubmitter
from fedsched.sim.apiserver import ApiServer
from fedsched.sim.nodes import Cluster
from fedsched.sim.pool import Pool
from fedsched.sim.scenario import Scenario, SimMember
from fedsched.sim.schedd import Schedd
from fedsched.sim.views import member_view, object_view

TICK_S = 1.0


class SimWorld:
    """A federation in memory. Equal scenarios and seeds give equal histories. It is its own clock."""

    def __init__(self, scenario: Scenario, seed: int = 1) -> None:
        self.scenario = scenario
        self.at = scenario.begins
        # One stream of chance per part, so that a fault at one member does not shift the luck of another.
        self.schedds = tuple(Schedd(name, scenario, _chance(seed, name)) for name in scenario.schedds)
        self.members = {m.terms.name: _Member(m, seed, scenario.begins) for m in scenario.members}
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
        """Let virtual time pass, in whole ticks."""
        self._advance(seconds)

    # -- the world -----------------------------------------------------------------------------------------------

    def observe(self, at: float) -> Observation:
        """What the pollers last stored."""
        for member in self.members.values():
            member.look(self.at)
        members = tuple(member.view for _, member in sorted(self.members.items()))
        objects = tuple(thing for _, member in sorted(self.members.items()) for thing in member.objects)
        return Observation(at, tuple(s.view() for s in self.schedds), members, (self.pool.view(self.at),), objects)

    def act(self, change: Change) -> Outcome:
        """One change to one object, with whatever goes wrong there."""
        if isinstance(change, InvalidateAds):
            self.pool.invalidate(change.pod)
            return Outcome(change, "done", self.at)
        if isinstance(change, SetSubmitter):
            return Outcome(change, "refused", self.at, what="a simulated pool has no negotiator of its own")
        member = self.members[change.member]
        if member.silent(self.at):
            return Outcome(change, "retry", self.at, what="timed out", retry_after_s=5.0)
        return member.api.act(change, member.epoch, self.at)

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
        return all(s.over for s in self.schedds) and not self.leftovers

    @property
    def leftovers(self) -> tuple[str, ...]:
        """Names of objects, pods and ads of ours that still exist."""
        objects = [name for m in self.members.values() for name, thing in m.api.things.items() if thing.ours]
        pods = [p.name for m in self.members.values() for p in m.api.cluster.pods.values() if p.placement]
        return (*objects, *pods, *(s.pod.name for s in self.pool.startds.values() if s.pod.joins))

    def _advance(self, seconds: float) -> None:
        end = self.at + seconds
        self._tick()
        while self.at < end:
            self.at = min(end, self.at + TICK_S)
            self._tick()

    def _tick(self) -> None:
        for member in self.members.values():
            member.step(self.at, self.pool)
        for schedd in self.schedds:
            schedd.step(self.at)
        self.pool.step((m.api.cluster for m in self.members.values()), self.at)


class _Member:
    """One member with the script of what happens to it, and what was last seen of it."""

    def __init__(self, spec: SimMember, seed: int, begins: float) -> None:
        self.api = ApiServer(Cluster(spec, _chance(seed, f"{spec.terms.name}/nodes")), _chance(seed, spec.terms.name))
        self.view = MemberView(spec.terms.name)
        self.objects: tuple[ObjectView, ...] = ()
        self.epoch = 0
        self._spec = spec
        self._begins = begins
        self._owners = list(spec.owners)
        self._losses = list(spec.faults.losses)
        self._guests: list[tuple[float, str]] = []
        self._fell_silent = False

    def silent(self, at: float) -> bool:
        """Whether it answers nothing now."""
        return any(window.holds(at - self._begins) for window in self._spec.faults.silent)

    def step(self, at: float, pool: Pool) -> None:
        """Owners' pods come and go, losses happen, then nodes and controllers do their work."""
        if self.silent(at) and not self._fell_silent:
            self._see(at)
        self._fell_silent = self.silent(at)
        for owner in [o for o in self._owners if at - self._begins >= o.at]:
            self._owners.remove(owner)
            for _ in range(owner.count):
                request = msgspec.structs.replace(owner.request, pods=1)
                self._guests.append(
                    (at + owner.lasts_s, self.api.cluster.add("site", owner.node_group, request, at).uid)
                )
        for due, uid in [g for g in self._guests if at >= g[0]]:
            self._guests.remove((due, uid))
            self.api.cluster.remove(self.api.cluster.pods[uid])
        for loss in [one for one in self._losses if at - self._begins >= one[0]]:
            self._losses.remove(loss)
            self._lose(loss[1], at, pool)
        self.api.cluster.step(at)
        self.api.step(at)

    def look(self, at: float) -> None:
        """Refresh what is seen of it, or note that it did not answer."""
        if self.silent(at):
            self.view = msgspec.structs.replace(self.view, contact="timeout", contact_at=at, contact_error="timed out")
            return
        self._see(at)

    def _see(self, at: float) -> None:
        self.view = member_view(self.api, at)
        self.objects = tuple(
            object_view(t, self._spec.terms.name) for _, t in sorted(self.api.things.items()) if t.ours
        )

    def _lose(self, count: int, at: float, pool: Pool) -> None:
        running = [p for p in self.api.cluster.pods.values() if p.running and p.placement is not None]
        for pod in running[:count]:
            pool.lose(pod, at)
            self.api.cluster.end(pod, at, 137, "Error")


def _chance(seed: int, part: str) -> random.Random:
    return random.Random(f"{seed}/{part}")  # noqa: S311 - repeatable luck, no secret
