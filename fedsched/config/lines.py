"""On which line of a TOML file a key stands; only for texts that tomllib has accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator

KeyPath = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""' r"|'''(?:[^']|'(?!''))*'''" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'" r"|\#[^\n]*"
)
_STRING = "\x01"
"""Stands for a string's inside: same number of lines, no bracket, no equals sign."""


def line_of(text: str, path: KeyPath) -> int:
    """The line (from 1) of the key, else of the nearest table or key around it, else 1.

    A table that no header names alone stands where the first one inside it does.
    """
    found: dict[KeyPath, int] = {}
    around: dict[KeyPath, int] = {}
    for place, number in _places(text):
        found[place] = number
        for length in range(1, len(place)):
            around.setdefault(place[:length], number)
    for length in range(len(path), 0, -1):
        if path[:length] in found or path[:length] in around:
            return found.get(path[:length]) or around[path[:length]]
    return 1


def _places(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Each header and each key with its line; keys inside inline tables belong to the line of their own key."""
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    depth = 0
    plain = _blanked(text).splitlines()
    for number, (line, whole) in enumerate(zip(plain, text.splitlines(), strict=False), start=1):
        header = _HEADER.match(whole) if depth == 0 else None
        if header and "=" not in line.split("]")[0]:
            table = _table(_parts(header[2]), counts, many=header[1] == "[[")
            yield table, number
            continue
        if depth == 0 and "=" in line:
            # The blanked line has the same columns, so that an "=" inside a quoted key does not end the key.
            yield (*table, *_parts(whole[: line.index("=")])), number
        depth += sum(line.count(c) for c in "[{") - sum(line.count(c) for c in "]}")


def _blanked(text: str) -> str:
    """The text without the insides of strings and without comments, newlines and columns kept."""
    return _TOKEN.sub(lambda m: "".join("\n" if c == "\n" else _STRING for c in m[0]), text)


def _parts(dotted: str) -> KeyPath:
    parts: list[str | int] = []
    position = 0
    while match := _PART.match(dotted, position):
        parts.append(next(group for group in match.groups() if group is not None))
        position = match.end()
        if position >= len(dotted) or dotted[position] != ".":
            break
        position += 1
    return tuple(parts)


def _table(parts: KeyPath, counts: dict[KeyPath, int], *, many: bool) -> KeyPath:
    """The path of a header, each array of tables on the way with the index of its present element."""
    path: KeyPath = ()
    for place, part in enumerate(parts):
        path = (*path, part)
        if many and place == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
