"""How verbs speak: tables that fit the terminal, versioned JSON, failures with the next command; no verb is here."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from rich.console import Console

JSON_VERSION = 1
"""Version of all JSON that verbs print; it grows when a field changes its meaning or goes, not when one is added."""


class Exit(IntEnum):
    """Exit codes of all verbs; `fedsched --help` lists them."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    PARTIAL = 3
    STALE = 4
    UNREACHABLE = 5


class Format(StrEnum):
    """What `-o` takes."""

    TABLE = "table"
    JSON = "json"


class Failure(Exception):  # noqa: N818 - it ends a verb and is shown to a person, it is no defect
    """Ends a verb: what is wrong with which object and why, then the next command ("" where there is none)."""

    def __init__(self, code: Exit, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.hint = hint


class Column(NamedTuple):
    """A column of a table. rank: columns of the highest rank go first when the terminal is narrow; 0 always stays."""

    title: str
    rank: int = 0
    right: bool = False


def is_plain() -> bool:
    """Whether to do without colour and Unicode: not a terminal, a dumb one, or NO_COLOR is set."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()


def console() -> Console:
    """A console for standard output; without a terminal it is plain and never cuts a line."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 10_000
    return Console(no_color=is_plain(), highlight=False, width=width, soft_wrap=False, emoji=False)


def symbol(unicode: str, plain: str) -> str:
    """One of two spellings, by what the terminal can show."""
    encoding = (sys.stdout.encoding or "").lower()
    return plain if is_plain() or "utf" not in encoding else unicode


def table(columns: tuple[Column, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under their titles; columns of high rank are left out, and named, where the width does not do."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    shown, left_out = _fitting(columns, rows, out.width)
    grid = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="" if is_plain() else "bold")
    for index in shown:
        title, right = columns[index].title, columns[index].right
        grid.add_column(title, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for row in rows:
        grid.add_row(*(Text(row[index]) for index in shown))
    out.print(grid, crop=False)
    if left_out:
        names = ", ".join(columns[index].title for index in left_out)
        note(f"(narrow terminal: {names} left out; -o json has everything)")


def line(text: str = "") -> None:
    """One line of text on standard output, words not interpreted."""
    print(text if "utf" in (sys.stdout.encoding or "").lower() else text.encode("ascii", "replace").decode())


def wrapped(text: str, indent: int = 0) -> None:
    """A sentence, wrapped to the terminal; one line when there is none."""
    import textwrap

    pad = " " * indent
    if not sys.stdout.isatty():
        line(pad + text)
        return
    for part in textwrap.wrap(text, max(40, terminal_width()), initial_indent=pad, subsequent_indent=pad):
        line(part)


def note(text: str) -> None:
    """A remark for the person at the terminal, on standard error, so that pipes stay clean."""
    print(text, file=sys.stderr)


def emit_json(kind: str, **fields: Any) -> None:
    """One JSON document: version, kind, then the fields; values that msgspec knows are turned into plain ones."""
    import msgspec

    document = {"version": JSON_VERSION, "kind": kind, **fields}
    print(json.dumps(msgspec.to_builtins(document), indent=2, ensure_ascii=not sys.stdout.isatty()))


def fail(failure: Failure, *, as_json: bool = False) -> NoReturn:
    """Say what went wrong and what to do next, on standard error, and leave with the code."""
    if as_json:
        emit_json("error", code=int(failure.code), text=failure.text, hint=failure.hint)
    else:
        note(f"fedsched: {failure.text}")
        if failure.hint:
            note(f"  next: {failure.hint}")
    raise SystemExit(int(failure.code))


def terminal_width() -> int:
    """Columns of the terminal, 80 when unknown."""
    return shutil.get_terminal_size().columns


def _fitting(columns: tuple[Column, ...], rows: Sequence[tuple[str, ...]], width: int) -> tuple[list[int], list[int]]:
    shown = list(range(len(columns)))
    widths = [max([len(c.title), *(len(row[i]) for row in rows)]) + 2 for i, c in enumerate(columns)]
    left_out: list[int] = []
    while sum(widths[i] for i in shown) > width and any(columns[i].rank for i in shown):
        worst = max(shown, key=lambda i: columns[i].rank)
        shown.remove(worst)
        left_out.append(worst)
    return shown, sorted(left_out)
