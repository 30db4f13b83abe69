"""Memory is brought up to what was observed: phases, the adopted, the gone, the orphans, the ghosts (FA7, FA8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from fedsched.matchmaker.model import (
    AdoptOwner,
    DeleteObject,
    Held,
    InvalidateAds,
    Notice,
    ObjectView,
    Pending,
    SlotView,
    Snapshot,
    Startds,
)
from fedsched.matchmaker.reconcile.of_jobs import came_back, nothing_left_of_job, revived, told_revived
from fedsched.matchmaker.reconcile.seen import (
    DOUBT_S,
    SETTLE_S,
    Standing,
    Views,
    has_its_pod,
    index,
    is_itself,
    telling,
    vanished,
)
from fedsched.matchmaker.reconcile.startds import stand_of_startd
from fedsched.matchmaker.reconcile.unchanged import Again, as_remembered, is_calm, stands_again

FOREVER = float("inf")


class Reconciled(msgspec.Struct, frozen=True):
    """Facts of this cycle. gone: placements that are over and of which nothing is left; they leave memory.

    fresh: of those that stand, all that are not just as memory had them. again: those that are calm, for the next look.
    quiet: ids of those that were so at the last look, too, and stand as they stood; restless: all others that stand.
    """

    standing: tuple[Standing, ...]
    fresh: tuple[Standing, ...]
    gone: tuple[Held, ...]
    ghosts: tuple[InvalidateAds, ...]
    sweep: tuple[DeleteObject, ...]
    adopt: tuple[AdoptOwner, ...]
    notices: tuple[Notice, ...]
    again: Again = {}
    restless: tuple[Standing, ...] = ()
    quiet: frozenset[str] = frozenset()


def reconcile(
    snapshot: Snapshot, rules: Startds, pending: Pending | None = None, before: Again | None = None
) -> Reconciled:
    """Bring memory up to what was observed. pending: how long a placement may stay so (X9).

    before: what the last look left to this one, which only saves time.
    """
    before = before or {}
    views = index(snapshot, rules, pending or Pending(), before)
    known = {held.placement.id for held in snapshot.memory.held}
    remembered = len(snapshot.memory.held) if len(known) == len(snapshot.memory.held) else 0
    adopted, sweep, notices = _strangers(snapshot, views, known)
    found = _Found([], [], [], notices, {}, [], set())
    for number, held in enumerate((*snapshot.memory.held, *adopted)):
        placement = held.placement
        thing, slots = views.objects.get((placement.member, placement.id)), views.slots.get(placement.id, ())
        last = before.get(placement.id) if number < remembered else None
        stand = stands_again(last, held, thing, slots) if last is not None else None
        if placement.member not in views.members:
            _of_nobody(held, found)
        elif stand is not None:
            _add(stand, held, found)
            found.again[placement.id] = stand
            found.quiet.add(placement.id)
        elif number >= remembered:
            _changed(held, stand_of_startd(held, thing, slots, views), views, found, known=False)
        elif not _as_it_stood(held, thing, slots, found):
            _changed(held, stand_of_startd(held, thing, slots, views), views, found, known=True)
    standing = found.standing
    own = tuple(
        AdoptOwner(o.member, o.placement_id, o.name, o.kind, o.uid)
        for s in standing
        if (o := s.object) is not None and not o.owned and not o.deleting and views.members[o.member].anchor_uid
    )
    return Reconciled(
        tuple(standing),
        tuple(found.fresh),
        tuple(s.held for s in found.gone),
        tuple(_ghosts(views, found.again)),
        tuple(sweep),
        own,
        tuple(notices),
        found.again,
        tuple(found.restless),
        frozenset(found.quiet),
    )


class _Found(NamedTuple):
    """Facts as they are found; see `Reconciled`."""

    standing: list[Standing]
    fresh: list[Standing]
    gone: list[Standing]
    notices: list[Notice]
    again: Again
    restless: list[Standing]
    quiet: set[str]


def _of_nobody(held: Held, found: _Found) -> None:
    """Its member's file is gone."""
    if held.placement.form == "job":
        stand = Standing(held)  # its pods may still run
        found.standing.append(stand)
        found.restless.append(stand)
        return
    found.notices.append(_forgotten(held))
    found.gone.append(Standing(held))


def _as_it_stood(held: Held, thing: ObjectView | None, slots: tuple[SlotView, ...], found: _Found) -> bool:
    """Whether it stands just as memory has it, or was only heard of again."""
    again = as_remembered(held, thing, slots)
    if again is None:
        return False
    stand = Standing(again, thing, slots)
    _add(stand, held, found)
    _note(stand, found)
    return True


def _add(stand: Standing, held: Held, found: _Found) -> None:
    """It stands; held: as memory has it."""
    found.standing.append(stand)
    if stand.held is not held:
        found.fresh.append(stand)


def _note(stand: Standing, found: _Found) -> None:
    """One that is not as it was at the last look; at the next it may be."""
    found.restless.append(stand)
    if is_calm(stand):
        found.again[stand.held.placement.id] = stand


def _changed(held: Held, stand: Standing, views: Views, found: _Found, *, known: bool) -> None:
    """One that was reconciled. known: from memory, where it stands once."""
    if stand.object is not None and came_back(held, stand):
        found.notices.append(told_revived(stand.object))
    if _nothing_left(stand, views):
        found.gone.append(stand)
        return
    found.standing.append(stand)
    if stand.held is not held or not known:
        found.fresh.append(stand)
    if known and stand.slots and as_remembered(stand.held, stand.object, stand.slots) is stand.held:
        _note(stand, found)
    else:
        found.restless.append(stand)


def _forgotten(held: Held) -> Notice:
    """Its member's file is gone: whatever stands there is not ours to count on, and nobody asks after it (R9)."""
    text = f"{held.placement.object_name} is no longer counted: {held.placement.member} is no member any more"
    return Notice("forgotten", text, member=held.placement.member)


def _strangers(
    snapshot: Snapshot, views: Views, known: set[str]
) -> tuple[list[Held], list[DeleteObject], list[Notice]]:
    """Objects with our labels that memory does not know: adopted when they are whole, swept when they are not (FA7)."""
    adopted, sweep, notices = [], [], []
    for thing, itself in zip(snapshot.observation.objects, views.itself, strict=True):
        if thing.deleting or (itself and thing.digest and thing.placement_id in known):
            continue
        if revived(thing, known, snapshot.memory.since if snapshot.memory.cycle else FOREVER):
            sweep.append(DeleteObject(thing.member, thing.placement_id, thing.name, thing.kind, thing.uid))
            notices.append(told_revived(thing))
            continue
        if not is_itself(thing) or not thing.digest:
            sweep.append(DeleteObject(thing.member, thing.placement_id, thing.name, thing.kind, thing.uid))
            text = f"{thing.kind} {thing.name} carries our labels but not a record of ours; it is removed"
            notices.append(Notice("orphan", text, member=thing.member))
        elif thing.placement_id not in known and thing.placement is not None:
            known.add(thing.placement_id)
            adopted.append(
                Held(thing.placement, "starting", views.at, uid=thing.uid, written_at=thing.created_at, adopted=True)
            )
            notices.append(Notice("adopted", f"{thing.kind} {thing.name} is adopted", member=thing.member))
    return adopted, sweep, notices


def _nothing_left(stand: Standing, views: Views) -> bool:
    """Over, no object seen, and the member's view is new enough to say so."""
    held = stand.held
    if stand.object is not None or held.phase != "gone":
        return False
    if held.placement.form == "job":
        return nothing_left_of_job(held, views)
    return held.written_at is None or vanished(held, views)


def _ghosts(views: Views, settled: Again) -> Iterable[InvalidateAds]:
    """Ads whose pod is gone (FA8): their claims would eat a group's quota for minutes."""
    asked = (slots for name, slots in views.slots.items() if name not in settled)
    alone = [slot for slots in asked for slot in slots if not _has_its_pod(slot, views)]
    for slot in sorted(alone, key=lambda slot: slot.placement_id):
        member = views.members.get(slot.member)
        if member is None or member.contact != "ok":
            continue
        if telling(member, max(slot.started_at + SETTLE_S, views.at - DOUBT_S), views.at):
            yield InvalidateAds(slot.pool, slot.placement_id, slot.pod, slot.member)


def _has_its_pod(slot: SlotView, views: Views) -> bool:
    thing = views.objects.get((slot.member, slot.placement_id))
    return thing is not None and has_its_pod(slot, thing)
