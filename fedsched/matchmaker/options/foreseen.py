"""Which classes will ask what another asks first: all of them are matched together, in columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

from fedsched.matchmaker.columns import UNKNOWN, Misses
from fedsched.matchmaker.match import Alike, Matching, Side, Sizes
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.options.fitting import Fitting
from fedsched.matchmaker.options.option import Numbers
from fedsched.matchmaker.resources import Resources

FEW = 8
"""So few pairs are judged one by one sooner."""
MOST = 1 << 18
"""Pairs that are laid out at once, for the memory that they take."""


_Kin: TypeAlias = dict[tuple[object, ...], dict[tuple[Side, int], DemandClass]]


class _Known:
    """Classes that cannot tell the same places apart.

    asked: kinds of places looked at. misses: how many clauses keep whom from there, firsts: which first; UNKNOWN where
    columns cannot tell.
    """

    def __init__(self, members: dict[tuple[Side, int], DemandClass], kinds: int) -> None:
        self.members = members
        self.rows = {member: row for row, member in enumerate(members)}
        self.asked = np.zeros(kinds, np.bool_)
        self.misses = np.full((len(members), kinds), UNKNOWN, np.int16)
        self.firsts = self.misses.copy()


class Foreseen:
    """What the classes of a round will ask of places."""

    def __init__(self, matching: Matching, fitting: Fitting, expected: Callable[[], Iterable[DemandClass]]) -> None:
        """`expected`: looked at when the first of them asks."""
        self._matching, self._fitting, self._expected = matching, fitting, expected
        self._kin_of_all: _Kin | None = None
        self._known: dict[tuple[tuple[object, ...], int], _Known] = {}

    @property
    def _kin(self) -> _Kin:
        if self._kin_of_all is None:
            self._kin_of_all = {}
            for demand in self._expected():
                if not demand.gate:
                    self._kin_of_all.setdefault(_kinship(demand), {})[self._member(demand)] = demand
        return self._kin_of_all

    def misses(self, demand: DemandClass, alike: Alike, kinds: Numbers) -> Misses:
        """What keeps the class from these kinds of places; what keeps its kin is found out with it."""
        kin, member = _kinship(demand), self._member(demand)
        if demand.gate or member not in self._kin.get(kin, {}):
            return Misses(*(np.full(len(kinds), UNKNOWN, np.int16) for _ in Misses._fields))
        known = self._known.get((kin, id(alike)))
        if known is None:
            known = self._known[kin, id(alike)] = self._who_reads_alike(kin, alike)
        todo = different(kinds[~known.asked[kinds]], known.asked.size)
        if len(todo) and len(known.members) >= FEW and known.asked.size * len(known.members) <= MOST:
            todo = np.flatnonzero(~known.asked)  # some of so many classes ask for all: they are laid out once
        if FEW <= len(todo) * len(known.members) <= MOST:
            self._find_out(alike, known, todo)
        row = known.rows[member]
        return Misses(known.misses[row, kinds], known.firsts[row, kinds])

    def _who_reads_alike(self, kin: tuple[object, ...], alike: Alike) -> _Known:
        some = {member: demand for member, demand in self._kin[kin].items() if self._alike(member[0], demand) is alike}
        return _Known(some, len(alike.samples))

    def _find_out(self, alike: Alike, known: _Known, todo: Numbers) -> None:
        sites = [self._matching.sites[alike.samples[kind]] for kind in todo.tolist()]
        amounts: dict[Resources, int] = {}
        there, numbers = np.array([site.number for site in sites]), []
        for one in known.members.values():
            fits = self._fitting.fits(one)
            of_fit = np.array([amounts.setdefault(fit.size, len(amounts)) for fit in fits.all], np.intp)
            numbers.append(of_fit[fits.of_place[there]])
        sides, sizes = [side for side, _ in known.members], Sizes(np.array(numbers, np.intp), list(amounts))
        known.misses[:, todo], known.firsts[:, todo] = self._matching.foresee(sides, sites, sizes)
        known.asked[todo] = True

    def _alike(self, side: Side, demand: DemandClass) -> Alike:
        fits = self._fitting.fits(demand)
        return self._matching.alike(side, fits.of_place, fits.key)

    def _member(self, demand: DemandClass) -> tuple[Side, int]:
        return self._matching.side(demand), self._fitting.packed(demand)


def _kinship(demand: DemandClass) -> tuple[object, ...]:
    return demand.requirements, frozenset(name for name, _ in demand.attributes)


def different(numbers: Numbers, most: int) -> Numbers:
    """Each of these numbers once, in order; all are less than `most`. Sooner than sorting them, for small ones."""
    there = np.zeros(most, np.bool_)
    there[numbers] = True
    return np.flatnonzero(there)
