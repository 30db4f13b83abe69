"""Counting what a run forward comes to: costs and core hours as it goes, starts and ends of jobs when it is over."""

from __future__ import annotations

from collections import defaultdict

from fedsched.forecast.outlook import ClassOutlook, Outlook, PrincipalOutlook, quantile
from fedsched.forecast.queued import as_counted
from fedsched.forecast.world import AheadWorld
from fedsched.journal import Recorded
from fedsched.matchmaker.model import DemandClass, Held
from fedsched.sim.schedd import Job, Queue


class Tally:
    """One run's sums. Amounts count what stood from one cycle to the next."""

    def __init__(self, world: AheadWorld) -> None:
        self._world = world
        self._running = {key: queue.running for _, key, queue in _queues(world)}
        self._jobs = JobTally(world)
        self._at = world.now()
        self._held: tuple[Held, ...] = ()
        self._cost = 0.0
        self._core_hours: defaultdict[str, float] = defaultdict(float)

    def see(self, recorded: Recorded) -> None:
        """Take note of one cycle."""
        self._count(recorded.plan.at)
        self._held = recorded.plan.held

    def outlook(self, seed: int, cycles: int) -> Outlook:
        """What it came to until now."""
        world = self._world
        self._count(world.now())
        classes = tuple(self._class(schedd, key, queue) for schedd, key, queue in _queues(world))
        classes = (*classes, *self._jobs.classes())
        names = sorted({one.principal for one in classes})
        return Outlook(
            at=world.scenario.begins,
            ran_s=world.monotonic(),
            seed=seed,
            cycles=cycles,
            classes=classes,
            principals=tuple(self._principal(name, [c for c in classes if c.principal == name]) for name in names),
            finished=sum(one.finished for one in classes),
            evictions=sum(one.evictions for one in classes),
            unmet=sum(one.unmet for one in classes),
            cost=round(self._cost, 6),
            core_hours=round(sum(self._core_hours.values()), 6),
        )

    def _count(self, at: float) -> None:
        hours = (at - self._at) / 3600
        for held in self._held:
            if held.written_at is not None and held.phase != "gone":
                self._cost += held.placement.price_per_hour * hours
                self._core_hours[str(held.placement.principal)] += held.claimed_cpu_milli / 1000 * hours
        self._at = at

    def _class(self, schedd: str, key: str, queue: Queue) -> ClassOutlook:
        begins, jobs = self._world.scenario.begins, queue_jobs(self._world, key)
        started = tuple(_after(job, begins) for job in self._world.first.get(key, ()))
        done = sum(job.done_at is not None for job in jobs)
        return ClassOutlook(
            key=key,
            schedd=schedd,
            principal=str(queue.batch.principal),
            idle=len(started),
            running=self._running.get(key, 0),
            started_s=started,
            finished=done,
            evictions=sum(job.starts for job in jobs) - done - queue.running,
            unmet=len(queue.idle),
        )

    def _principal(self, name: str, classes: list[ClassOutlook]) -> PrincipalOutlook:
        waits = [wait for one in classes for wait in one.started_s]
        return PrincipalOutlook(
            principal=name,
            idle=len(waits),
            started=sum(wait is not None for wait in waits),
            finished=sum(one.finished for one in classes),
            evictions=sum(one.evictions for one in classes),
            unmet=sum(one.unmet for one in classes),
            core_hours=round(self._core_hours[name], 6),
            wait_p50_s=quantile(waits, 0.5),
            wait_p95_s=quantile(waits, 0.95),
        )


class JobTally:
    """Users' Kubernetes Jobs of one run: those of queues as they were in its first moment, by class."""

    def __init__(self, world: AheadWorld) -> None:
        self._world = world
        self._over = {job.uid for queue in world.queues.values() for job in queue.every.values() if job.status.over}
        self._over |= {uid for uid, life in world.lives.items() if life.ended}
        counted = as_counted(world.moment, world.moment.memory.held)
        self._running = {demand.key: demand.running for view in counted.schedds for demand in view.classes}

    def classes(self) -> tuple[ClassOutlook, ...]:
        """What became of each class."""
        self._world.look()
        return tuple(
            self._class(queue.name, demand, [job.uid for job in queue.recorded.jobs if job.class_key == demand.key])
            for _, queue in sorted(self._world.remembered.items())
            for demand in queue.recorded.classes
        )

    def _class(self, queue: str, demand: DemandClass, uids: list[str]) -> ClassOutlook:
        world, first = self._world, self._world.first_jobs.get(demand.key, ())
        begins = world.scenario.begins
        began = [world.began_at(uid) for uid in first]
        lives = [life for uid in uids if (life := world.lives.get(uid)) is not None]
        ended = [uid for uid in uids if self._ended(uid) and uid not in self._over]
        return ClassOutlook(
            key=demand.key,
            schedd=queue,
            principal=str(demand.principal),
            idle=len(first),
            running=self._running.get(demand.key, 0),
            started_s=tuple(None if at is None else at - begins for at in began),
            finished=len(ended),
            evictions=sum(life.lost for life in lives),
            unmet=sum(self._waits(uid) for uid in first),
        )

    def _ended(self, uid: str) -> bool:
        life = self._world.lives.get(uid)
        return life is not None and life.ended

    def _waits(self, uid: str) -> bool:
        """Whether it still has no copy, or has none again."""
        life = self._world.lives.get(uid)
        return life is None or not (life.there or life.ended)


def _queues(world: AheadWorld) -> list[tuple[str, str, Queue]]:
    return [(s.name, key, queue) for s in world.schedds for key, queue in sorted(s.queues.items())]


def queue_jobs(world: AheadWorld, key: str) -> list[Job]:
    """Jobs of one class, running ones of the moment included."""
    return [job for schedd in world.schedds for job in schedd.jobs if job.queue.key == key]


def _after(job: Job, begins: float) -> float | None:
    return None if job.first_claimed_at is None else job.first_claimed_at - begins
