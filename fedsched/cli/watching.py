"""Shows an answer once, or again after each cycle: repainted on a terminal, printed where it changed elsewhere."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from fedsched.cli import output
from fedsched.cli.output import Exit, Failure, Format
from fedsched.cli.source import LOOK_S, failed, source

if TYPE_CHECKING:
    from fedsched.cli.source import Source
    from fedsched.client import Answers
    from fedsched.client.documents import Document

D = TypeVar("D", bound="Document")
_CYCLE = re.compile(r"cycle \d+, .*ago")
HOME, CLEAR_LINE, CLEAR_BELOW = "\033[H", "\033[K", "\033[J"


def shown(
    ask: Callable[[Answers], D],
    show: Callable[[D], None],
    where: tuple[Path | None, str],
    form: Format,
    *,
    watch: bool = False,
) -> int:
    """Ask once and show it, or until Ctrl-C; the exit code. where: configuration and daemon as they were given."""
    if watch:
        return _watched(ask, show, where, form)
    with source(*where) as found:
        answer = ask(found.answers)
        code = found.code(answer)
        if form is Format.JSON:
            output.emit(answer)
        else:
            show(answer)
    return int(code)


def _watched(
    ask: Callable[[Answers], D], show: Callable[[D], None], where: tuple[Path | None, str], form: Format
) -> int:
    """Ctrl-C is how it ends, and no failure."""
    painted = Painted()
    try:
        for answer in _answers(ask, where, painted):
            if form is Format.JSON:
                output.emit(answer, on_one_line=True)
            else:
                painted.show(lambda one=answer: show(one))  # type: ignore[misc]  # bound now
    except KeyboardInterrupt:
        painted.end()
    return int(Exit.DONE)


def _answers(ask: Callable[[Answers], D], where: tuple[Path | None, str], painted: Painted) -> Iterator[D]:
    """An answer after each cycle. A daemon that goes is waited for; what fails at the first try fails."""
    began = False
    while True:
        try:
            with source(*where) as found:
                painted.beneath = found.lacking
                for answer in _of(found, ask):
                    if not began:
                        found.code(answer)
                    began = True
                    yield answer
        except Exception as error:
            failure = error if isinstance(error, Failure) else failed(error)
            if failure is None or not began or failure.code not in {Exit.UNREACHABLE, Exit.STALE}:
                raise
            painted.remark(failure.text)
        time.sleep(LOOK_S)


def _of(found: Source, ask: Callable[[Answers], D]) -> Iterator[D]:
    """An answer at once and after each cycle, as long as this source is the one to ask."""
    answer = ask(found.answers)
    yield answer
    for cycle in found.cycles():
        if cycle != answer.cycle:
            answer = ask(found.answers)
            yield answer


class Painted:
    """What stands on the terminal, or was printed last."""

    def __init__(self) -> None:
        self._last = ""
        self._remarked = False
        self._on_terminal = sys.stdout.isatty()
        self.beneath = ""
        """Why it is the journal that answers: on a terminal it stands below the table as long as that is so."""

    def show(self, show: Callable[[], None]) -> None:
        """Paint over what stands there; elsewhere print it when it differs from what was printed."""
        copy = _Copy(sys.stdout)
        # A remark about the table belongs to it, or it would stay where the next one is painted.
        with redirect_stdout(copy), redirect_stderr(copy) if self._on_terminal else nullcontext():
            show()
            if self._on_terminal and self.beneath:
                output.wrapped(self.beneath)
        text, self._remarked = copy.getvalue(), False
        if self._on_terminal:
            rows = _cut(text.splitlines(), max(2, output.terminal_height() - 1))
            body = "".join(f"{row}{CLEAR_LINE}\n" for row in rows)
            begin = HOME if self._last else "\033[2J" + HOME
            print(begin + body + CLEAR_BELOW, end="", flush=True)
        elif _unaged(text) != _unaged(self._last):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            print(f"{'' if not self._last else chr(10)}-- {stamp}\n{text}", end="", flush=True)
        self._last = text

    def remark(self, text: str) -> None:
        """Something went wrong meanwhile, said once until it is well again; the table stays."""
        if not self._remarked:
            output.note(f"{text}; trying again")
        self._remarked = True

    def end(self) -> None:
        """Leave the terminal with what stands there."""
        if self._on_terminal:
            print(flush=True)


def _cut(rows: list[str], height: int) -> list[str]:
    """As many rows as the terminal has: of a long table the first, and what stands below it."""
    if len(rows) <= height:
        return rows
    below = rows[rows.index("") :] if "" in rows else []
    below = below if len(below) <= height - 3 else []
    return [*rows[: height - len(below) - 1], output.symbol("…", "..."), *below]


class _Copy(io.StringIO):
    """Takes what is printed, and looks to the printers like the stream that it will go to."""

    def __init__(self, like: TextIO) -> None:
        super().__init__()
        self._like = like

    def isatty(self) -> bool:
        """As the other one."""
        return self._like.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a StringIO has none
        """As the other one."""
        return self._like.encoding or ""


def _unaged(text: str) -> str:
    """What must differ for a table to have changed: not the line that says of which cycle it is."""
    return _CYCLE.sub("", text)
