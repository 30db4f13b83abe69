"""`demo`: the real program on a federation in memory: watch a conference spike come and go; nothing to set up."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import OutputOption, examples
from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.study.run import SimRun
    from fedsched.study.watch import SpikeReport

FRAME_S = 0.04
"""Real seconds for each cycle in the live view: the two hours take about twenty seconds."""
LINE_EVERY = 30
"""Cycles between two lines of the plain view: five simulated minutes."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel="Trying it", short_help="Watch a conference spike on three simulated clusters.")(demo)


@examples(
    "fedsched demo",
    "fedsched demo --fast --seed 7",
    "fedsched demo --fast --until 16m --keep /tmp/d    stop in the middle, then look around:",
    "fedsched q --config /tmp/d/fedsched.toml",
)
def demo(
    fast: Annotated[bool, typer.Option("--fast", help="As fast as it computes, without the live view.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Another seed gives another day; the same one the same.")] = 1,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Stop at this simulated time: 16m.")] = "",
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Leave the journal there, for q, explain and clusters.")
    ] = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Watch a conference spike on three simulated clusters: 300 jobs, over an hour in a few seconds.

    The loop, the matchmaker and the journal are those that run in production; only clusters, pool and clock are
    simulated. One member has an owner who comes back, one falls silent for a while, one has GPUs and a CVMFS that is
    found out by a probe. At the end stands the report, and nothing is left behind.
    """
    import tempfile

    from fedsched.cli.durations import seconds
    from fedsched.log import configure

    configure(level="error")
    stop_s = seconds("--until", until, "16m") if until else float("inf")
    with tempfile.TemporaryDirectory(prefix="fedsched-demo-") as folder:
        run = _prepare(Path(folder) if keep is None else _kept(keep), seed, stop_s)
        try:
            _watch(run, stop_s, fast=fast, form=form)
        except KeyboardInterrupt:
            output.note("stopped before the end; the report is of what was seen")
        report, over = run.watch.report(), run.over
        run.close()
    if form is Format.JSON:
        output.emit_json("demo", seed=seed, over=over, report=report)
    else:
        show_report(report, seed, over=over)
    if keep is not None and form is not Format.JSON:
        output.line()
        output.line(f"look around: fedsched q --config {keep / 'fedsched.toml'}")
    raise typer.Exit(int(Exit.PARTIAL if over and report.left else Exit.DONE))


def _prepare(folder: Path, seed: int, stop_s: float) -> SimRun:
    """The run; one that stops in the middle is dated so that it stops now."""
    import time

    from fedsched.sim.spike import conference_spike, policy
    from fedsched.study.run import SimRun

    scenario = conference_spike() if stop_s == float("inf") else conference_spike(float(int(time.time() - stop_s)))
    return SimRun(scenario, policy(), folder, seed)


def _kept(folder: Path) -> Path:
    """A folder with a fedsched.toml of the demo's own. Failure when something stands there already."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Failure(Exit.REFUSED, f"{folder} is not empty", "name a new folder with --keep")
    (folder / "fedsched.toml").write_text(
        "# Made by `fedsched demo --keep`: read verbs work here, there is nothing to serve.\n"
        'id = "demo"\njournal = "sqlite:fedsched.db"\n\n[[pool]]\nname = "target"\ncollector = "127.0.0.1:9618"\n',
        encoding="utf-8",
    )
    return folder


def _watch(run: SimRun, stop_s: float, *, fast: bool, form: Format) -> None:
    if form is Format.JSON:
        run.until(stop_s)
    elif fast or not sys.stdout.isatty():
        _plain(run, stop_s)
    else:
        from fedsched.cli.demo_view import live

        live(run, stop_s, FRAME_S)


def _plain(run: SimRun, stop_s: float) -> None:
    """One line per five simulated minutes, and every notice."""
    number = 0
    while not run.over and run.world.monotonic() < stop_s:
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


def show_report(report: SpikeReport, seed: int, *, over: bool) -> None:
    """The bill, for a person."""
    from fedsched.matchmaker.explain import age

    def duration(seconds: float | None) -> str:
        return "-" if seconds is None else age(seconds)

    causes = ", ".join(f"{count} {cause}" for cause, count in report.never_claimed.items())
    unused = report.placed - report.claimed
    rows = [
        ("peak", f"{report.peak_idle} jobs waiting, {report.peak_claimed} startds claimed at once"),
        ("placed", f"{report.placed} startds"),
        ("claimed", f"{report.claimed} of them"),
        ("never claimed", f"{unused}" + (f" ({causes})" if causes else "")),
        ("jobs", f"{report.done} of {report.jobs} done, {report.removed} removed by their owner"),
        ("evicted", f"{report.returned} jobs, all idle again at once and run elsewhere"),
        ("time to first claim", duration(report.first_claim_s)),
        ("median wait", duration(report.median_wait_s)),
    ]
    if over:
        left = f"{len(report.left)}: {', '.join(report.left[:5])}" if report.left else "nothing"
        rows += [("time to zero", f"{duration(report.to_zero_s)} after the last job"), ("left behind", left)]
    output.line()
    word = "The spike is over" if over else "Stopped in the middle"
    output.line(f"{word}: {age(report.simulated_s)} simulated, {report.cycles} cycles, seed {seed}.")
    for title, text in rows:
        output.line(f"  {title:<20} {text}")
