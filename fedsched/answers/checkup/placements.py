"""Placements and what stands for them: one object each, none without a placement, none missing, no ghost of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fedsched.answers.checkup.look import Fault, Judged, Look
from fedsched.matchmaker.explain import age
from fedsched.matchmaker.model import Held, SlotView, object_name

SETTLE_S = 30.0
"""Absence and presence mean something when the view is this much newer than what should have changed it."""
MOST = 20
"""Faults of one property that are listed; the rest is counted."""


def no_placement_stands_twice(look: Look) -> Judged | None:
    """FA3: one object per placement over all members, and each where its label says."""
    if not look.sites:
        return None
    stands: dict[str, list[str]] = defaultdict(list)
    faults = []
    for where, thing in look.objects:
        stands[thing.placement].append(f"{thing.kind} {thing.name} at {where}")
        if thing.member != where:
            text = f"{thing.kind} {thing.name} stands at {where} and says that it belongs to {thing.member or 'nobody'}"
            faults.append(Fault(text, _delete(where, thing.kind, thing.name), thing.name))
    for id_, objects in sorted(stands.items()):
        if len(objects) > 1:
            text = f"placement {id_} stands {len(objects)} times: {', '.join(objects)}"
            mine = look.held.get(id_)
            keep = f"delete all but {object_name(id_)} at {mine.placement.member}" if mine else "delete them all"
            faults.append(Fault(text, keep, id_))
    seen = f"{len(stands)} placements, {len(look.objects)} objects at {len(look.answering)} members"
    return Judged(seen, _some(faults))


def no_object_is_an_orphan(look: Look) -> Judged | None:
    """FA7: every object with our labels has a placement in memory."""
    if not look.sites:
        return None
    faults = []
    for where, thing in look.objects:
        if thing.placement in look.known or thing.deleting:
            continue
        made = age(look.at - thing.at)
        text = f"{thing.kind} {thing.name} at {where}, made {made} ago, has no placement in memory"
        running = "the daemon adopts or sweeps it in its next cycle" if look.served else ""
        faults.append(
            Fault(text, running or f"fedsched serve, or: {_delete(where, thing.kind, thing.name)}", thing.name)
        )
    return Judged(f"{len(look.objects)} objects, all of {len(look.held)} placements in memory", _some(faults))


def no_placement_lost_its_object(look: Look) -> Judged | None:
    """FA8: what was written stands at its member, and what is intended is written in time."""
    if not look.sites:
        return None
    there = {(where, thing.placement) for where, thing in look.objects}
    faults = [fault for held in look.memory.held for fault in _missing(look, held, there)]
    standing = sum(held.phase != "gone" for held in look.memory.held)
    return Judged(f"{standing} placements stand in memory, each has its object", _some(faults))


def _missing(look: Look, held: Held, there: set[tuple[str, str]]) -> Iterator[Fault]:
    place = held.placement
    if held.phase == "gone" or place.member not in look.answering or (place.member, place.id) in there:
        return
    if held.written_at is None:
        late = look.at - place.created_at > look.policy.startds.intent_s
        if late and look.served:
            text = f"{place.id} is intended for {place.member} since {age(look.at - place.created_at)} and not written"
            yield Fault(text, f"fedsched explain decision {place.id}", place.id)
        return
    if look.at - held.written_at < SETTLE_S:
        return
    text = f"{place.object_name} was written to {place.member} {age(look.at - held.written_at)} ago and is not there"
    if look.is_old:
        yield Fault(f"{text}; nobody has looked since the last cycle", "fedsched serve", place.id, broken=False)
    else:
        yield Fault(text, f"fedsched events {place.object_name}", place.id)


def no_ad_is_a_ghost(look: Look) -> Judged | None:
    """FA8: every slot of ours in a collector has its pod."""
    if not look.sites:
        return None
    slots = [slot for pool in look.seen.pools for slot in pool.slots]
    faults = [_ghost(look, slot) for slot in slots if _is_ghost(look, slot)]
    silent = {slot.member for slot in slots if slot.member in look.sites and slot.member not in look.answering}
    unseen = f"; those of {', '.join(sorted(silent))} could not be compared" if silent else ""
    return Judged(
        f"{len(slots)} slots of ours in {len(look.seen.pools)} collectors, each has its pod{unseen}", _some(faults)
    )


def _is_ghost(look: Look, slot: SlotView) -> bool:
    if slot.member not in look.sites:
        # Where only some members are looked at, the others' slots are nobody's concern here.
        return slot.member not in look.terms
    site = look.answering.get(slot.member)
    return site is not None and slot.pod not in site.pods and site.at - slot.started_at > SETTLE_S


def _ghost(look: Look, slot: SlotView) -> Fault:
    text = (
        f"{slot.name} is advertised in {slot.pool} for pod {slot.pod or 'of no name'} at {slot.member}, which has "
        f"no such pod; last heard of {age(look.at - slot.seen_at)} ago"
    )
    fix = (
        "the daemon removes it in its next cycle"
        if look.served
        else "fedsched serve removes it; it goes by itself, too"
    )
    return Fault(text, fix, slot.name)


def _delete(member: str, kind: str, name: str) -> str:
    return f"at {member}: kubectl delete {kind.lower()} {name} (in our namespace)"


def _some(faults: list[Fault]) -> tuple[Fault, ...]:
    if len(faults) <= MOST:
        return tuple(faults)
    return (*faults[:MOST], Fault(f"and {len(faults) - MOST} more of the same", faults[0].fix))


PLACEMENTS = (
    no_placement_stands_twice,
    no_object_is_an_orphan,
    no_placement_lost_its_object,
    no_ad_is_a_ghost,
)
PASSING = (no_object_is_an_orphan, no_placement_lost_its_object, no_ad_is_a_ghost)
"""What a running daemon mends in a cycle or two."""
