"""What the documents show is what the program reads."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from fedsched.cli import main
from fedsched.config import check, load_federation, load_policy
from fedsched.config.kinds import Amounts
from fedsched.config.policy_keys import GROUP, POLICY, WINDOW
from fedsched.config.tables import Table
from fedsched.log import configure
from fedsched.matchmaker.model import Policy
from tests.config.builders import federation

if TYPE_CHECKING:
    from collections.abc import Iterator

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


SECTION = re.compile(r"^##+ (.*)$", re.MULTILINE)
ENTRY = re.compile(r"^- \*\*`(\w+)`\*\* \(((?:[^()`]|`[^`]*`)*)\) ((?:.|\n)*?)(?=\n- \*\*|\n\n|\Z)", re.MULTILINE)
EXAMPLE = re.compile(r"\*`(.+?)`[*:]", re.DOTALL)
DEFAULT = re.compile(r"default `([^`]*)`")


def _documented() -> Iterator[tuple[str, Table, str]]:
    """(heading, table that it describes, text) of the sections of docs/policies.md."""
    tables = {f"[{key.name}]": key.kind for key in POLICY.keys if isinstance(key.kind, Table)}
    many = {f"[[{key.name}]]": key.kind for key in POLICY.keys if isinstance(key.kind, Table) and key.kind.many}
    own = {"At the top": Table(tuple(k for k in POLICY.keys if not isinstance(k.kind, Table)), Policy)}
    known = {**tables, **many, **own, '[group."a.b"]': GROUP, "[[tier.window]]": WINDOW}
    parts = SECTION.split((DOCS / "policies.md").read_text())
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        name = heading.split("`")[1] if "`" in heading else heading
        if name != "[limits]":
            yield heading, known[name], text


SECTIONS = list(_documented())


@pytest.mark.parametrize(("table", "text"), [(s[1], s[2]) for s in SECTIONS], ids=[s[0] for s in SECTIONS])
def test_docs_policies_tells_every_key_its_default_and_an_example(table: Table, text: str) -> None:
    entries = {match[1]: match for match in ENTRY.finditer(text)}
    keys = {key.name: key for key in table.keys if key.name != "limits"}
    assert set(entries) == set(keys)
    defaults = {field.name: field for field in msgspec.structs.fields(getattr(table.build, "struct", Policy))}
    for name, key in keys.items():
        _, facts, prose = entries[name].groups()
        field = defaults[key.field]
        if told := DEFAULT.search(facts):
            read = key.kind.read(tomllib.loads(f"{name} = {told[1]}")[name])  # type: ignore[union-attr]  # tables have no default
            assert (read[0] if isinstance(key.kind, Amounts) else read) == field.default, name
        else:
            assert "must be there" in facts or "default: " in facts, name
        assert ("must be there" in facts) == field.required, name
        if not isinstance(key.kind, Table):
            example = EXAMPLE.search(prose)
            assert example, name
            key.kind.read(tomllib.loads(example[1].replace("\n  ", " "))[name])


def test_every_policy_in_docs_policies_can_be_read(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (DOCS / "policies.md").read_text(), re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        (tmp_path / "p.toml").write_text(block)
        assert load_policy("p", tmp_path) != Policy(name="p")


def test_docs_policies_names_every_shipped_policy() -> None:
    text = (DOCS / "policies.md").read_text()
    assert all(f"| `{file.stem}` |" in text for file in (DOCS.parent / "policies").glob("*.toml"))
