"""What was observed, indexed, and when absence from it means anything (FA8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.model import (
    LIVE,
    CreateObject,
    Held,
    MemberView,
    ObjectView,
    Outcome,
    Pending,
    PodView,
    PoolView,
    SlotView,
    Snapshot,
    Startds,
    object_name,
)

SETTLE_S = 5.0
"""How much newer than an event a view must be before absence in it means anything, in seconds."""

DOUBT_S = 30.0
"""A view older than this many seconds cannot make anything fail or vanish."""


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A placement with what was observed of it."""

    held: Held
    object: ObjectView | None = None
    slots: tuple[SlotView, ...] = ()

    @property
    def pods(self) -> tuple[PodView, ...]:
        """Its pods, none when no object was seen."""
        return self.object.pods if self.object else ()


class Views(msgspec.Struct, frozen=True):
    """Observation, indexed. itself: of each object, in the order observed, whether it is what its own record says."""

    at: float
    rules: Startds
    pending: Pending
    starts: dict[str, tuple[float, ...]]
    members: dict[str, MemberView]
    pools: dict[str, PoolView]
    objects: dict[tuple[str, str], ObjectView]
    itself: tuple[bool, ...]
    slots: dict[str, tuple[SlotView, ...]]
    made: dict[str, Outcome]
    epoch: int = 1


def index(snapshot: Snapshot, rules: Startds, pending: Pending, before: Mapping[str, Standing]) -> Views:
    """Everything by its key, so that each placement finds its own at once. before: whose objects were found whole."""
    seen = snapshot.observation
    made = {o.change.placement.id: o for o in snapshot.outcomes if isinstance(o.change, CreateObject)}
    objects: dict[tuple[str, str], ObjectView] = {}
    itself = tuple(
        [
            ((known := before.get(thing.placement_id)) is not None and known.object is thing) or is_itself(thing)
            for thing in seen.objects
        ]
    )
    for thing, whole in zip(seen.objects, itself, strict=True):
        if whole or (has_its_name(thing) and (thing.member, thing.placement_id) not in objects):
            objects[thing.member, thing.placement_id] = thing
    return Views(
        at=snapshot.at,
        rules=rules,
        pending=pending,
        starts={name: memory.starts for name, memory in snapshot.memory.members.items()},
        members={m.name: m for m in seen.members},
        pools={p.name: p for p in seen.pools},
        objects=objects,
        itself=itself,
        slots=_by_placement(seen.pools),
        made=made,
        epoch=snapshot.epoch,
    )


def _by_placement(pools: Iterable[PoolView]) -> dict[str, tuple[SlotView, ...]]:
    """Slots of each placement, in the order observed; most have one."""
    found: dict[str, tuple[SlotView, ...]] = {}
    several: dict[str, list[SlotView]] = {}
    for pool in pools:
        for slot in pool.slots:
            key = slot.placement_id
            if key in found:
                several.setdefault(key, [*found[key]]).append(slot)
            else:
                found[key] = (slot,)
    return found | {key: tuple(slots) for key, slots in several.items()}


def is_itself(thing: ObjectView) -> bool:
    """Whether the object is what its own record says: same id, same member, the computed name."""
    record = thing.placement
    return (
        record is not None
        and record.id == thing.placement_id
        and record.member == thing.member
        and record.object_name == thing.name
    )


def has_its_pod(slot: SlotView, thing: ObjectView) -> bool:
    """Whether the pod that a slot speaks of is there."""
    return any(pod.name == slot.pod and pod.phase in LIVE for pod in thing.pods)


def has_its_name(thing: ObjectView) -> bool:
    """Whether it has the name that its placement's object has; another one is a copy, whatever its labels say."""
    return thing.name == object_name(thing.placement_id)


def doubtful(held: Held, views: Views) -> bool:
    """What we know of its member is old: time may not be counted against what runs there (R2)."""
    member = views.members.get(held.placement.member)
    return member is None or member.seen_at is None or not telling(member, views.at - DOUBT_S, views.at)


def telling(member: MemberView, since: float, at: float) -> bool:
    """Whether absence from a view means anything: it is not older than `since`, nor from after now.

    One from after now was stamped before our clock was set back; how old it is nobody knows. Epoch seconds.
    """
    return member.seen_at is not None and since <= member.seen_at <= at + SETTLE_S


def vanished(held: Held, views: Views) -> bool:
    """Written, and absent from a view that is newer than the writing: over, never "run again"."""
    member = views.members.get(held.placement.member)
    if held.written_at is None or member is None or member.contact != "ok" or member.seen_at is None:
        return False
    return member.seen_at > held.written_at + SETTLE_S and telling(member, held.written_at, views.at)
