"""What a round asks of all that stands, found in one walk: thousands stand, and few of them are anything special."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources


class Census(NamedTuple):
    """All by member; those that are told to go or are not written yet, as no other moves anything; all their sizes.

    extended: those that ask for something beside the fixed resources. empty: those that have no pod at all.
    """

    by_member: Mapping[str, Sequence[Standing]]
    moving: Sequence[Standing]
    sizes: frozenset[Resources]
    extended: Sequence[Standing]
    empty: Sequence[Standing]


def census(standing: Iterable[Standing]) -> Census:
    """Of these, in the order in which they are given."""
    by_member: defaultdict[str, list[Standing]] = defaultdict(list)
    moving, extended, empty, sizes = list[Standing](), list[Standing](), list[Standing](), set[Resources]()
    for stand in standing:
        held = stand.held
        placement = held.placement
        by_member[placement.member].append(stand)
        sizes.add(placement.size)
        if held.wanted != "run" or held.phase == "intended" or held.yields_to:
            moving.append(stand)
        if placement.size.other:
            extended.append(stand)
        if held.nodes <= 0:
            empty.append(stand)
    return Census(by_member, moving, frozenset(sizes), extended, empty)
