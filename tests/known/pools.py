"""Small pools for known answers: groups and demand in cores, who has a right to what in cores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fedsched.matchmaker.model import Group, Policy, Principal, PrincipalTerms, Reservation
from fedsched.matchmaker.resources import Resources
from fedsched.matchmaker.share.entitlement import Rights, entitle
from fedsched.matchmaker.share.mirror import terms_of
from fedsched.matchmaker.share.paths import path_of
from fedsched.matchmaker.share.sizes import Sizes
from fedsched.matchmaker.share.tree import Leaf, Want, groups_of, grow, hang

CORES = frozenset({"cpu_milli"})
ONLY_CORES = Sizes(Resources(cpu_milli=1000), ("cpu_milli",))


def cores(number: float) -> Resources:
    return Resources(cpu_milli=round(number * 1000))


def group(path: str, quota: float | None = None, *, fraction: float = 0.0, surplus: bool = False, **more: Any) -> Group:
    names = frozenset() if quota is None else CORES
    return Group(
        path,
        quota=cores(quota or 0),
        quota_names=names,
        quota_fraction=fraction,
        accept_surplus=surplus,
        **more,
    )


def pool(
    slots: float,
    groups: Iterable[Group],
    demand: Mapping[str, float],
    *,
    usage: Mapping[str, float] | None = None,
    principals: tuple[PrincipalTerms, ...] = (),
    reservations: tuple[Reservation, ...] = (),
    at: float = 0.0,
    reference: float | None = None,
) -> Rights:
    """Divide `slots` cores; demand and real priorities by "group/user" ("/user" without a group)."""
    policy = Policy(groups=tuple(groups), principals=principals, reservations=reservations)
    known = groups_of(policy, at)
    spelled = {path.lower(): path for path in known}
    leaves = []
    for path, wanted in demand.items():
        name, _, user = path.partition("/")
        who = Principal(name, user)
        terms = terms_of(policy, str(who))
        priority = max(0.5, (usage or {}).get(path, 0.5)) * terms.factor
        wants = (Want(cores(wanted), round(wanted * 1000)),) if wanted else ()
        leaves.append(Leaf(path_of(who), hang(who, spelled)[1], terms, 1 / priority, wants))
    tree = grow(known, leaves)
    return entitle(tree, round(slots * 1000), round((slots if reference is None else reference) * 1000), ONLY_CORES)


def entitled(*args: Any, **more: Any) -> dict[str, float]:
    """What each principal and group has a right to, in cores, without zeros."""
    rights = pool(*args, **more)
    return {path: amount / 1000 for path, amount in rights.entitled.items() if amount}
