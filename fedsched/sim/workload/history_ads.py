"""The ads of `condor_history`: its JSON and its long form, streamed ad by ad; what an ad means is not known here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fedsched.matchmaker import classad
from fedsched.sim.workload.logged import Line

LONGEST_AD = 4 << 20
"""Characters of one job's ad."""
MOST_TRIES = 2000
"""Lines with a closing brace within one ad: each could be its end."""
_BANNER = ("***", "--")
"""What stands between ads in a schedd's own history file, and in front of them where several schedds answer."""
_BETWEEN = " \t\r\n[],"
_EXPRESSION = ("/Expr(", ")/")
"""How the JSON form marks what is no literal."""


class Ad(NamedTuple):
    """One job's ad: the line that it begins on, and its attributes as ClassAd texts."""

    line: Line
    texts: Mapping[str, str]


def ads(lines: Iterable[Line]) -> Iterator[Ad]:
    """JSON when the first character is a bracket of JSON, else the long form. Raises ConfigError with file and line."""
    stream = iter(lines)
    for line in stream:
        if line.text.strip():
            yield from (_json if line.text.lstrip()[0] in "[{" else _long)(_all(line, stream))


def _all(first: Line, rest: Iterator[Line]) -> Iterator[Line]:
    yield first
    yield from rest


def _long(lines: Iterator[Line]) -> Iterator[Ad]:
    begin: Line | None = None
    texts: list[str] = []
    size = 0
    for line in lines:
        if line.text.strip() and not line.text.startswith(_BANNER):
            begin = begin or line
            texts.append(_attribute(line))
            size += len(line.text)
            if size > LONGEST_AD:
                raise begin.wrong("an ad of more than 4 MiB begins here; empty lines part ads")
        elif begin is not None:
            yield _parsed(begin, texts)
            begin, texts, size = None, [], 0
    if begin is not None:
        yield _parsed(begin, texts)


def _attribute(line: Line) -> str:
    if "=" not in line.text and not line.text.startswith("#"):
        raise line.wrong("expected `Name = expression`, as condor_history -long prints it; is the file truncated?")
    return line.text


def _parsed(begin: Line, texts: list[str]) -> Ad:
    try:
        return Ad(begin, dict(classad.old_ad("\n".join(texts))))
    except classad.Refused as refused:
        raise begin.wrong(f"in the ad that begins here: {refused}") from None


def _json(lines: Iterator[Line]) -> Iterator[Ad]:
    """One array of objects, arrays one after another, or objects alone."""
    gathered = _Gathered()
    for line in lines:
        yield from gathered.more(line)
    gathered.end()


class _Gathered:
    """The text of the object that is not whole yet."""

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(parse_constant=lambda _: None)
        self._text = ""
        self._begin: Line | None = None
        self._tries = 0
        self._open = 0
        self._last: Line | None = None

    def more(self, line: Line) -> Iterator[Ad]:
        """The objects that end on this line."""
        self._last = line
        if self._text:
            self._text += "\n" + line.text
        else:
            self._next(line, line.text)
        while self._begin is not None and "}" in line.text:
            found, end = self._decoded(self._begin)
            if end == 0:
                break
            yield Ad(self._begin, _texts(found))
            self._next(line, self._text[end:])
        if self._begin is not None and len(self._text) > LONGEST_AD:
            raise self._begin.wrong("an ad of more than 4 MiB begins here")

    def end(self) -> None:
        """Raises ConfigError when an object or an array is not whole."""
        if self._begin is not None:
            raise self._broken(self._begin)
        if self._open > 0 and self._last is not None:
            raise self._last.wrong("the array of ads does not end; is the file truncated?")

    def _next(self, line: Line, text: str) -> None:
        self._text, self._tries = text.lstrip(_BETWEEN), 0
        between = text[: len(text) - len(self._text)]
        self._open += between.count("[") - between.count("]")
        self._begin = line if self._text else None
        if self._text and not self._text.startswith("{"):
            raise line.wrong("expected a job's ad as a JSON object, as condor_history -json prints it")

    def _decoded(self, begin: Line) -> tuple[dict[str, Any], int]:
        """The object and where it ends; 0 when it goes on."""
        self._tries += 1
        if self._tries > MOST_TRIES:
            raise self._broken(begin)
        try:
            return self._decoder.raw_decode(self._text)
        except (ValueError, RecursionError):
            return {}, 0

    def _broken(self, begin: Line) -> Exception:
        try:
            self._decoder.raw_decode(self._text)
        except json.JSONDecodeError as error:
            there = Line(begin.file, begin.number + error.lineno - 1, "")
            return there.wrong(f"not JSON: {error.msg}; the ad begins on line {begin.number}; is the file truncated?")
        except (ValueError, RecursionError) as error:
            return begin.wrong(f"not an ad: {error}")
        return begin.wrong("not an ad")


def _texts(found: dict[str, Any]) -> dict[str, str]:
    """ClassAd texts; lists and nested ads, which say nothing of a job's size, are left out."""
    return {name: text for name, value in found.items() if (text := _text(value))}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if not isinstance(value, str):
        return ""
    opened, closed = _EXPRESSION
    if value.startswith(opened) and value.endswith(closed):
        return value[len(opened) : -len(closed)]
    return classad.quote(value)
