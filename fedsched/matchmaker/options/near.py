"""The nearest miss of a class that can run nowhere: which single change would let it run where (E9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from fedsched.matchmaker.match import Site
from fedsched.matchmaker.match.of_jobs import holds
from fedsched.matchmaker.model import DemandClass, JobLength, NearestMiss
from fedsched.matchmaker.options.fitting import Fit, known_length
from fedsched.matchmaker.resources import show, with_amount

STEPS = {"cpu_milli": 1000, "memory_mib": 256, "disk_mib": 1024}
"""Requests are whole multiples of these (MA7); of 1 for every other resource."""
MOST_TRIES = 8
"""So many smaller values of one request are tried before another change is looked for."""


class Judge(Protocol):
    """What is asked of a table."""

    def sites(self) -> Iterable[Site]:
        """Every place."""
        ...

    def fit(self, demand: DemandClass, site: Site) -> Fit:
        """A startd for the class there."""
        ...

    def refused(self, demand: DemandClass, site: Site) -> int:
        """How many of the member's terms refuse the class."""
        ...

    def false_clauses(self, demand: DemandClass, site: Site) -> tuple[str, ...]:
        """Clauses that are not true there; "" for the member's own requirements."""
        ...

    def runs(self, demand: DemandClass, site: Site) -> bool:
        """Whether the class could run there."""
        ...


def nearest(demand: DemandClass, judge: Judge) -> tuple[NearestMiss, ...]:
    """Single changes that let the class run somewhere: of a request, the length, a Job's pods, or a clause to drop.

    Of all but the clause first the smallest change that lets some member match, then one by which more do.
    Requirements are evaluated again with the changed request, which they may read.
    """
    changes = (*_requests(demand, judge), *_lengths(demand, judge), *_pods(demand, judge))
    found = [miss for smaller in changes for miss in _best(smaller, judge)]
    return (*found, *_without_clause(demand, judge))


class _Smaller(NamedTuple):
    """Smaller values of what is asked, largest first, each with the class as it were then; and where they may help."""

    what: str
    asked: int
    values: tuple[tuple[int, DemandClass], ...]
    sites: tuple[Site, ...]


def _best(smaller: _Smaller, judge: Judge) -> list[NearestMiss]:
    """The largest value with which some member matches; then that which keeps most of what is asked by most members."""
    found: list[tuple[int, tuple[str, ...]]] = []
    for value, changed in smaller.values[:MOST_TRIES]:
        members = {site.place.terms.name for site in smaller.sites if judge.runs(changed, site)}
        if members:
            found.append((value, tuple(sorted(members))))
    if not found:
        return []
    widest = max(found, key=lambda one: one[0] * len(one[1]))
    return [_told(smaller, value, members) for value, members in dict.fromkeys((found[0], widest))]


def _told(smaller: _Smaller, value: int, members: tuple[str, ...]) -> NearestMiss:
    need, have = (_show(smaller.what, amount) for amount in (smaller.asked, value))
    return NearestMiss(smaller.what, need, have, len(members), members[0])


def _show(what: str, amount: int) -> str:
    return f"{amount} s" if what == "length" else show(what, amount)


def _requests(demand: DemandClass, judge: Judge) -> Iterator[_Smaller]:
    """Each resource that alone is short somewhere, with what the nodes there do have."""
    short: dict[str, list[tuple[int, Site]]] = {}
    for site in judge.sites():
        fit = judge.fit(demand, site)
        if len(fit.short) == 1 and not fit.barred and not judge.refused(demand, site):
            name, _, had = fit.short[0]
            step = STEPS.get(name, 1)
            most = (had - site.place.terms.pod_overhead.get(name)) // step * step
            if most > 0:
                short.setdefault(name, []).append((most, site))
    for name, found in sorted(short.items()):
        values = sorted({most for most, _ in found}, reverse=True)
        changed = tuple(
            (v, msgspec.structs.replace(demand, request=with_amount(demand.request, name, v))) for v in values
        )
        yield _Smaller(name, demand.request.get(name), changed, tuple(site for _, site in found))


def _lengths(demand: DemandClass, judge: Judge) -> Iterator[_Smaller]:
    """Lives of startds that are too short for the class."""
    asked = known_length(demand)
    if asked is None:
        return
    sites = tuple(site for site in judge.sites() if site.place.longest_s < asked)
    values = sorted({site.place.longest_s for site in sites}, reverse=True)
    changed = tuple((v, msgspec.structs.replace(demand, length=JobLength(v, demand.length.source))) for v in values)
    yield _Smaller("length", asked, changed, sites)


def _pods(demand: DemandClass, judge: Judge) -> Iterator[_Smaller]:
    """Node groups that hold fewer pods than a gang has."""
    shape = demand.job
    if shape is None or not shape.gang:
        return
    most = [(holds(demand.request, site.place), site) for site in judge.sites()]
    few = [(count, site) for count, site in most if 0 < count < shape.pods]
    values = sorted({count for count, _ in few}, reverse=True)
    changed = tuple((v, msgspec.structs.replace(demand, job=msgspec.structs.replace(shape, pods=v))) for v in values)
    yield _Smaller("pods", shape.pods, changed, tuple(site for _, site in few))


def _without_clause(demand: DemandClass, judge: Judge) -> tuple[NearestMiss, ...]:
    """The one clause of the job without which most members match."""
    found: dict[str, set[str]] = {}
    for site in judge.sites():
        if not judge.fit(demand, site).passed and not judge.refused(demand, site):
            clauses = judge.false_clauses(demand, site)
            if len(clauses) == 1 and clauses[0]:
                found.setdefault(clauses[0], set()).add(site.place.terms.name)
    if not found:
        return ()
    clause, members = max(sorted(found.items()), key=lambda one: len(one[1]))
    return (NearestMiss("requirements", clause, "", len(members), min(members)),)
