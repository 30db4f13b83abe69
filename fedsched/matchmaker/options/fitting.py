"""What sizes and members' terms say to classes: answers that many classes and places share; no expressions here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.match import (
    Place,
    Site,
    barred_by_limits,
    form_for,
    lacks,
    packed,
    refused_by_terms,
    single,
    size_for,
)
from fedsched.matchmaker.model import DemandClass, Policy
from fedsched.matchmaker.options.packing import Packing
from fedsched.matchmaker.resources import Resources


class Fit(NamedTuple):
    """A startd for a class on nodes of one shape: its size, the jobs it holds, and what rules it out.

    short: (resource, needed, had) where an empty node has too little. barred: how many bounds of LimitRanges it passes.
    """

    size: Resources
    units: int
    short: tuple[tuple[str, int, int], ...]
    barred: int

    @property
    def passed(self) -> int:
        """How many limits stand in the way; 0 where an empty node takes it."""
        return len(self.short) + self.barred


class Fits(NamedTuple):
    """Startds for one request: the different ones, and of every place which of them; as bytes, to look things up by.

    sorts: of every place a number, equal where startds are alike in form, size and units; uniform: the size of all
    where they are, on one node each; None elsewhere.
    """

    all: tuple[Fit, ...]
    of_place: NDArray[np.int64]
    key: bytes
    sorts: NDArray[np.int64]
    uniform: Resources | None


class Fitting:
    """The answers of one round."""

    def __init__(self, sites: tuple[Site, ...], policy: Policy) -> None:
        self._policy = policy
        self._sites = sites
        self._shapes = np.array(_numbered(_shape(site.place) for site in sites), np.int64)
        self._by_shape = _parted(self._shapes)
        self._packing = Packing([site.place for site in sites]) if policy.startds.pack_cpu_milli > 0 else None
        self._kinds = _numbered(_kind(site.place) for site in sites)
        self._of_kind = np.array(self._kinds, np.int64)
        self._one_of_each = tuple(dict(zip(self._kinds, sites, strict=True)).values())
        self._fits: dict[tuple[Resources, int], Fits] = {}
        self._measures: dict[tuple[Resources, int, bytes], Fits] = {}
        self._measures_before: dict[tuple[Resources, int, bytes], Fits] = {}
        self._refusals: dict[tuple[object, ...], dict[int, int]] = {}
        self._asked: DemandClass | None = None
        self._its_fits: Fits
        self._its_refusals: dict[int, int] = {}

    def renewed(self, sites: tuple[Site, ...]) -> Fitting:
        """The same for places that differ in room alone, none of them for DaemonSets.

        What a startd needs there stays for as long as somebody asks, and is looked up by how many jobs it holds now.
        """
        after = object.__new__(Fitting)
        after.__dict__.update(self.__dict__)
        after._sites, after._fits, after._asked = sites, {}, None
        after._measures, after._measures_before = {}, self._measures
        after._packing = None if self._packing is None else self._packing.renewed([site.place for site in sites])
        return after

    @property
    def kept(self) -> int:
        """How many answers are kept."""
        return max(len(self._fits), len(self._measures), len(self._refusals))

    def fits(self, demand: DemandClass) -> Fits:
        """Startds for the class everywhere."""
        if demand is not self._asked:
            self._turn_to(demand)
        return self._its_fits

    def fit(self, demand: DemandClass, site: Site) -> Fit:
        """A startd for the class there."""
        found = self.fits(demand)
        return found.all[int(found.of_place[site.number])]

    def refused(self, demand: DemandClass, site: Site) -> int:
        """How many of the member's terms refuse the class."""
        if demand is not self._asked:
            self._turn_to(demand)
        kind = self._kinds[site.number]
        found = self._its_refusals.get(kind)
        if found is None:
            found = self._its_refusals[kind] = sum(1 for _ in refused_by_terms(demand, site.place))
        return found

    def passed(self, demand: DemandClass) -> NDArray[np.int64]:
        """Of every place how many limits stand in the way there."""
        found = self.fits(demand)
        return np.array([fit.passed for fit in found.all], np.int64)[found.of_place]

    def lacking(self, demand: DemandClass) -> NDArray[np.float64]:
        """Of every place the part of a request that an empty node lacks at most."""
        found = self.fits(demand)
        lacks = [max((1 - had / needed for _, needed, had in fit.short), default=0.0) for fit in found.all]
        return np.array(lacks, np.float64)[found.of_place]

    def refusals(self, demand: DemandClass) -> NDArray[np.int64]:
        """Of every place how many of the member's terms refuse the class."""
        return np.array([self.refused(demand, site) for site in self._one_of_each], np.int64)[self._of_kind]

    def _turn_to(self, demand: DemandClass) -> None:
        """One class is asked about many places in a row: what depends on it is looked up once."""
        self._asked = demand
        key = (demand.request, self.packed(demand))
        if key not in self._fits:
            self._fits[key] = self._measured(demand)
        self._its_fits = self._fits[key]
        who: tuple[object, ...] = (demand.pool, demand.principal, demand.image, known_length(demand))
        who = (*who, demand.job, demand.request) if demand.job is not None else who
        self._its_refusals = self._refusals.setdefault(who, {})

    def packed(self, demand: DemandClass) -> int:
        """Jobs that a startd of the class should hold."""
        return packed(demand, self._policy)

    def _measured(self, demand: DemandClass) -> Fits:
        """At one place for all where nodes have the same shape, and as many jobs fit into one startd."""
        wanted, units = self.packed(demand), None
        if self._packing is not None and wanted > 1 and demand.job is None:
            units = self._packing.units(demand.request, wanted)
        key = demand.request, wanted, b"" if units is None else units.tobytes()
        found = self._measures.get(key) or self._measures_before.get(key)
        if found is None:
            found = self._anew(
                demand, self._by_shape if units is None else _parted(self._shapes * (wanted + 1) + units)
            )
        self._measures[key] = found
        return found

    def _anew(self, demand: DemandClass, parts: _Parts) -> Fits:
        places = [self._sites[number].place for number in parts.samples]
        fits = tuple(self._measure(demand, place) for place in places)
        alike = _numbered((form_for(place), fit.size, fit.units) for place, fit in zip(places, fits, strict=True))
        same = places and not any(alike) and form_for(places[0]) == "startd-job"
        sorts = np.array(alike, np.int64)[parts.of_place]
        return Fits(fits, parts.of_place, parts.key, sorts, fits[0].size if same else None)

    def _measure(self, demand: DemandClass, place: Place) -> Fit:
        form = form_for(place) or "startd-job"
        fit = _fit(*size_for(demand, place, form, self._policy), place)
        if fit.passed and fit.units > 1 and form == "startd-job":
            return _fit(single(demand.request), 1, place)  # several in one may be more than is admitted, one not
        return fit


class _Parts(NamedTuple):
    """Places in parts: the number of one place of each part, of every place its part, and that as bytes."""

    samples: list[int]
    of_place: NDArray[np.int64]
    key: bytes


def _parted(kinds: NDArray[np.int64]) -> _Parts:
    """Places of one kind are one part."""
    _, first, parts = np.unique(kinds, return_index=True, return_inverse=True)
    of_place = parts.astype(np.int64)
    return _Parts(first.tolist(), of_place, of_place.tobytes())


def _fit(size: Resources, units: int, place: Place) -> Fit:
    full = size + place.terms.pod_overhead
    barred = sum(1 for _ in barred_by_limits(full, place.view.limits))
    return Fit(size, units, tuple(lacks(full, place.group.allocatable)), barred)


def known_length(demand: DemandClass) -> int | None:
    """Seconds that a job of the class takes, None where that is only assumed: nothing is refused for a guess."""
    return None if demand.length.source == "assumed" else demand.length.seconds


def _kind(place: Place) -> tuple[object, ...]:
    """What a member's terms say depends on; of users' Jobs also on the member's namespaces and the group's nodes."""
    terms = place.terms
    if place.jobs:
        return terms.name, place.group.name
    admitted = (terms.pools, terms.principals, terms.images, place.group.barred)
    return *admitted, form_for(place), terms.max_lifetime_s, place.startd_s, place.join_s


def _shape(place: Place) -> tuple[object, ...]:
    """What the size of startds and the limits of an empty node depend on, the class and packing apart."""
    form = form_for(place)
    rooms = place.group.rooms if form == "startd-daemonset" else ()
    return form, place.terms.pod_overhead, place.group.allocatable, place.view.limits, rooms


def _numbered(keys: Iterable[tuple[object, ...]]) -> tuple[int, ...]:
    """A number for each, equal for equal keys."""
    numbers: dict[tuple[object, ...], int] = {}
    return tuple(numbers.setdefault(key, len(numbers)) for key in keys)
