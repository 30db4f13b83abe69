"""docs/simulate.md says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import click
import typer.main

from fedsched.cli import make_app
from fedsched.study.numbers import MEANINGS

DOC = Path(__file__).parents[2] / "docs" / "simulate.md"


def test_every_number_stands_in_the_document_with_its_meaning() -> None:
    text = DOC.read_text(encoding="utf-8")
    rows = {name: said for name, said in re.findall(r"^\| `(\w+)` \| [^|]* \| (.*) \|$", text, re.MULTILINE)}
    assert rows == {name: told.text for name, told in MEANINGS.items()}


def test_every_option_stands_in_the_document() -> None:
    group = typer.main.get_command(make_app())
    assert isinstance(group, click.Group)
    options = {name for one in group.commands["simulate"].params for name in one.opts if name.startswith("--")}
    told = set(re.findall(r"--[a-z]+", DOC.read_text(encoding="utf-8")))
    assert options - {"--output", "--quiet"} <= told
