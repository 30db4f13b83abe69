"""Strict tables: every key known, every problem found at once, and the struct built only from a table without any."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from fedsched.config.kinds import Kind, Schema
from fedsched.config.lines import KeyPath, line_of
from fedsched.config.problems import ConfigError, Problem, WrongError, did_you_mean, shown

LARGEST_FILE = 1024 * 1024
FAILED = object()
"""Stands for a value that could not be read; its problem is recorded, so nothing is built from it."""


class Key(msgspec.Struct, frozen=True):
    """One key of a table: its kind, the field that it fills ("" for the same name), and whether it must be there.

    default: what stands when it is missing, for editors; None where nothing plain does.
    """

    name: str
    kind: Kind | Table
    field: str = ""
    required: bool = False
    default: str | float | bool | None = None

    def schema(self) -> Schema:
        """Of its value."""
        return self.kind.schema() | ({"default": self.default} if self.default is not None else {})


class Table(msgspec.Struct, frozen=True):
    """A table with known keys, read into `build(**fields)`; an array of such tables when `many`.

    title: the key that stands in each header instead: [group."physics.hep"] where the title is `path`.
    """

    keys: tuple[Key, ...]
    build: Callable[..., Any]
    many: bool = False
    title: Key | None = None

    def schema(self) -> Schema:
        """An object that allows nothing unknown."""
        one: Schema = {
            "type": "object",
            "properties": {key.name: key.schema() for key in self.keys},
            "additionalProperties": False,
        }
        if required := [k.name for k in self.keys if k.required]:
            one["required"] = required
        if self.title:
            names = {"propertyNames": self.title.kind.schema()}
            return {"type": "object", "additionalProperties": one, **names}
        return {"type": "array", "items": one} if self.many else one


class Reading:
    """One file being read: its text, and the problems found so far."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self.text = text
        self.problems: list[Problem] = []

    def wrong(self, path: KeyPath, text: str) -> Any:
        """Record a problem at a key; returns FAILED."""
        self.problems.append(Problem(self.file, line_of(self.text, path) if path else 0, dotted(path), text))
        return FAILED

    def table(self, table: Table, value: Any, path: KeyPath = ()) -> Any:
        """A value read by a table's keys; FAILED when anything in it is wrong."""
        if table.many:
            return self._many(table, value, path)
        if not isinstance(value, dict):
            return self.wrong(path, f"expected a table, not {shown(value)}")
        return self._titled(table, table.title, value, path) if table.title else self._one(table, value, path)

    def _one(self, table: Table, value: dict[str, Any], path: KeyPath, given: tuple[Any, ...] = ()) -> Any:
        before = len(self.problems)
        fields = dict(given)
        known = {key.name: key for key in table.keys}
        for name in value:
            if name not in known:
                self.wrong((*path, name), "unknown key" + did_you_mean(name, list(known)))
        for key in table.keys:
            if key.name in value:
                fields[key.field or key.name] = self._value(key, value[key.name], (*path, key.name))
            elif key.required:
                self.wrong((*path, key.name), "is missing")
        return FAILED if len(self.problems) > before else table.build(**fields)

    def _many(self, table: Table, value: Any, path: KeyPath) -> Any:
        one = msgspec.structs.replace(table, many=False)
        if not isinstance(value, list):
            return self.wrong(path, f"expected one or more tables written as [[{_header(path)}]], not {shown(value)}")
        return tuple(self.table(one, item, (*path, place)) for place, item in enumerate(value))

    def _titled(self, table: Table, title: Key, value: dict[str, Any], path: KeyPath) -> Any:
        """Sorted by title: the order of such tables in a file means nothing."""
        before = len(self.problems)
        found = []
        for name, item in sorted(value.items()):
            here = (*path, name)
            if not isinstance(item, dict):
                self.wrong(here, f'expected a table written as [{_header(path)}."name"], not {shown(item)}')
            elif not self._split(table, item, here):
                found.append(self._one(table, item, here, ((title.field, self._value(title, name, here)),)))
        return FAILED if len(self.problems) > before else tuple(found)

    def _split(self, table: Table, value: dict[str, Any], path: KeyPath) -> bool:
        """Whether a dotted title lost its quotes, so that TOML made a table in a table of it."""
        known = [key.name for key in table.keys]
        inner = [name for name, item in value.items() if isinstance(item, dict) and not get_close_matches(name, known)]
        for name in inner:
            whole = ".".join(str(part) for part in (*path[1:], name))
            self.wrong((*path, name), f'unknown key; a dotted name needs quotes: [{path[0]}."{whole}"]')
        return bool(inner)

    def _value(self, key: Key, value: Any, path: KeyPath) -> Any:
        if isinstance(key.kind, Table):
            return self.table(key.kind, value, path)
        try:
            return key.kind.read(value)
        except WrongError as wrong:
            return self.wrong((*path, *wrong.inner), str(wrong))

    def finish(self) -> None:
        """Raises ConfigError when anything was wrong."""
        if self.problems:
            raise ConfigError(tuple(self.problems))


def read_file(file: Path, table: Table) -> tuple[Reading, Any]:
    """A TOML file read by a table: the reading, for further checks, and the value. Raises ConfigError."""
    text = _text(file)
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((_broken(file, text, str(error)),)) from None
    except RecursionError:
        raise ConfigError((Problem(file, 0, "", "nested too deeply"),)) from None
    reading = Reading(file, text)
    read = reading.table(table, value)
    reading.finish()
    return reading, read


def dotted(path: KeyPath) -> str:
    """A key path for a person: node_group[1].selector."""
    text = ""
    for part in path:
        name = f'"{part}"' if isinstance(part, str) and "." in part else part
        text += f"[{part}]" if isinstance(part, int) else f".{name}" if text else f"{name}"
    return text


def _header(path: KeyPath) -> str:
    """A key path as the header of a table, which has no numbers: tier.window."""
    return ".".join(part for part in path if isinstance(part, str))


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError((Problem(file, 0, "", f"cannot be read: {error.strerror}"),)) from None
    if len(content) > LARGEST_FILE:
        raise ConfigError((Problem(file, 0, "", "is larger than 1 MiB; a file of ours never is"),))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError((Problem(file, line, "", "is not UTF-8"),)) from None


def _broken(file: Path, text: str, error: str) -> Problem:
    """The message of tomllib, its "(at line 3, column 7)" turned into ours; a key said twice is named."""
    message, _, where = error.rpartition(" (at ")
    digits = where.removeprefix("line ").split(",")[0]
    line = int(digits) if digits.isdigit() else text.count("\n") + 1
    if message.startswith(("Cannot overwrite", "Cannot declare")):
        key = "".join(text.split("\n")[line - 1 : line]).partition("=")[0].strip(" []\t")
        return Problem(file, line, key, "stands twice in this file")
    return Problem(file, line, "", f"not TOML: {message or error}")
