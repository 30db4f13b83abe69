"""Options that verbs share and the files that they lead to; verbs themselves live beside."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.config.settings import Federation

Verb = TypeVar("Verb", bound=Callable[..., None])

VARIABLE = "FEDSCHED_CONFIG"
PLACES = (Path("fedsched.toml"), Path("/etc/fedsched/fedsched.toml"))

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help=f"fedsched.toml; else ${VARIABLE}, ./fedsched.toml, {PLACES[1]}.",
        show_default=False,
    ),
]
ServerOption = Annotated[
    str,
    typer.Option(
        "--server",
        metavar="ADDRESS",
        envvar="FEDSCHED_SERVER",
        help="Ask this daemon and nobody else: unix:PATH, HOST:PORT or a URL. Else the federation's own, or its "
        "journal where none answers.",
        show_default=False,
    ),
]
WatchOption = Annotated[bool, typer.Option("-w", "--watch", help="Show it again after each cycle, until Ctrl-C.")]
OutputOption = Annotated[Format, typer.Option("-o", "--output", help="For people, or for programs.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and do nothing.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is shown wherever the order shows.", show_default=False)
]


def examples(*lines: str) -> Callable[[Verb], Verb]:
    """Put command lines under a verb's help, one to a line as they are."""

    def add(verb: Verb) -> Verb:
        paragraphs = (inspect.getdoc(verb) or "").split("\n\n")
        text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        verb.__doc__ = f"{text}\n\n\b\n" + "\n".join(lines)
        return verb

    return add


def config_file(given: Path | None) -> Path:
    """The federation's file: the option, the variable, then the usual places. Failure (usage) when there is none."""
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise Failure(Exit.USAGE, f"{named}: no such file", "name the right one with --config FILE")
        return named
    for place in PLACES:
        if place.is_file():
            return place
    places = " or ".join(str(place) for place in PLACES)
    raise Failure(
        Exit.USAGE,
        f"no configuration: there is no {places}",
        f"name one with --config FILE or {VARIABLE}; to look around without any: fedsched demo",
    )


def federation(given: Path | None) -> Federation:
    """The settings of the federation. Raises Failure without a file and ConfigError for a bad one."""
    from fedsched.config import load_federation

    return load_federation(config_file(given))
