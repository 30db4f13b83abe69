"""The JSON schemas that editors use say yes to what the program reads, and no to what stands in the wrong place."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from fedsched.config import schemas
from tests.config.builders import FEDERATION, MEMBER
from tests.config.test_policies import NAMES, SHIPPED
from tests.config.test_policies import WRONG as WRONG_POLICIES

DOCS = Path(__file__).parents[2] / "docs"


def seen_by_an_editor(text: str) -> Any:
    """TOML as editors hand it to a schema: dates as texts."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return value.isoformat() if isinstance(value, datetime) else value

    return plain(tomllib.loads(text))


def valid(kind: str, text: str) -> bool:
    return bool(jsonschema.Draft202012Validator(schemas()[kind]).is_valid(seen_by_an_editor(text)))


@pytest.mark.parametrize("kind", ["federation", "member", "policy"])
def test_a_schema_is_one(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas()[kind])


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_fits_its_schema(name: str) -> None:
    text = (SHIPPED / f"{name}.toml").read_text()
    assert valid("policy", text)
    assert not valid("policy", text.replace("[ramp]", "[rmap]"))


def test_every_block_of_docs_policies_fits_the_schema() -> None:
    blocks = (DOCS / "policies.md").read_text().split("```toml\n")[1:]
    assert blocks
    assert all(valid("policy", block.split("```")[0]) for block in blocks)


def test_federations_and_members_fit_theirs() -> None:
    assert valid("federation", FEDERATION)
    assert not valid("federation", FEDERATION + 'negotiator = "obey"\n')
    assert valid("member", MEMBER + 'mode = "trial(3)"\n[ceiling]\ncpu = "500m"\nmemory = "1 GiB"\n')
    assert not valid("member", MEMBER + "[ceiling]\nmemory = 1\n")


@pytest.mark.parametrize(
    "case",
    [
        "an unknown key of a group",
        "a path without its quotes",
        "groups as a list",
        "a group that is a number",
        "a path like a principal's",
        "a part of more than one",
        "a negative weight",
        "memory without its unit",
        "a principal without pattern",
        "a limit that is no number",
        "hours beyond the day",
        "one window as a table",
        "a mode that does not exist",
    ],
)
def test_what_the_program_refuses_by_one_key_the_editor_marks(case: str) -> None:
    assert not valid("policy", WRONG_POLICIES[case][0])


def test_a_schema_tells_defaults_as_a_file_would_say_them() -> None:
    made: dict[str, dict[str, Any]] = schemas()
    assert made["policy"]["properties"]["startds"]["properties"]["idle_s"]["default"] == 300
    assert made["policy"]["properties"]["preemption"]["properties"]["mode"]["default"] == "fair"
    assert "default" not in made["member"]["properties"]["mode"]
