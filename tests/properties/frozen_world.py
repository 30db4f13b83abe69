"""Small random federations in memory, run by the real loop and stopped at moments in which nothing moves any more.

What is changed in a stopped world is really changed there: jobs stand in the queue, a member is there or gone with all
that was on it. Time stands still meanwhile, so that the next cycle sees exactly that.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fedsched.cli.moment import Kept, Moment, taken
from fedsched.config import Files
from fedsched.config.settings import Federation, MemberFile, PoolSettings
from fedsched.forecast.scratch import Scratch
from fedsched.journal import Journal, Recorded
from fedsched.loop import Loop, Mind, Options
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import (
    DemandClass,
    Group,
    MemberTerms,
    Memory,
    Observation,
    Policy,
    PoolTerms,
    Preemption,
    Principal,
    QueuedJob,
    Ramp,
    Snapshot,
    Startds,
)
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.resources import Resources
from fedsched.sim.jobqueue import Queued
from fedsched.sim.jobqueue import class_key as kind_of
from fedsched.sim.jobs import Job, Queue, class_key
from fedsched.sim.scenario import Batch, Scenario, SimJob, SimMember, SimNodeGroup
from fedsched.sim.world import SimWorld
from tests.faults.jobs import a_job, taking_jobs

POOL = "target"
CYCLE_S = 10.0
CORES = frozenset({"cpu_milli"})
EACH = 5
"""Moments of each federation."""
LAST = 30
"""Cycles after which no moment is taken any more."""
BEGINS = 1_800_000_005.0
PEOPLE = (
    Principal("physics", "ann@p.example"),
    Principal("physics", "ben@p.example"),
    Principal("biology", "eve@b.example"),
    Principal("climate", "kim@c.example"),
)


@dataclass
class Frozen:
    """One stopped federation: its world and journal are this one's own."""

    world: SimWorld
    journal: Journal
    policy: Policy
    terms: tuple[MemberTerms, ...]

    def copied(self) -> Frozen:
        """The same moment, to do something else with."""
        return Frozen(*copy.deepcopy((self.world, self.journal)), self.policy, self.terms)

    def moment(self) -> Moment:
        """What `fedsched plan` would decide on."""
        files = Files(
            Federation("frozen", (PoolSettings(POOL, "127.0.0.1:9618"),)),
            tuple(MemberFile(terms, "fedsched", Path(f"{terms.name}.json")) for terms in self.terms),
            self.policy,
        )
        journal = self.journal
        kept = Kept(
            journal.memory(), journal.epoch(), journal.orders(), journal.outcomes_since_last(), frozenset(), served=True
        )
        snapshot = taken(self.world.observe(self.world.now()), files, kept)
        return Moment(snapshot, self.policy, "frozen", files=files.members, settings=files.federation)

    def cycle(self) -> Recorded:
        """The cycle that follows, really done."""
        seen: list[Recorded] = []
        loop = Loop(self.world, self.journal, self._mind(), self.world, Options(inline=True, told=(seen.append,)))
        loop.cycle()
        return seen[0]

    def run(self, cycles: int) -> Iterator[Frozen]:
        """So many cycles; before each of them the moment, as a copy."""
        loop = Loop(self.world, self.journal, self._mind(), self.world, Options(inline=True))
        for _ in range(cycles):
            yield self
            loop.cycle()
            self.world.sleep(CYCLE_S)

    def _mind(self) -> Mind:
        return Mind(negotiate, changes, self.policy, self.terms, (PoolTerms(POOL),))

    # -- what is really changed

    def submit(self, batch: Batch) -> DemandClass:
        """These jobs stand in their schedd's queue; as a class of theirs alone."""
        key, now = class_key(batch), self.world.now()
        schedd = next(one for one in self.world.schedds if one.name == batch.schedd)
        alone = Queue(key, batch)
        alone.idle.extend(Job(f"900.{number}", alone, now, batch.runs_s) for number in range(batch.count))
        theirs = schedd._class(alone, alone.count)
        queue = schedd.queues.setdefault(key, alone)
        if queue is not alone:
            for job in alone.idle:
                job.queue = queue
            queue.idle.extend(alone.idle)
        schedd.stir(queue, now)
        schedd._count()
        return theirs

    def queue(self, work: SimJob) -> tuple[DemandClass, QueuedJob]:
        """This Job stands in its queue, and was read; its class and how it is seen."""
        queue, now = self.world.queues[work.queue], self.world.now()
        job = Queued(work, f"{queue.name}-uid-{len(queue.every) + 1:06d}", now)
        queue.every[job.uid] = job
        queue._view = queue._read()
        seen = queue.view(now)
        key = kind_of(work)
        return next(one for one in seen.classes if one.key == key), job.seen(key)

    def add(self, spec: SimMember) -> None:
        """A member is joined and was read once."""
        made = SimWorld(Scenario(members=(spec,), pool=POOL, begins=self.world.now()))
        self.world.members[spec.terms.name] = made.members[spec.terms.name]
        self.terms = tuple(sorted((*self.terms, spec.terms), key=lambda one: one.name))

    def lose(self, name: str) -> None:
        """A member is gone for good, with its pods, and the daemon reads files in which it is not."""
        member = self.world.members.pop(name)
        now = self.world.now()
        for startd in list(self.world.pool.startds.values()):
            if startd.cluster is member.api.cluster:
                self.world.pool._evict(startd, now, now)
        self.terms = tuple(one for one in self.terms if one.name != name)
        for schedd in self.world.schedds:
            schedd._count()


@cache
def states(seed: int, *, with_jobs: bool = False) -> tuple[Frozen, ...]:
    """Some moments of one random federation; to be copied before anything is done with them.

    with_jobs: of one with a queue of users' Jobs, too.
    """
    luck = random.Random(f"frozen {seed}")  # noqa: S311 - repeatable, no secret
    members = tuple(some_member(luck, name) for name in ("alps", "bay", "coast")[: luck.randint(2, 3)])
    batches = tuple(some_batch(luck, at=luck.uniform(0, 200)) for _ in range(luck.randint(3, 7)))
    queued: tuple[SimJob, ...] = ()
    if with_jobs:
        batches, members = batches[:3], tuple(taking_jobs(member) for member in members)
        queued = tuple(a_job(luck, number, 200.0, PEOPLE, queues=("hub",)) for number in range(luck.randint(25, 45)))
        queued = tuple(sorted(queued, key=lambda job: (job.at, job.id)))
    world = SimWorld(Scenario(members=members, batches=batches, pool=POOL, begins=BEGINS, queued=queued), seed)
    nothing = Snapshot(Observation(world.now()), Memory(), ())
    start = Frozen(world, Scratch.of(nothing), some_policy(luck), tuple(member.terms for member in members))
    # Between two rounds of the negotiator: nothing but what is asked for happens at that very moment.
    wanted = sorted(luck.sample(range(1, LAST, 2), EACH))
    return tuple(moment.copied() for number, moment in enumerate(start.run(wanted[-1] + 1)) if number in wanted)


def some_policy(luck: random.Random) -> Policy:
    """Quick steps, and evictions where the shares say so."""
    groups = (
        Group(
            "biology",
            quota=Resources(luck.choice((4000, 8000, 16000))),
            quota_names=frozenset({"cpu_milli"}),
            accept_surplus=True,
        ),
        Group("physics", weight=luck.choice((1.0, 2.0)), accept_surplus=True),
    )
    return Policy(
        name="frozen",
        groups=groups if luck.random() < 0.7 else (),
        ramp=Ramp(first=luck.choice((2, 4, 16)), ramp_interval_s=20.0),
        startds=Startds(lifetime_s=7200, retire_s=600, idle_s=60, first_refusal_s=30),
        preemption=Preemption(
            mode=luck.choice(("fair", "reclaim", "fair", "never")),
            way=luck.choice(("vacate", "leave")),
            protect_s=luck.choice((0.0, 60.0)),
        ),
    )


def some_member(luck: random.Random, name: str) -> SimMember:
    """Few nodes, some of them busy."""
    cores = luck.choice((4, 8, 16))
    size = Resources(cores * 1000, cores * 4096, 400 * 1024, 0, 110)
    busy = Resources(luck.choice((0, 1000, 3000)), 1024, 0, 0, 5)
    terms = MemberTerms(name, mode="on", image="startd")
    return SimMember(terms, (SimNodeGroup("std", luck.randint(1, 5), size, busy),), pull_s=luck.choice((5.0, 30.0)))


def some_batch(luck: random.Random, at: float = 0.0) -> Batch:
    """Jobs of one person; each person's sizes are told apart by their cores."""
    who = luck.choice(PEOPLE)
    cores = luck.choice((1, 2, 4)) if luck.random() < 0.95 else 64
    return Batch(
        at=at,
        schedd=f"ce.{who.group}.example",
        principal=who,
        count=luck.choice((1, 3, 8, 20)),
        request=Resources(cores * 1000, cores * 2048, 1024, 0, 1),
        runs_s=luck.choice((60.0, 240.0, 900.0)),
        length_s=3600,
    )


__all__ = ["Frozen", "some_batch", "some_member", "states"]
