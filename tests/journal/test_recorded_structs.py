"""What is recorded has equal bytes where it is equal: no default is left out that only looks the same."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from fedsched.journal import Recorded
from fedsched.matchmaker.model import Policy


def reachable(*roots: type) -> dict[str, type[msgspec.Struct]]:
    """Every struct that can stand in a record, by name."""
    found: dict[str, type[msgspec.Struct]] = {}
    waiting: list[Any] = list(roots)
    while waiting:
        one = waiting.pop()
        waiting += get_args(one)
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and one.__name__ not in found:
            found[one.__name__] = one
            waiting += get_type_hints(one).values()
    return found


STRUCTS = reachable(Recorded, Policy)


def one_object_everywhere(default: Any) -> bool:
    """Whether Python has a single object for it, however it came to be; msgspec compares by identity."""
    if default is msgspec.NODEFAULT or default is None or isinstance(default, bool | enum.Enum):
        return True
    if isinstance(default, int):
        return -5 <= default <= 256
    # A factory ([] and {}) is compared by kind and emptiness.
    return default in ("", ()) or type(default).__name__ == "Factory"


def left_out(kind: type[msgspec.Struct]) -> Iterator[str]:
    defaults = kind.__struct_defaults__
    for name, default in zip(
        kind.__struct_fields__[len(kind.__struct_fields__) - len(defaults) :], defaults, strict=True
    ):
        if not one_object_everywhere(default):
            yield name


@pytest.mark.parametrize("kind", STRUCTS.values(), ids=STRUCTS.keys())
def test_only_defaults_that_are_one_object_in_every_process_are_left_out(kind: type[msgspec.Struct]) -> None:
    assert not kind.__struct_config__.omit_defaults or list(left_out(kind)) == []


def test_every_noun_of_a_cycle_is_looked_at() -> None:
    assert {"Snapshot", "Plan", "Held", "MemberView", "LedgerEntry", "Reason", "Resources", "Tier"} <= STRUCTS.keys()
