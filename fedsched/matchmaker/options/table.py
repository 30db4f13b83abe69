"""The table of one round: who could run where, judged when somebody asks, and once (MA1, MA3, MA5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from fedsched.matchmaker.match import Matching, Place, Side, Site, form_for, held_back, nevers
from fedsched.matchmaker.model import DemandClass, Form, MemberVerdict, Order
from fedsched.matchmaker.options.fitting import Fitting, known_length
from fedsched.matchmaker.options.option import Choosing, Option, Options, preference
from fedsched.matchmaker.reasons import Reason, Verdict


class _Judged:
    """What a round knows of one kind of class. held: options that somebody holds back, complete once `options` is."""

    def __init__(self, options: Callable[[list[tuple[Option, Site]]], Iterator[Option]]) -> None:
        self.held: list[tuple[Option, Site]] = []
        self.options = Options(options(self.held))


class Table:
    """Who could run where in one round: distinct kinds of classes by places, judged when asked and once (MA1, MA5)."""

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
        side, size = self._matching.side(demand), self._fitting.fit(demand, site).size
        if not demand.gate and not self._matching.misses(side, site, size):
            # A clause that only a real slot can judge rules nothing out (MA6).
            demand = msgspec.structs.replace(demand, requirements="")
            side = self._matching.side(demand)
        return tuple(nevers(demand, place, size, self._matching.meeting(side, site, size)))

    def never(self, demand: DemandClass, place: Place) -> Reason | None:
        """The first of these; None where it could run."""
        return next(iter(self.nevers(demand, place)), None)

    def verdicts(self, demand: DemandClass, blocker: Callable[[Option], Reason | None]) -> tuple[MemberVerdict, ...]:
        """Per member, by name, the best answer of its node groups with the first blocker of its best place (E1)."""
        known = self._know(demand)
        answers = self._open(known, blocker)
        for option, site in known.held:
            name, group = option.place.terms.name, option.place.group.name
            if name not in answers:
                why = next(held_back(demand, site.place, self._rules.orders), None)
                answers[name] = MemberVerdict(name, Verdict.CORDONED, why, group)
        for name, sites in self._sites.items():
            if name not in answers:
                answers[name] = self._nearest(demand, name, sites)
        return tuple(answers[name] for name in sorted(answers))

    @staticmethod
    def _open(known: _Judged, blocker: Callable[[Option], Reason | None]) -> dict[str, MemberVerdict]:
        """Members with an option: "now" where nothing blocks one of them, else what blocks the best."""
        first: dict[str, MemberVerdict] = {}
        free: set[str] = set()
        for option in known.options:
            name, group = option.place.terms.name, option.place.group.name
            if name in free:
                continue
            reason = blocker(option)
            if reason is None:
                free.add(name)
                first[name] = MemberVerdict(name, Verdict.NOW, None, group)
            elif name not in first:
                first[name] = MemberVerdict(name, Verdict.NOT_NOW, reason, group)
        return first

    def _nearest(self, demand: DemandClass, name: str, sites: list[Site]) -> MemberVerdict:
        """The group of a member that the fewest things rule out."""
        if demand.gate:
            site = sites[0]
        else:
            side = self._matching.side(demand)
            site = min(sites, key=lambda one: self._distance(demand, side, one))
        reason = self.never(demand, site.place)
        return MemberVerdict(name, Verdict.NEVER, reason, site.place.group.name)

    def _distance(self, demand: DemandClass, side: Side, site: Site) -> int:
        """How many things rule the class out there; 0 where it could run."""
        fit = self._fitting.fit(demand, site)
        return self._fitting.refused(demand, site) + fit.passed + self._matching.misses(side, site, fit.size)

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
            *(demand.requirements, demand.attributes, self._fitting.packed(demand)),
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
            option = Option(site.place, form, fit.size, fit.units, rank)
            if next(held_back(demand, site.place, orders), None) is None:
                yield option
            else:
                held.append((option, site))

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
