"""What is wrong in a file, and where: file, line, key, what was expected; finding it lives beside."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import msgspec


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong. line: from 1, 0 when it is about the whole file. key: dotted, "" for the whole file."""

    file: Path
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{where}: {self.key}: {self.text}" if self.key else f"{where}: {self.text}"


class ConfigError(Exception):
    """One or more files cannot be used; the message has one line per problem."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class WrongError(ValueError):
    """A value is not what its key wants; `str()` says what was expected. inner: key path below the value's own."""

    def __init__(self, text: str, inner: tuple[str | int, ...] = ()) -> None:
        self.inner = inner
        super().__init__(text)


def shown(value: object) -> str:
    """A value for a message, cut short: a pasted secret must not come back whole."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:32]}… ({len(text)} characters)"


def did_you_mean(word: str, known: list[str]) -> str:
    """' — did you mean "x"?' or, without anything close, the known words."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; known here: {', '.join(sorted(known))}" if known else ""
