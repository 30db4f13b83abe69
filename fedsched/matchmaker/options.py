"""Where a class could run, in which form, with startds of which size, best first (MA5); not whether there is room.

One table serves one round: what is asked twice is judged once, and what nobody asks is not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, overload

import msgspec

from fedsched.matchmaker.match import (
    Matching,
    Place,
    Side,
    Site,
    barred_by_limits,
    form_for,
    held_back,
    lacks,
    nevers,
    packed,
    per_node,
    refused_by_terms,
    size_for,
)
from fedsched.matchmaker.model import DemandClass, Form, MemberVerdict, Order, Policy
from fedsched.matchmaker.reasons import Reason, Verdict
from fedsched.matchmaker.resources import Resources

__all__ = ["Choosing", "Option", "Options", "Table", "options", "per_node", "size_for"]


class Choosing(msgspec.Struct, frozen=True):
    """What choosing reads besides classes and places: policy, people's orders, the snapshot's time."""

    policy: Policy
    orders: tuple[Order, ...]
    at: float


class Option(msgspec.Struct, frozen=True):
    """A place where a class could run, with the size of a startd for it and its rank."""

    place: Place
    form: Form
    size: Resources
    units: int
    rank: tuple[float, float]


def _preference(place: Place, *, needs_gpus: bool) -> tuple[bool, bool, str, str]:
    """Where ranks tie (MA5): no GPU node for what needs none, then nodes that hold the image already.

    Then names, never the order of observation.

    Reads nothing of a class but whether it needs GPUs: the order is kept for a round.
    """
    wasted = place.group.allocatable.gpus > 0 and not needs_gpus
    pulls = place.terms.image not in place.group.images
    return wasted, pulls, place.terms.name, place.group.name


class _Fit(NamedTuple):
    """A startd for a class on nodes of one shape: its size, the jobs it holds, how many limits an empty node passes."""

    size: Resources
    units: int
    passed: int


class Options(Sequence[Option]):
    """The options of a class, best first, found one by one as they are asked for; its length finds them all."""

    def __init__(self, source: Iterator[Option]) -> None:
        self._source = source
        self._found: list[Option] = []

    @overload
    def __getitem__(self, index: int) -> Option: ...
    @overload
    def __getitem__(self, index: slice) -> list[Option]: ...
    def __getitem__(self, index: int | slice) -> Option | list[Option]:
        """IndexError behind the last one."""
        if isinstance(index, slice) or index < 0:
            return self.all()[index]
        while len(self._found) <= index:
            option = next(self._source, None)
            if option is None:
                break
            self._found.append(option)
        return self._found[index]

    def __len__(self) -> int:
        return len(self.all())

    def __bool__(self) -> bool:
        """Whether there is one; finds no more than that."""
        return next(iter(self), None) is not None

    def all(self) -> list[Option]:
        """Every option, found now."""
        self._found += self._source
        return self._found


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
        self._shapes = _numbered(_shape(site.place) for site in self._matching.sites)
        self._samples = tuple(dict(zip(self._shapes, self._matching.sites, strict=True)).values())
        self._kinds = _numbered(_kind(site.place) for site in self._matching.sites)
        self._judged: dict[tuple[object, ...], _Judged] = {}
        self._orders: dict[tuple[object, ...], tuple[tuple[Site, tuple[float, float]], ...]] = {}
        self._fits: dict[tuple[Resources, int], dict[int, _Fit]] = {}
        self._refusals: dict[tuple[object, ...], int] = {}
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
        side, size = self._matching.side(demand), self._fit(demand, site).size
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
        fit = self._fit(demand, site)
        return self._refused(demand, site) + fit.passed + self._matching.misses(side, site, fit.size)

    def _know(self, demand: DemandClass) -> _Judged:
        length = None if demand.length.source == "assumed" else demand.length.seconds
        key = (
            *(demand.gate, demand.pool, demand.principal, demand.image, length, demand.rank, demand.request),
            *(demand.requirements, demand.attributes, self._packed(demand)),
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
            fit = self._fit(demand, site)
            if fit.passed or self._refused(demand, site) or self._matching.misses(side, site, fit.size):
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
        sizes = [self._fit(demand, site).size for site in self._samples] if any(ranks) else []
        key = (needs_gpus, *((text, self._matching.read_by_rank(text, side, sizes)) for text in ranks))
        found = self._orders.get(key)
        if found is None:
            ranked = [(site, self._rank(demand, side, site)) for site in self._matching.sites]
            ranked.sort(key=lambda one: _preference(one[0].place, needs_gpus=needs_gpus))
            ranked.sort(key=lambda one: (-one[1][0], -one[1][1]))
            found = self._orders[key] = tuple(ranked)
        return found

    def _refused(self, demand: DemandClass, site: Site) -> int:
        """How many of the member's terms refuse the class."""
        length = 0 if demand.length.source == "assumed" else demand.length.seconds
        kind = self._kinds[site.number]
        key = (kind, demand.pool, demand.principal, demand.image, length)
        found = self._refusals.get(key)
        if found is None:
            found = self._refusals[key] = sum(1 for _ in refused_by_terms(demand, site.place))
        return found

    def _fit(self, demand: DemandClass, site: Site) -> _Fit:
        known = self._fits.setdefault((demand.request, self._packed(demand)), {})
        number = self._shapes[site.number]
        found = known.get(number)
        if found is None:
            found = known[number] = self._measure(demand, site.place)
        return found

    def _measure(self, demand: DemandClass, place: Place) -> _Fit:
        size, units = size_for(demand, place, form_for(place) or "startd-job", self._rules.policy)
        full = size + place.terms.pod_overhead
        barred = sum(1 for _ in barred_by_limits(full, place.view.limits))
        return _Fit(size, units, barred + len(lacks(full, place.group.allocatable)))

    def _packed(self, demand: DemandClass) -> int:
        return packed(demand, self._rules.policy)

    def _rank(self, demand: DemandClass, side: Side, site: Site) -> tuple[float, float]:
        """The policy's rank, then the class's own where that ties (MA5)."""
        policy = self._rules.policy.rank
        if not policy and not demand.rank:
            return 0.0, 0.0
        size = self._fit(demand, site).size
        return self._matching.rank(policy, side, site, size), self._matching.rank(demand.rank, side, site, size)


def options(demand: DemandClass, places: tuple[Place, ...], rules: Choosing) -> list[Option]:
    """The options of a class that is alone in its round."""
    return Table(places, rules).options(demand).all()


def _shape(place: Place) -> tuple[object, ...]:
    """What the size of startds and the limits of an empty node depend on, the class apart."""
    form = form_for(place)
    rooms = place.group.rooms if form == "startd-daemonset" else ()
    return form, place.terms.pod_overhead, place.group.allocatable, place.view.limits, rooms


def _kind(place: Place) -> tuple[object, ...]:
    """What the terms' answer depends on, the class apart."""
    return place.terms.name, form_for(place)


def _numbered(keys: Iterable[tuple[object, ...]]) -> tuple[int, ...]:
    """A number for each, equal for equal keys."""
    numbers: dict[tuple[object, ...], int] = {}
    return tuple(numbers.setdefault(key, len(numbers)) for key in keys)
