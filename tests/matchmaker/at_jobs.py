"""Startds at work as looks see them one after the other, and what may change beside them: for what is kept of them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import strategies as st

from fedsched.matchmaker.model import (
    Claim,
    NodeRoom,
    Order,
    Principal,
    Room,
    Snapshot,
)
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, held, placement, pod, res, slot, thing
from tests.matchmaker.startds_seen import (
    ALICE,
    BOB,
    CHANGES,
    CLAIM,
    Seen,
    of_placement,
    of_slot,
    startds,
)

EVERY_S = 5.0
Looks = list[list[Seen]]


def at_job(number: int, who: Principal = ALICE, key: str = "c1", since: float = T0 - 20) -> Seen:
    """One that is claimed whole, by whom it was made for."""
    place = placement(f"0-{number}", principal=who, class_key=key, size=res(2, 4), created_at=T0 - 50 - number)
    name = f"fs-{place.id}-abc"
    claims = (Claim(who, 1000, since), Claim(who, 1000, since - 1))
    view = slot(place, name, name=f"slot1@{name}", claims=claims, unclaimed_since=None, free=res(0, 0, 9, pods=0))
    known = held(place, "claimed", slot_seen_at=T0 - 30, pod_started_at=T0 - 40, claimed_at=T0 - 20)
    return Seen(known, thing(place, pod(name)), (view,))


def heard_again(one: Seen, at: float) -> Seen:
    """Its ad came once more, and says the same."""
    return of_slot(seen_at=at)(one)


def partly(number: int, **more: Resources) -> Seen:
    """One of which half is claimed, and the rest has no memory for another job."""
    one = of_placement(units=2)(at_job(number))
    return of_slot(claims=(msgspec.structs.replace(CLAIM, since=T0 - 30 - number),), free=res(1, 0, 9), **more)(one)


def many() -> list[Seen]:
    """Of two users, of classes that ask and of one that does not any more."""
    whole = [at_job(n, (ALICE, BOB)[n % 2], ("c1", "c2", "gone", "c3")[n % 4]) for n in range(8)]
    roomy = of_slot(free=res(1, 4, 9))(partly(11))
    return [*map(partly, range(8, 10)), roomy, *whole]


@st.composite
def several(draw: st.DrawFn) -> Looks:
    """Five looks. In each some startds say something else, come or go, or come back; others are heard of again."""
    now, found = [*many(), *[draw(startds(number)) for number in range(20, 22)]], Looks()
    for number in range(5):
        for index, one in enumerate(now):
            what = draw(st.integers(0, 9))
            if what == 0:
                now[index] = CHANGES[draw(st.sampled_from(sorted(CHANGES)))](one)
            elif what == 1 and number:
                now[index] = found[0][index]
            elif what <= 3:
                now[index] = heard_again(one, T0 + number * EVERY_S)
        found.append(list(now))
    return [[one for index, one in enumerate(each) if index % 7 or number != 3] for number, each in enumerate(found)]


OTHERS: dict[str, Callable[[Snapshot], Snapshot]] = {
    "a drain": lambda seen: msgspec.structs.replace(seen, orders=(Order("drain", "m1", "x"),)),
    "a denied user": lambda seen: msgspec.structs.replace(seen, orders=(Order("deny", "physics.alice@b", "x"),)),
    "a cordoned node": lambda seen: with_members(seen, node_rooms=(NodeRoom("n1", "g", res(1, 1), cordoned=True),)),
    "a lack of room": lambda seen: with_members(
        seen,
        node_groups=tuple(
            msgspec.structs.replace(one, rooms=(Room(res(300, 3, 900), 1),))
            for one in seen.observation.members[0].node_groups
        ),
    ),
    "a schedd that was asked before its jobs started": lambda seen: with_schedds(seen, seen_at=T0 - 500),
    "a schedd that was never asked": lambda seen: with_schedds(seen, seen_at=None),
    "the end of their time": lambda seen: msgspec.structs.replace(
        seen, observation=msgspec.structs.replace(seen.observation, at=T0 + 60_000)
    ),
    "smaller jobs": lambda seen: with_schedds(
        seen,
        classes=tuple(msgspec.structs.replace(one, request=res(0, 1)) for one in seen.observation.schedds[0].classes),
    ),
    "no jobs": lambda seen: with_schedds(seen, classes=()),
}
"""What may be otherwise than with startds, while all of them stand as they stood."""


def with_members(seen: Snapshot, **more: object) -> Snapshot:
    members = tuple(msgspec.structs.replace(one, **more) for one in seen.observation.members)
    return msgspec.structs.replace(seen, observation=msgspec.structs.replace(seen.observation, members=members))


def with_schedds(seen: Snapshot, **more: object) -> Snapshot:
    schedds = tuple(msgspec.structs.replace(one, **more) for one in seen.observation.schedds)
    return msgspec.structs.replace(seen, observation=msgspec.structs.replace(seen.observation, schedds=schedds))
