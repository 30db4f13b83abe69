"""The tree of accounting groups with its principals: who stands where, what each wants, what binds it (FS1).

What each has a right to is worked out in entitlement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fedsched.matchmaker.model import DemandClass, Group, Policy, Principal, PrincipalTerms, Reservation
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.accounts import Account
from fedsched.matchmaker.share.paths import nearest, parent_of, path_of
from fedsched.matchmaker.share.sizes import Sizes


class Want(msgspec.Struct, frozen=True, gc=False):
    """Demand of one shape: its resources in all, and its size in thousandths of a core-equivalent."""

    amount: Resources
    size: int


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """A principal: where it hangs, what binds it, what it wants (held ones included), 1 / effective priority."""

    path: str
    parent: str
    terms: PrincipalTerms
    weight: float
    wants: tuple[Want, ...] = ()


class Tree(msgspec.Struct, frozen=True):
    """groups: by path, the root "" and missing parents included. inner: child groups of each group, by path.

    leaves: principals of each group, by path.
    """

    groups: dict[str, Group]
    inner: dict[str, tuple[str, ...]]
    leaves: dict[str, tuple[Leaf, ...]]

    def below(self, path: str) -> Iterator[Leaf]:
        """Every principal in the group or in a group of it."""
        yield from self.leaves.get(path, ())
        for child in self.inner.get(path, ()):
            yield from self.below(child)

    def downwards(self) -> Iterator[str]:
        """Every group, each after the one above it."""
        yield from sorted(self.groups, key=lambda path: (path.count(".") + bool(path), path))


def groups_of(policy: Policy, at: float) -> dict[str, Group]:
    """The policy's groups by path, with the reservations of this moment applied and missing parents added (Q10).

    Case does not matter, as in HTCondor: the first spelling of each name counts, and of two equal groups the first.
    """
    groups: dict[str, Group] = {}
    spelled = {"": ""}
    for group in sorted(policy.groups, key=lambda g: g.path.count(".")):
        path = _spell(group.path, spelled)
        groups.setdefault(path, msgspec.structs.replace(group, path=path))
    for one in sorted(policy.reservations, key=lambda r: (r.begins_at, r.name)):
        if one.begins_at <= at < one.ends_at:
            path = _spell(one.group, spelled)
            groups[path] = _reserved(groups.get(path, Group(path, accept_surplus=True)), one)
    for path in spelled.values():
        groups.setdefault(path, Group(path))
    groups[""] = Group("")
    return dict(sorted(groups.items()))


def _spell(path: str, spelled: dict[str, str]) -> str:
    """The path as the names above it were first spelled; new names are remembered with those above them."""
    key = path.lower()
    if key not in spelled:
        above, name = _spell(parent_of(path), spelled), path.rpartition(".")[2]
        spelled[key] = f"{above}.{name}" if above else name
    return spelled[key]


def _reserved(group: Group, window: Reservation) -> Group:
    return msgspec.structs.replace(
        group, quota=window.quota, quota_names=window.quota_names, quota_fraction=window.quota_fraction
    )


def grow(groups: dict[str, Group], leaves: Iterable[Leaf]) -> Tree:
    """The tree of these groups and principals."""
    inner: dict[str, list[str]] = {path: [] for path in groups}
    for path in sorted(groups):
        if path:
            inner[parent_of(path)].append(path)
    hanging: dict[str, list[Leaf]] = {}
    for leaf in sorted(leaves, key=lambda one: one.path):
        hanging.setdefault(leaf.parent, []).append(leaf)
    return Tree(
        groups,
        {path: tuple(children) for path, children in inner.items()},
        {path: tuple(found) for path, found in hanging.items()},
    )


def hang(principal: Principal, spelled: Mapping[str, str]) -> tuple[str, str]:
    """A principal's path, and the group that it hangs under: its own, or the nearest that the tree has."""
    return path_of(principal), nearest(principal.group, spelled)


def wants_of(account: Account, classes: Iterable[DemandClass], sizes: Sizes) -> tuple[Want, ...]:
    """What a principal wants, what it has included: its claims, and the larger of what waits for it and its idle jobs.

    Startds that wait for it are there for those jobs: counting both would count the same jobs twice.
    """
    asked: dict[Resources, int] = {}
    for one in classes:
        if one.idle > 0:
            asked[one.request] = asked.get(one.request, 0) + one.idle * one.pods
    idle = tuple(
        Want(_without_pods(request).times(jobs), sizes.of(request) * jobs) for request, jobs in sorted(asked.items())
    )
    waiting = Want((account.holds - account.claims).floor_zero(), account.counted - account.charged)
    claimed = (Want(account.claims, account.charged),) if account.charged else ()
    if sum(want.size for want in idle) >= waiting.size:
        return (*claimed, *idle)
    return (*claimed, waiting)


def _without_pods(amount: Resources) -> Resources:
    return msgspec.structs.replace(amount, pods=0)


def usable(wants: Iterable[Want], limit: Resources, names: frozenset[str]) -> float:
    """How much of what is wanted a vector allows, in thousandths: shapes that ask for nothing of it are not bound."""
    wants = tuple(wants)
    parts = {}
    for name in names:
        asked = sum(want.amount.get(name) for want in wants)
        parts[name] = min(1.0, max(0, limit.get(name)) / asked) if asked > 0 else 1.0
    return sum(
        want.size * min((part for name, part in parts.items() if want.amount.get(name) > 0), default=1.0)
        for want in wants
    )


def touching(wants: Iterable[Want], names: frozenset[str]) -> tuple[Want, ...]:
    """Of what is wanted, the shapes that ask for at least one of these resources."""
    return tuple(want for want in wants if any(want.amount.get(name) > 0 for name in names))
