"""Room that is being made by eviction: what of it is there already is kept until the rest has come (PR3).

Without that a smaller request takes the first half as soon as it is free, and the eviction was for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.match import footprint
from fedsched.matchmaker.model import LIVE, MemberTerms
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources


class Kept(msgspec.Struct, frozen=True):
    """So much is kept of what is free on a node of a node group (the member's quotas and ceiling have it, too)."""

    member: str
    node_group: str
    node: str
    amount: Resources


def kept(standing: Iterable[Standing], terms: Mapping[str, MemberTerms], wait_s: float, at: float) -> tuple[Kept, ...]:
    """What is kept for startds that wait for the rest of their room, for as long as that is believed to come.

    Where all of a set have gone nothing is kept: the class that it was made for is served first.
    """
    sets: dict[tuple[str, str], list[Standing]] = {}
    for stand in standing:
        held = stand.held
        if held.yields_to and at - held.yields_at < wait_s and held.placement.member in terms:
            sets.setdefault((held.yields_to, held.yields_with), []).append(stand)
    found = (_kept(together, terms[together[0].held.placement.member]) for _, together in sorted(sets.items()))
    return tuple(one for one in found if one is not None)


def _kept(together: list[Standing], terms: MemberTerms) -> Kept | None:
    """What one startd needs, less what those that have not gone yet will give on its node."""
    there = [(stand, nodes) for stand in together if (nodes := _nodes(stand))]
    if not there:
        return None
    first = there[0][0]
    shared = set.intersection(*({*nodes} for _, nodes in there)) or {there[0][1][0]}
    node, amount = min(shared), first.held.yields_room
    for stand, nodes in there:
        amount -= footprint(stand.held.placement, terms).times(nodes.count(node))
    amount = amount.floor_zero()
    return (
        Kept(terms.name, first.held.placement.node_group, node, amount)
        if any(number for _, number in amount.items())
        else None
    )


def _nodes(stand: Standing) -> list[str]:
    """The nodes whose room its pods hold, once for each pod; of startds the first alone. None (yet, or any more)."""
    found = [pod.node for pod in stand.pods if pod.node and pod.phase in LIVE]
    return found if stand.held.placement.form == "job" else found[:1]
