"""`fedsched serve` and `fedsched check`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, config_file
from fedsched.cli.output import Exit, Format


class Dispatch(StrEnum):
    """What `--dispatch` takes."""

    ALL = "all"
    NONE = "none"


class LogStyle(StrEnum):
    """What `--log` takes."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """What `--log-level` takes."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(serve)
    app.command()(check)


def serve(
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="One cycle, then end: 0 done, 3 partly done.")] = False,
    dispatch: Annotated[Dispatch, typer.Option(help="none: plan and record, carry nothing out.")] = Dispatch.ALL,
    log: Annotated[LogStyle, typer.Option(help="Shape of the events on standard error.")] = LogStyle.JSON,
    log_level: Annotated[LogLevel, typer.Option(help="Least level of events.")] = LogLevel.INFO,
) -> None:
    """Run the matchmaker: observe, decide, place, clean up; until SIGTERM. SIGHUP reads policies and clusters again."""
    from fedsched.daemon import How, Parts
    from fedsched.daemon import serve as run
    from fedsched.federation import live_world
    from fedsched.log import configure
    from fedsched.matchmaker.changes import changes
    from fedsched.matchmaker.negotiate import negotiate

    configure(log.value, log_level.value)
    how = How(once=once, dispatch=dispatch is Dispatch.ALL)
    raise typer.Exit(run(config_file(config), Parts(live_world, negotiate, changes), how))


def check(
    config: ConfigOption = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schemas of the files and end.")] = False,
    output_format: OutputOption = Format.TABLE,
) -> None:
    """Say all that is wrong in fedsched.toml, the policy and the clusters' files, without any network."""
    from fedsched import config as files

    if schema:
        output.emit_json("schemas", schemas=files.schemas())
        return
    path = config_file(config)
    problems = files.check(path)
    if output_format is Format.JSON:
        output.emit_json("check", problems=[_plain(problem) for problem in problems])
    for problem in problems if output_format is Format.TABLE else ():
        output.line(str(problem))
    if not problems and output_format is Format.TABLE:
        output.line(f"{path}: nothing wrong")
    raise typer.Exit(Exit.REFUSED if problems else Exit.DONE)


def _plain(problem: Any) -> dict[str, Any]:
    fields = {name: getattr(problem, name) for name in ("line", "key", "text")}
    return {"file": str(Path(problem.file))} | fields
