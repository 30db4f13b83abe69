"""The same snapshot in another order: what was seen, and the maps of what is remembered."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from fedsched.matchmaker.model import MemberView, Memory, ObjectView, PoolView, ScheddView, Snapshot

T = TypeVar("T")


def shuffled(snapshot: Snapshot, seed: int) -> Snapshot:
    """Equal in meaning: nobody promised the order in which pollers and servers tell things."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible order, no secret
    seen = snapshot.observation
    seen = msgspec.structs.replace(
        seen,
        schedds=_mixed(chance, (_schedd(chance, view) for view in seen.schedds)),
        members=_mixed(chance, (_member(chance, view) for view in seen.members)),
        pools=_mixed(chance, (_pool(chance, view) for view in seen.pools)),
        objects=_mixed(chance, (_object(chance, view) for view in seen.objects)),
    )
    return msgspec.structs.replace(
        snapshot,
        observation=seen,
        memory=_memory(chance, snapshot.memory),
        terms=_mixed(chance, snapshot.terms),
        orders=_mixed(chance, snapshot.orders),
        pools=_mixed(chance, snapshot.pools),
    )


def _mixed(chance: random.Random, these: Iterable[T]) -> tuple[T, ...]:
    found = list(these)
    chance.shuffle(found)
    return tuple(found)


def _schedd(chance: random.Random, view: ScheddView) -> ScheddView:
    return msgspec.structs.replace(view, classes=_mixed(chance, view.classes))


def _member(chance: random.Random, view: MemberView) -> MemberView:
    groups = (msgspec.structs.replace(group, rooms=_mixed(chance, group.rooms)) for group in view.node_groups)
    return msgspec.structs.replace(
        view,
        node_groups=_mixed(chance, groups),
        node_rooms=_mixed(chance, view.node_rooms),
        quotas=_mixed(chance, view.quotas),
        site_pods=_mixed(chance, view.site_pods),
    )


def _pool(chance: random.Random, view: PoolView) -> PoolView:
    slots = (msgspec.structs.replace(slot, claims=_mixed(chance, slot.claims)) for slot in view.slots)
    return msgspec.structs.replace(view, slots=_mixed(chance, slots))


def _object(chance: random.Random, view: ObjectView) -> ObjectView:
    return msgspec.structs.replace(view, pods=_mixed(chance, view.pods))


def _memory(chance: random.Random, memory: Memory) -> Memory:
    """Maps in another order; lists stay: they are what we wrote ourselves."""
    changed: dict[str, Any] = {}
    for name in memory.__struct_fields__:
        value = getattr(memory, name)
        if isinstance(value, dict):
            changed[name] = dict(_mixed(chance, value.items()))
    return msgspec.structs.replace(memory, **changed)
