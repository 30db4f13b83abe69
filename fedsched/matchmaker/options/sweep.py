"""What rules one class out, asked of many places at once; which of them comes first is the table's business."""

from __future__ import annotations

from typing import NamedTuple

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


class Found(NamedTuple):
    """What one sweep found out, of startds of which sizes, and nothing that it found it with: see there."""

    fits: Fits
    limits: Numbers
    misses: Numbers
    firsts: Numbers
    told: dict[int, Clause | None]


class Sweep:
    """One class against the places of a round; places that are alike to it are judged once, when one is asked for.

    limits: of each place how many things rule the class out there besides expressions. misses: of each kind of places
    how many clauses do, UNKNOWN where nobody asked; firsts: which of the job's does first, where that was found out;
    told: what is said of that one, where it was asked. known: the round before found out much of it.
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
        self._fits = fits = fitting.fits(demand)
        before = before if before is not None and before.fits is fits else None
        self._alike = matching.alike(self._side, fits.of_place, fits.key)
        self.limits: Numbers = self._limited() if before is None else before.limits
        unknown = np.full(len(self._alike.samples), UNKNOWN, np.int64)
        self.misses: Numbers = unknown if before is None else before.misses
        self.firsts: Numbers = unknown.copy() if before is None else before.firsts
        self.told: dict[int, Clause | None] = {} if before is None else before.told
        self._open: NDArray[np.bool_] | None = None
        self.known = before is not None

    def _limited(self) -> Numbers:
        demand, fitting = self._demand, self._fitting
        limits: Numbers = fitting.passed(demand) + fitting.refusals(demand) + bool(demand.gate)
        return limits

    @property
    def found(self) -> Found:
        """What it found out, and will."""
        return Found(self._fits, self.limits, self.misses, self.firsts, self.told)

    @property
    def timeless(self) -> bool:
        """Whether what was found out holds at any time."""
        return self._side.timeless

    def open(self, numbers: Numbers) -> Numbers:
        """Those of the places where the class could run, in the same order."""
        if self._open is None and len(numbers) > FEW:
            everywhere = np.flatnonzero(self.limits == 0)
            self._open = np.zeros(len(self.limits), np.bool_)
            self._open[everywhere] = self._missed(everywhere) == 0
        if self._open is None:
            allowed: Numbers = numbers[self.limits[numbers] == 0]
            some: Numbers = allowed[self._missed(allowed) == 0]
            return some
        found: Numbers = numbers[self._open[numbers]]
        return found

    def nearest(self, numbers: Numbers) -> Numbers:
        """The places by how many things rule the class out there; of equals where least is lacking, then by number."""
        counts = self.limits[numbers] + self._missed(numbers)
        return numbers[np.lexsort((numbers, self._fitting.lacking(self._demand)[numbers], counts))]

    def _missed(self, numbers: Numbers) -> Numbers:
        """How many clauses keep a startd there from matching."""
        kinds = self._alike.kinds[numbers]
        misses = self.misses[kinds]
        if misses.size and misses.min() == UNKNOWN:
            unknown = different(kinds[misses == UNKNOWN], len(self.misses))
            self.misses[unknown], self.firsts[unknown] = self._foreseen.misses(self._demand, self._alike, unknown)
            for kind in unknown[self.misses[unknown] == UNKNOWN].tolist():
                site: Site = self._matching.sites[self._alike.samples[kind]]
                size = self._fitting.fit(self._demand, site).size
                self.misses[kind] = self._matching.misses(self._side, site, size)
            misses = self.misses[kinds]
        return misses

    def kinds(self, numbers: Numbers) -> Numbers:
        """Equal for places where expressions alone rule the class out, and for the same reasons; less than 0 elsewhere.

        Less than 0 as well where only the gate or a limit does, each place for itself.
        """
        alone = self.limits[numbers] == 0
        return np.where(alone, self._alike.kinds[numbers], -1)


def readable(demand: DemandClass) -> DemandClass:
    """The class without what the gate refused, which is not evaluated; what members require of it is."""
    return msgspec.structs.replace(demand, requirements="") if demand.gate else demand
