"""What the documents show is what the program reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fedsched.cli import main
from fedsched.config import check, load_federation
from fedsched.log import configure
from tests.config.builders import federation

if TYPE_CHECKING:
    import pytest

DOCS = Path(__file__).parents[2] / "docs"


def test_the_federation_in_docs_operate_can_be_read(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (DOCS / "operate.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        (tmp_path / "fedsched.toml").write_text(block)
        assert load_federation(tmp_path / "fedsched.toml").id


def test_check_ends_with_0_or_1_and_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str]:
        try:
            main([*words])
        except SystemExit as end:
            return int(str(end.code or 0)), capsys.readouterr().out
        return 0, capsys.readouterr().out

    configure(level="error")
    file = federation(tmp_path)
    assert check(file) == ()
    assert run("check", "--config", str(file))[0] == 0
    file.write_text(file.read_text() + "x = 1\n")
    code, told = run("check", "--config", str(file))
    assert (code, told) == (1, f"{file}:7: pool[0].x: unknown key; known here: " + told.partition("known here: ")[2])
    assert json.loads(run("check", "--config", str(file), "-o", "json")[1])["problems"] == [
        {"file": str(file), "line": 7, "key": "pool[0].x", "text": told.split(": ", 2)[2].strip()}
    ]
    assert run("check", "--config", str(tmp_path / "none.toml"))[0] == 2
    for kind in ("policy", "member", "federation"):
        code, told = run("check", "--schema", kind)
        assert (code, json.loads(told)["title"]) == (0, kind)
