"""Small federations in memory whose real loops record cycles worth replaying: a spike, an eviction, a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from fedsched.journal import Recorded
from fedsched.matchmaker.model import (
    Group,
    MemberTerms,
    Policy,
    Preemption,
    Principal,
    Ramp,
    Sharing,
    Silence,
    Startds,
    SurgeTerms,
)
from fedsched.matchmaker.resources import Resources
from fedsched.replay import FORMAT, Saved
from fedsched.sim.scenario import Batch, Faults, Scenario, SimMember, SimNodeGroup, Window
from fedsched.study.run import SimRun

BEGINS = 1_800_000_000.0
IMAGE = "registry.lab.example/worker@sha256:0"
SCHEDD = "ap1.physics.example"
ANN = Principal("physics", "annemarie@physics.example")
EVE = Principal("biology", "evelyn@biology.example")
NODE = Resources(4000, 16 * 1024, 100 * 1024, 0, 50)
JOB = Resources(2000, 2048, 1024, 0, 1)

Wanted = Callable[[Recorded], bool]


def policy(**more: object) -> Policy:
    """Quick steps, evictions at once, spikes of few jobs."""
    base = Policy(
        name="small",
        groups=(Group("physics", accept_surplus=True), Group("biology", accept_surplus=True)),
        sharing=Sharing(slot_weight="Cpus"),
        ramp=Ramp(first=4, ramp_interval_s=10.0, max_starts=50),
        silence=Silence(lost_s=120.0),
        startds=Startds(idle_s=60, pending_s=120.0),
        surge=SurgeTerms(on=2.0, on_s=20.0, off_s=60.0),
        preemption=Preemption(way="vacate", protect_s=0.0),
    )
    return msgspec.structs.replace(base, **more)


def members(*faults: Faults) -> tuple[SimMember, ...]:
    """Members of one node each, one for each of the faults."""
    return tuple(
        SimMember(
            MemberTerms(f"m{number}", mode="on", image=IMAGE),
            (SimNodeGroup("small", 1, NODE),),
            pull_s=10.0,
            faults=fault,
        )
        for number, fault in enumerate(faults, 1)
    )


def greedy_then_other() -> tuple[Batch, ...]:
    """Who takes everything with long jobs, and who comes a little later."""
    return (
        Batch(0.0, SCHEDD, ANN, 20, JOB, 3000.0, length_s=3600),
        Batch(300.0, SCHEDD, EVE, 6, JOB, 300.0, length_s=600),
    )


def few() -> tuple[Batch, ...]:
    """So little that one member holds it, and one job more that comes when members are silent."""
    return (Batch(0.0, SCHEDD, ANN, 3, JOB, 3000.0, length_s=3600), Batch(460.0, SCHEDD, EVE, 1, JOB, 3000.0))


def scenario(*faults: Faults, batches: tuple[Batch, ...] = ()) -> Scenario:
    """Demand on members with these faults."""
    return Scenario(members=members(*faults), batches=batches or greedy_then_other(), begins=BEGINS)


@contextmanager
def ran(what: Scenario, rules: Policy, seconds: float, seed: int = 1) -> Iterator[SimRun]:
    """A run up to so many simulated seconds; its journal is open until the block ends."""
    with TemporaryDirectory(prefix="fedsched-worlds-") as folder:
        run = SimRun(what, rules, Path(folder), seed)
        try:
            run.until(seconds)
            yield run
        finally:
            run.close()


def first(run: SimRun, wanted: Wanted) -> Saved:
    """The first recorded cycle like that, as a snapshot file has it."""
    found = next((cycle for cycle in run.journal.history(0, 2**40) if wanted(cycle)), None)
    assert found is not None, "no cycle of the run is like that"
    rules = run.journal.policy(found.policy)
    assert rules is not None
    return Saved(FORMAT, found.version, rules, found)


def evicts(cycle: Recorded) -> bool:
    """Somebody must go for somebody else in this cycle."""
    before = {held.placement.id: held.wanted for held in cycle.snapshot.memory.held}
    return any(held.yields_to and before.get(held.placement.id) == "run" for held in cycle.plan.held)


def spikes(cycle: Recorded) -> bool:
    """A spike begins in this cycle."""
    return len(cycle.plan.memory.surge.spikes) > len(cycle.snapshot.memory.surge.spikes)


def loses(cycle: Recorded) -> bool:
    """A member is given up in this cycle, while another is well."""
    states = {name: known.state for name, known in cycle.plan.memory.members.items()}
    before = {name: known.state for name, known in cycle.snapshot.memory.members.items()}
    return "ready" in states.values() and any(states[n] == "lost" != before.get(n) for n in states)


def freezes(cycle: Recorded) -> bool:
    """The federation finds that it is itself cut off."""
    return cycle.plan.memory.frozen_since is not None and cycle.snapshot.memory.frozen_since is None


SILENT = Faults(silent=(Window(400.0, 4000.0),))
WELL = Faults()
STORIES: dict[str, tuple[Scenario, Wanted]] = {
    "a-spike-begins": (scenario(WELL, WELL), spikes),
    "a-borrower-is-evicted": (scenario(WELL, WELL), evicts),
    "a-member-is-lost": (scenario(SILENT, WELL, WELL, batches=few()), loses),
    "the-federation-freezes": (scenario(SILENT, SILENT, SILENT, batches=few()), freezes),
}
"""By name: a federation, and which of its cycles."""


def story(name: str) -> Saved:
    """One of the stories' cycles, recorded anew."""
    what, wanted = STORIES[name]
    with ran(what, policy(), 900.0) as run:
        return first(run, wanted)
