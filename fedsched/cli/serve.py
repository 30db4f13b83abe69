"""`fedsched serve`: runs the daemon; what a cycle does is decided elsewhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from fedsched.cli.options import ConfigOption, config_file


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
    """Add the verb."""
    app.command(short_help="Run the matchmaker: observe, decide, place, clean up.")(serve)


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
    from fedsched.loop import Keeping
    from fedsched.matchmaker.changes import changes
    from fedsched.matchmaker.negotiate import Kept, negotiated

    configure(log.value, log_level.value)
    how = How(once=once, dispatch=dispatch is Dispatch.ALL)
    raise typer.Exit(run(config_file(config), Parts(live_world, Keeping(negotiated, Kept()), changes), how))
