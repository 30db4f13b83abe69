"""On which of a node group's nodes the next unit goes: where what is free is most alike to it in its proportions."""

from __future__ import annotations

from collections.abc import Iterable
from operator import mul
from typing import TypeAlias

from fedsched.matchmaker.resources import FIXED, UNBOUNDED, Resources, fits

PARTS = 2**16
"""Amounts are counted in so many parts of an empty node, rounded down: so cores and MiB can be compared."""
STEPS = 64
"""Likeness has so many steps: nodes that differ by less count as equal, and the fuller one is taken."""
WHOLE = (3, 4)
"""A node with this part of every resource free is whole: what a cluster runs on each of its nodes leaves it so."""


_Shape: TypeAlias = tuple[tuple[int, ...], int, bool]
"""Parts of an empty node by resource, the sum of their squares, and whether that is a whole node."""

Order: TypeAlias = tuple[bool, int, Resources]
"""Whether what is free is a whole node, less its likeness to what is asked for (of whole ones 0), and itself."""


class Shapes:
    """Likeness of free room to requests. node: what an empty node of the group has.

    Whichever resource runs out first on a node, what is left there of the others is lost; a unit that takes of each
    resource as much as the node has of it leaves the node's proportions as they were. Likeness is the squared cosine of
    the angle between request and free room, each resource in parts of an empty node, in whole steps (Panigrahy, Talwar,
    Uyeda, Wieder: Heuristics for Vector Bin Packing, 2011, whose dot product this is without the lengths). That alone
    would wear all nodes evenly; so whole nodes are begun one by one, when no other has room, and stay for large
    requests. In integers: equal wherever it is computed.
    """

    def __init__(self, node: Resources) -> None:
        self._node = tuple(amount or UNBOUNDED for _, amount in node.items())
        self._others = tuple(name for name, _ in node.other)
        self._whole = _most_of(node)
        self._known: dict[Resources, _Shape] = {}

    def best(self, bars: dict[Resources, int], size: Resources) -> Resources | None:
        """Of the bars that fit one that is not whole, most alike to `size`; of equal or whole ones that with least."""
        fitting = [free for free, nodes in bars.items() if nodes and fits(size, free)]
        if len(fitting) < 2:
            return fitting[0] if fitting else None
        return min(self.orders(fitting, size))[2]

    def orders(self, frees: Iterable[Resources], size: Resources) -> list[Order]:
        """Of bars that fit `size` the one with the lowest order is taken first; no two are equal."""
        known, found = self._known, list[Order]()
        asked, length, _ = known.get(size) or self._shape(size)
        for free in frees:
            parts, its, whole = known.get(free) or self._shape(free)
            alike = 0 if whole else STEPS * sum(map(mul, asked, parts)) ** 2 // (length * its or 1)
            found.append((whole, -alike, free))
        return found

    def _shape(self, amount: Resources) -> _Shape:
        """What is over-used counts as nothing. Written out: it is asked of each bar."""
        have: tuple[int, ...] = (amount.cpu_milli, amount.memory_mib, amount.disk_mib, amount.gpus, amount.pods)
        if self._others:
            have += tuple(amount.get(name) for name in self._others)
        parts = tuple([one * PARTS // whole if one > 0 else 0 for one, whole in zip(have, self._node, strict=True)])
        self._known[amount] = found = parts, sum(map(mul, parts, parts)), fits(self._whole, amount)
        return found


def _most_of(node: Resources) -> Resources:
    """The least that a whole node has free, rounded up: of one device the device."""
    least = {name: -(-amount * WHOLE[0] // WHOLE[1]) for name, amount in node.items()}
    fixed = {name: least.pop(name) for name in FIXED}
    return Resources(**fixed, other=tuple(least.items()))
