"""Copies of users' Jobs at members that are lost: which there are, and when each Job may run elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fedsched.matchmaker.explain import age
from fedsched.matchmaker.model import Snapshot
from fedsched.matchmaker.reconcile import surely_ended_at

MOST = 5


class Unheard(msgspec.Struct, frozen=True):
    """A Job whose copy nobody would hear of any more. id: QUEUE:NAMESPACE/NAME.

    free_at: epoch seconds from which it is placed again, as its copy has surely ended then (FA4); None for never.
    why: why never; "" where it is placed again.
    """

    id: str
    principal: str
    member: str
    copy: str
    free_at: float | None = None
    why: str = ""


def unheard(snapshot: Snapshot, members: Iterable[str]) -> tuple[Unheard, ...]:
    """All of them, by member and Job; copies that ended already hold nobody back."""
    views = {view.name: view for view in snapshot.observation.members}
    lost, rows = set(members), []
    started = {
        thing.placement_id: thing.status.started_at
        for thing in snapshot.observation.objects
        if thing.status is not None and thing.status.started_at is not None
    }
    for held in snapshot.memory.held:
        place = held.placement
        if place.form != "job" or place.member not in lost or held.ended is not None:
            continue
        seen = msgspec.structs.replace(held, job_started_at=held.job_started_at or started.get(place.id))
        free_at = surely_ended_at(seen, views.get(place.member))
        why = ""
        if free_at is None:
            why = "it says so itself" if place.rerun == "never" else "its copy was not seen to start"
        rows.append(
            Unheard(f"{place.schedd}:{place.job}", str(place.principal), place.member, place.object_name, free_at, why)
        )
    return tuple(sorted(rows, key=lambda one: (one.member, one.id)))


def told(rows: Iterable[Unheard], at: float) -> tuple[str, ...]:
    """A sentence for each member. at: the moment, epoch seconds."""
    by_member: dict[str, list[Unheard]] = {}
    for one in rows:
        by_member.setdefault(one.member, []).append(one)
    return tuple(_told(member, some, at) for member, some in sorted(by_member.items()))


def _told(member: str, some: list[Unheard], at: float) -> str:
    count = "1 Job has its copy" if len(some) == 1 else f"{len(some)} Jobs have their copies"
    parts = [f"{one.id} {_when(one, at)}" for one in some[:MOST]]
    parts += [f"and {len(some) - MOST} more"] if len(some) > MOST else []
    return (
        f"{count} at {member}, which may go on running where nobody hears of it: none is placed again before its own "
        f"deadline has surely ended it (FA4): {', '.join(parts)}."
    )


def _when(one: Unheard, at: float) -> str:
    if one.free_at is None:
        return f"never ({one.why})"
    return f"in {age(one.free_at - at)}" if one.free_at > at else "at once"
