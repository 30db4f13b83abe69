"""YAML and JSON documents as plain values under limits, for manifests from strangers; knows nothing of Jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

MAX_DEPTH = 32
MAX_VALUES = 2_000_000
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "bool", "null", "float", "map", "seq"))
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_OCTAL = re.compile(r"[-+]?0o?[0-7]+")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"[-+]?([0-9]{1,20}\.[0-9]{0,20}|\.[0-9]{1,20}|[0-9]{1,20}(?=[eE]))([eE][-+]?[0-9]{1,3})?")


class DocumentError(ValueError):
    """A document that is not read: the line and why; its contents are never shown whole."""


class Document(NamedTuple):
    """One document and the line that it begins at, from 1."""

    value: Any
    line: int


def documents(text: str) -> tuple[Document, ...]:
    """All documents of a text, empty ones left out. Raises DocumentError.

    Refused: what is neither YAML nor JSON, anchors and aliases (they can grow without end), tags of another kind, a
    key twice, too deep, too many values. Unquoted words other than true, false and null stay text.
    """
    if text.lstrip()[:1] == "{" and (found := _json(text)) is not None:
        return (found,)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise DocumentError(f"{where}this is not YAML") from None
    return tuple(one for one in builder.documents if one.value is not None)


def _json(text: str) -> Document | None:
    """None for what is no JSON: it may be YAML that begins like it."""
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_constant)
    except (json.JSONDecodeError, RecursionError):
        return None
    _measure(value)
    return Document(value, 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DocumentError(f'the key "{_shown(twice)}" stands there twice')
    return found


def _constant(word: str) -> Any:
    raise DocumentError(f"{word} is no number")


def _measure(value: Any) -> None:
    left: list[tuple[Any, int]] = [(value, 1)]
    count = 0
    while left:
        one, depth = left.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_VALUES:
            raise DocumentError(_too_much(depth))
        left += [(inside, depth + 1) for inside in _inside(one)]


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _too_much(depth: int) -> str:
    return f"nested deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"more than {MAX_VALUES} values"


class _Builder:
    """Takes parser events one by one; stops at the first that a manifest has no use for."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self._values = 0
        self._open: list[list[Any] | dict[str, Any]] = []
        self._keys: list[str | None] = []

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _no(event, "YAML anchors and aliases are not accepted: they can grow without end")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._begin(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._open.pop()
            self._keys.pop()

    def _scalar(self, event: Any) -> None:
        _known_tag(event)
        inside = self._open[-1] if self._open else None
        if isinstance(inside, dict) and self._keys[-1] is None:
            self._count(event)
            if event.value in inside:
                raise _no(event, f'the key "{_shown(event.value)}" stands there twice')
            self._keys[-1] = event.value
            return
        plain = not event.style and event.tag is None
        self._put(event, _typed(event.value) if plain else event.value)

    def _begin(self, event: Any, value: list[Any] | dict[str, Any]) -> None:
        _known_tag(event)
        if self._open and isinstance(self._open[-1], dict) and self._keys[-1] is None:
            raise _no(event, "a key that is not text")
        if len(self._open) >= MAX_DEPTH:
            raise _no(event, _too_much(MAX_DEPTH + 1))
        self._put(event, value)
        self._open.append(value)
        self._keys.append(None)

    def _put(self, event: Any, value: Any) -> None:
        self._count(event)
        if not self._open:
            self.documents.append(Document(value, event.start_mark.line + 1))
            return
        inside = self._open[-1]
        if isinstance(inside, list):
            inside.append(value)
            return
        inside[str(self._keys[-1])] = value
        self._keys[-1] = None

    def _count(self, event: Any) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _no(event, _too_much(0))


def _typed(word: str) -> Any:
    """What an unquoted word is, as Kubernetes takes it; `yes` and `on` stay the words that they are."""
    if word in _WORDS:
        return _WORDS[word]
    if _INT.fullmatch(word):
        return int(word)
    if _OCTAL.fullmatch(word) and len(word) < 24:
        return int(word.replace("o", ""), 8)
    return float(word) if _FLOAT.fullmatch(word) else word


def _known_tag(event: Any) -> None:
    if event.tag is not None and event.tag not in _TAGS:
        raise _no(event, "a YAML tag")


def _no(event: Any, cause: str) -> DocumentError:
    return DocumentError(f"line {event.start_mark.line + 1}: {cause}")


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:40])
