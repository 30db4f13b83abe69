"""What the demo came to, at its end: the spike's bill, evictions, waits, and how to join a first real cluster."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fedsched.cli import output
from fedsched.cli.demo.stage import Stage
from fedsched.matchmaker.explain import age
from fedsched.matchmaker.model import Spike
from fedsched.study.jobs import Waits, facts, waits
from fedsched.study.losses import Loss
from fedsched.study.ramps import Ramp

NEXT = (
    ("what a pool, its guests and its startds need:", ("fedsched flock-config --target cm.example.org:9618",)),
    (
        "ten lines of fedsched.toml (docs/operate.md), then with an admin's kubeconfig:",
        (
            "fedsched join m1 --kubeconfig admin.kubeconfig --cluster-context site \\",
            "    --image registry.example/startd@sha256:...",
        ),
    ),
    ("or, where the site does it itself:", ("fedsched join m1 --print-rbac > site.yaml",)),
    ("look, plan, touch nothing:", ("fedsched check", "fedsched serve --once --dispatch=none", "fedsched q")),
    ("then lend, at most two startds at first:", ("fedsched serve",)),
)
"""The way to a first real cluster, as README and docs/join.md have it."""


class SpikeBill(msgspec.Struct, frozen=True):
    """One spike (SU6). peak: core-equivalents of unmet demand; cores: most that jobs held in it. Times in seconds.

    half_s, full_s: from its begin until jobs held half, and nine tenths, of `cores`. to_zero_s: from its end until
    nothing that it added was left; None before that. never_claimed: startds by cause. cost: currency.
    """

    id: str
    lasted_s: float | None
    peak: float
    cores: float
    half_s: float | None
    full_s: float | None
    added: int
    claimed: int
    never_claimed: dict[str, int]
    unclaimed_s: float
    cost: float
    first_claim_s: float | None
    to_zero_s: float | None


class Report(msgspec.Struct, frozen=True):
    """The whole demo. evictions: jobs that went back to the queue and core-hours lost with them, by cause.

    over: it came to its end; otherwise it was stopped. waits: by community. left: names of what is left of ours.
    """

    seed: int
    over: bool
    cycles: int
    simulated_s: float
    jobs: int
    done: int
    removed: int
    startds: int
    claimed: int
    cost: dict[str, float]
    spikes: tuple[SpikeBill, ...]
    evictions: dict[str, Loss]
    waits: tuple[Waits, ...]
    left: tuple[str, ...]


def report(stage: Stage) -> Report:
    """What it came to up to now."""
    watch, jobs = stage.watch, tuple(facts(stage.world))
    now = stage.world.now()
    groups = sorted({job.group for job in jobs})
    return Report(
        seed=stage.loaded.seed,
        over=stage.over,
        cycles=watch.cycles,
        simulated_s=stage.world.monotonic(),
        jobs=len(jobs),
        done=sum(job.done_at is not None for job in jobs),
        removed=sum(job.removed_at is not None for job in jobs),
        startds=watch.placed.written,
        claimed=watch.placed.claimed,
        cost=watch.placed.cost,
        spikes=tuple(_bill(ramp, stage.story.spikes.get(ramp.spike.id, ramp.spike)) for ramp in watch.ramps.ramps()),
        evictions=dict(sorted(watch.losses.by_cause.items())),
        waits=tuple(waits(group, (job for job in jobs if job.group == group), now) for group in groups),
        left=stage.world.leftovers,
    )


def _bill(ramp: Ramp, spike: Spike) -> SpikeBill:
    """`spike`: as of the last cycle."""
    ended = spike.ended_at
    return SpikeBill(
        id=spike.id,
        lasted_s=None if ended is None else ended - spike.began_at,
        peak=spike.peak,
        cores=max(ramp.claimed, default=0.0),
        half_s=ramp.half_s,
        full_s=ramp.full_s,
        added=spike.added,
        claimed=spike.claimed,
        never_claimed=dict(spike.never_claimed),
        unclaimed_s=sum(seconds for _, _, seconds in spike.unclaimed_s),
        cost=spike.cost,
        first_claim_s=spike.first_claim_s,
        to_zero_s=None if ended is None or spike.zero_at is None else spike.zero_at - ended,
    )


def show(said: Report, keep: Path | None) -> None:
    """The report for a person, and what to do next."""
    output.line()
    word = "The demo is over" if said.over else "Stopped before the end"
    output.line(f"{word}: {age(said.simulated_s)} simulated in {said.cycles} cycles, seed {said.seed}.")
    for bill in said.spikes:
        _show_spike(bill)
    if not said.spikes:
        output.line("  no spike yet: the conference begins after one hour")
    _show_evictions(said)
    _show_waits(said.waits)
    removed = f", {said.removed} removed by their owners" if said.removed else ""
    _row("jobs", f"{said.done} of {said.jobs} done{removed}")
    if said.over:
        names = ", ".join(said.left[:5])
        _row("left behind", f"{len(said.left)}: {names}" if said.left else "nothing: no object, no pod, no ad")
    _show_next(keep)


def _show_spike(bill: SpikeBill) -> None:
    lasted = "is still on" if bill.lasted_s is None else f"lasted {age(bill.lasted_s)}"
    output.line()
    output.line(f"Spike {bill.id} {lasted}.")
    never = ", ".join(f"{count} {cause}" for cause, count in bill.never_claimed.items())
    _row("peak", f"{bill.peak:.0f} core-equivalents of jobs waited; jobs held {bill.cores:.0f} cores at most")
    _row("ramp", f"half of these after {_span(bill.half_s)}, nine tenths after {_span(bill.full_s)}")
    _row("first claim", f"after {_span(bill.first_claim_s)}")
    _row("startds", f"{bill.added} added, {bill.claimed} claimed; never claimed: {never or 'none'}")
    _row("cost", f"{bill.cost:.2f}; {age(bill.unclaimed_s)} of pods' time unclaimed")
    _row("time to zero", f"{_span(bill.to_zero_s)} after its end" if bill.to_zero_s is not None else "not there yet")


def _show_evictions(said: Report) -> None:
    output.line()
    output.line("Evictions: jobs that went back to the queue, and the work that went with them.")
    for cause, loss in said.evictions.items():
        _row(cause, f"{loss.jobs} jobs, {loss.core_hours:.1f} core-hours lost")
    if not said.evictions:
        _row("none", "no job lost its startd")


def _show_waits(found: tuple[Waits, ...]) -> None:
    output.line()
    output.line("Waits by community, from submission to the first start:")
    names = max([9, *(len(one.group) for one in found)])
    for one in found:
        half, most = _span(one.p50_s), _span(one.p95_s)
        output.line(f"  {one.group:<{names}}  {one.jobs:>5} jobs   half within {half:<8} 95 % within {most}")
    output.line()


def _show_next(keep: Path | None) -> None:
    output.line()
    if keep is not None:
        output.line(f"Look around in what it left: fedsched q --config {keep / 'fedsched.toml'}")
        output.line()
    output.line("A first real cluster (README, docs/join.md):")
    for what, commands in NEXT:
        output.line(f"  {what}")
        for command in commands:
            output.line(f"      {command}")


def _row(title: str, text: str) -> None:
    output.labelled(title, (text,), 14)


def _span(seconds: float | None) -> str:
    return "-" if seconds is None else age(seconds)
