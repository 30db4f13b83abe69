"""docs/simulate.md says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fedsched.cli import main
from fedsched.study.numbers import MEANINGS

DOC = Path(__file__).parents[2] / "docs" / "simulate.md"


def test_every_number_stands_in_the_document_with_its_meaning() -> None:
    text = DOC.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| (.*) \|$", text, re.MULTILINE))
    assert rows == {name: told.text for name, told in MEANINGS.items()}


def test_every_option_stands_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    options = set(re.findall(r"--[a-z]{2,}", capsys.readouterr().out.split("Options:")[1]))
    assert len(options) > 10
    assert options - {"--output", "--quiet", "--help"} <= set(re.findall(r"--[a-z]+", DOC.read_text(encoding="utf-8")))
