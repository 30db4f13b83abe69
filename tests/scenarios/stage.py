"""A stage for the shipped policies: small simulated federations, the real loop on them, and what is seen of a run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fedsched.config import load_policy
from fedsched.log import configure
from fedsched.matchmaker.model import Held, MemberTerms, Plan, Policy, Principal
from fedsched.matchmaker.reasons import Cause
from fedsched.matchmaker.resources import Resources
from fedsched.sim.scenario import Batch, Scenario, SimMember, SimNodeGroup
from fedsched.study.run import SimRun

if TYPE_CHECKING:
    from collections.abc import Mapping

SHIPPED = Path(__file__).parents[2] / "policies"
MINUTE = 60.0
HOUR = 3600.0


def shipped(name: str) -> Policy:
    """A policy as it is shipped."""
    return load_policy(name, SHIPPED)


def job(cores: float = 1, gib: float = 2, gpus: int = 0) -> Resources:
    return Resources(int(cores * 1000), int(gib * 1024), 1024, gpus, 1)


def node(cores: int = 8, gib: int = 64, gpus: int = 0) -> Resources:
    return Resources(cores * 1000, gib * 1024, 400 * 1024, gpus, 110)


def member(name: str, nodes: int, size: Resources | None = None, *, price: float = 0.0) -> SimMember:
    """A member whose nodes are empty and whose pods start within half a minute."""
    terms = MemberTerms(
        name, mode="on", image="worker", price_per_core_hour=price, pod_overhead=Resources(memory_mib=128)
    )
    size = size or node()
    resource = "nvidia.com/gpu" if size.gpus else ""
    return SimMember(terms, (SimNodeGroup("std", nodes, size, gpu_resource=resource),), pull_s=20.0)


def batch(who: Principal, count: int, runs_s: float, at: float = 0.0, request: Resources | None = None) -> Batch:
    """Jobs alike, submitted at once, that say how long they run; one schedd per group."""
    name = f"ce.{who.group}.example"
    return Batch(at, name, who, count, request or job(), runs_s, length_s=int(runs_s * 1.3))


class Moment(msgspec.Struct, frozen=True):
    """The end of one cycle that began `at` seconds after the scenario. cores: claimed, idle: jobs waiting; by group."""

    at: float
    cores: Mapping[str, float]
    idle: Mapping[str, int]


class Played:
    """What was seen of one run."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.held: dict[str, Held] = {}
        self._evicted: dict[str, Held] = {}
        self.plans: list[Plan] = []
        self.restarted = 0
        """Jobs that lost their slot and began again."""

    def at(self, seconds: float) -> Moment:
        """The first cycle at or after that time."""
        return next(moment for moment in self.moments if moment.at >= seconds)

    def mean_cores(self, group: str, begin: float, end: float) -> float:
        """Claimed by a group, on average between two times."""
        found = [moment.cores.get(group, 0.0) for moment in self.moments if begin <= moment.at < end]
        return sum(found) / len(found)

    def placed(self, before: float = float("inf")) -> list[Held]:
        """Placements that were made before that time."""
        begin = self.plans[0].at
        return [held for held in self.held.values() if held.placement.created_at - begin < before]

    def see(self, plan: Plan, moment: Moment) -> None:
        """Take note of one cycle."""
        self.plans.append(plan)
        self.moments.append(moment)
        for held in plan.held:
            self.held[held.placement.id] = held
            if held.why is not None and held.why.cause is Cause.PREEMPTED:
                self._evicted.setdefault(held.placement.id, held)

    @property
    def evicted(self) -> list[Held]:
        """Placements that yielded to somebody, as they were when they were told to."""
        return list(self._evicted.values())

    @property
    def causes(self) -> set[Cause]:
        """Every reason for which jobs waited in any cycle."""
        reports = [report for plan in self.plans for report in plan.classes]
        answers = {m.blocker.cause for report in reports for m in report.members if m.blocker is not None}
        return answers | {report.why.cause for report in reports if report.why is not None}

    def paid(self) -> float:
        """What ran at a price, from its pod's start to its end, in the federation's currency."""
        end = self.plans[-1].at
        return sum(
            held.placement.price_per_hour * ((held.since if held.phase == "gone" else end) - held.pod_started_at) / HOUR
            for held in self.held.values()
            if held.pod_started_at is not None
        )


def play(policy: Policy, scenario: Scenario, folder: Path, seconds: float) -> Played:
    """So many seconds of the scenario under the policy."""
    configure(level="error")
    folder.mkdir(exist_ok=True)
    run, seen = SimRun(scenario, policy, folder), Played()
    try:
        while run.world.monotonic() < seconds and not (run.over and seen.plans):
            at = run.world.monotonic()
            run.cycle()
            assert run.plan is not None
            seen.see(run.plan, _moment(run, at))
        seen.restarted = run.watch.report().returned
    finally:
        run.close()
    return seen


def _moment(run: SimRun, at: float) -> Moment:
    cores: Counter[str] = Counter()
    for startd in run.world.pool.startds.values():
        for one in startd.runs:
            cores[one.job.queue.batch.principal.group] += one.request.cpu_milli
    idle: Counter[str] = Counter()
    for schedd in run.world.schedds:
        for queue in schedd.queues.values():
            idle[queue.batch.principal.group] += len(queue.idle)
    return Moment(at, {group: milli / 1000 for group, milli in cores.items()}, dict(idle))


def both(name: str, scenario: Scenario, folder: Path, seconds: float) -> tuple[Played, Played]:
    """The scenario under the policy of that name, and under fair-share."""
    ours = play(shipped(name), scenario, folder / name, seconds)
    return ours, play(shipped("fair-share"), scenario, folder / "plain", seconds)
