"""`demo`: the real daemon on a federation in memory: watch a conference spike come and go; nothing to set up."""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import OutputOption, examples
from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.cli.demo.stage import Stage

SPEED = 60.0
"""Simulated seconds per real one on a terminal: the conference begins one minute in."""
LEAST_SPEED, MOST_SPEED = 1.0, 100_000.0


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel="Trying it", short_help="Watch a conference spike on five simulated clusters.")(demo)


@examples(
    "fedsched demo                                    live, a minute of the simulation each second",
    "fedsched demo --headless --until end             as fast as it computes, lines instead of the view",
    "fedsched demo --headless --speed 60              lines, and the dashboard at the address that they begin with",
    "fedsched demo --headless --until 90m --keep /tmp/d    stop in the middle of the spike, then look around:",
    "fedsched q --config /tmp/d/fedsched.toml",
    "fedsched demo -o json | jq .report.spikes",
)
def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Lines instead of the view, as fast as it computes.")
    ] = False,
    speed: Annotated[
        float | None,
        typer.Option("--speed", metavar="TIMES", help="Simulated seconds per real one; 60 on a terminal."),
    ] = None,
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="Stop at this simulated time (2h), or at the end.")
    ] = "end",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Another seed gives another day; the same one the same.")
    ] = None,
    dashboard: Annotated[
        bool | None,
        typer.Option("--dashboard/--no-dashboard", help="Serve the dashboard; by default where time is held back."),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Run in this new folder and leave it there.")
    ] = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Watch a conference spike on five simulated clusters: four communities, three hours, a minute each second.

    It is `fedsched serve` with another world: daemon, loop, matchmaker and journal are those that run in production;
    only the clusters, the pool and the clock are simulated. One hour in, a conference's deadline brings more jobs than
    the federation has cores. Ctrl-C ends it with the report of what was seen; when all is over it ends by itself.

    While it runs, its dashboard is at the address that it shows, on this machine only, and all that reads works on its
    folder from another terminal: q, explain, clusters, spikes. Exit codes: 0 it ended, or was told to; 3 something of
    ours was left behind; 1 it could not run.
    """
    from fedsched.cli.demo.stage import Stage, Wish
    from fedsched.log import configure

    live = _has_view() and not headless and form is Format.TABLE
    pace = _speed(speed, live=live)
    served = math.isfinite(pace) and form is Format.TABLE if dashboard is None else dashboard
    wish = Wish(pace, _until(until), seed, served)
    configure(level="error")
    with _folder(keep) as folder:
        stage = Stage(folder, wish)
        code = _play(stage, live=live, form=form)
        if code == Exit.DONE:
            code = _report(stage, keep, form)
    raise typer.Exit(int(code))


def _has_view() -> bool:
    """Whether there is a terminal that can show it."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _speed(given: float | None, *, live: bool) -> float:
    """Simulated seconds per real one. Failure (usage) for what is none."""
    if given is None:
        return SPEED if live else math.inf
    if not LEAST_SPEED <= given <= MOST_SPEED:
        text = f"--speed: expected a number from {LEAST_SPEED:g} to {MOST_SPEED:g}, not {given:g}"
        raise Failure(Exit.USAGE, text, "as fast as it computes: fedsched demo --headless")
    return given


def _until(given: str) -> float:
    """Simulated seconds, infinite for the end. Failure (usage) for anything else."""
    from fedsched.cli.durations import seconds

    return math.inf if given == "end" else seconds("--until", given, "2h, or --until end")


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where it runs: the folder that is kept, or one that is gone afterwards. Failure when something stands there."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="fedsched-demo-") as folder:
            yield Path(folder)
        return
    if keep.exists() and not keep.is_dir():
        raise Failure(Exit.REFUSED, f"{keep} is a file", "name a new folder with --keep")
    if keep.is_dir() and any(keep.iterdir()):
        raise Failure(Exit.REFUSED, f"{keep} is not empty", "name a new folder with --keep")
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(Exit.REFUSED, f"{keep}: {error.strerror}", "name a new folder with --keep") from None
    yield keep


def _play(stage: Stage, *, live: bool, form: Format) -> Exit:
    """The run, shown as asked for."""
    if live:
        from fedsched.cli.demo.screen import Screen

        screen = Screen(stage.story, stage.paced, stage.watch.losses.by_cause)
        screen.folder, screen.window_s = str(stage.config), stage.window_s
        stage.opened = screen.opened
        with screen.live():
            return Exit(stage.run())
    if form is Format.JSON:
        stage.opened = _tell
        return Exit(stage.run())
    from fedsched.cli.demo.lines import Lines

    lines = Lines(stage.story)
    stage.opened = lines.opened
    return Exit(stage.run(lines.see))


def _tell(address: str) -> None:
    """Beside a document on standard output."""
    output.note(f"dashboard: {address}")


def _report(stage: Stage, keep: Path | None, form: Format) -> Exit:
    """What it came to; partly done when it ended and left something behind."""
    from fedsched.cli.demo.report import report, show

    said = report(stage)
    if form is Format.JSON:
        output.emit_json("demo", report=said)
    else:
        show(said, keep)
    return Exit.PARTIAL if said.over and said.left else Exit.DONE
