"""Supply: idle jobs of each class that startds on hand or on their way will take (SU2); no growth, no leaving."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.model import (
    DemandClass,
    Held,
    ScheddView,
)
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import how_many

OPEN = frozenset({"intended", "starting", "unclaimed"})
"""Phases in which a placement still waits for its first or next job."""

JUST_S = 3.0
"""A schedd counts a job as idle for a moment after a slot was claimed for it: so much older than its answer, in
seconds, a claim may be and still be for one of the jobs in it."""


class Asked(msgspec.Struct, frozen=True):
    """What is asked for, by class key, when each schedd said so (epoch seconds), and what time it is now."""

    classes: Mapping[str, DemandClass]
    read_at: Mapping[str, float]
    at: float


def asked(schedds: Iterable[ScheddView], at: float) -> Asked:
    """Every class with idle jobs, by key: observed order never matters."""
    views = tuple(schedds)
    found = sorted(((d.key, d) for view in views for d in view.classes if d.idle > 0), key=lambda pair: pair[0])
    return Asked(dict(found), {view.name: view.seen_at for view in views if view.seen_at is not None}, at)


def supply(ask: Asked, standing: Iterable[Standing], lost: frozenset[str]) -> dict[str, int]:
    """Idle jobs of each class that running, starting or intended startds will take (SU2): class key -> jobs.

    Only what is usable counts: enough of the scarcest resource, life left for the job's length, not leaving, not
    failed, not on a lost member unless its slot is heard of. A startd serves its own class first, then others of its
    principal whose jobs have the same User: START admits no other. A job that was idle when its schedd was asked and
    was claimed since is served, too.
    """
    found: dict[str, int] = {}
    spare: list[Standing] = []
    for stand in standing:
        held = stand.held
        if held.wanted != "run" or held.failure or held.phase not in {*OPEN, "claimed"}:
            continue
        if held.placement.form == "job":
            continue  # it runs its own Job and no other
        if held.placement.member in lost and not stand.slots:
            continue
        own = ask.classes.get(held.placement.class_key)
        if own and _serve(stand, own, found, ask):
            continue
        if held.phase == "unclaimed" or not own:
            spare.append(stand)
    _share_out(spare, found, ask)
    return found


def _serve(stand: Standing, demand: DemandClass, found: dict[str, int], ask: Asked) -> bool:
    """Count what this startd takes of the class; whether it takes any."""
    unserved = max(0, demand.idle - found.get(demand.key, 0))
    units = min(_just_claimed(stand, demand, ask) + _units(stand, demand, ask.at), unserved)
    if units:
        found[demand.key] = found.get(demand.key, 0) + units
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


def _just_claimed(stand: Standing, demand: DemandClass, ask: Asked) -> int:
    """Jobs that its schedd counted as idle when it was asked, and that this startd has got since."""
    since = ask.read_at.get(demand.schedd, ask.at) - JUST_S
    claims = [claim for slot in stand.slots for claim in slot.claims]
    return sum(claim.principal == demand.principal and claim.since >= since for claim in claims)


def _units(stand: Standing, demand: DemandClass, at: float) -> int:
    """How many idle jobs of the class this startd can still take."""
    held, ask = stand.held, msgspec.structs.replace(demand.request, pods=0)
    ends = held.placement.created_at + held.placement.lifetime_s - held.placement.retire_s
    if at > ends or (demand.length.source != "assumed" and at + demand.length.seconds > ends + held.placement.retire_s):
        return 0
    if stand.slots:
        if held.placement.class_key == demand.key:
            # made for this class: a slot's Disk is what is free on a file system now, and never quite what was asked
            ask = msgspec.structs.replace(ask, disk_mib=0)
        return sum(how_many(ask, slot.free) for slot in stand.slots if not slot.leaving)
    if held.phase == "claimed" or asleep(held):
        return 0
    return how_many(ask, held.placement.size) * held.nodes


def asleep(held: Held) -> bool:
    """A DaemonSet whose startds all left by themselves: its pods stay and sleep, and nobody joins from them again."""
    return held.placement.form == "startd-daemonset" and held.phase == "starting" and held.slot_seen_at is not None
