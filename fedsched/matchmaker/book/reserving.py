"""What stands holds, and what it was promised, before a round takes anything (S3); what may be taken is booking's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fedsched.matchmaker.book.totals import GroupRoom, MemberTotals
from fedsched.matchmaker.match import footprint
from fedsched.matchmaker.model import Form, Held
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources


def reserve(
    standing: Iterable[Standing],
    members: Mapping[str, MemberTotals],
    groups: Mapping[tuple[str, str], GroupRoom],
    growing: dict[str, str],
) -> None:
    """Totals of all that stands, those of one size at a member at once; room and quota where nobody else counted them.

    growing: the member that grows for a class, by its key; added to.
    """
    kinds: dict[tuple[str, Resources, Form], list[Held]] = {}
    for stand in standing:
        held = stand.held
        placement = held.placement
        member = members.get(placement.member)
        if member is None or held.phase == "gone":
            continue
        member.pods += held.nodes
        kinds.setdefault((placement.member, placement.size, placement.form), []).append(held)
        seen, placed = _pods(stand, member)
        if placement.probe or placement.form != "startd-job" or (not placed and held.wanted == "run"):
            group = groups.get((placement.member, placement.node_group))
            if group is not None:
                group.probing = group.probing or (placement.probe and held.slot_seen_at is None)
                group.daemonset = group.daemonset or placement.form == "startd-daemonset"
            if held.wanted == "run":
                _promise(held, (member, group), (seen, placed), growing)
    for alike in kinds.values():
        member = members[alike[0].placement.member]
        member.held += footprint(alike[0].placement, member.terms).times(sum([held.nodes for held in alike]))


def _pods(stand: Standing, member: MemberTotals) -> tuple[int, int]:
    """How many of its pods were seen, and how many of these are on their nodes; what is on its way is counted."""
    if stand.held.phase in {"intended", "starting"}:
        member.in_flight += 1
    thing, placed = stand.object, 0
    if thing is None:
        return 0, 0
    for pod in thing.pods:
        member.pulling += pod.pulling
        if pod.node:
            placed += 1
    return len(thing.pods), placed


def _promise(
    held: Held, where: tuple[MemberTotals, GroupRoom | None], pods: tuple[int, int], growing: dict[str, str]
) -> None:
    """What one may still take that is wanted. pods: those that were seen, and those on their nodes."""
    (member, group), placement = where, held.placement
    size = footprint(placement, member.terms)
    if unseen := _unseen(held, pods[0]):
        member.spend(size, unseen, 1 if placement.form == "job" else unseen)
    if group is not None and (unplaced := _unseen(held, pods[1])):
        _take_room(group, held, (size, unplaced), growing)


def _take_room(group: GroupRoom, held: Held, pods: tuple[Resources, int], growing: dict[str, str]) -> None:
    """Room that is there first: the member's scheduler takes a new node for it as soon as one has come (S7)."""
    size, count = pods
    if held.placement.form == "startd-daemonset":
        group.take_all(size)
        return
    if held.placement.growth:
        growing.setdefault(held.placement.class_key, held.placement.member)
    for _ in range(count):
        if not group.take(size) and held.placement.growth:
            group.take_growth(size)


def _unseen(held: Held, seen: int) -> int:
    """Pods of a placement beyond those that were seen; of startds' objects all or none."""
    if held.placement.form == "job":
        return max(0, held.nodes - seen)
    return 0 if seen else held.nodes
