"""Startds that may be asked for their room, by member and by node, the least loss first; not who may ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.candidates import Candidate
from fedsched.matchmaker.preempt.ground import Ground
from fedsched.matchmaker.preempt.nodes import NOWHERE, Amounts
from fedsched.matchmaker.preempt.picked import Picked
from fedsched.matchmaker.resources import Resources


class Yard:
    """What still stands, given cheapest first."""

    def __init__(self, some: Iterable[Candidate]) -> None:
        self._members: dict[str, list[Candidate]] = {}
        self._nodes: dict[tuple[str, str], list[Candidate]] = {}
        for one in some:
            member = one.stand.held.placement.member
            self._members.setdefault(member, []).append(one)
            for node in one.nodes:
                self._nodes.setdefault((member, node), []).append(one)

    def of_member(self, member: str) -> Sequence[Candidate]:
        """All of a member's, cheapest first."""
        return self._members.get(member, ())

    def on_node(self, member: str, node: str) -> Sequence[Candidate]:
        """Those on one node, cheapest first."""
        return self._nodes.get((member, node), ())

    def remove(self, member: str, victim: Candidate) -> None:
        """It goes: it can be asked no more."""
        for some in (self._members[member], *(self._nodes[member, node] for node in victim.nodes)):
            some[:] = [other for other in some if other is not victim]


class Places(msgspec.Struct, frozen=True):
    """A class's options, best first, with the number of each one's place.

    first: of each place the position of its best option. limited: positions where a limit of the member's own counts,
    too. need: at each place the least that one startd needs. roomy: places that have a node with room as the view shows
    it. alike: equal for classes that ask for the same in the same places.
    """

    options: Sequence[Option]
    numbers: NDArray[np.int64]
    first: NDArray[np.int64]
    limited: tuple[int, ...]
    need: Amounts
    roomy: NDArray[np.bool_]
    alike: tuple[object, ...]

    @classmethod
    def of(cls, options: Sequence[Option], ground: Ground) -> Places:
        """The options with their places."""
        numbers = numbers_of(options, ground)
        if isinstance(options, Picked):
            need = _need_at_once(options, ground)
        else:
            need = _need(options, numbers.tolist(), ground)
        limited = tuple(np.flatnonzero(ground.limited[numbers]).tolist())
        first = np.full(len(ground.places), len(options), np.int64)
        which, positions = np.unique(numbers, return_index=True)
        first[which] = positions
        alike = [(option.size, option.place.jobs) for option in options[:1]]
        return cls(options, numbers, first, limited, need, ground.outlook.bars.open(need), (*alike, numbers.tobytes()))

    def open(self, ground: Ground) -> list[int]:
        """Positions of options that may have room now, best first; whether one has is asked of ground."""
        places = self.roomy | ground.outlook.open(self.need)
        found: list[int] = np.flatnonzero(places[self.numbers]).tolist()
        return found

    def at(self, number: int) -> list[int]:
        """Positions of the options at that place, best first."""
        found: list[int] = np.flatnonzero(self.numbers == number).tolist()
        return found


def numbers_of(options: Sequence[Option], ground: Ground) -> NDArray[np.int64]:
    """Of each the number of its place."""
    if isinstance(options, Picked):
        return ground.number_of[options.places]
    keys = [(option.place.terms.name, option.place.group.name) for option in options]
    return np.array([ground.places[key] for key in keys], np.int64)


def _need_at_once(options: Picked, ground: Ground) -> Amounts:
    """As `_need`, of kinds of options."""
    least = np.full((len(ground.outlook.names), len(ground.places)), NOWHERE, np.int64)
    for option, positions in options.alike:
        places = ground.number_of[options.places[positions]]
        for number, overhead in enumerate(ground.overheads):
            its = places[ground.overhead_at[places] == number] if len(ground.overheads) > 1 else places
            need = ground.outlook.vector(option.size + overhead)
            if need is not None:
                least[:, its] = np.minimum(least.take(its, axis=1), need[:, np.newaxis])
    return least


def _need(options: Sequence[Option], places: Sequence[int], ground: Ground) -> Amounts:
    """At each place the least of each resource that a startd of one of the options needs there."""
    least = np.full((len(ground.outlook.names), len(ground.places)), NOWHERE, np.int64)
    alike: dict[tuple[Resources, Resources], list[int]] = {}
    for option, place in zip(options, places, strict=True):
        alike.setdefault((option.size, option.place.terms.pod_overhead), []).append(place)
    for (size, overhead), its in alike.items():
        need = ground.outlook.vector(size + overhead)
        if need is not None:
            least[:, its] = np.minimum(least.take(its, axis=1), need[:, np.newaxis])
    return least
