"""Calm startds by class, and what keeps them from any further job: most of thousands, asked after once per class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.reconcile import Again


class Group(NamedTuple):
    """Calm startds that were made for one class.

    cores: what the emptiest of them has free, in thousandths. claimed_at: when the last claim of theirs began; until:
    when the first of them expires (epoch seconds).
    """

    ids: frozenset[str]
    cores: int
    claimed_at: float
    until: float


Groups = dict[str, Group]
"""By class key."""


def grouped(again: Again, quiet: frozenset[str], before: Mapping[str, Group], was: Again) -> Groups:
    """The calm startds of this look. before: those of the last look, which were `was`; quiet: who still is as then."""
    groups, changed = dict(before), dict[str, tuple[set[str], set[str]]]()
    for name in was.keys() - quiet:
        changed.setdefault(was[name].held.placement.class_key, (set(), set()))[0].add(name)
    for name in again.keys() - quiet:
        changed.setdefault(again[name].held.placement.class_key, (set(), set()))[1].add(name)
    for key, (left, new) in changed.items():
        known = groups.pop(key, None)
        ids = frozenset((known.ids - left if known else frozenset()) | new)
        if ids:
            groups[key] = _group(ids, again)
    return groups


def _group(ids: frozenset[str], again: Again) -> Group:
    stands = [again[name] for name in ids]
    slots = [slot for stand in stands for slot in stand.slots]
    return Group(
        ids,
        max(slot.free.cpu_milli for slot in slots),
        max(claim.since for slot in slots for claim in slot.claims),
        min(stand.held.placement.expires_at for stand in stands),
    )


def taking_nothing(
    groups: Mapping[str, Group], classes: Mapping[str, DemandClass], since: Mapping[str, float]
) -> frozenset[str]:
    """Ids of those that have no core for one more job of their class, and got none lately.

    since: by schedd, from when on a claim may be of a job that it still counts as idle, epoch seconds.
    """
    found: list[frozenset[str]] = []
    for key, group in groups.items():
        one = classes.get(key)
        if one is None or not group.cores < one.request.cpu_milli > 0:
            continue
        if one.schedd in since and group.claimed_at < since[one.schedd]:
            found.append(group.ids)
    return frozenset().union(*found)
