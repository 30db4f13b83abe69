"""Bounds: groups' quotas and limits, principals' ceilings and concurrency limits while one round is filled (FS1, Q7).

Knows who holds what, not where.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from fedsched.matchmaker.model import DemandClass, Group, Policy, Principal
from fedsched.matchmaker.reasons import Cause, Reason
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources, show
from fedsched.matchmaker.share import CE, Shared, path_of
from fedsched.matchmaker.share.accounts import counts
from fedsched.matchmaker.share.entitlement import most, vectors
from fedsched.matchmaker.share.paths import parent_of, upwards


class Bounds:
    """Running totals of groups, principals and limits; each startd booked by `take` adds to them.

    Nothing that `blocker` lets pass brings a total above its bound, whatever was taken before.
    """

    def __init__(
        self, shared: Shared, policy: Policy, standing: Iterable[Standing], classes: Iterable[DemandClass]
    ) -> None:
        self._shared = shared
        self._vectors: dict[str, Resources] = {}
        self._sizes: dict[str, int] = {}
        self._chains: dict[Principal, tuple[str, ...]] = {}
        self._said: dict[tuple[object, ...], tuple[Reason, ...]] = {}
        self._taken: dict[tuple[Principal, Resources], int] = {}
        self._never: dict[Principal, bool] = {}
        self.version = 0
        """Another one after each take: until then the same answers hold."""
        keepers = {path for path, group in shared.groups.items() if group.has_quota and group.lend < 1}
        self._keepers = {
            path: tuple(up for up in upwards(parent_of(path)) if up in keepers) for path in sorted(keepers)
        }
        self._inside: dict[str, tuple[str, ...]] = {}
        for path in self._keepers:
            for above in upwards(parent_of(path)):
                self._inside[above] = (*self._inside.get(above, ()), path)
        for principal, account in shared.accounts.items():
            self._hold(principal, account.holds, account.counted)
        self._limits = {limit.name.lower(): limit.units for limit in policy.limits}
        self._in_use = _in_use(tuple(standing), tuple(classes), shared.lost)

    def never(self, demand: DemandClass) -> bool:
        """Whether no bound can ever keep the class back, whatever is taken: there is none for it."""
        known = self._never.get(demand.principal)
        if known is None:
            chain = self._chain(demand.principal)
            groups = [(path, self._shared.groups[path]) for path in chain[1:]]
            free = all(
                not group.limit_names
                and math.isinf(most(group, self._shared.quotas.amounts.get(path, 0.0)))
                and not (group.quota_names and not group.accept_surplus)
                for path, group in groups
            )
            terms = self._shared.terms.get(path_of(demand.principal))
            free = free and not self._keepers and not (terms is not None and terms.ceiling > 0)
            known = self._never[demand.principal] = free
        return known and not demand.concurrency

    def blocker(self, demand: DemandClass, size: Resources, units: int) -> Reason | None:
        """The first bound that startds of `size` in all, for `units` jobs, would pass; None when they may start."""
        return next(self.blockers(demand, size, units), None)

    def blockers(self, demand: DemandClass, size: Resources, units: int) -> Iterator[Reason]:
        """All bounds that they would pass: of groups, of the principal, of loans and of limits (RE2).

        Asked for many places in a row, and the same for all of them until something is taken.
        """
        if self.never(demand):
            return
        key = (demand.principal, demand.concurrency, size, units)
        found = self._said.get(key)
        if found is None:
            self._count()
            found = self._said[key] = tuple(self._passed(demand, size, units))
        yield from found

    def _passed(self, demand: DemandClass, size: Resources, units: int) -> Iterator[Reason]:
        weight = self._shared.sizes.of(size)
        chain = self._chain(demand.principal)
        lenders = self._lenders(chain, weight)
        for path in chain[1:]:
            yield from self._group(self._shared.groups[path], (chain, frozenset(lenders)), size, weight)
        yield from self._ceiling(demand, weight)
        left = self._left(chain, frozenset())
        for path in lenders:
            yield _said(Cause.NOT_LENT, path, _cores(weight), _cores(left))
        yield from self._concurrency(demand, units)

    def take(self, demand: DemandClass, size: Resources, units: int, times: int = 1) -> None:
        """Count startds of `size` in all, for `units` jobs of the class, from now on; times: so often."""
        self._said.clear()
        self.version += 1
        taken = demand.principal, size
        self._taken[taken] = self._taken.get(taken, 0) + times
        for name, each in demand.concurrency:
            self._in_use[name.lower()] = self._in_use.get(name.lower(), 0) + each * units * times

    def _chain(self, principal: Principal) -> tuple[str, ...]:
        """The principal's path and the groups above it, the root last."""
        chain = self._chains.get(principal)
        if chain is None:
            chain = self._chains[principal] = self._shared.ancestors(path_of(principal))
        return chain

    def _count(self) -> None:
        """What was taken since the last question: where no bound could be reached nobody asks."""
        for (principal, size), times in self._taken.items():
            self._hold(principal, size.times(times), self._shared.sizes.of(size) * times)
        self._taken.clear()

    def _hold(self, principal: Principal, amount: Resources, size: int) -> None:
        for path in self._chain(principal):
            self._vectors[path] = self._vectors.get(path, Resources()) + amount
            self._sizes[path] = self._sizes.get(path, 0) + size

    def _group(
        self, group: Group, way: tuple[tuple[str, ...], frozenset[str]], size: Resources, weight: int
    ) -> Iterator[Reason]:
        """The group's limit, its quota where that is also the ceiling, and what it may borrow.

        way: the chain to the principal, and who is named already as not lending: with them goes what they keep of it.
        """
        kept = math.fsum(self._kept_inside(group.path, *way).values())
        scale = self._shared.quotas.scales.get(group.path, 1.0)
        for bound, names in vectors(group, scale, kept):
            held = self._vectors.get(group.path, Resources())
            for name in sorted(names):
                asked, left = size.get(name), bound.get(name) - held.get(name)
                if asked > max(0, left):
                    cause = Cause.GROUP_LIMIT if bound is group.limit else Cause.GROUP_QUOTA
                    yield _said(cause, f"{name} of {group.path}", show(name, asked), show(name, max(0, left)))
        quota = self._shared.quotas.amounts.get(group.path, 0.0)
        left_ce = most(group, quota) - kept - self._sizes.get(group.path, 0)
        if weight > left_ce + _SLACK:
            cause = Cause.GROUP_BORROW if group.accept_surplus else Cause.GROUP_QUOTA
            yield _said(cause, group.path, _cores(weight), _cores(left_ce))

    def _kept_inside(
        self, path: str, chain: tuple[str, ...], lenders: frozenset[str] = frozenset()
    ) -> dict[str, float]:
        """What groups inside this one, not on the way to the principal, do not lend; the outermost of them count.

        lenders: counted as if they lent all.
        """
        inside = [keeper for keeper in self._inside.get(path, ()) if keeper not in chain and keeper not in lenders]
        outer = set(inside)
        return {keeper: self._kept(keeper) for keeper in inside if outer.isdisjoint(self._keepers[keeper])}

    def _ceiling(self, demand: DemandClass, weight: int) -> Iterator[Reason]:
        path = path_of(demand.principal)
        terms = self._shared.terms.get(path)
        left = terms.ceiling * CE - self._sizes.get(path, 0) if terms else 0.0
        if terms is not None and terms.ceiling > 0 and weight > left + _SLACK:
            yield _said(Cause.PRINCIPAL_CEILING, str(demand.principal), _cores(weight), _cores(left))

    def _lenders(self, chain: tuple[str, ...], weight: int) -> list[str]:
        """Unused quota of others that is not lent stays free, in whole: those who would have to lend, and no more."""
        lenders: list[str] = []
        while weight > self._left(chain, frozenset(lenders)) + _SLACK:
            kept = self._kept_inside("", chain, frozenset(lenders))
            lenders.append(max(sorted(kept), key=lambda path: kept[path]))
        for path in tuple(lenders):
            others = frozenset(lenders) - {path}
            if weight <= self._left(chain, others) + _SLACK:
                lenders.remove(path)
        return lenders

    def _left(self, chain: tuple[str, ...], lenders: frozenset[str]) -> float:
        """What others leave free for the principal if `lenders` lent all; infinite where nobody keeps anything."""
        kept = self._kept_inside("", chain, lenders)
        return self._shared.capacity - math.fsum(kept.values()) - self._sizes.get("", 0) if kept else math.inf

    def _kept(self, path: str) -> float:
        """What a group's unused quota keeps from all others."""
        unused = self._shared.quotas.amounts[path] - self._sizes.get(path, 0)
        return (1 - max(0.0, self._shared.groups[path].lend)) * max(0.0, unused)

    def _concurrency(self, demand: DemandClass, units: int) -> Iterator[Reason]:
        for name, each in demand.concurrency:
            limit = self._limits.get(name.lower())
            if limit is not None and each * units > limit - self._in_use.get(name.lower(), 0):
                left = max(0, limit - self._in_use.get(name.lower(), 0))
                yield _said(Cause.CONCURRENCY_LIMIT, name, f"{each * units} units", f"{left} of {limit} units")


_SLACK = 1e-6
"""What floating point may lack of a whole thousandth."""


def _cores(amount: float) -> str:
    """Thousandths of a core-equivalent for a person."""
    return f"{max(0.0, amount) / CE:.4g} core-equivalents"


def _said(cause: Cause, what: str, need: str, have: str) -> Reason:
    return Reason(cause, what, need, have, source="the policy")


def _in_use(standing: Sequence[Standing], classes: Sequence[DemandClass], lost: frozenset[str]) -> dict[str, int]:
    """Units of each concurrency limit in use or promised, by lower-case name.

    Per class what its schedd says is running or what claims our startds, whichever is more: the two tell of a new job
    at different times. On top every place for a job that a startd still has, one that leaves included: it may have been
    claimed a moment before.
    """
    if not any(one.concurrency for one in classes) and not any(s.held.placement.concurrency for s in standing):
        return {}
    running = {demand.key: demand.running for demand in classes}
    carries = {demand.key: demand.concurrency for demand in classes}
    claimed: dict[str, int] = {}
    found: dict[str, int] = {}
    for stand in standing:
        if not counts(stand, lost):
            continue
        held = stand.held
        key, open_units = held.placement.class_key, max(0, held.placement.units * held.nodes - held.claims)
        claimed[key] = claimed.get(key, 0) + held.claims
        carries.setdefault(key, held.placement.concurrency)
        _use(found, held.placement.concurrency, open_units)
    for key, concurrency in carries.items():
        _use(found, concurrency, max(running.get(key, 0), claimed.get(key, 0)))
    return found


def _use(found: dict[str, int], concurrency: Iterable[tuple[str, int]], jobs: int) -> None:
    for name, each in concurrency:
        found[name.lower()] = found.get(name.lower(), 0) + each * jobs
