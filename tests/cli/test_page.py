"""docs/cli.md: every verb is on it, and each page has the options that --help has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from fedsched.cli import FAMILIES, make_app

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = {
    part.partition("\n")[0]: part.partition("\n")[2]
    for part in re.split(r"^## fedsched ", PAGE, flags=re.MULTILINE)[1:]
}


def test_every_verb_is_on_the_page() -> None:
    listed = PAGE.partition("## All verbs")[2]
    named = re.findall(r"`([\w-]+)`", "\n".join(row.split("|")[1] for row in listed.splitlines() if "|" in row))
    assert sorted(named) == sorted(verb for verbs in FAMILIES.values() for verb in verbs)


@pytest.mark.parametrize("verb", sorted(SECTIONS))
def test_a_page_has_the_options_of_the_verb_and_no_others(verb: str) -> None:
    options = {"--help"}
    for parameter in get_command(make_app([verb])).commands[verb].params:  # type: ignore[attr-defined]  # a group
        options |= {option for option in (*parameter.opts, *parameter.secondary_opts) if option.startswith("--")}
    rows = re.findall(r"^\| (.*?) \|", SECTIONS[verb].partition("## ")[0], re.MULTILINE)
    assert set(re.findall(r"`(--[\w-]+)`", "\n".join(rows))) == options
    shorts = set(re.findall(r"`(-\w)`", "\n".join(rows)))
    assert shorts <= {option for parameter in _parameters(verb) for option in parameter}


def _parameters(verb: str) -> list[list[str]]:
    found = get_command(make_app([verb])).commands[verb]  # type: ignore[attr-defined]  # the root is a group
    return [parameter.opts for parameter in found.params]
