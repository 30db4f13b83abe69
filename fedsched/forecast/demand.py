"""Schedds of a recorded moment: jobs that wait and run, class by class, asked and shown as the recorded ones are."""

from __future__ import annotations

import random
from collections.abc import Mapping

import msgspec

from fedsched.forecast.lengths import Lengths
from fedsched.matchmaker.model import Claim, DemandClass, JobLength, Placement, ScheddView
from fedsched.sim.jobs import Count
from fedsched.sim.scenario import Batch, Scenario
from fedsched.sim.schedd import Job, Queue, Schedd

UNSEEN_S = 3600


class Waiting(Schedd):
    """One schedd: its classes keep the keys and texts that they have, only their counts change. No job arrives."""

    def __init__(self, view: ScheddView, scenario: Scenario, lengths: Lengths, chance: random.Random) -> None:
        super().__init__(view.name, scenario, chance)
        self.seen = {demand.key: demand for demand in view.classes}
        self._view = view
        self._lengths = lengths
        self._chance = chance
        for demand in view.classes:
            self._wait(demand, scenario.begins)

    def claimed(self, claim: Claim, placement: Placement, at: float) -> Job:
        """The running job that a claim speaks of, in the queue of its class, with a length drawn for it."""
        key = self._class_of(claim, placement)
        queue, demand = self.queues[key], self.seen[key]
        runs_s = self._lengths.draw(demand, claim.job, max(0.0, at - claim.since), self._chance)
        job = Job(claim.job or f"?{len(self.jobs)}", queue, claim.since, runs_s)
        job.first_claimed_at, job.starts = claim.since, 1
        queue.running += 1
        self.jobs.append(job)
        return job

    def _wait(self, demand: DemandClass, at: float) -> None:
        queue = self.queues[demand.key] = Queue(demand.key, _kind(demand))
        oldest = demand.oldest_at or at
        for number in range(demand.idle):
            # Only the oldest one's age is known; the others came evenly since.
            came = oldest + (at - oldest) * number / demand.idle
            name = demand.examples[number] if number < len(demand.examples) else f"?{demand.key}.{number}"
            job = Job(name, queue, came, self._lengths.draw(demand, "", 0.0, self._chance))
            queue.idle.append(job)
            self.jobs.append(job)

    def _class_of(self, claim: Claim, placement: Placement) -> str:
        """The class that a running job is of: its startd's when it is its user's, else the user's likest."""
        own = self.seen.get(placement.class_key)
        if own is not None and own.principal == claim.principal:
            return own.key
        alike = [d for d in self.seen.values() if d.principal == claim.principal]
        same = [d for d in alike if d.request.cpu_milli == claim.cpu_milli] or alike
        if same:
            return min(d.key for d in same)
        key = f"{placement.class_key}/{claim.principal}"
        self.seen[key] = _unseen(key, self.name, claim, placement)
        self.queues[key] = Queue(key, _kind(self.seen[key]))
        return key

    def _class(self, queue: Queue, count: Count) -> DemandClass:
        """The recorded class with what of it waits and runs now."""
        return msgspec.structs.replace(
            self.seen[queue.key],
            idle=count.idle,
            running=count.running,
            priorities=_priorities(self.seen[queue.key], count.idle),
            oldest_at=count.oldest_at,
            examples=count.examples,
        )


def schedds(views: tuple[ScheddView, ...], scenario: Scenario, lengths: Lengths, seed: int) -> Mapping[str, Waiting]:
    """All of them, by name; each with a stream of chance of its own."""
    return {
        view.name: Waiting(view, scenario, lengths, random.Random(f"{seed}/{view.name}"))  # noqa: S311 - no secret
        for view in sorted(views, key=lambda view: view.name)
        if view.kind == "schedd"
    }


def _kind(demand: DemandClass) -> Batch:
    """What slots and negotiator look at; a length that nobody stated binds nobody."""
    stated = 0 if demand.length.source in {"assumed", "learnt"} else demand.length.seconds
    return Batch(
        at=0.0,
        schedd=demand.schedd,
        principal=demand.principal,
        request=demand.request,
        count=demand.idle,
        runs_s=0.0,
        requirements=demand.requirements or "true",
        attributes=demand.attributes,
        length_s=stated,
        user=demand.user,
    )


def _unseen(key: str, schedd: str, claim: Claim, placement: Placement) -> DemandClass:
    """The class of a running job of which none waits, as far as its claim and its startd tell."""
    size = claim.amount if claim.amount.cpu_milli else placement.size
    request = msgspec.structs.replace(size, cpu_milli=claim.cpu_milli or size.cpu_milli, pods=1)
    return DemandClass(
        key,
        placement.pool,
        schedd,
        claim.principal,
        request,
        JobLength(UNSEEN_S, "assumed"),
        0,
        image=placement.image,
        user=placement.user,
    )


def _priorities(demand: DemandClass, idle: int) -> tuple[tuple[int, int], ...]:
    """The class's job priorities while jobs leave it, highest first; those that came back count with the highest."""
    left, out = idle, []
    for value, count in reversed(demand.priorities):
        take = min(count, left)
        left -= take
        if take:
            out.append((value, take))
    if left:
        value, count = out.pop() if out else (0, 0)
        out.append((value, count + left))
    return tuple(reversed(out))
