"""Supply: idle jobs of each class that startds on hand or on their way will take (SU2); no growth, no leaving."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from fedsched.matchmaker.model import (
    DemandClass,
    Held,
    Placement,
    ScheddView,
)
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources, how_many
from fedsched.matchmaker.surge.busy import Group, taking_nothing

OPEN = frozenset({"intended", "starting", "unclaimed"})
"""Phases in which a placement still waits for its first or next job."""

SERVING = OPEN | {"claimed"}
"""Phases in which a startd takes jobs, now or soon."""

JUST_S = 3.0
"""A schedd counts a job as idle for a moment after a slot was claimed for it: so much older than its answer, in
seconds, a claim may be and still be for one of the jobs in it."""


class Asked(msgspec.Struct, frozen=True):
    """What is asked for, by class key, when each schedd said so (epoch seconds), and what time it is now.

    taken: what startds take of the class that they were made for, found once for all who ask in this round: by id, with
    the placement. busy: ids of startds that take none whoever asks, see `taking_nothing`.
    """

    classes: Mapping[str, DemandClass]
    read_at: Mapping[str, float]
    at: float
    taken: dict[str, tuple[Placement, int]]
    busy: frozenset[str] = frozenset()


def asked(schedds: Iterable[ScheddView], at: float, calm: Mapping[str, Group] | None = None) -> Asked:
    """Every class with idle jobs, by key: observed order never matters. calm: startds that are, by class."""
    views = tuple(schedds)
    found = sorted(((d.key, d) for view in views for d in view.classes if d.idle > 0), key=lambda pair: pair[0])
    classes, read_at = dict(found), {view.name: view.seen_at for view in views if view.seen_at is not None}
    busy = taking_nothing(calm or {}, classes, {name: seen_at - JUST_S for name, seen_at in read_at.items()})
    return Asked(classes, read_at, at, {}, busy)


def supply(ask: Asked, standing: Iterable[Standing], lost: frozenset[str]) -> dict[str, int]:
    """Idle jobs of each class that running, starting or intended startds will take (SU2): class key -> jobs.

    Only what is usable counts: enough of the scarcest resource, life left for the job's length, not leaving, not
    failed, not on a lost member unless its slot is heard of. A startd serves its own class first, then others of its
    principal whose jobs have the same User: START admits no other. A job that was idle when its schedd was asked and
    was claimed since is served, too.
    """
    found: dict[str, int] = {}
    spare: list[Standing] = []
    classes, busy = ask.classes, ask.busy
    for stand in standing:
        held = stand.held
        if held.placement.id in busy or held.wanted != "run" or held.failure or held.phase not in SERVING:
            continue
        placement = held.placement
        if placement.form == "job":
            continue  # it runs its own Job and no other
        if not stand.slots and placement.member in lost:
            continue
        own = classes.get(placement.class_key)
        if own and _serve(stand, own, found, ask):
            continue
        if held.phase == "unclaimed" or not own:
            spare.append(stand)
    _share_out(spare, found, ask)
    return found


def _serve(stand: Standing, demand: DemandClass, found: dict[str, int], ask: Asked) -> bool:
    """Count what this startd takes of the class; whether it takes any."""
    served = found.get(demand.key, 0)
    if served >= demand.idle:
        return False
    placement = stand.held.placement
    if placement.class_key == demand.key:
        known = ask.taken.get(placement.id)
        if known is None or known[0] is not placement:
            ask.taken[placement.id] = known = (placement, _takes(stand, demand, ask))
        units = known[1]
    else:
        units = _takes(stand, demand, ask)
    if units:
        found[demand.key] = served + min(units, demand.idle - served)
    return units > 0


def _share_out(spare: list[Standing], found: dict[str, int], ask: Asked) -> None:
    """Startds that their own class does not need serve other classes of the same user of the principal."""
    others: dict[object, list[DemandClass]] = {}
    for demand in ask.classes.values():
        others.setdefault((demand.schedd, demand.principal, demand.user), []).append(demand)
    for stand in spare:
        placement = stand.held.placement
        for demand in others.get((placement.schedd, placement.principal, placement.user), []):
            if _serve(stand, demand, found, ask):
                break


def _takes(stand: Standing, demand: DemandClass, ask: Asked) -> int:
    """Idle jobs of the class that this startd can still take, and those that it has got since its schedd was asked."""
    if not stand.slots:
        return _units(stand, demand, ask.at)
    since, cores = ask.read_at.get(demand.schedd, ask.at) - JUST_S, demand.request.cpu_milli
    just, full = 0, True
    for slot in stand.slots:
        for claim in slot.claims:
            if claim.since >= since and claim.principal == demand.principal:
                just += 1
        if not 0 < cores > slot.free.cpu_milli:
            full = False
    return just if full else just + _units(stand, demand, ask.at)


def _units(stand: Standing, demand: DemandClass, at: float) -> int:
    """How many idle jobs of the class this startd can still take."""
    held, request = stand.held, demand.request
    ends = held.placement.created_at + held.placement.lifetime_s - held.placement.retire_s
    if at > ends or (demand.length.source != "assumed" and at + demand.length.seconds > ends + held.placement.retire_s):
        return 0
    if stand.slots:
        own = held.placement.class_key == demand.key
        return sum(_holds(slot.free, request, own=own) for slot in stand.slots if not slot.leaving)
    if held.phase == "claimed" or asleep(held):
        return 0
    return _holds(held.placement.size, request, own=False) * held.nodes


@lru_cache(maxsize=4096)
def _holds(room: Resources, request: Resources, *, own: bool) -> int:
    """How many jobs a slot has room for. own: it was made for their class."""
    ask = msgspec.structs.replace(request, pods=0)
    # a slot's Disk is what is free on a file system now, and never quite what was asked
    return how_many(msgspec.structs.replace(ask, disk_mib=0) if own else ask, room)


def asleep(held: Held) -> bool:
    """A DaemonSet whose startds all left by themselves: its pods stay and sleep, and nobody joins from them again."""
    return held.placement.form == "startd-daemonset" and held.phase == "starting" and held.slot_seen_at is not None
