"""Where a startd may have room, and on which nodes ours stand, in columns: laid out when first somebody asks.

Before anybody has to go, what views list of nodes mostly says that there is no room. Who stands where is then not
looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.match import footprint
from fedsched.matchmaker.preempt.census import Census
from fedsched.matchmaker.preempt.land import Key, Land, Space
from fedsched.matchmaker.preempt.nodes import Amounts, Bars, Nodes, names_of, vector
from fedsched.matchmaker.resources import Resources

_NUMBER = itemgetter(0)


class _Laid(NamedTuple):
    """names: of all that is free or asked for where somebody asks. listed: nodes that ours may stand on."""

    names: tuple[str, ...]
    bars: Bars
    listed: Nodes


class Outlook:
    """Of all places by number, as the round begins and with what changed since.

    walked: of a member what was free at first on each node that takes pods and that ours stand on.
    """

    def __init__(
        self,
        places: Mapping[tuple[str, str], int],
        lands: Mapping[str, Land],
        census: Census,
        walked: Callable[[str], Sequence[Space]],
    ) -> None:
        self._places, self._lands, self._census, self._walked = places, lands, census, walked
        self._expected = np.ones(len(places), np.bool_)
        self._laid: _Laid | None = None
        self._nodes: Nodes | None = None
        self._changes: list[tuple[Key, int]] = []
        self._vectors: dict[Resources, Amounts | None] = {}
        self._beyond = False

    def expect(self, numbers: Iterable[NDArray[np.int64]]) -> None:
        """Options will be asked about at no other places than these. To be said before any is; it only saves time."""
        self._expected[:] = False
        for some in numbers:
            self._expected[some] = True

    def change(self, key: Key, amount: int) -> None:
        """So much more is left of ("node", member, node, resource)."""
        self._changes.append((key, amount))
        self._beyond = self._beyond or key[2] not in self._lands[key[1]].rooms
        if self._nodes is not None:
            self._nodes.change(key, amount)
        if self._laid is not None:
            self._laid.listed.change(key, amount)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rows of all columns."""
        return self._all.names

    @property
    def bars(self) -> Bars:
        """All nodes of places where somebody asks, as views count them."""
        return self._all.bars

    @property
    def nodes(self) -> Nodes:
        """Those that take pods and that ours stand on."""
        if self._nodes is None:
            self._nodes = self._laid_out({name: self._walked(name) for name in self._lands}, self.names)
        return self._nodes

    def open(self, need: Amounts) -> NDArray[np.bool_]:
        """Of every place whether a node there that ours stand on may have room now; none is left out.

        need: at each place. As long as none leaves a node that no view lists, those that views list are all that could.
        """
        nodes = self._all.listed if self._nodes is None and not self._beyond else self.nodes
        return nodes.open(need)

    def vector(self, size: Resources) -> Amounts | None:
        """A size as a column of what is needed; None where that is something that nobody has."""
        if size not in self._vectors:
            self._vectors[size] = vector(size, self.names)
            # a node that no view lists has nothing; that is enough for what needs nothing
            self._beyond = self._beyond or all(amount <= 0 for _, amount in size.items())
        return self._vectors[size]

    @property
    def _all(self) -> _Laid:
        if self._laid is None:
            each = [self._bars(*place) if self._expected[number] else () for place, number in self._places.items()]
            free = list(chain.from_iterable(each))
            listed = {name: self._listed(name, land) for name, land in self._lands.items()}
            names = names_of(chain(free, (one for some in listed.values() for _, _, one in some), self._extended()))
            numbers = np.repeat(np.arange(len(each)), np.array(list(map(len, each)), np.int64))
            self._laid = _Laid(names, Bars(numbers, free, names, len(each)), self._laid_out(listed, names))
        return self._laid

    def _bars(self, member: str, group: str) -> list[Resources]:
        return [bar.free for bar in self._lands[member].places[group].group.rooms if bar.nodes]

    def _listed(self, name: str, land: Land) -> Sequence[Space]:
        """Nodes that ours may stand on; where the owner waits for room only those that they do, with what is left."""
        if name not in self._census.by_member:
            return ()
        return self._walked(name) if land.view.site_pods else land.listed()

    def _laid_out(self, spaces: Mapping[str, Sequence[Space]], names: tuple[str, ...]) -> Nodes:
        """Nodes of each member, place after place."""
        places = self._places
        its = [
            (number, (member, node), free)
            for member, some in spaces.items()
            for node, group, free in some
            if (number := places.get((member, group))) is not None
        ]
        its.sort(key=_NUMBER)
        numbers = np.array([number for number, _, _ in its], np.int64)
        found = Nodes([where for _, where, _ in its], numbers, [free for _, _, free in its], names, len(places))
        for key, amount in self._changes:
            found.change(key, amount)
        return found

    def _extended(self) -> Iterable[Resources]:
        """What pods of ours ask for, where something of that is extended."""
        for stand in self._census.extended:
            land = self._lands.get(stand.held.placement.member)
            if land is not None:
                yield footprint(stand.held.placement, land.terms)
        for name, land in self._lands.items():
            if land.terms.pod_overhead.other:
                yield from (footprint(s.held.placement, land.terms) for s in self._census.by_member.get(name, ()))
