"""Tables derived from the structs that they fill, so that a new field of a struct is a key of its file at once."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from fedsched.config.kinds import (
    Amounts,
    Duration,
    FilePath,
    Flag,
    Free,
    Instant,
    Kind,
    ListOf,
    Number,
    Pairs,
    Quantity,
    Text,
)
from fedsched.config.problems import WrongError
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
    tuple[tuple[str, float], ...]: Pairs(Number()),
}
_NAMES = "_names"


class Build(msgspec.Struct, frozen=True):
    """Fills a struct from the keys of its table: amounts are parted into the vector and the names beside it."""

    struct: type[msgspec.Struct]
    named: tuple[str, ...] = ()

    def __call__(self, **fields: Any) -> Any:
        """The struct."""
        for name in self.named:
            if name in fields:
                fields[name], fields[name + _NAMES] = fields[name]
        return self.struct(**fields)


def table_of(
    struct: type[msgspec.Struct],
    *,
    kinds: Mapping[str, Kind | Table] = types.MappingProxyType({}),
    rename: Mapping[str, str] = types.MappingProxyType({}),
    many: bool = False,
    title: str = "",
) -> Table:
    """The table that fills a struct; see keys_of for `kinds` and `rename`, Table for `many`.

    title: the field that stands in the header of each table, as in [group."physics.hep"], rather than in a key.
    """
    keys = keys_of(struct, kinds=kinds, rename=rename)
    titles = [key for key in keys if key.field == title]
    rest = tuple(key for key in keys if key.field != title)
    return Table(rest, Build(struct, _named(struct)), many=many, title=titles[0] if titles else None)


def keys_of(
    struct: type[msgspec.Struct],
    *,
    skip: frozenset[str] = frozenset(),
    kinds: Mapping[str, Kind | Table] = types.MappingProxyType({}),
    rename: Mapping[str, str] = types.MappingProxyType({}),
) -> tuple[Key, ...]:
    """One key for each field: `kinds` overrides what its type says, `rename` maps a field to another key.

    A field whose name ends in "_s" is a duration, one in "_at" a date. A vector with a field "…_names" beside it is
    one key: the names are those that stand in its table. Raises TypeError for a type without a kind: our mistake.
    """
    return tuple(_keys(struct, skip, kinds, rename))


def _keys(
    struct: type[msgspec.Struct],
    skip: frozenset[str],
    kinds: Mapping[str, Kind | Table],
    rename: Mapping[str, str],
) -> Iterator[Key]:
    hints = get_type_hints(struct)
    named = _named(struct)
    skip |= {name + _NAMES for name in named}
    for field in msgspec.structs.fields(struct):
        if field.name not in skip:
            derived = Amounts() if field.name in named else None
            kind = kinds.get(field.name) or derived or _kind(field.name, hints[field.name])
            name = rename.get(field.name, field.name)
            yield Key(name, kind, field.name, field.required, _default(kind, field.default))


def _default(kind: Kind | Table, default: Any) -> str | float | bool | None:
    """A field's default where the file could say the same."""
    if isinstance(kind, Table) or not isinstance(default, str | int | float):
        return None
    try:
        return default if kind.read(default) == default else None
    except WrongError:
        return None


def _named(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields that have a field of the same name with "_names" beside them."""
    fields = set(struct.__struct_fields__)
    return tuple(name for name in struct.__struct_fields__ if name + _NAMES in fields)


def _kind(name: str, hint: Any) -> Kind | Table:
    hint = _without_none(hint)
    if name.endswith("_s") and hint in {int, float} and not name.endswith("per_s"):
        return Duration(whole=hint is int)
    if name.endswith("_at") and hint is float:
        return Instant()
    if hint in _PLAIN:
        return _PLAIN[hint]
    if get_origin(hint) is Literal:
        return Text(choices=get_args(hint))
    if get_origin(hint) is tuple and get_args(hint)[1:] == (Ellipsis,):
        item = _kind("", get_args(hint)[0])
        return msgspec.structs.replace(item, many=True) if isinstance(item, Table) else ListOf(item)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return table_of(hint)
    raise TypeError(f"no kind for field {name!r} of type {hint!r}")


def _without_none(hint: Any) -> Any:
    """X for X | None: a missing key is the None."""
    if get_origin(hint) in {Union, types.UnionType}:
        rest = [arg for arg in get_args(hint) if arg is not types.NoneType]
        return rest[0] if len(rest) == 1 else hint
    return hint
