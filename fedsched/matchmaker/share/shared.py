"""One look at who shares: sizes, accounts, ledger and rights of a cycle, put together from the parts beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

import msgspec

from fedsched.matchmaker.model import (
    DemandClass,
    Group,
    LedgerEntry,
    Memory,
    Policy,
    Principal,
    PrincipalTerms,
    ShareLine,
    Sharing,
    Snapshot,
)
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.share import ledger, lent
from fedsched.matchmaker.share.accounts import Account
from fedsched.matchmaker.share.entitlement import Rights, entitle
from fedsched.matchmaker.share.mirror import mirrored, terms_of
from fedsched.matchmaker.share.paths import parent_of, path_of, upwards
from fedsched.matchmaker.share.quotas import Quotas
from fedsched.matchmaker.share.sizes import Sizes
from fedsched.matchmaker.share.tree import Leaf, Tree, groups_of, grow, hang, wants_of
from fedsched.matchmaker.share.use import Look, There, read

LEAST_FACTOR = 1e-6
"""Smallest factor that is believed: a mirrored negotiator may tell anything."""


class Shared(msgspec.Struct, frozen=True):
    """Everything that a round reads of shares.

    lines: every group and principal by path (Q11). accounts: who holds how much. groups: the policy's, reservations and
    mirror applied. quotas: what they amount to now. terms: of each principal, by path. capacity: thousandths lent.
    members_lent: smoothed, (resource, amount), and as of when. reference: of dominant shares (FS2). lost: members whose
    placements count no more.
    """

    lines: dict[str, ShareLine]
    sizes: Sizes
    accounts: dict[Principal, Account]
    ledger: dict[str, LedgerEntry]
    groups: dict[str, Group]
    quotas: Quotas
    terms: dict[str, PrincipalTerms]
    capacity: int
    members_lent: dict[str, tuple[lent.Amounts, float]]
    reference: lent.Reference
    lost: frozenset[str] = frozenset()

    def line(self, principal: Principal) -> ShareLine:
        """The principal's line; one with nothing in it for somebody who neither holds nor wants anything."""
        path = path_of(principal)
        return self.lines.get(path) or ShareLine(path, self._parent(principal))

    def account(self, principal: Principal) -> Account:
        """The principal's numbers; zeros for somebody who holds nothing."""
        return self.accounts.get(principal, Account())

    def ancestors(self, path: str) -> tuple[str, ...]:
        """The node itself and all above it, leaf first, the root "" last; a group that is not there is left out."""
        line = self.lines.get(path)
        above = line.parent if line else (path.partition("/")[0] if "/" in path else parent_of(path))
        known = tuple(group for group in upwards(above) if group in self.groups)
        return (path, *known) if path else ("",)

    def _parent(self, principal: Principal) -> str:
        return next(group for group in upwards(principal.group) if group in self.groups)

    def remembered(self, memory: Memory) -> Memory:
        """The memory with this look's ledger, reference and lent capacities in it."""
        members = {
            name: msgspec.structs.replace(known, lent=tuple(sorted(amounts.items())), lent_at=at)
            for name, known in memory.members.items()
            for amounts, at in [self.members_lent.get(name, ({}, 0.0))]
        }
        return msgspec.structs.replace(
            memory,
            members=members,
            ledger=self.ledger,
            reference=tuple(sorted(self.reference.amounts.items())),
            reference_at=self.reference.at,
            reference_since=self.reference.since,
        )


def look(
    snapshot: Snapshot,
    policy: Policy,
    memory: Memory,
    standing: Iterable[Standing] | There,
    runnable: Callable[[DemandClass], bool] | None = None,
) -> Shared:
    """Work out who has a right to how much.

    memory: with this cycle's states of members, and what was remembered of shares at the last look. runnable: whether a
    class could ever run anywhere; one that could not gives nobody a right. None: every class that passed the gate.
    standing: told with what the last look read of them, that becomes what this one does.

    1. What is lent, its mean, and so the size of every request (FS1, FS2).
    2. Who holds how much, and what each was charged since the last look (FS3, FS5).
    3. The tree, and one division per group (FS1, FS4).
    """
    there = standing if isinstance(standing, There) else There(tuple(standing))
    policy = mirrored(policy, snapshot.observation.pools, snapshot.pools)
    rules, at = policy.sharing, snapshot.at
    lost = frozenset(name for name, known in memory.members.items() if known.state == "lost")
    members = lent.smooth(lent.lent_now(snapshot, there.standing, memory.members), memory.members, rules, at)
    now = lent.total(amounts for amounts, _ in members.values())
    before = lent.Reference(dict(memory.reference), memory.reference_at, memory.reference_since or memory.reference_at)
    reference = lent.mean(before, now, at)
    sizes = _sizes(rules, reference)
    then = max((entry.at for entry in memory.ledger.values()), default=0.0)
    looked = Look(sizes, rules.free_idle_s, lost, then, at)
    accounts, used = read(memory.ledger, snapshot.memory.held, there, looked)
    entries = ledger.advance(memory.ledger, used, rules, at)
    groups = groups_of(policy, at)
    classes = [one for one in _asking(snapshot) if runnable is None or runnable(one)]
    factors, leaves = _leaves(policy, groups, (accounts, classes, entries), sizes)
    tree = grow(groups, leaves)
    capacity = sizes.capacity(lent.whole(now))
    rights = entitle(tree, capacity, sizes.capacity(sizes.reference), sizes)
    lines = _lines(tree, rights, _Facts(accounts, entries, factors))
    span = (max(then, snapshot.memory.at), at)
    return Shared(
        lines=lines,
        sizes=sizes,
        accounts=accounts,
        ledger=ledger.fall_short(entries, lines, span, rules.half_life_s),
        groups=groups,
        quotas=rights.quotas,
        terms={leaf.path: leaf.terms for leaf in leaves},
        capacity=capacity,
        members_lent=members,
        reference=reference,
        lost=lost,
    )


def _asking(snapshot: Snapshot) -> Iterator[DemandClass]:
    """Classes that may get something: not refused by the gate, not denied by a person (OW3)."""
    denied = [order.target for order in snapshot.orders if order.kind == "deny"]
    for view in snapshot.observation.schedds:
        for one in view.classes:
            who = str(one.principal)
            if not one.gate and not any(fnmatchcase(who, p) or fnmatchcase(one.schedd, p) for p in denied):
                yield one


def _sizes(rules: Sharing, reference: lent.Reference) -> Sizes:
    if rules.reference_names:
        return Sizes(rules.reference, rules.reference_names, rules.slot_weight)
    found = lent.whole(reference.amounts)
    return Sizes(found, (name for name, _ in found.items()), rules.slot_weight)


def factor_of(terms: PrincipalTerms, entry: LedgerEntry | None, rules: Sharing) -> float:
    """A principal's factor; multiplied when its jobs used too little of what it held (Q9)."""
    factor = max(LEAST_FACTOR, terms.factor)
    if entry is None or rules.low_use_factor == 1:
        return factor
    held = entry.usage - rules.waste_weight * entry.wasted
    wasteful = held > ledger.LEAST_USAGE and entry.worked < rules.low_use * held
    return factor * rules.low_use_factor if wasteful else factor


def _leaves(
    policy: Policy,
    groups: dict[str, Group],
    seen: tuple[Mapping[Principal, Account], Iterable[DemandClass], Mapping[str, LedgerEntry]],
    sizes: Sizes,
) -> tuple[dict[str, float], list[Leaf]]:
    """Everybody who holds, wants or is remembered, as leaves; and each one's factor."""
    accounts, classes, entries = seen
    asked: dict[Principal, list[DemandClass]] = {}
    for one in classes:
        asked.setdefault(one.principal, []).append(one)
    everybody = {*accounts, *asked, *(_principal(path) for path in entries)}
    spelled = {path.lower(): path for path in groups}
    factors: dict[str, float] = {}
    leaves = []
    for who in sorted(everybody):
        path, parent = hang(who, spelled)
        terms = terms_of(policy, str(who))
        factors[path] = factor_of(terms, entries.get(path), policy.sharing)
        weight = 1.0 / (ledger.real_priority(entries.get(path)) * factors[path])
        wants = wants_of(accounts.get(who, Account()), asked.get(who, ()), sizes)
        leaves.append(Leaf(path, parent, terms, weight, wants))
    return factors, leaves


def _principal(path: str) -> Principal:
    group, _, user = path.partition("/")
    return Principal(group, user)


class _Facts(msgspec.Struct, frozen=True):
    accounts: Mapping[Principal, Account]
    entries: Mapping[str, LedgerEntry]
    factors: Mapping[str, float]


def _lines(tree: Tree, rights: Rights, facts: _Facts) -> dict[str, ShareLine]:
    """One line per group and principal; a group's numbers are its principals' together."""
    lines: dict[str, ShareLine] = {}
    for path in reversed(list(tree.downwards())):
        inside = [*(_leaf_line(leaf, rights, facts) for leaf in tree.leaves.get(path, ()))]
        lines |= {line.path: line for line in inside}
        inside += [lines[child] for child in tree.inner[path]]
        lines[path] = ShareLine(
            path,
            parent_of(path),
            rights.entitled[path],
            rights.floors[path],
            held=sum(line.held for line in inside),
            charged=sum(line.charged for line in inside),
            wasted=sum(line.wasted for line in inside),
            demand=rights.demand[path],
            usage=math.fsum(line.usage for line in inside),
            weight=rights.weights[path],
        )
    return _ranked(lines)


def _leaf_line(leaf: Leaf, rights: Rights, facts: _Facts) -> ShareLine:
    account = facts.accounts.get(_principal(leaf.path), Account())
    return ShareLine(
        leaf.path,
        leaf.parent,
        rights.entitled[leaf.path],
        rights.floors[leaf.path],
        account.counted,
        account.charged,
        account.wasted,
        rights.demand[leaf.path],
        ledger.real_priority(facts.entries.get(leaf.path)),
        facts.factors[leaf.path],
        leaf.weight,
    )


def _ranked(lines: dict[str, ShareLine]) -> dict[str, ShareLine]:
    """Who is served next: principals with demand by level, then by the larger right, then by name."""
    waiting = sorted(
        (line for line in lines.values() if "/" in line.path and line.demand > 0),
        key=lambda line: (line.level, -line.entitled, line.path),
    )
    ranks = {line.path: rank for rank, line in enumerate(waiting, 1)}
    return {
        path: msgspec.structs.replace(line, rank=ranks[path]) if path in ranks else line
        for path, line in sorted(lines.items())
    }
