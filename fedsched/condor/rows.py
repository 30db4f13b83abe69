"""Rows of a grouped queue, and very many of them made few before anybody looks at their expressions (MA7)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from fedsched.condor.requests import DISK_STEP_MIB, KIB_PER_MIB, MEMORY_STEP_MIB
from fedsched.matchmaker.classad.gate import MAX_BYTES

MAX_TEXT = 2 << 20
"""Most characters of long texts that are parsed of one schedd's answer: some 2 s."""
LONG = 256
"""Longest text, in characters, that is not counted; those of most attributes are shorter."""
CAREFULLY = 2
"""Rows that are looked at one by one, as a multiple of `max_classes`."""

_OWNERS = ("accountinggroup", "acctgroup", "acctgroupuser", "user", "owner")
_STEPS = {"requestcpus": 1, "requestmemory": MEMORY_STEP_MIB, "requestdisk": DISK_STEP_MIB * KIB_PER_MIB}
_NUMBER = re.compile(r"[0-9]{1,15}")

Group: TypeAlias = tuple[object, ...]


class Row(NamedTuple):
    """Jobs alike in all attributes that were asked for.

    jobs: how many are idle. announced: how many are not materialised. ids: "1.0 ... 1.9", the lowest first.
    rows: how many rows this one stands for. owners: of how many owners; of more than one, none is charged.
    gate: why its expressions are not looked at, "" when they are.
    """

    jobs: int
    ids: str
    attributes: Mapping[str, str]
    announced: int = 0
    rows: int = 1
    owners: int = 1
    gate: str = ""


def few(rows: Iterable[Row], most: int, custom: Sequence[str]) -> list[Row]:
    """At most 2 * most + 1 rows: the largest as they are, the rest by owner and size, then by owner, then together.

    No job is lost, and the order of rows does not matter. custom: names of custom machine resources.
    """
    sizes = (*_STEPS, "requestgpus", *(f"request{name.lower()}" for name in custom))
    found = list(rows)
    if len(found) <= CAREFULLY * most:
        return found
    found = [Row(r.jobs, r.ids, {name.lower(): t for name, t in r.attributes.items()}, r.announced) for r in found]
    for group_of in (_size(sizes), _owner, _anybody):
        if len(found) > CAREFULLY * most:
            found = _grouped(found, CAREFULLY * most // 2, group_of, sizes)
    return found


def largest(rows: Iterable[Row], most: int) -> list[Row]:
    """The rows with the most jobs, so many as are looked at one by one; of several alike in that, by job id."""
    return readable(_by_jobs(rows)[: CAREFULLY * most])


def readable(rows: list[Row]) -> list[Row]:
    """The same rows; where their texts are too much to parse in all, the longest rows without their long texts.

    A text that stands in several rows counts once.
    """
    left = MAX_TEXT
    seen: set[str] = set()
    gates: dict[int, str] = {}
    for index in sorted(range(len(rows)), key=lambda i: (_long(rows[i]), rows[i].ids)):
        fresh = {text for text in rows[index].attributes.values() if LONG < len(text) <= MAX_BYTES} - seen
        seen |= fresh
        left -= sum(map(len, fresh))
        if left < 0:
            gates[index] = f"the schedd's expressions are more than {MAX_TEXT >> 10} KiB: the longest are left out"
    return [_shortened(row, gates[i]) if i in gates else row for i, row in enumerate(rows)]


def _long(row: Row) -> int:
    return sum(len(text) for text in row.attributes.values() if len(text) > LONG)


def _shortened(row: Row, why: str) -> Row:
    return row._replace(attributes={name: t for name, t in row.attributes.items() if len(t) <= LONG}, gate=why)


def _by_jobs(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row.jobs - row.announced, row.ids))


def _grouped(  # attributes are in lower case here
    rows: list[Row], keep: int, group_of: Callable[[Mapping[str, str]], Group], sizes: Sequence[str]
) -> list[Row]:
    ordered = _by_jobs(rows)
    groups: dict[Group, list[Row]] = {}
    for row in ordered[keep:]:
        groups.setdefault(group_of(row.attributes), []).append(row)
    return ordered[:keep] + [_together(group, sizes) for group in groups.values()]


def _together(group: list[Row], sizes: Sequence[str]) -> Row:
    """The first row for all, with the largest amount of each size."""
    first = group[0]
    if len(group) == 1:
        return first
    more = {name: text for name in sizes if (text := _most({row.attributes.get(name) for row in group}))}
    return Row(
        sum(row.jobs for row in group),
        first.ids,
        {**first.attributes, **more},
        sum(row.announced for row in group),
        sum(row.rows for row in group),
        len({_owner(row.attributes) for row in group}),
    )


def _most(texts: Iterable[str | None]) -> str:
    """The largest plain number; "" where there is none: then the first row's expression stays."""
    return max((text for text in texts if text and _NUMBER.fullmatch(text)), key=int, default="")


def _size(sizes: Sequence[str]) -> Callable[[Mapping[str, str]], Group]:
    def group_of(attributes: Mapping[str, str]) -> Group:
        return _owner(attributes), *(_rounded(name, attributes.get(name)) for name in sizes)

    return group_of


def _rounded(name: str, text: str | None) -> int | str | None:
    if text is None or not _NUMBER.fullmatch(text):
        return text
    return math.ceil(int(text) / _STEPS.get(name, 1))


def _owner(attributes: Mapping[str, str]) -> Group:
    return tuple(attributes.get(name) for name in _OWNERS)


def _anybody(_: Mapping[str, str]) -> Group:
    return ()
