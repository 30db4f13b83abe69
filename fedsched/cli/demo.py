"""`demo`: the real program on a federation in memory: watch a conference spike come and go; nothing to set up."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import OutputOption, examples
from fedsched.cli.output import Exit, Format

if TYPE_CHECKING:
    from fedsched.sim.report import SpikeReport
    from fedsched.sim.run import SimRun

FRAME_S = 0.04
"""Real seconds for each cycle in the live view: the two hours take about twenty seconds."""
LINE_EVERY = 30
"""Cycles between two lines of the plain view: five simulated minutes."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(demo)


@examples(
    "fedsched demo",
    "fedsched demo --fast --seed 7",
    "fedsched demo -o json | jq .report",
)
def demo(
    fast: Annotated[bool, typer.Option("--fast", help="As fast as it computes, without the live view.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Another seed gives another day; the same one the same.")] = 1,
    form: OutputOption = Format.TABLE,
) -> None:
    """Watch a conference spike on three simulated clusters: 300 jobs, two hours in a few seconds.

    The loop, the matchmaker and the journal are those that run in production; only clusters, pool and clock are
    simulated. One member has an owner who comes back, one falls silent for a while, one has GPUs and a CVMFS that is
    found out by a probe. At the end stands the report, and nothing is left behind.
    """
    import tempfile
    from pathlib import Path

    from fedsched.log import configure
    from fedsched.sim.run import SimRun
    from fedsched.sim.spike import conference_spike, policy

    configure(level="error")
    with tempfile.TemporaryDirectory(prefix="fedsched-demo-") as folder:
        run = SimRun(conference_spike(), policy(), Path(folder), seed)
        try:
            _watch(run, fast=fast, form=form)
        except KeyboardInterrupt:
            output.note("stopped before the end; the report is of what was seen")
        report = run.watch.report()
        run.close()
    if form is Format.JSON:
        output.emit_json("demo", seed=seed, report=report)
    else:
        show_report(report, seed)
    raise typer.Exit(int(Exit.PARTIAL if report.left else Exit.DONE))


def _watch(run: SimRun, *, fast: bool, form: Format) -> None:
    if form is Format.JSON:
        run.to_the_end()
    elif fast or not sys.stdout.isatty():
        _plain(run)
    else:
        from fedsched.cli.demo_view import live

        live(run, FRAME_S)


def _plain(run: SimRun) -> None:
    """One line per five simulated minutes, and every notice."""
    number = 0
    while not run.over:
        summary = run.cycle()
        if number % LINE_EVERY == 0:
            output.line(status(run, summary.phases, summary.idle, summary.unmet))
        for notice in run.plan.notices if run.plan else ():
            output.line(f"          {notice.text}")
        number += 1


def status(run: SimRun, phases: dict[str, int], idle: int, unmet: int) -> str:
    """One line: simulated time, waiting jobs, startds by phase."""
    minutes = int(run.world.monotonic()) // 60
    counts = "  ".join(f"{phases.get(p, 0):>3} {p}" for p in ("starting", "unclaimed", "claimed", "leaving"))
    return f"  {minutes // 60}:{minutes % 60:02d} h   {idle:>3} jobs wait, {unmet:>3} unmet   {counts}"


def show_report(report: SpikeReport, seed: int) -> None:
    """The bill, for a person."""
    from fedsched.matchmaker.explain import age

    def duration(seconds: float | None) -> str:
        return "-" if seconds is None else age(seconds)

    causes = ", ".join(f"{count} {cause}" for cause, count in report.never_claimed.items())
    unused = report.placed - report.claimed
    rows = (
        ("peak", f"{report.peak_idle} jobs waiting, {report.peak_claimed} startds claimed at once"),
        ("placed", f"{report.placed} startds"),
        ("claimed", f"{report.claimed}"),
        ("never claimed", f"{unused}" + (f" ({causes})" if causes else "")),
        (
            "jobs",
            f"{report.done} of {report.jobs} done, {report.removed} removed by their owner, "
            f"{report.returned} evicted and run again",
        ),
        ("time to first claim", duration(report.first_claim_s)),
        ("median wait", duration(report.median_wait_s)),
        ("time to zero", f"{duration(report.to_zero_s)} after the last job"),
        ("left behind", "nothing" if not report.left else f"{len(report.left)}: {', '.join(report.left[:5])}"),
    )
    output.line()
    output.line(f"The spike is over: {age(report.simulated_s)} simulated, {report.cycles} cycles, seed {seed}.")
    for title, text in rows:
        output.line(f"  {title:<20} {text}")
