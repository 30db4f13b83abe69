"""Which nodes can have room at all if those on them go, and at what cost at least: all nodes at once (PR4).

It leaves out only what `victims` would find nothing on; who goes from a node, and by which rule, is judged there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.match import footprint
from fedsched.matchmaker.model import MemberTerms, Placement
from fedsched.matchmaker.preempt.candidates import Candidate
from fedsched.matchmaker.preempt.nodes import Nodes, bounded, columns
from fedsched.matchmaker.preempt.yard import Places
from fedsched.matchmaker.preempt.yielders import Judged, Losses
from fedsched.matchmaker.resources import Resources

Spot = tuple[bool, int, int, int]
"""What emptying a node costs at least: somebody is claimed, work lost; the place's best option; the node's number."""


class Sieve:
    """Startds, given cheapest first, laid out node after node with what each gives back there."""

    def __init__(self, nodes: Nodes, some: Sequence[Candidate], terms: Mapping[str, MemberTerms]) -> None:
        self._nodes = nodes
        self._number = {one.id: number for number, one in enumerate(some)}
        young = np.array([one.young > 0 for one in some], np.bool_)
        self._claimed = np.array([one.cost[0] for one in some], np.bool_)
        self._lost = np.array([bounded(one.lost) for one in some], np.int64)
        kinds: dict[Losses, int] = {}
        self._kinds = [kinds.setdefault(one.losses, len(kinds)) for one in some]
        kind = np.array(self._kinds, np.int64)
        self.kinds = tuple(kinds)
        pairs = [
            (column, number, (one.stand.held.placement, pods))
            for number, one in enumerate(some)
            for node, pods in one.nodes.items()
            if (column := nodes.column(one.stand.held.placement.member, node)) is not None
        ]
        columns = np.array([column for column, _, _ in pairs], np.int64)
        order = np.argsort(columns, kind="stable")
        self._column = columns[order]
        self._who = np.array([number for _, number, _ in pairs], np.int64)[order]
        self._kind, self._old = kind[self._who], ~young[self._who]
        self._stands = np.ones(len(pairs), np.bool_)
        self._gives = _gives([what for _, _, what in pairs], nodes.names, terms)[:, order]

    def kind(self, one: Candidate) -> int:
        """The number of its kind of losses."""
        return self._kinds[self._number[one.id]]

    def remove(self, victim: Candidate) -> None:
        """It goes: it gives back nothing more."""
        self._stands[self._who == self._number[victim.id]] = False

    def spots(self, places: Places, kinds: tuple[Judged, Judged], members: Judged, *, young: bool) -> list[Spot]:
        """Nodes where enough comes back when all go who may be asked, the least loss first.

        kinds: of each kind of losses whether such a startd may be asked, and whether it could go
        alone; one at least of those on a node must. members: of each node whether its member is looked at. young: count
        those, too, that are still protected.

        A set that makes room is part of those on the node up to its dearest: the shortest beginning that makes room
        ends with somebody who is not dearer.
        """
        if not self.kinds:
            return []
        may, alone = kinds
        goes = self._stands & may[self._kind]
        if not young:
            goes &= self._old
        asked = members & (places.first < len(places.options))[self._nodes.place_of]
        some = np.flatnonzero(goes & asked[self._column])
        asked &= np.bincount(self._column[some[alone[self._kind[some]]]], minlength=len(asked)) > 0
        pairs = some[asked[self._column[some]]]
        if not len(pairs):
            return []
        columns = self._column[pairs]
        sums = np.cumsum(self._gives.take(pairs, axis=1), axis=1)
        first = np.flatnonzero(np.diff(columns, prepend=-1))
        before = np.where(first > 0, sums.take(first - 1, axis=1), 0)
        left = self._nodes.left.take(columns[first], axis=1) - before
        sums += np.repeat(left, np.diff(first, append=len(pairs)), axis=1)
        fits = np.flatnonzero((sums >= places.need.take(self._nodes.place_of[columns], axis=1)).all(axis=0))
        shortest = fits[np.flatnonzero(np.diff(columns[fits], prepend=-1))]
        last, columns = self._who[pairs[shortest]], columns[shortest]
        found = (self._claimed[last], self._lost[last], places.first[self._nodes.place_of[columns]], columns)
        order = np.lexsort(found[::-1])
        return list(zip(*(column[order].tolist() for column in found), strict=True))


def _gives(
    pods: Iterable[tuple[Placement, int]], names: tuple[str, ...], terms: Mapping[str, MemberTerms]
) -> NDArray[np.int64]:
    """What so many pods of each placement have of each resource; many are alike."""
    alike: dict[tuple[Resources, bool, str, int], int] = {}
    found: list[Resources] = []
    which = []
    for placement, count in pods:
        key = (placement.size, placement.form == "job", placement.member, count)
        if key not in alike:
            alike[key] = len(found)
            found.append(footprint(placement, terms[placement.member]).times(count))
        which.append(alike[key])
    return columns(found, names)[:, which]
