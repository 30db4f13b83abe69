"""One round's matching: every distinct pair of what is read of a job and what is read of a slot is judged once.

Classes and places that differ only in what no expression reads share their answer. Sizes, terms and room are not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker import classad, columns
from fedsched.matchmaker.match.ads import (
    Pairs,
    Texts,
    closure,
    formulas,
    job_texts,
    lasting,
    project,
    sized,
    slot_pairs,
)
from fedsched.matchmaker.match.never import Known, Meeting, everything, of_predicted, unsatisfied
from fedsched.matchmaker.match.pairs import NOW, false_clause, false_clauses, judge, number
from fedsched.matchmaker.match.places import Place
from fedsched.matchmaker.model import DemandClass
from fedsched.matchmaker.resources import Resources

_WHOLE = frozenset({"self", "toplevel", "root", "parent"})
"""Words that may stand for a whole ad: where one is read, everything is."""
_EXPRESSION = "\0"
_BEYOND = _WHOLE | {"availablegpus"}
"""Where one of these is read, pairs are judged one by one."""


class Site:
    """A place with its slot's lasting attributes; `number` is its position in the round."""

    __slots__ = ("formulas", "known", "lasting", "number", "place")

    def __init__(self, place: Place, number_: int) -> None:
        self.place = place
        self.number = number_
        self.lasting = lasting(place)
        self.formulas = formulas(self.lasting)
        self.known = None if place.pair.attributes or place.jobs else frozenset(self.lasting)

    def renewed(self, place: Place) -> Site:
        """The same for a place whose slots say the same."""
        site = object.__new__(Site)
        site.place, site.number = place, self.number
        site.lasting, site.formulas, site.known = self.lasting, self.formulas, self.known
        return site


class Side:
    """A job as a match sees it; classes with equal expressions, requests and principals share one."""

    __slots__ = ("answers", "formulas", "projected", "read", "requirements", "texts")

    def __init__(self, demand: DemandClass) -> None:
        self.texts: Texts = job_texts(demand)
        self.formulas = formulas(self.texts)
        self.requirements = demand.requirements
        self.read: dict[tuple[str, frozenset[tuple[str, str]]], frozenset[str]] = {}
        self.projected: dict[frozenset[str], Pairs] = {}
        self.answers: dict[tuple[int, Resources, frozenset[str] | None], int] = {}

    @property
    def timeless(self) -> bool:
        """Whether nothing that was evaluated for it reads the time."""
        return not any(NOW in read for read in self.read.values())

    def reads(self, expression: str, site: Site) -> frozenset[str]:
        """Lower-case names that are read of either side when `expression` is evaluated; "" for both Requirements."""
        key = (expression, site.formulas)
        found = self.read.get(key)
        if found is None:
            start = (_EXPRESSION,) if expression else ("requirements",)
            found = closure(start, ((_EXPRESSION, expression),), self.formulas, site.formulas)
            self.read[key] = found
        return found

    def project(self, read: frozenset[str]) -> Pairs:
        """What is read of the job."""
        found = self.projected.get(read)
        if found is None:
            found = self.projected[read] = (
                tuple(sorted(self.texts.values())) if read & _WHOLE else project(self.texts, read)
            )
        return found


class Sizes(NamedTuple):
    """Sizes of startds: of each side (row) at each site (column) its number among the amounts."""

    numbers: NDArray[np.intp]
    amounts: Sequence[Resources]


class Alike(NamedTuple):
    """Which places a job cannot tell apart: of each its kind, and of each kind the number of one place."""

    kinds: NDArray[np.int64]
    samples: list[int]


class Matching:
    """Answers for all pairs of one round at the time `at` (epoch seconds)."""

    def __init__(self, places: Iterable[Place], at: float) -> None:
        self.sites = tuple(Site(place, index) for index, place in enumerate(places))
        self._at = at
        self._names = frozenset(name for site in self.sites for name in site.lasting)
        self._kept: dict[frozenset[str], frozenset[str]] = {}
        self._projected: dict[frozenset[str], dict[int, int]] = {}
        self._numbers: dict[Pairs, int] = {}
        self._pairs: list[Pairs] = []
        self._sides: dict[tuple[object, ...], Side] = {}
        self._before: dict[tuple[object, ...], Side] = {}
        self._shapes: dict[tuple[frozenset[str], Resources], Pairs] = {}
        self._ranks: dict[tuple[str, Pairs, int, Pairs], float] = {}
        self._families = {site.formulas: site for site in self.sites}
        self._told: dict[tuple[frozenset[str], ...], NDArray[np.int64]] = {}
        self._alike: dict[tuple[object, ...], Alike] = {}
        self._alike_before: dict[tuple[object, ...], Alike] = {}

    def renewed(self, places: Iterable[Place], at: float) -> Matching:
        """The same at another time, for places whose slots say the same.

        What was found out stays, but what reads the time; so do sides of classes, for as long as somebody asks.
        """
        after = object.__new__(Matching)
        after.__dict__.update(self.__dict__)
        after.sites = tuple(site.renewed(place) for site, place in zip(self.sites, places, strict=True))
        after._at, after._ranks, after._sides = at, {}, {}
        after._before = {key: side for key, side in self._sides.items() if side.timeless}
        after._alike, after._alike_before = {}, self._alike
        after._families = {site.formulas: site for site in after.sites}
        return after

    @property
    def kept(self) -> int:
        """How many answers are kept of what most are kept of, sides of classes apart."""
        return max(len(self._shapes), len(self._pairs), len(self._projected), len(self._told))

    def side(self, demand: DemandClass) -> Side:
        """The job's side of a class."""
        key = (demand.requirements, demand.attributes, demand.request, demand.principal)
        found = self._sides.get(key)
        if found is None:
            before = self._before.get(key)
            found = self._sides[key] = Side(demand) if before is None else before
        return found

    def alike(self, side: Side, shapes: NDArray[np.int64], told: bytes) -> Alike:
        """Which places the job cannot tell apart; shapes: of each place what gives a startd there its size.

        told: the same as bytes.
        """
        key = (told, *(side.reads("", site) for site in self._families.values()))
        found = self._alike.get(key) or self._alike_before.get(key)
        if found is None:
            slots = self._slots(side)
            _, first, kinds = np.unique(
                slots * (1 + int(shapes.max(initial=0))) + shapes, return_index=True, return_inverse=True
            )
            found = Alike(kinds.astype(np.int64), first.tolist())
        self._alike[key] = found
        return found

    def _slots(self, side: Side) -> NDArray[np.int64]:
        """Of each place a number, equal where what is read of its slot is, and as much is known of it."""
        reads = {formulas: side.reads("", site) for formulas, site in self._families.items()}
        key = tuple(reads.values())
        if key not in self._told:
            kinds: dict[tuple[int, frozenset[str] | None], int] = {}
            told = ((self._projection(reads[site.formulas], site), site.known) for site in self.sites)
            self._told[key] = np.array([kinds.setdefault(kind, len(kinds)) for kind in told], np.int64)
        return self._told[key]

    def misses(self, side: Side, site: Site, size: Resources) -> int:
        """How many clauses keep a startd of that size there from matching; 0 where both Requirements are true.

        0 as well where only a real slot can tell (MA6).
        """
        read = side.reads("", site)
        key = (self._projection(read, site), size, site.known)
        found = side.answers.get(key)
        if found is None:
            found = side.answers[key] = self._judge(side, site, size)
        return found

    def foresee(self, sides: Sequence[Side], sites: Sequence[Site], sizes: Sizes) -> columns.Misses:
        """Misses of all sides (rows) at all sites (columns), found out at once, in columns (MA4); else UNKNOWN.

        All sides read the same of each site: `alike` is one for them. Of a site where no real slot was seen it is only
        told who matches (MA6).
        """
        each = (len(sides), len(sites))
        found = columns.Misses(*(np.full(each, columns.UNKNOWN, np.int16) for _ in columns.Misses._fields))
        alike: dict[frozenset[str], list[int]] = {}
        for column, site in enumerate(sites):
            read = sides[0].reads("", site)
            if read.isdisjoint(_BEYOND):
                alike.setdefault(read, []).append(column)
        for read, some in alike.items():
            slots: dict[int, int] = {}
            of_site = [slots.setdefault(self._projection(read, sites[column]), len(slots)) for column in some]
            jobs, its = np.repeat(np.arange(len(sides)), len(some)), np.tile(np.array(of_site, np.intp), len(sides))
            told = columns.misses(
                [side.project(read) for side in sides],
                [self._pairs[slot] for slot in slots],
                [self._shape(read, amount) for amount in sizes.amounts],
                columns.Meetings(jobs, its, sizes.numbers[:, some].ravel()),
                self._at,
            )
            for ours, theirs in zip(found, told, strict=True):
                ours[:, some] = theirs.reshape(len(sides), len(some))
        predicted = [column for column, site in enumerate(sites) if site.known is not None]
        found.clauses[:, predicted] = np.where(found.clauses[:, predicted] == 0, 0, columns.UNKNOWN)
        found.first[:, predicted] = columns.UNKNOWN
        return found

    def clause(self, side: Side, site: Site, size: Resources, number_: int) -> classad.Clause | None:
        """What a person is told of that clause of the job, which is not true there: no more is read than it reads."""
        text = classad.conjuncts(side.requirements)[number_]
        read = side.reads(text, site)
        return false_clause(text, side.project(read), self._slot(read, site, size), self._time(read))

    def _judge(self, side: Side, site: Site, size: Resources) -> int:
        ads = self.meeting(side, site, size)
        if judge(*ads).ok:
            return 0
        return sum(1 for _ in unsatisfied(side.requirements, site.place, ads, self.known(side, site, size)))

    @staticmethod
    def known(side: Side, site: Site, size: Resources) -> Known:
        """Of which clauses it is known what they ask for there: all, once a real slot was seen (MA6)."""
        if site.known is None:
            return everything
        return of_predicted(side.texts, {**site.lasting, **sized(size)})

    def false_clauses(self, side: Side, site: Site, size: Resources) -> tuple[str, ...]:
        """Clauses of the job that are not true there; "" for the member's own requirements."""
        if not self.misses(side, site, size):
            return ()
        ads = self.meeting(side, site, size)
        if judge(*ads).refused:
            return ()
        own = false_clauses(side.requirements, *ads) if side.requirements else ()
        theirs = site.place.terms.requirements
        bars = bool(theirs) and bool(false_clauses(theirs, ads.slot, ads.job, ads.at))
        return (*(clause.whole for clause in own), *([""] if bars else []))

    def meeting(self, side: Side, site: Site, size: Resources) -> Meeting:
        """The two ads as far as their Requirements read them."""
        read = side.reads("", site)
        return Meeting(side.project(read), self._slot(read, site, size), self._time(read))

    def rank(self, expression: str, side: Side, site: Site, size: Resources) -> float:
        """A Rank expression over the predicted slot (MY) and the job (TARGET); 0 without one (MA5)."""
        if not expression:
            return 0.0
        read = side.reads(expression, site)
        job = side.project(read)
        key = (expression, job, self._projection(read, site), self._shape(read, size))
        found = self._ranks.get(key)
        if found is None:
            found = number(expression, self._slot(read, site, size), job, self._time(read))
            self._ranks[key] = found
        return found

    def read_by_rank(self, expression: str, side: Side, sizes: Iterable[Resources]) -> tuple[Pairs, ...]:
        """What a Rank expression reads of the job and of startds of these sizes: where it is equal, ranks are."""
        if not expression:
            return ()
        read = frozenset[str]().union(*(side.reads(expression, site) for site in self._families.values()))
        return (side.project(read), *(self._shape(read, size) for size in sizes))

    def _time(self, read: frozenset[str]) -> float:
        return self._at if NOW in read else 0.0

    def _slot(self, read: frozenset[str], site: Site, size: Resources) -> Pairs:
        devices = "availablegpus" in read or bool(read & _WHOLE)
        return slot_pairs(
            self._pairs[self._projection(read, site)], self._shape(read, size), size.gpus if devices else 0
        )

    def _shape(self, read: frozenset[str], size: Resources) -> Pairs:
        """What is read of the attributes that the size gives."""
        found = self._shapes.get((read, size))
        if found is None:
            texts = sized(size)
            found = tuple(sorted(texts.values())) if read & _WHOLE else project(texts, read)
            self._shapes[read, size] = found
        return found

    def _projection(self, read: frozenset[str], site: Site) -> int:
        """Number of what is read of the slot's lasting attributes."""
        kept = self._kept.get(read)
        if kept is None:
            kept = self._kept[read] = self._names if read & _WHOLE else self._read_here(read)
        known = self._projected.setdefault(kept, {})
        found = known.get(site.number)
        if found is None:
            pairs = project(site.lasting, kept)
            found = self._numbers.setdefault(pairs, len(self._pairs))
            if found == len(self._pairs):
                self._pairs.append(pairs)
            known[site.number] = found
        return found

    def _read_here(self, read: frozenset[str]) -> frozenset[str]:
        """Of what is read, the names that some slot has: a job's other names make no difference between places."""
        return (read & self._names) | (read & {"availablegpus"})
