"""The program as a whole: help that teaches, configuration that is found or missed with words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from fedsched.cli import FAMILIES, main, make_app
from tests.cli.conftest import Fedsched


def test_every_verb_explains_itself(fedsched: Fedsched) -> None:
    command = get_command(make_app())
    names = list(command.commands)  # type: ignore[attr-defined]  # the root is a group
    assert {"clusters", "q", "explain", "cordon", "drain", "pause", "deny", "demo", "serve", "join"} <= set(names)
    for name in names:
        said = fedsched(name, "--help")
        assert said.code == 0
        assert len(said.out.splitlines()) > 5, name


def test_the_list_of_verbs_says_what_each_does_without_cutting_a_sentence(fedsched: Fedsched) -> None:
    listed = fedsched("--help").out.partition("--help ")[2].partition("Exit codes:")[0]
    for verbs in FAMILIES.values():
        for verb in verbs:
            assert re.search(rf"^  {verb} {{2,}}[A-Z].{{10}}", listed, re.MULTILINE), verb
    assert "..." not in listed


def test_a_command_line_finds_its_verb_without_loading_the_others() -> None:
    for family, verbs in FAMILIES.items():
        for verb in verbs:
            names = list(get_command(make_app([verb])).commands)  # type: ignore[attr-defined]  # the root is a group
            assert names == list(verbs), family


@pytest.mark.parametrize("verb", ["clusters", "q", "explain", "cordon", "drain", "uncordon", "pause", "deny", "demo"])
def test_help_has_command_lines_to_copy_each_on_its_own_line(fedsched: Fedsched, verb: str) -> None:
    lines = [line.strip() for line in fedsched(verb, "--help").out.splitlines()]
    assert any(line.startswith(f"fedsched {verb}") for line in lines)


def test_without_any_configuration_the_next_step_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FEDSCHED_CONFIG", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["q"])
    assert ended.value.code == 2
    assert "fedsched demo" in capsys.readouterr().err


def test_a_failure_is_json_when_json_was_asked_for(fedsched: Fedsched) -> None:
    said = fedsched("explain", "99999.0", "-o", "json")
    assert said.code == 1
    assert said.json()["kind"] == "error"
    assert said.json()["hint"]


def test_a_broken_configuration_names_file_line_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fedsched.toml"
    file.write_text('id = "x"\nnonsense = 1\n', encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["q", "--config", str(file)])
    assert ended.value.code == 2
    assert f"{file}:2: nonsense" in capsys.readouterr().err


def test_help_is_quick_because_heavy_libraries_wait_for_their_verb() -> None:
    code = "import sys; from fedsched.cli import make_app; make_app(); print(sorted(sys.modules))"
    text = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout
    for heavy in (
        "'kubernetes'",
        "'htcondor2'",
        "'numpy'",
        "'apscheduler'",
        "'sqlite3'",
        "'httpx'",
        "'rich'",
        "'pydantic'",
    ):
        assert heavy not in text
