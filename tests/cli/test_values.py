"""Values of options: those taken directly are those that typer makes, and every complaint is typer's."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command

from fedsched.cli.values import _Plain, hasten


class Fruit(StrEnum):
    """A choice."""

    FIG = "fig"
    PEAR = "pear"


TAKEN: list[Any] = []


def _verb(
    text: str = "",
    count: Annotated[int, typer.Option(min=0, max=9)] = 0,
    part: Annotated[float, typer.Option(min=0.5)] = 1.0,
    file: Path | None = None,
    there: Annotated[Path | None, typer.Option(exists=True)] = None,
    fruit: Fruit = Fruit.FIG,
    loud: bool = False,  # noqa: FBT001, FBT002 - as verbs have them
    names: Annotated[list[str] | None, typer.Option("--name")] = None,
) -> None:
    TAKEN.append((text, count, part, file, there, fruit, loud, tuple(names or ())))


def _run(words: list[str], *, hastened: bool) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(_verb)
    command = get_command(app)
    if hastened:
        hasten(command.params)
    TAKEN.clear()
    try:
        command(words, standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - whatever typer raises is compared
        return type(error).__name__, str(error)
    return list(TAKEN), [type(one) for one in TAKEN[0]]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--text", "a b", "--count", "7", "--part", "2.5", "--file", "x/y", "--fruit", "pear", "--loud"],
        ["--count", "-1"],
        ["--count", "10"],
        ["--count", "1_0"],
        ["--count", "٣"],
        ["--count", " 3"],
        ["--count", ""],
        ["--part", "0.4"],
        ["--part", "nan"],
        ["--part", "1e1"],
        ["--part", ".5"],
        ["--part", "5."],
        ["--part", "-"],
        ["--fruit", "FIG"],
        ["--fruit", "plum"],
        ["--file", ""],
        ["--there", "/nowhere/at/all"],
        ["--there", "/"],
        ["--name", "a", "--name", "b"],
    ],
)
def test_a_value_and_a_complaint_are_the_same_either_way(words: list[str]) -> None:
    assert _run(words, hastened=True) == _run(words, hastened=False)


def test_the_seam_is_there() -> None:
    app = typer.Typer(add_completion=False)
    app.command()(_verb)
    command = get_command(app)
    hasten(command.params)
    assert all(isinstance(one._runtime_param, _Plain) for one in command.params)  # type: ignore[attr-defined]
