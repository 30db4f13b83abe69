"""Which places are shut to every startd, whatever it asks for; what depends on what it asks for is booking's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.match import Place
from fedsched.matchmaker.reasons import Cause, Reason

DEPENDS = -1


class Fixed(NamedTuple):
    """Of each place how many things keep every startd from there besides room, and the first of them.

    DEPENDS where that is another for each size, or a node may still come.
    """

    counts: NDArray[np.int64]
    firsts: list[Reason | None]


class Doors:
    """Of all places of a round, by number. said: all that keeps a startd from a place that asks for nothing."""

    def __init__(self, places: Sequence[Place], said: Callable[[Place], Iterable[Reason]]) -> None:
        self._places, self._said = places, said
        self.depends = [_depends(place) for place in places]
        self.changes = [0] * len(self.depends)
        """How often something was booked that may change what is said of a place, its room apart."""
        self._shut = np.zeros(len(places), np.bool_)
        self._firsts: dict[int, Reason | None] = {}
        self._fixed: Fixed | None = None
        self._of_member: dict[str, list[int]] = {}
        for number, place in enumerate(places):
            self._of_member.setdefault(place.terms.name, []).append(number)
        self._depending = {
            name: [number for number in numbers if self.depends[number]] for name, numbers in self._of_member.items()
        }
        self._changed = set(self._of_member)

    def change(self, member: str, *, shuts: bool) -> None:
        """Something was booked there. shuts: it may keep every startd from there that comes after it.

        Else what was said stays true where it depends on no size.
        """
        if shuts:
            self._fixed = None
        numbers = self._of_member[member] if shuts else self._depending[member]
        if numbers:
            self._changed.add(member)
        for number in numbers:
            self._firsts.pop(number, None)
            self.changes[number] += 1

    def first(self, number: int) -> Cause | None:
        """What keeps every startd from that place now; None where nothing does."""
        if number not in self._firsts:
            self._firsts[number] = next(iter(self._said(self._places[number])), None)
        reason = self._firsts[number]
        return reason.cause if reason is not None else None

    def shut(self) -> NDArray[np.bool_]:
        """Of every place whether no startd may start there, whatever its size: so it stays until the round ends."""
        for name in sorted(self._changed):
            for number in self._of_member[name]:
                self._shut[number] = self._shut[number] or self.first(number) is not None
        self._changed.clear()
        return self._shut

    def fixed(self) -> Fixed:
        """What keeps every startd from each place, whatever its size, besides room.

        Asked for many sizes in a row; it changes when something is booked.
        """
        if self._fixed is None:
            which = zip(self._places, self.depends, strict=True)
            said = [None if depends else tuple(self._said(place)) for place, depends in which]
            counts = np.array([DEPENDS if one is None else len(one) for one in said], np.int64)
            self._fixed = Fixed(counts, [one[0] if one else None for one in said])
        return self._fixed


def _depends(place: Place) -> bool:
    """Whether something there depends on what a startd asks for, or a node may still come."""
    terms, kept_free = place.terms, dict(place.terms.leave_free)
    by_size = terms.ceiling_names or place.view.quotas or terms.mode == "trial" or place.memory.refusals
    grows = place.group.can_grow_to > place.group.nodes
    return bool(by_size) or grows or place.group.name in kept_free or "*" in kept_free
