"""What rules one class out, asked of many places at once; which of them comes first is the table's business."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.classad import Clause
from fedsched.matchmaker.columns import UNKNOWN
from fedsched.matchmaker.match import Matching, Site
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.options.fitting import Fits, Fitting
from fedsched.matchmaker.options.foreseen import Foreseen, different
from fedsched.matchmaker.options.option import Numbers

FEW = 100
"""Of more places than this all are asked at once."""


class Said(NamedTuple):
    """What members say where a class can run on none of their places, of each member by number.

    nearest: number of the place that says it, UNTOLD where nobody asked. words: what it says, None where it was not
    said yet or may be said otherwise another time; seen: when its slots had been seen then, see `seen_at`.
    """

    nearest: Numbers
    words: NDArray[Any]
    seen: NDArray[np.float64]


UNTOLD = -1


class Found(msgspec.Struct):
    """What one sweep found out, of startds of which sizes, and nothing that it found it with: it may be kept.

    limits: of each place how many things rule the class out there besides expressions. misses: of each kind of places
    how many clauses do, UNKNOWN where nobody asked; firsts: which of the job's does first, where that was found out;
    told: what is said of that one, where it was asked. open: of each place whether the class could run there, None
    until all were asked; key: the same as bytes; anywhere: whether it could somewhere. said: what members say where it
    can run on none of their places.
    """

    fits: Fits
    limits: Numbers
    misses: Numbers
    firsts: Numbers
    told: dict[int, Clause | None] = msgspec.field(default_factory=dict)
    open: NDArray[np.bool_] | None = None
    anywhere: bool = False
    key: bytes = b""
    said: Said | None = None


class Sweep:
    """One class against the places of a round; places that are alike to it are judged once, when one is asked for.

    found: what came out so far. known: the round before found out much of it.
    """

    def __init__(
        self,
        demand: DemandClass,
        matching: Matching,
        fitting: Fitting,
        foreseen: Foreseen,
        before: Found | None = None,
    ) -> None:
        """`before`: of the same kind of class against places that say the same; of other sizes it is of no use."""
        self._demand, self._matching, self._fitting, self._foreseen = demand, matching, fitting, foreseen
        self._side = matching.side(readable(demand))
        fits = fitting.fits(demand)
        self._alike = matching.alike(self._side, fits.of_place, fits.key)
        self.known = before is not None and before.fits is fits
        self.found = before if before is not None and self.known else self._nothing(fits)

    def _nothing(self, fits: Fits) -> Found:
        demand, fitting = self._demand, self._fitting
        limits: Numbers = fitting.passed(demand) + fitting.refusals(demand) + bool(demand.gate)
        unknown = np.full(len(self._alike.samples), UNKNOWN, np.int64)
        return Found(fits, limits, unknown, unknown.copy())

    @property
    def timeless(self) -> bool:
        """Whether what was found out holds at any time."""
        return self._side.timeless

    def open(self, numbers: Numbers) -> Numbers:
        """Those of the places where the class could run, in the same order."""
        found = self.found
        if found.open is None and len(numbers) > FEW:
            everywhere = np.flatnonzero(found.limits == 0)
            open_ = np.zeros(len(found.limits), np.bool_)
            open_[everywhere] = self._missed(everywhere) == 0
            found.open, found.anywhere, found.key = open_, bool(open_.any()), open_.tobytes()
        if found.open is None:
            allowed: Numbers = numbers[found.limits[numbers] == 0]
            some: Numbers = allowed[self._missed(allowed) == 0]
            return some
        those: Numbers = numbers[found.open[numbers]]
        return those

    def nearest(self, numbers: Numbers) -> Numbers:
        """The places by how many things rule the class out there; of equals where least is lacking, then by number."""
        counts = self.found.limits[numbers] + self._missed(numbers)
        return numbers[np.lexsort((numbers, self._fitting.lacking(self._demand)[numbers], counts))]

    def _missed(self, numbers: Numbers) -> Numbers:
        """How many clauses keep a startd there from matching."""
        found, kinds = self.found, self._alike.kinds[numbers]
        misses = found.misses[kinds]
        if misses.size and misses.min() == UNKNOWN:
            unknown = different(kinds[misses == UNKNOWN], len(found.misses))
            found.misses[unknown], found.firsts[unknown] = self._foreseen.misses(self._demand, self._alike, unknown)
            for kind in unknown[found.misses[unknown] == UNKNOWN].tolist():
                site: Site = self._matching.sites[self._alike.samples[kind]]
                size = self._fitting.fit(self._demand, site).size
                found.misses[kind] = self._matching.misses(self._side, site, size)
            misses = found.misses[kinds]
        return misses

    def kinds(self, numbers: Numbers) -> Numbers:
        """Equal for places where expressions alone rule the class out, and for the same reasons; less than 0 elsewhere.

        Less than 0 as well where only the gate or a limit does, each place for itself.
        """
        alone = self.found.limits[numbers] == 0
        return np.where(alone, self._alike.kinds[numbers], -1)


def readable(demand: DemandClass) -> DemandClass:
    """The class without what the gate refused, which is not evaluated; what members require of it is."""
    return msgspec.structs.replace(demand, requirements="") if demand.gate else demand
