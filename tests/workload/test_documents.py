"""What docs/workloads.md shows can be read, and every key that can be written stands in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fedsched.config.simulated import SIMULATED
from fedsched.config.tables import Table, read_file
from fedsched.sim.folder import shipped
from fedsched.sim.tables import EXPECT, SCENARIO

if TYPE_CHECKING:
    from collections.abc import Iterator

from fedsched.config import load_member

TEXT = (Path(__file__).parents[2] / "docs" / "workloads.md").read_text()
BLOCKS = re.findall(r"```toml\n# (\S+)\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_every_file_that_is_shown_can_be_read(name: str, block: str, tmp_path: Path) -> None:
    file = tmp_path / Path(name).name
    file.write_text(block)
    if name.startswith("clusters/"):
        assert load_member(file).simulated is not None
    else:
        read_file(file, {"scenario.toml": SCENARIO, "expect.toml": EXPECT}[name])


def keys(table: Table) -> Iterator[str]:
    for key in table.keys:
        yield key.name
        if isinstance(key.kind, Table):
            yield from keys(key.kind)


@pytest.mark.parametrize("table", [SIMULATED, SCENARIO, EXPECT])
def test_every_key_is_shown(table: Table) -> None:
    words = set(re.findall(r"\w+", TEXT))
    assert set(keys(table)) <= words


def test_every_shipped_scenario_is_told() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| ", TEXT.partition("## The folder")[0], re.MULTILINE)) == set(shipped())
