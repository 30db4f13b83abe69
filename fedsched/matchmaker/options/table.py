"""The table of one round: who could run where, judged when somebody asks, and once (MA1, MA3, MA5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import msgspec

from fedsched.matchmaker.match import Matching, Place, Side, Site, form_for, held_back, nevers, single
from fedsched.matchmaker.model import DemandClass, Form, MemberVerdict, NearestMiss, Order
from fedsched.matchmaker.options.fitting import Fit, Fitting, known_length
from fedsched.matchmaker.options.near import nearest
from fedsched.matchmaker.options.option import Choosing, Option, Options, preference
from fedsched.matchmaker.options.sets import smallest
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from fedsched.matchmaker.resources import Resources


class _Judged:
    """What a round knows of one kind of class. held: options that somebody holds back, complete once `options` is."""

    def __init__(self, options: Callable[[list[tuple[Option, Site]]], Iterator[Option]]) -> None:
        self.held: list[tuple[Option, Site]] = []
        self.options = Options(options(self.held))


class OneTable:
    """Who could run where, of startds or of users' Jobs alone: kinds of classes by places, judged once (MA1, MA5)."""

    def __init__(self, places: Iterable[Place], rules: Choosing) -> None:
        self._rules = rules
        self._matching = Matching(places, rules.at)
        self._sites: dict[str, list[Site]] = {}
        for site in self._matching.sites:
            self._sites.setdefault(site.place.terms.name, []).append(site)
        self._by_name = {(s.place.terms.name, s.place.group.name): s for s in self._matching.sites}
        self._fitting = Fitting(self._matching.sites, rules.policy)
        self._judged: dict[tuple[object, ...], _Judged] = {}
        self._orders: dict[tuple[object, ...], tuple[tuple[Site, tuple[float, float]], ...]] = {}
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
        site = self._by_name[place.terms.name, place.group.name]
        side, size = self._matching.side(_readable(demand)), self._fitting.fit(demand, site).size
        known = self._matching.known(side, site, size)
        return tuple(nevers(demand, place, size, self._matching.meeting(side, site, size), known))

    def never(self, demand: DemandClass, place: Place) -> Reason | None:
        """The first of these; None where it could run."""
        return next(iter(self.nevers(demand, place)), None)

    def verdicts(
        self, demand: DemandClass, blocker: Callable[[Option], Reason | None], *, all_blocked: bool = False
    ) -> tuple[MemberVerdict, ...]:
        """Per member, by name, the best answer of its node groups with the first blocker of its best place (E1).

        all_blocked: it is known that no place is open; then only the best place of each member is asked.
        """
        known = self._know(demand)
        answers = self._open(known, blocker, all_blocked=all_blocked)
        for option, site in known.held:
            name, group = option.place.terms.name, option.place.group.name
            if name not in answers:
                why = next(held_back(demand, site.place, self._rules.orders), None)
                answers[name] = MemberVerdict(name, Verdict.CORDONED, why, group)
        for name, sites in self._sites.items():
            if name not in answers:
                site = self._nearest(demand, sites)
                why = self.never(demand, site.place)
                answers[name] = MemberVerdict(name, Verdict.NEVER, why, site.place.group.name)
        return tuple(answers[name] for name in sorted(answers))

    @staticmethod
    def _open(
        known: _Judged, blocker: Callable[[Option], Reason | None], *, all_blocked: bool
    ) -> dict[str, MemberVerdict]:
        """Members with an option: "now" where nothing blocks one of them, else what blocks the best."""
        first: dict[str, MemberVerdict] = {}
        free: set[str] = set()
        for option in known.options:
            name, group = option.place.terms.name, option.place.group.name
            if name in free or (all_blocked and name in first):
                continue
            reason = blocker(option)
            if reason is None:
                free.add(name)
                first[name] = MemberVerdict(name, Verdict.NOW, None, group)
            elif name not in first and not option.packed:
                first[name] = MemberVerdict(name, Verdict.NOT_NOW, reason, group)
        return first

    def reasons(
        self, demand: DemandClass, blockers: Callable[[Option], Iterable[Reason]], *, all_blocked: bool = False
    ) -> tuple[Reason, ...]:
        """A minimal set of what must change before one more startd may start, or the next of MA3's answers (RE2).

        blockers: all that keeps a startd of the class from a place now. () where nothing keeps one from some place.
        all_blocked: it is known that there is no such place.
        """
        known = self._know(demand)
        if known.options:
            ways = chain(
                (option for option in known.options if not option.packed),
                (option for option in known.options if option.packed),
            )
            return smallest((blockers(option) for option in ways), none_empty=all_blocked)
        if known.held:
            orders = (held_back(demand, site.place, self._rules.orders) for _, site in known.held)
            return smallest(orders, none_empty=True)
        if not self._matching.sites:
            return (Reason(Cause.NO_NODE_GROUPS, "node groups", "1", "0", source="no member that is joined shows one"),)
        return self.nevers(demand, self._nearest(demand, self._matching.sites).place)

    def near(self, demand: DemandClass) -> tuple[NearestMiss, ...]:
        """For a class that can run nowhere: single changes with which it could (E9); () for any other."""
        return () if demand.gate or self.possible(demand) else nearest(demand, self)

    def runs(self, demand: DemandClass, site: Site) -> bool:
        """Whether the class could run there, held back or not."""
        return self._distance(demand, site)[0] == 0

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
        return bool(known.options or known.held)

    def _nearest(self, demand: DemandClass, sites: Iterable[Site]) -> Site:
        """The place that the fewest things rule out; of equals where least is lacking."""
        return min(sites, key=lambda one: self._distance(demand, one))

    def _distance(self, demand: DemandClass, site: Site) -> tuple[int, float, int]:
        """How many things rule the class out there, and what part of a request is lacking at most."""
        fit = self._fitting.fit(demand, site)
        count = self._fitting.refused(demand, site) + fit.passed
        count += bool(demand.gate) + self._matching.misses(self._matching.side(_readable(demand)), site, fit.size)
        lacks = max((1 - had / needed for _, needed, had in fit.short), default=0.0)
        return count, lacks, site.number

    def _know(self, demand: DemandClass) -> _Judged:
        key = (
            *(
                demand.gate,
                demand.pool,
                demand.principal,
                demand.image,
                known_length(demand),
                demand.rank,
                demand.request,
            ),
            *(demand.requirements, demand.attributes, self._fitting.packed(demand), demand.job),
            demand.schedd if self._denies else "",
        )
        found = self._judged.get(key)
        if found is None:
            found = self._judged[key] = _Judged(lambda held: self._could(demand, held))
        return found

    def _could(self, demand: DemandClass, held: list[tuple[Option, Site]]) -> Iterator[Option]:
        """Options one by one, best first; `held` gets those that somebody holds back."""
        if demand.gate:
            return
        side, orders = self._matching.side(demand), self._rules.orders
        for site, rank in self._order(demand, side):
            fit = self._fitting.fit(demand, site)
            if fit.passed or self._fitting.refused(demand, site) or self._matching.misses(side, site, fit.size):
                continue
            form: Form = form_for(site.place) or "startd-job"
            alone = self._alone(demand, site, fit, form)
            pods = demand.job.least if demand.job is not None else 1
            option = Option(site.place, form, fit.size, fit.units, rank, packed=alone is not None, pods=pods)
            if next(held_back(demand, site.place, orders), None) is None:
                yield option
                if alone is not None:
                    yield msgspec.structs.replace(option, size=alone, units=1, packed=False)
            else:
                held.append((option, site))

    def _alone(self, demand: DemandClass, site: Site, fit: Fit, form: Form) -> Resources | None:
        """The size of a startd for one job where one for several may be too large; None where it would not match."""
        size = single(demand.request)
        if fit.units == 1 or form != "startd-job" or self._matching.misses(self._matching.side(demand), site, size):
            return None
        return size

    def _order(self, demand: DemandClass, side: Side) -> tuple[tuple[Site, tuple[float, float]], ...]:
        """Every place, best first (MA5)."""
        ranks = (self._rules.policy.rank, demand.rank)
        needs_gpus = demand.request.gpus > 0
        sizes = [self._fitting.fit(demand, site).size for site in self._fitting.samples] if any(ranks) else []
        key = (needs_gpus, *((text, self._matching.read_by_rank(text, side, sizes)) for text in ranks))
        found = self._orders.get(key)
        if found is None:
            ranked = [(site, self._rank(demand, side, site)) for site in self._matching.sites]
            ranked.sort(key=lambda one: preference(one[0].place, needs_gpus=needs_gpus))
            ranked.sort(key=lambda one: (-one[1][0], -one[1][1]))
            found = self._orders[key] = tuple(ranked)
        return found

    def _rank(self, demand: DemandClass, side: Side, site: Site) -> tuple[float, float]:
        """The policy's rank, then the class's own where that ties (MA5)."""
        policy = self._rules.policy.rank
        if not policy and not demand.rank:
            return 0.0, 0.0
        size = self._fitting.fit(demand, site).size
        return self._matching.rank(policy, side, site, size), self._matching.rank(demand.rank, side, site, size)


def _readable(demand: DemandClass) -> DemandClass:
    """The class without what the gate refused, which is not evaluated; what members require of it is."""
    return msgspec.structs.replace(demand, requirements="") if demand.gate else demand
