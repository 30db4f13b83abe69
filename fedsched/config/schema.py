"""JSON schemas of our three kinds of files, from the same tables that read them, for editors."""

from __future__ import annotations

from fedsched.config.federation import FEDERATION
from fedsched.config.kinds import Schema
from fedsched.config.members import MEMBER
from fedsched.config.policy_keys import POLICY
from fedsched.config.tables import Table

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, Schema]:
    """By kind of file: "federation" (fedsched.toml), "member" (clusters/*.toml), "policy" (policies/*.toml)."""
    tables = {"federation": FEDERATION, "member": MEMBER, "policy": POLICY}
    return {name: schema_of(name, table) for name, table in tables.items()}


def schema_of(name: str, table: Table) -> Schema:
    """The schema of one kind of file."""
    return {"$schema": _DIALECT, "title": name} | table.schema()
