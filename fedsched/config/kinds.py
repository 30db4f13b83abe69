"""Kinds of values in our files: each reads one value or says what it expected, and each knows its JSON schema."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Protocol

import msgspec

from fedsched.config import amounts
from fedsched.config.problems import WrongError, shown

Schema = dict[str, Any]
LONGEST_TEXT = 64 * 1024


class Kind(Protocol):
    """One kind of value."""

    def read(self, value: Any) -> Any:
        """The value as the program wants it. Raises WrongError with what was expected."""
        ...

    def schema(self) -> Schema:
        """The JSON schema (draft 2020-12) of what `read` takes."""
        ...


class Text(msgspec.Struct, frozen=True):
    """A text; one of `choices`, or matching `pattern` as a whole, which `wanted` describes."""

    choices: tuple[str, ...] = ()
    pattern: str = ""
    wanted: str = "a text"

    def read(self, value: Any) -> str:
        """The text itself."""
        if self.choices and value not in self.choices:
            raise WrongError(f"expected one of {', '.join(self.choices)}, not {shown(value)}")
        if not isinstance(value, str) or "\0" in value or (self.pattern and not re.fullmatch(self.pattern, value)):
            raise WrongError(f"expected {self.wanted}, not {shown(value)}")
        if len(value) > LONGEST_TEXT:
            raise WrongError(f"expected at most {LONGEST_TEXT} characters, not {len(value)}")
        return value

    def schema(self) -> Schema:
        """A string."""
        if self.choices:
            return {"enum": list(self.choices)}
        return {"type": "string"} | ({"pattern": f"^(?:{self.pattern})$"} if self.pattern else {})


class Expression(msgspec.Struct, frozen=True):
    """A ClassAd expression in new syntax; "" for none. `gate` returns why it refuses one, "" when it does not."""

    gate: Callable[[str], str]

    def read(self, value: Any) -> str:
        """The text, after the gate (MA4)."""
        text = Text(wanted="a ClassAd expression as a text").read(value)
        if text and (refused := self.gate(text)):
            raise WrongError(f"expected a ClassAd expression: {refused}")
        return text

    def schema(self) -> Schema:
        """A string."""
        return {"type": "string", "description": "ClassAd expression"}


class Flag(msgspec.Struct, frozen=True):
    """true or false."""

    def read(self, value: Any) -> bool:
        """The flag."""
        if not isinstance(value, bool):
            raise WrongError(f"expected true or false, not {shown(value)}")
        return value

    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean"}


class Number(msgspec.Struct, frozen=True):
    """A number from `least` to `most`; whole ones only when `whole`."""

    least: float = 0
    most: float = float(amounts.MOST)
    whole: bool = False

    def read(self, value: Any) -> float:
        """An int when whole, else a float or an int."""
        number = isinstance(value, int if self.whole else int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not self.least <= value <= self.most:
            what = "a whole number" if self.whole else "a number"
            limits = f"from {self.least:g}" + (f" to {self.most:g}" if self.most < amounts.MOST else "")
            raise WrongError(f"expected {what} {limits}, not {shown(value)}")
        return value if self.whole else float(value)

    def schema(self) -> Schema:
        """A number with its limits."""
        most = {"maximum": self.most} if self.most < amounts.MOST else {}
        return {"type": "integer" if self.whole else "number", "minimum": self.least} | most


class Duration(msgspec.Struct, frozen=True):
    """Seconds, as a number or as "30m". Whole seconds when `whole`."""

    whole: bool = False
    least: float = 0.0

    def read(self, value: Any) -> float:
        """Seconds."""
        seconds = amounts.duration(value)
        if seconds < self.least:
            raise WrongError(f"expected at least {self.least:g} s, not {shown(value)}")
        return int(seconds) if self.whole else float(seconds)

    def schema(self) -> Schema:
        """A number or a string."""
        text = {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h|d|w)$"}
        return {"anyOf": [{"type": "number", "minimum": self.least}, text]}


class Instant(msgspec.Struct, frozen=True):
    """A date with time and zone, unquoted as TOML has it, read as epoch seconds."""

    def read(self, value: Any) -> float:
        """Epoch seconds. A time without zone would be another one on another host."""
        wanted = "a date with time and zone, such as 2026-11-20T08:00:00Z or 2026-11-20T09:00:00+01:00"
        if isinstance(value, date | time) and getattr(value, "tzinfo", None) is None:
            raise WrongError(f"expected {wanted}; {value.isoformat()} has no {_lacks(value)}")
        if not isinstance(value, datetime):
            raise WrongError(f"expected {wanted} (without quotes), not {shown(value)}")
        return value.timestamp()

    def schema(self) -> Schema:
        """As editors for TOML see its dates."""
        return {"type": "string", "format": "date-time"}


def _lacks(value: date | time) -> str:
    if isinstance(value, datetime):
        return "zone; add Z for UTC"
    return "time" if isinstance(value, date) else "date"


class Hours(msgspec.Struct, frozen=True):
    """First and last hour of the day, last excluded: [20, 6] goes over midnight."""

    def read(self, value: Any) -> tuple[int, int]:
        """The pair."""
        whole = isinstance(value, list) and len(value) == 2 and all(type(hour) is int for hour in value)
        if not whole or not (0 <= value[0] <= 23 and 0 <= value[1] <= 24 and value[0] != value[1]):
            raise WrongError(f"expected two different hours of the day in UTC, such as [20, 6], not {shown(value)}")
        return value[0], value[1]

    def schema(self) -> Schema:
        """Two whole numbers."""
        hour = {"type": "integer", "minimum": 0, "maximum": 24}
        return {"type": "array", "items": hour, "minItems": 2, "maxItems": 2}


class FilePath(msgspec.Struct, frozen=True):
    """A path; whether it exists is not asked here."""

    def read(self, value: Any) -> Path:
        """The path as written."""
        text = Text(wanted="a path").read(value)
        if not text:
            raise WrongError("expected a path, not an empty text")
        return Path(text)

    def schema(self) -> Schema:
        """A string."""
        return {"type": "string", "minLength": 1}


class ListOf(msgspec.Struct, frozen=True):
    """A list of one kind."""

    item: Kind
    most: int = 1000

    def read(self, value: Any) -> tuple[Any, ...]:
        """The values in their order."""
        if not isinstance(value, list) or len(value) > self.most:
            raise WrongError(f"expected a list of at most {self.most}, not {shown(value)}")
        read = []
        for place, item in enumerate(value):
            try:
                read.append(self.item.read(item))
            except WrongError as wrong:
                raise WrongError(str(wrong), (place, *wrong.inner)) from None
        return tuple(read)

    def schema(self) -> Schema:
        """An array."""
        return {"type": "array", "items": self.item.schema(), "maxItems": self.most}


class Pairs(msgspec.Struct, frozen=True):
    """A table with free keys and values of one kind, as (key, value) sorted by key; a dict when `mapping`."""

    item: Kind
    key: Text = Text(pattern=r"[^\s=]{1,253}", wanted="a name without spaces")
    mapping: bool = False

    def read(self, value: Any) -> Any:
        """The pairs."""
        if not isinstance(value, dict):
            raise WrongError(f'expected a table of key = "value", not {shown(value)}')
        read = {}
        for name, item in sorted(value.items()):
            try:
                read[self.key.read(name)] = self.item.read(item)
            except WrongError as wrong:
                raise WrongError(str(wrong), (name, *wrong.inner)) from None
        return read if self.mapping else tuple(read.items())

    def schema(self) -> Schema:
        """An object."""
        return {"type": "object", "additionalProperties": self.item.schema()}


class Amounts(msgspec.Struct, frozen=True):
    """A table of resource amounts, read as (Resources, names)."""

    def read(self, value: Any) -> Any:
        """See amounts.resources."""
        return amounts.resources(value)

    def schema(self) -> Schema:
        """The keys of a table of amounts."""
        size = {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(MiB|GiB|TiB|Mi|Gi|Ti)$"}
        whole = {"type": "integer", "minimum": 0}
        cpu = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?$|^\d+m$"}]}
        known = {"cpu": cpu, "memory": size, "disk": size, "gpus": whole, "pods": whole}
        return {"type": "object", "properties": known, "patternProperties": {"/": whole}, "additionalProperties": False}


class Quantity(msgspec.Struct, frozen=True):
    """Amounts where only the vector matters: Resources."""

    def read(self, value: Any) -> Any:
        """The vector."""
        return amounts.resources(value)[0]

    def schema(self) -> Schema:
        """As Amounts."""
        return Amounts().schema()


class Free(msgspec.Struct, frozen=True):
    """A Kubernetes object, taken as it stands; who uses it checks it."""

    def read(self, value: Any) -> dict[str, Any]:
        """The table, when it is one."""
        if not isinstance(value, dict):
            raise WrongError(f"expected a table, not {shown(value)}")
        if len(repr(value)) > LONGEST_TEXT:
            raise WrongError(f"expected at most {LONGEST_TEXT} characters")
        return value

    def schema(self) -> Schema:
        """Any object."""
        return {"type": "object"}
