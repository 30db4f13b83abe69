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
    CHANGES = 6
    """`plan --detailed-exitcode`: something would change."""


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
    on_terminal = sys.stdout.isatty()
    rows = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max(len(text) for text in (column.title, *(row[i] for row in rows))) for i, column in enumerate(columns)]
    shown, left_out = _fitting(columns, widths, terminal_width() if on_terminal else None)
    for number, cells in enumerate([tuple(column.title for column in columns), *rows]):
        parts = [cells[i].rjust(widths[i]) if columns[i].right else cells[i].ljust(widths[i]) for i in shown]
        text = "  ".join(parts).rstrip()
        if on_terminal and len(text) > terminal_width():
            text = text[: terminal_width() - 1] + symbol("…", "~")
        if number == 0 and not is_plain():
            print(f"\033[1m{text}\033[0m")
        else:
            line(text)
    if left_out:
        names = ", ".join(columns[i].title for i in left_out)
        note(f"(narrow terminal: {names} left out; -o json has everything)")


def printable(text: str) -> str:
    """The text with control characters shown as "?": jobs, servers and people wrote it, and a terminal obeys them."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def line(text: str = "") -> None:
    """One line of text on standard output, without anything that a terminal would obey."""
    text = printable(text)
    print(text if "utf" in (sys.stdout.encoding or "").lower() else text.encode("ascii", "replace").decode())


def wrapped(text: str, indent: int = 0) -> None:
    """A sentence, wrapped to the terminal; one line when there is none."""
    for part in _parts(text, " " * indent, on_terminal=sys.stdout.isatty()):
        line(part)


def labelled(label: str, texts: Sequence[str], width: int) -> None:
    """Sentences under each other beside one label, each wrapped to the terminal; nothing without any."""
    for number, text in enumerate(texts):
        start = f"  {'' if number else label:<{width}}  "
        for index, part in enumerate(_parts(text, " " * len(start), on_terminal=sys.stdout.isatty())):
            line(part if index else start + part[len(start) :])


def note(text: str) -> None:
    """A remark for the person at the terminal, on standard error, so that pipes stay clean."""
    for row in text.splitlines():
        for part in _parts(row, "", on_terminal=sys.stderr.isatty()):
            print(printable(part), file=sys.stderr)


def _parts(text: str, pad: str, *, on_terminal: bool) -> list[str]:
    if not on_terminal:
        return [pad + text]
    import textwrap

    lead = pad + " " * (len(text) - len(text.lstrip()))
    width = max(40, terminal_width())
    return textwrap.wrap(text, width, initial_indent=pad, subsequent_indent=lead, break_on_hyphens=False)


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


def _fitting(columns: tuple[Column, ...], widths: list[int], width: int | None) -> tuple[list[int], list[int]]:
    """Indexes of the columns that fit into `width` characters (None for no limit), and of those that do not."""
    shown = list(range(len(columns)))
    while width is not None and sum(widths[i] + 2 for i in shown) - 2 > width and any(columns[i].rank for i in shown):
        shown.remove(max(shown, key=lambda i: columns[i].rank))
    return shown, [i for i in range(len(columns)) if i not in shown]
