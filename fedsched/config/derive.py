"""Tables derived from the structs that they fill, so that a new field of a struct is a key of its file at once."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from fedsched.config.kinds import (
    Duration,
    FilePath,
    Flag,
    Free,
    Kind,
    ListOf,
    Number,
    Pairs,
    Quantity,
    Text,
)
from fedsched.config.tables import Key, Table
from fedsched.matchmaker.resources import Resources

_PLAIN: dict[Any, Kind] = {
    str: Text(),
    bool: Flag(),
    int: Number(whole=True),
    float: Number(),
    Path: FilePath(),
    Resources: Quantity(),
    dict[str, Any]: Free(),
    dict[str, str]: Pairs(Text(), mapping=True),
    tuple[tuple[str, str], ...]: Pairs(Text()),
}


def keys_of(
    struct: type[msgspec.Struct],
    *,
    skip: frozenset[str] = frozenset(),
    kinds: Mapping[str, Kind | Table] = types.MappingProxyType({}),
    rename: Mapping[str, str] = types.MappingProxyType({}),
) -> tuple[Key, ...]:
    """One key for each field: `kinds` overrides what its type says, `rename` maps a field to another key.

    A field whose name ends in "_s" is a duration. Raises TypeError for a type that has no kind: a mistake of ours.
    """
    return tuple(_keys(struct, skip, kinds, rename))


def _keys(
    struct: type[msgspec.Struct],
    skip: frozenset[str],
    kinds: Mapping[str, Kind | Table],
    rename: Mapping[str, str],
) -> Iterator[Key]:
    hints = get_type_hints(struct)
    for field in msgspec.structs.fields(struct):
        if field.name not in skip:
            kind = kinds.get(field.name) or _kind(field.name, hints[field.name])
            yield Key(rename.get(field.name, field.name), kind, field.name, field.required)


def _kind(name: str, hint: Any) -> Kind | Table:
    hint = _without_none(hint)
    if name.endswith("_s") and hint in {int, float} and not name.endswith("per_s"):
        return Duration(whole=hint is int)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if get_origin(hint) is Literal:
        return Text(choices=get_args(hint))
    if get_origin(hint) is tuple and get_args(hint)[1:] == (Ellipsis,):
        item = _kind("", get_args(hint)[0])
        return Table(item.keys, item.build, many=True) if isinstance(item, Table) else ListOf(item)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return Table(keys_of(hint), hint)
    raise TypeError(f"no kind for field {name!r} of type {hint!r}")


def _without_none(hint: Any) -> Any:
    """X for X | None: a missing key is the None."""
    if get_origin(hint) in {Union, types.UnionType}:
        rest = [arg for arg in get_args(hint) if arg is not types.NoneType]
        return rest[0] if len(rest) == 1 else hint
    return hint
