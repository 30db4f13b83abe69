"""The worked example of docs/fair-share.md: the page's own policy and table, computed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from fedsched.matchmaker.model import Group
from tests.known.pools import entitled, group

PAGE = (Path(__file__).parents[2] / "docs" / "fair-share.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.partition("## Worked example")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (\S*/\S+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", EXAMPLE, re.MULTILINE)


def groups() -> tuple[Group, ...]:
    text = EXAMPLE.partition("```toml")[2].partition("```")[0]
    return tuple(
        group(path, one["quota"]["cpu"], surplus=one.get("accept_surplus", False))
        for path, one in tomllib.loads(text)["group"].items()
    )


def test_the_pages_table_is_what_the_pages_policy_gives() -> None:
    wants = {path: float(wanted) for path, wanted, _, _ in ROWS}
    usage = {path: float(priority) for path, _, priority, _ in ROWS}
    got = entitled(100, groups(), wants, usage=usage)
    assert len(ROWS) == 5
    assert {path: got[path] for path in wants} == {path: float(told) for path, _, _, told in ROWS}


def test_the_pages_numbers_after_three_half_lives_are_right() -> None:
    assert pytest.approx(15.78, abs=0.005) == 13.75 + (30 - 13.75) / 8
    assert pytest.approx(37.34, abs=0.005) == 41.25 + (10 - 41.25) / 8
    assert "= 15.78" in EXAMPLE
    assert "= 37.34" in EXAMPLE


def test_what_lep_leaves_is_eves_and_never_chemistrys_when_hep_does_not_want_it() -> None:
    wants = {path: float(wanted) for path, wanted, _, _ in ROWS} | {"physics.hep/alice@b": 10, "physics.hep/bob@b": 30}
    got = entitled(100, groups(), wants)
    assert (got["chemistry"], got["/eve@b"]) == (20, 35)
