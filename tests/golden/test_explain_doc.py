"""What docs/explain.md promises of reasons, links and verdicts is so, and the commands that sentences name exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from fedsched.cli import FAMILIES
from fedsched.client.documents import JobState
from fedsched.matchmaker import explain
from fedsched.matchmaker.explain.sayings import SAYINGS, VARIANTS
from fedsched.matchmaker.model import told
from fedsched.matchmaker.reasons import Cause

PAGE = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z-]+)` \| ([a-z ]+) \|", PAGE, re.MULTILINE))


def test_every_reason_has_a_row_with_the_link_that_it_holds() -> None:
    assert {str(cause): link for cause, link in explain.HOLDS.items()} == ROWS
    assert set(ROWS) == {str(cause) for cause in Cause}


def test_all_links_verdicts_and_states_are_told() -> None:
    first = re.findall(r"^\| ([a-z ]+) \|", PAGE, re.MULTILINE)
    for word in (*explain.LINKS, *get_args(told.LinkVerdict), *get_args(JobState)):
        assert word in first


@pytest.mark.parametrize("cause", list(Cause))
def test_a_command_that_a_sentence_tells_to_run_exists(cause: Cause) -> None:
    known = {verb for verbs in FAMILIES.values() for verb in verbs}
    sayings = [SAYINGS[cause], *(saying for (of, _), saying in VARIANTS.items() if of is cause)]
    for saying in sayings:
        assert set(re.findall(r"`fedsched ([a-z-]+)", saying.action)) <= known
