"""How verbs speak: tables that fit the terminal, versioned JSON, failures with the next command; no verb is here."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self

if TYPE_CHECKING:
    import msgspec
    from rich.console import Console

JSON_VERSION = 1
"""Version of JSON that is no document of the API; it grows when a field changes its meaning, not when one is added."""


SAY_AFTER_S = 2.0
_HIDDEN = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""What a terminal may obey and JSON would leave as it is."""
_NOT_ASCII = re.compile(r"[^\x00-\x7e]")
TONES = {"good": "32", "warn": "33", "bad": "31", "faint": "2", "heading": "1"}
"""Colours of a terminal, which its user has chosen to be readable: by what they mean."""


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
    """A column of a table. rank: columns of the highest rank go first when the terminal is narrow; 0 always stays.

    least: it may be cut down to so many characters before another one goes; 0 for never. tone: what a cell means, ""
    for nothing special, or one of TONES.
    """

    title: str
    rank: int = 0
    right: bool = False
    least: int = 0
    tone: Callable[[str], str] | None = None


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
    """Print rows under their titles; where the width does not do, cells are cut, then columns left out, and named."""
    on_terminal = sys.stdout.isatty()
    rows = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max(len(text) for text in (column.title, *(row[i] for row in rows))) for i, column in enumerate(columns)]
    shown, left_out = _fitting(columns, widths, terminal_width() if on_terminal else None)
    if on_terminal:
        widths = _cut(columns, widths, shown, terminal_width())
    # A row that only says more of the one above has nothing to say where its columns are left out.
    rows = [row for row in rows if any(row[i] for i in shown)]
    for number, cells in enumerate([tuple(column.title for column in columns), *rows]):
        parts = [_cell(cells[i], widths[i], right=columns[i].right) for i in shown]
        text = "  ".join(parts).rstrip()
        if on_terminal and len(text) > terminal_width():
            line(_cell(text, terminal_width()))
        elif is_plain():
            line(text)
        elif number == 0:
            print(f"\033[1m{text}\033[0m")
        else:
            print("  ".join(_toned(part, columns[i].tone) for i, part in zip(shown, parts, strict=True)).rstrip())
    if left_out:
        names = ", ".join(columns[i].title for i in left_out)
        note(f"(narrow terminal: {names} left out; -o json has everything)")


def toned(text: str, tone: str) -> str:
    """The text in the colour of that meaning, as it is where there is none."""
    text = printable(text)
    return text if is_plain() or tone not in TONES else f"\033[{TONES[tone]}m{text}\033[0m"


def _toned(cell: str, tone: Callable[[str], str] | None) -> str:
    return toned(cell, tone(cell.strip()) if tone else "")


def _cell(text: str, width: int, *, right: bool = False) -> str:
    if len(text) > width:
        text = text[: width - 1] + symbol("…", "~")
    return text.rjust(width) if right else text.ljust(width)


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


class Progress:
    """One line on a terminal's standard error that tells how far it is, once it takes long; gone when it is over."""

    def __init__(self, what: str, after_s: float = SAY_AFTER_S) -> None:
        self._what = what
        self._from = time.monotonic() + after_s
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.gone()

    def __call__(self, part: float, whole: float | None = None) -> None:
        """So much is done: `part` of `whole`, or a part of 1."""
        if sys.stderr.isatty() and time.monotonic() > self._from:
            far = f"{part:.0%}" if whole is None else f"{part} of {whole}"
            self._shown = True
            print(f"\r{self._what}: {far}\x1b[K", end="", file=sys.stderr, flush=True)

    def gone(self) -> None:
        """Take the line away, for something else to be printed."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        self._shown = False


@contextmanager
def said(what: str) -> Iterator[None]:
    """Tell a person who waits what for."""
    saying = threading.Timer(SAY_AFTER_S, note, [f"{what} {symbol('…', '...')}"])
    if sys.stderr.isatty():
        saying.start()
    try:
        yield
    finally:
        saying.cancel()


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


def emit(document: msgspec.Struct, more: Mapping[str, Any] | None = None, *, on_one_line: bool = False) -> None:
    """One document of the API as JSON, the same that a daemon answers with; the fields of `more` follow its own."""
    import msgspec

    encoded = msgspec.json.encode(msgspec.to_builtins(document) | msgspec.to_builtins(more) if more else document)
    text = (encoded if on_one_line else msgspec.json.format(encoded, indent=2)).decode()
    hidden = _HIDDEN if "utf" in (sys.stdout.encoding or "").lower() else _NOT_ASCII
    print(hidden.sub(_escaped, text), flush=on_one_line)


def _escaped(found: re.Match[str]) -> str:
    """As JSON spells a character that is not there to be seen: in two halves where it is beyond 16 bits."""
    halves = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{halves[i]:02x}{halves[i + 1]:02x}" for i in range(0, len(halves), 2))


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


def terminal_height() -> int:
    """Rows of the terminal, 24 when unknown."""
    return shutil.get_terminal_size().lines


def _fitting(columns: tuple[Column, ...], widths: list[int], width: int | None) -> tuple[list[int], list[int]]:
    """Indexes of the columns that fit into `width` characters (None for no limit), and of those that do not."""
    shown = list(range(len(columns)))
    least = [min(wide, column.least or wide) for column, wide in zip(columns, widths, strict=True)]
    while width is not None and sum(least[i] + 2 for i in shown) - 2 > width and any(columns[i].rank for i in shown):
        shown.remove(max(shown, key=lambda i: columns[i].rank))
    return shown, [i for i in range(len(columns)) if i not in shown]


def _cut(columns: tuple[Column, ...], widths: list[int], shown: list[int], width: int) -> list[int]:
    """Widths with which the columns that are shown have room: who has most to give gives first."""
    widths = list(widths)
    slack = {i: max(0, widths[i] - columns[i].least) for i in shown if columns[i].least}
    for _ in range(sum(widths[i] + 2 for i in shown) - 2 - width):
        most = max(slack, key=lambda i: slack[i], default=None)
        if most is None or not slack[most]:
            break
        slack[most] -= 1
        widths[most] -= 1
    return widths
