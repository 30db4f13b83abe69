"""`fedsched check`: what is wrong in the files, and their JSON schemas for editors; finding it lives in config/."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, config_file, examples
from fedsched.cli.output import Exit, Format

if TYPE_CHECKING:
    from pathlib import Path

    from fedsched.config import Problem


class SchemaOf(StrEnum):
    """What `--schema` takes."""

    FEDERATION = "federation"
    MEMBER = "member"
    POLICY = "policy"
    SCENARIO = "scenario"
    EXPECT = "expect"


SchemaOption = Annotated[
    SchemaOf | None,
    typer.Option("--schema", help="Print the JSON schema of such a file, for editors, and end.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(short_help="Say all that is wrong in the files, offline.")(
        examples(
            "fedsched check                                     (0 nothing wrong, 1 something, 2 no such file)",
            "fedsched check --config ./fedsched.toml -o json",
            "fedsched check --config scenarios/mine/fedsched.toml     a scenario for fedsched simulate",
            "fedsched check --schema policy > policy.schema.json",
        )(check)
    )


def check(
    config: ConfigOption = None,
    schema: SchemaOption = None,
    output_format: OutputOption = Format.TABLE,
) -> None:
    """Say all that is wrong in fedsched.toml, the policies and the members' files, without any network.

    One line each: file, line, key, what was expected. Credentials are opened to see that they are some; not shown.
    Beside a scenario.toml the scenario is checked instead: its members' [simulated], its workload, expect.toml.
    """
    if schema:
        typer.echo(json.dumps(_schemas()[schema.value], indent=2))
        return
    path = config_file(config)
    problems = _problems(path)
    if output_format is Format.JSON:
        output.emit_json("check", file=str(path), ok=not problems, problems=[_plain(one) for one in problems])
    else:
        for problem in problems:
            output.line(str(problem))
        if not problems:
            output.line(f"{path}: nothing wrong")
    raise typer.Exit(Exit.REFUSED if problems else Exit.DONE)


def _schemas() -> dict[str, Any]:
    from fedsched.config import schemas
    from fedsched.sim.tables import scenario_schemas

    return schemas() | scenario_schemas()


def _problems(path: Path) -> tuple[Problem, ...]:
    """Of the federation's files, and of the scenario that they may be part of; each once."""
    from fedsched.config import ConfigError
    from fedsched.config import check as check_files
    from fedsched.sim.folder import load_scenario

    problems = check_files(path)
    if (path.parent / "scenario.toml").is_file():
        try:
            load_scenario(path.parent)
        except ConfigError as error:
            problems = tuple(sorted({*problems, *error.problems}))
    return problems


def _plain(problem: Problem) -> dict[str, Any]:
    return {"file": str(problem.file), "line": problem.line, "key": problem.key, "text": problem.text}
