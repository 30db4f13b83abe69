"""Snapshot files: one recorded cycle with its policy as one JSON document; reading believes nothing of it."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from fedsched.journal import Recorded
from fedsched.matchmaker.model import Policy

FORMAT = 1
LARGEST = 512 * 1024 * 1024
"""Bytes of a document that are read; more is no snapshot of ours."""
_WIDTH = 118
_NO_NUMBER = "$float"
"""JSON has no infinity: `{"$float": "inf"}` stands for it, and "-inf" and "nan" alike."""


class SnapshotError(Exception):
    """A file that is no snapshot; the message names the file, the place in it where there is one, and the cause."""


class Saved(msgspec.Struct, frozen=True):
    """What a snapshot file holds. format: grows when older readers would misread it. version: of what wrote it.

    redacted: names are pseudonyms, and the plan was decided anew from them.
    """

    format: int
    version: str
    policy: Policy
    recorded: Recorded
    redacted: bool = False


def encode(saved: Saved) -> bytes:
    """The document in lines, so that two of them can be compared. Equal values have equal bytes."""
    plain = _without_infinities(msgspec.to_builtins(saved, str_keys=True, order="deterministic"))
    return _lines(plain, 0) + b"\n"


def write(saved: Saved, path: Path) -> None:
    """Write it, readable by its owner only, compressed where the name ends in .gz or .zst. Raises OSError."""
    body = encode(saved)
    if path.suffix == ".gz":
        body = gzip.compress(body, 6, mtime=0)
    elif path.suffix == ".zst":
        body = zstandard.ZstdCompressor(level=10, write_checksum=True).compress(body)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path) -> Saved:
    """A snapshot file. Raises SnapshotError for anything that is none, and OSError."""
    return decode(_content(path), str(path))


def decode(body: bytes, name: str) -> Saved:
    """A document. name: what errors call it. Raises SnapshotError."""
    try:
        plain = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(_malformed(body, name, error)) from None
    _must_be_ours(plain, name)
    try:
        return msgspec.convert(_with_infinities(plain), Saved)
    except (msgspec.ValidationError, RecursionError) as error:
        raise SnapshotError(f"{name}: {_place(str(error))}") from None


def _lines(value: Any, depth: int) -> bytes:
    """JSON with what is short on one line, and what is long a line for each part."""
    whole = msgspec.json.encode(value)
    if len(whole) + depth <= _WIDTH or not isinstance(value, (dict, list)):
        return whole
    if isinstance(value, dict):
        parts = [msgspec.json.encode(name) + b": " + _lines(one, depth + 1) for name, one in value.items()]
    else:
        parts = [_lines(one, depth + 1) for one in value]
    start, end = (b"{", b"}") if isinstance(value, dict) else (b"[", b"]")
    line = b"\n" + b" " * (depth + 1)
    return start + line + (b"," + line).join(parts) + b"\n" + b" " * depth + end


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if path.suffix == ".gz":
                body = gzip.GzipFile(fileobj=file).read(LARGEST + 1)
            elif path.suffix == ".zst":
                body = zstandard.ZstdDecompressor().stream_reader(file).read(LARGEST + 1)
            else:
                body = file.read(LARGEST + 1)
    except (gzip.BadGzipFile, zlib.error, EOFError, zstandard.ZstdError) as error:
        raise SnapshotError(f"{path}: it cannot be unpacked: {error}") from None
    if len(body) > LARGEST:
        raise SnapshotError(f"{path}: it is larger than {LARGEST >> 20} MiB; no snapshot is")
    return body


def _malformed(body: bytes, name: str, error: Exception) -> str:
    """Where the JSON breaks, as line and column where the parser says which byte; a truncated one at its end."""
    text = str(error)
    place = len(body)
    if "(byte " in text:
        text, _, rest = text.partition(" (byte ")
        place = min(place, int(rest.rstrip(")")))
    line = body.count(b"\n", 0, place) + 1
    column = place - (body.rfind(b"\n", 0, place) + 1) + 1
    return f"{name}:{line}:{column}: {text[:1].lower()}{text[1:]}"


def _must_be_ours(plain: Any, name: str) -> None:
    found = plain.get("format") if isinstance(plain, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or "recorded" not in plain:
        raise SnapshotError(f'{name}: it is no snapshot: it has no "format" and "recorded"')
    if found > FORMAT:
        made = f" (written by fedsched {plain['version']})" if isinstance(plain.get("version"), str) else ""
        raise SnapshotError(f"{name}: format {found} is newer than {FORMAT}, which this fedsched reads{made}")
    if found < 1:
        raise SnapshotError(f"{name}: there is no format {found}")


def _place(text: str) -> str:
    """Msgspec's "Expected `int`, got `str` - at `$.recorded.plan.cycle`" with the place first."""
    what, _, where = text.partition(" - at `")
    return f"{where.rstrip('`').removeprefix('$.')}: {what[:1].lower()}{what[1:]}" if where else what


def _without_infinities(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {_NO_NUMBER: str(value)}
    if isinstance(value, dict):
        return {name: _without_infinities(one) for name, one in value.items()}
    return [_without_infinities(one) for one in value] if isinstance(value, (list, tuple)) else value


def _with_infinities(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_NO_NUMBER} and value[_NO_NUMBER] in {"inf", "-inf", "nan"}:
            return float(value[_NO_NUMBER])
        return {name: _with_infinities(one) for name, one in value.items()}
    return [_with_infinities(one) for one in value] if isinstance(value, list) else value
