"""Startds that may be asked for their room, by member and by node, the least loss first; not who may ask for them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt.candidates import Candidate

Least = tuple[bool, int]
"""What emptying a node costs at least: somebody is claimed, work lost."""
Spot = tuple[Least, str, str]
"""That, the member, and one of its nodes."""


class Yard:
    """What still stands, and every node with it in the order of what its cheapest victim loses."""

    def __init__(self, standing: Mapping[str, Sequence[Candidate]]) -> None:
        self._members = {member: list(some) for member, some in standing.items()}
        self._nodes: dict[tuple[str, str], list[Candidate]] = {}
        for member, some in self._members.items():
            for one in some:
                for node in one.nodes:
                    self._nodes.setdefault((member, node), []).append(one)
        self._young = {True: self._sorted(young=True), False: self._sorted(young=False)}

    def of_member(self, member: str) -> Sequence[Candidate]:
        """All of a member's, cheapest first."""
        return self._members.get(member, ())

    def on_node(self, member: str, node: str) -> Sequence[Candidate]:
        """Those on one node, cheapest first."""
        return self._nodes.get((member, node), ())

    def spots(self, *, young: bool) -> Iterator[Spot]:
        """Nodes with somebody on them, the least loss first; young: count those, too, that are still protected."""
        return iter(self._young[young])

    def remove(self, member: str, victim: Candidate) -> None:
        """It goes: it can be asked no more."""
        self._members[member][:] = [other for other in self._members[member] if other is not victim]
        for node in victim.nodes:
            self._leave((member, node), victim)

    def _leave(self, where: tuple[str, str], victim: Candidate) -> None:
        for young, spots in self._young.items():
            before = self._spot(where, young=young)
            if before is not None:
                del spots[bisect_left(spots, before)]
        self._nodes[where][:] = [other for other in self._nodes[where] if other is not victim]
        for young, spots in self._young.items():
            after = self._spot(where, young=young)
            if after is not None:
                insort(spots, after)

    def _sorted(self, *, young: bool) -> list[Spot]:
        found = (self._spot(where, young=young) for where in self._nodes)
        return sorted(spot for spot in found if spot is not None)

    def _spot(self, where: tuple[str, str], *, young: bool) -> Spot | None:
        first = next((one for one in self._nodes[where] if young or not one.young), None)
        return None if first is None else ((first.cost[0], first.lost), *where)


class Places(msgspec.Struct, frozen=True):
    """A class's options, best first, and their positions by member and node group.

    alike: equal for classes that ask for the same in the same places.
    """

    options: tuple[Option, ...]
    where: dict[tuple[str, str], tuple[int, ...]]
    alike: tuple[object, ...]

    @classmethod
    def of(cls, options: tuple[Option, ...]) -> Places:
        """The options with their positions."""
        where: dict[tuple[str, str], tuple[int, ...]] = {}
        for index, option in enumerate(options):
            key = (option.place.terms.name, option.place.group.name)
            where[key] = (*where.get(key, ()), index)
        sizes = tuple(option.size for option in options[:1])
        return cls(options, where, (*sizes, tuple((o.place.terms.name, o.place.group.name) for o in options)))
