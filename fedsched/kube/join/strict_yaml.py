"""YAML to plain text values under limits, for files from strangers; knows nothing of kubeconfigs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from fedsched.kube.join.refusal import JoinError, shown

MAX_DEPTH = 16
MAX_VALUES = 50_000
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "bool", "null", "float", "map", "seq"))
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Value = str | None | list[Any] | dict[str, Any]


def parse(text: str, what: str) -> Value:
    """The only document of `text`; scalars stay text (an unquoted null is None), nothing is ever constructed from tags.

    Refused: not YAML, several documents, anchors or aliases, tags, a key twice, too deep, too many values. Positions
    are named, contents never: the file may be full of secrets.
    """
    builder = _Builder(what)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise JoinError(
            f"{what}{where}: this is not YAML", f"look at it: kubectl config view --kubeconfig {what}"
        ) from None
    return builder.document


def _events(text: str) -> Iterator[Any]:
    yield from yaml.parse(text, Loader=LOADER)


class _Builder:
    """Takes parser events one by one; stops at the first that a kubeconfig has no use for."""

    def __init__(self, what: str) -> None:
        self.what, self.documents, self.values = what, 0, 0
        self.open: list[list[Any] | dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.document: Value = None

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self.no(event, "YAML anchors and aliases are not accepted: they can be cyclic or grow without end")
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self.no(event, "more than one YAML document")
        elif isinstance(event, yaml.ScalarEvent):
            self.scalar(event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self.begin(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self.open.pop()
            self.keys.pop()

    def scalar(self, event: Any) -> None:
        self.tag(event)
        inside = self.open[-1] if self.open else None
        if isinstance(inside, dict) and self.keys[-1] is None:
            self.count(event)
            if event.value in inside:
                raise self.no(event, f'the key "{shown(event.value, 40)}" stands there twice')
            self.keys[-1] = event.value
            return
        self.put(event, None if event.style is None and event.value in NULLS else event.value)

    def begin(self, event: Any, value: list[Any] | dict[str, Any]) -> None:
        self.tag(event)
        if self.open and isinstance(self.open[-1], dict) and self.keys[-1] is None:
            raise self.no(event, "a key that is not text")
        if len(self.open) >= MAX_DEPTH:
            raise self.no(event, f"nested deeper than {MAX_DEPTH} levels")
        self.put(event, value)
        self.open.append(value)
        self.keys.append(None)

    def put(self, event: Any, value: Any) -> None:
        self.count(event)
        if not self.open:
            self.document = value
            return
        inside = self.open[-1]
        if isinstance(inside, list):
            inside.append(value)
            return
        inside[str(self.keys[-1])] = value
        self.keys[-1] = None

    def count(self, event: Any) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            raise self.no(event, f"more than {MAX_VALUES} values")

    def tag(self, event: Any) -> None:
        if event.tag is not None and event.tag not in TAGS:
            raise self.no(event, "a YAML tag")

    def no(self, event: Any, cause: str) -> JoinError:
        return JoinError(
            f"{self.what}, line {event.start_mark.line + 1}: {cause}",
            "make a plain one: kubectl config view --raw --minify --flatten > plain.kubeconfig",
        )
