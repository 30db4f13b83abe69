"""The table of one round: who could run where, judged when somebody asks, and once (MA1, MA3, MA5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.match import Known, Meeting, Place, Side, Site, form_for, held_back, nevers, single
from fedsched.matchmaker.model import DemandClass, Form, MemberVerdict, NearestMiss, Order
from fedsched.matchmaker.options.answers import Answer, Answers, Question
from fedsched.matchmaker.options.asking import Asked
from fedsched.matchmaker.options.fitting import Fit, known_length
from fedsched.matchmaker.options.foreseen import Foreseen
from fedsched.matchmaker.options.ground import Ground
from fedsched.matchmaker.options.judged import NOWHERE, Judged, Ranked
from fedsched.matchmaker.options.near import nearest
from fedsched.matchmaker.options.option import Choosing, Numbers, Option, Options, preference
from fedsched.matchmaker.options.sets import UNCOUNTED, smallest
from fedsched.matchmaker.options.sweep import Sweep, readable
from fedsched.matchmaker.options.together import Closed
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.resources import Resources


class OneTable:
    """Who could run where, of startds or of users' Jobs alone: kinds of classes by places, judged once (MA1, MA5)."""

    def __init__(
        self,
        places: Iterable[Place],
        rules: Choosing,
        expected: Iterable[DemandClass] = (),
        before: Ground | None = None,
    ) -> None:
        """`expected`: classes that will ask; `before`: what the round before found out. Both only save time."""
        self._rules = rules
        self.ground = Ground(places, rules.policy, rules.at, before)
        self._matching, self._fitting = self.ground.matching, self.ground.fitting
        self._by_name = {(s.place.terms.name, s.place.group.name): s for s in self._matching.sites}
        self._answers = Answers(self._matching, self._fitting, self.never, rules.orders)
        self._foreseen = Foreseen(self._matching, self._fitting, partial(self._unknown, tuple(expected)))
        self._judged: dict[tuple[object, ...], Judged] = {}
        self._asked: dict[str, tuple[DemandClass, Judged]] = {}  # a class is asked about several times
        self._orders: dict[tuple[object, ...], Ranked] = {}
        self._back: dict[tuple[object, ...], NDArray[np.bool_] | None] = {}
        self._opened: dict[tuple[int, bytes], Numbers] = {}
        self._denies = any(order.kind == "deny" for order in rules.orders)

    @property
    def orders(self) -> tuple[Order, ...]:
        """People's standing orders."""
        return self._rules.orders

    def options(self, demand: DemandClass) -> Options:
        """Places where the class could run and nobody holds it back, best rank first (MA5), then by name."""
        return self._know(demand).options

    def nevers(self, demand: DemandClass, place: Place) -> tuple[Reason, ...]:
        """All that would have to change before the class could ever run there; () where it could."""
        return tuple(self._nevers(demand, place))

    def never(self, demand: DemandClass, place: Place) -> Reason | None:
        """The first of these; None where it could run."""
        return next(self._nevers(demand, place), None)

    def _nevers(self, demand: DemandClass, place: Place) -> Iterator[Reason]:
        site = self._by_name[place.terms.name, place.group.name]
        size = self._fitting.fit(demand, site).size

        def meet() -> tuple[Meeting, Known]:
            side = self._matching.side(readable(demand))
            return self._matching.meeting(side, site, size), self._matching.known(side, site, size)

        return nevers(demand, place, size, meet)

    def verdicts(self, demand: DemandClass, asked: Asked) -> tuple[MemberVerdict, ...]:
        """Per member, by name, the best answer of its node groups with the first blocker of its best place (E1)."""
        return self._answers.verdicts(Question(demand, asked, self._know(demand)))

    def answers(self, asked: Sequence[tuple[DemandClass, Asked]], closed: Closed) -> list[Answer]:
        """`reasons` and `verdicts` of each class; of those whose options were counted by place all at once."""
        questions = [Question(demand, one, self._know(demand)) for demand, one in asked]
        found = self._answers.together(questions, closed)
        return [found.get(at) or Answer(self.reasons(*one), self.verdicts(*one)) for at, one in enumerate(asked)]

    def reasons(self, demand: DemandClass, asked: Asked) -> tuple[Reason, ...]:
        """A minimal set of what must change before one more startd may start, or the next of MA3's answers (RE2).

        () where nothing keeps one from some place.
        """
        known = self._know(demand)
        if known.options:
            return asked.fewest(known.options)
        if known.held:
            orders = (partial(held_back, demand, site.place, self._rules.orders) for site in known.held)
            return smallest(((UNCOUNTED, one) for one in orders), none_empty=True)
        if not self._matching.sites:
            return (Reason(Cause.NO_NODE_GROUPS, "node groups", "1", "0", source="no member that is joined shows one"),)
        everywhere = np.arange(len(self._matching.sites))
        return self.nevers(demand, self._matching.sites[known.sweep.nearest(everywhere)[0]].place)

    def near(self, demand: DemandClass) -> tuple[NearestMiss, ...]:
        """For a class that can run nowhere: single changes with which it could (E9); () for any other."""
        return () if demand.gate or self.possible(demand) else nearest(demand, self)

    def runs(self, demand: DemandClass, site: Site) -> bool:
        """Whether the class could run there, held back or not."""
        return bool(len(self._know(demand).sweep.open(np.array([site.number]))))

    def sites(self) -> tuple[Site, ...]:
        """Every place of the round."""
        return self._matching.sites

    def fit(self, demand: DemandClass, site: Site) -> Fit:
        """A startd for the class there, and what of its size rules it out."""
        return self._fitting.fit(demand, site)

    def refused(self, demand: DemandClass, site: Site) -> int:
        """How many of the member's terms refuse the class."""
        return self._fitting.refused(demand, site)

    def false_clauses(self, demand: DemandClass, site: Site) -> tuple[str, ...]:
        """Clauses of the job that are not true there; "" for the member's own requirements."""
        side, size = self._matching.side(demand), self._fitting.fit(demand, site).size
        return self._matching.false_clauses(side, site, size)

    def possible(self, demand: DemandClass) -> bool:
        """Whether the class could run somewhere, held back or not; only such a class is demand (D9)."""
        known = self._know(demand)
        if known.sweep.found.open is not None:
            return known.sweep.found.anywhere
        return bool(known.options or known.held)

    def _unknown(self, expected: Iterable[DemandClass]) -> Iterator[DemandClass]:
        """Those of which the round before found out nothing."""
        for demand in expected:
            before = self.ground.earlier.get(self._kind(demand))
            if before is None or before.fits is not self._fitting.fits(demand):
                yield demand

    def _know(self, demand: DemandClass) -> Judged:
        last = self._asked.get(demand.key)
        if last is None or last[0] is not demand:
            last = self._asked[demand.key] = demand, self._known(demand)
        return last[1]

    def _known(self, demand: DemandClass) -> Judged:
        key = self._kind(demand)
        found = self._judged.get(key)
        if found is None:
            before, held = self.ground.earlier.get(key), list[Site]()
            sweep = Sweep(demand, self._matching, self._fitting, self._foreseen, before)
            order = NOWHERE if demand.gate else self._order(demand)
            batches, make = self._batches(demand, order, sweep, held), partial(self._option, demand, order.ranks)
            fits = sweep.found.fits
            alone = self._fitting.packed(demand) == 1
            options = Options(batches, make, fits.sorts, fits.uniform if alone else None)
            found = self._judged[key] = Judged(sweep, held, options, order)
            if sweep.timeless:
                self.ground.sweeps[key] = sweep.found
        return found

    def _kind(self, demand: DemandClass) -> tuple[object, ...]:
        """All of a class that its options depend on."""
        who = (demand.gate, demand.pool, demand.principal, demand.image, known_length(demand), demand.rank)
        what = (demand.request, demand.requirements, demand.attributes, self._fitting.packed(demand), demand.job)
        return *who, *what, demand.schedd if self._denies else ""

    def _batches(self, demand: DemandClass, order: Ranked, sweep: Sweep, held: list[Site]) -> Iterator[Numbers]:
        """Numbers of options, best first; `held` gets the places that somebody holds back.

        Each batch is larger than the one before: a class that the first place serves does not pay for the others, but
        where most is known.
        """
        begin, size = 0, len(order.numbers) if sweep.known else 1
        back = self._held_back(demand)
        while begin < len(order.numbers):
            rest = order.numbers[begin : begin + size]
            numbers = self._open(order, sweep) if len(rest) == len(order.numbers) else sweep.open(rest)
            if back is not None:
                held += [self._matching.sites[number] for number in numbers[back[numbers]].tolist()]
                numbers = numbers[~back[numbers]]
            yield self._with_singles(demand, numbers)
            begin, size = begin + size, size * 32

    def _open(self, order: Ranked, sweep: Sweep) -> Numbers:
        """All places where the class could run, best first: the same numbers for classes that could in the same."""
        key = id(order), sweep.found.key
        found = self._opened.get(key) if sweep.found.key else None
        if found is None:
            found = sweep.open(order.numbers)
            if sweep.found.key:
                self._opened[id(order), sweep.found.key] = found
        return found

    def _held_back(self, demand: DemandClass) -> NDArray[np.bool_] | None:
        """Of every place whether somebody holds the class back from it; None where nobody does from any."""
        key = (demand.schedd, demand.principal) if self._denies else ()
        if key not in self._back:
            held = (next(held_back(demand, s.place, self._rules.orders), None) for s in self._matching.sites)
            back = np.array([why is not None for why in held], np.bool_)
            self._back[key] = back if back.any() else None
        return self._back[key]

    def _with_singles(self, demand: DemandClass, numbers: Numbers) -> Numbers:
        """After each option for several jobs the one for a single job, which less can keep from there."""
        if self._fitting.packed(demand) == 1:
            return numbers
        found = []
        for number in numbers.tolist():
            alone = self._alone(demand, self._matching.sites[number])
            found += [number] if alone is None else [number, ~number]
        return np.array(found, np.int64)

    def _option(self, demand: DemandClass, ranks: Sequence[tuple[float, float]], number: int) -> Option:
        site = self._matching.sites[number if number >= 0 else ~number]
        fit, rank = self._fitting.fit(demand, site), ranks[site.number]
        form: Form = form_for(site.place) or "startd-job"
        alone = self._alone(demand, site)
        if number < 0 and alone is not None:
            return Option(site.place, form, alone, 1, rank)
        pods = demand.job.least if demand.job is not None else 1
        return Option(site.place, form, fit.size, fit.units, rank, packed=alone is not None, pods=pods)

    def _alone(self, demand: DemandClass, site: Site) -> Resources | None:
        """The size of a startd for one job where one for several may be too large; None where it would not match."""
        units = self._fitting.fit(demand, site).units
        if units == 1 or form_for(site.place) == "startd-daemonset":
            return None
        size = single(demand.request)
        return None if self._matching.misses(self._matching.side(demand), site, size) else size

    def _order(self, demand: DemandClass) -> Ranked:
        """Every place, best first (MA5)."""
        policy = self._rules.policy.rank
        side, ranks = self._matching.side(demand), (policy, demand.rank)
        needs_gpus = demand.request.gpus > 0
        sizes = [fit.size for fit in self._fitting.fits(demand).all] if any(ranks) else []
        key = (needs_gpus, *((text, self._matching.read_by_rank(text, side, sizes)) for text in ranks))
        found = self._orders.get(key)
        if found is None:
            values = tuple(self._rank(demand, side, site) for site in self._matching.sites)
            ranked = sorted(self._matching.sites, key=lambda site: preference(site.place, needs_gpus=needs_gpus))
            ranked.sort(key=lambda site: (-values[site.number][0], -values[site.number][1]))
            numbers = np.array([site.number for site in ranked], np.int64)
            found = self._orders[key] = Ranked(numbers, values)
        return found

    def _rank(self, demand: DemandClass, side: Side, site: Site) -> tuple[float, float]:
        """The policy's rank, then the class's own where that ties (MA5)."""
        policy = self._rules.policy.rank
        if not policy and not demand.rank:
            return 0.0, 0.0
        size = self._fitting.fit(demand, site).size
        return self._matching.rank(policy, side, site, size), self._matching.rank(demand.rank, side, site, size)
