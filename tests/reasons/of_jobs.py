"""How what keeps users' Jobs alone is lifted: by members' files, namespaces and nodes, no further than it says."""

from __future__ import annotations

import math
from typing import Any

from fedsched.matchmaker.model import JobTerms, MemberTerms, Room
from fedsched.matchmaker.reasons import Reason
from fedsched.matchmaker.resources import how_many
from tests.reasons.case import Case, replace
from tests.reasons.states import State

EVERYTHING = JobTerms(objects=("*",), copied=("ConfigMap", "Secret"), tolerations=("*",), grants=("*",))


def namespace(case: Case, reason: Reason) -> State:
    """The member takes Jobs of that namespace."""
    return _said(case, reason, "namespaces", reason.need)


def grant(case: Case, reason: Reason) -> State:
    """The member's file allows that field."""
    return _said(case, reason, "grants", reason.need)


def named_object(case: Case, reason: Reason) -> State:
    """It is there; where the file did not let anybody look for it, it does."""
    if reason.need == "allowed":
        case = Case(_said(case, reason, "objects", reason.what), case.key)
    kind, _, name = reason.what.partition("/")
    return case.view(reason.member, lambda one: replace(one, objects=tuple(sorted({*one.objects, (kind, name)}))))


def more_nodes(case: Case, reason: Reason) -> State:
    """So many nodes that they hold all pods when they are empty."""
    request, pods = case.demand.request, int(reason.need)

    def more(one: Any) -> Any:
        each = how_many(request, one.allocatable)
        return replace(one, nodes=math.ceil(pods / each) if each else pods)

    return case.group(reason, more)


def pods_at_once(case: Case, reason: Reason) -> State:
    """Nodes that have just the room that is missing."""
    request, missing = case.demand.request, int(reason.need) - int(reason.have)

    def more(one: Any) -> Any:
        bars = {room.free: room.nodes for room in one.rooms}
        bars[request] = bars.get(request, 0) + missing
        return replace(one, rooms=tuple(sorted(Room(free, count) for free, count in bars.items())))

    return case.group(reason, more)


def seen_once(case: Case, reason: Reason) -> State:
    """The member answered since our memory began."""
    return case.view(reason.what, lambda one: replace(one, seen_at=case.state.snapshot.at))


def _said(case: Case, reason: Reason, name: str, more: str) -> State:
    def changed(file: MemberTerms) -> MemberTerms:
        known: tuple[str, ...] = getattr(file.jobs, name)
        return replace(file, jobs=replace(file.jobs, **{name: (*known, more)}))

    return case.file(reason.member, changed)
