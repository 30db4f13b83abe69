"""PR1: where a startd may have room is known of all places at once, before anybody looks up who stands where."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker import preempt
from fedsched.matchmaker.model import MemberView, Policy, SitePod, Snapshot
from fedsched.matchmaker.negotiate import negotiate
from fedsched.matchmaker.options import Option
from fedsched.matchmaker.preempt import Evictions, Rules, Wish
from fedsched.matchmaker.preempt.ground import Ground
from fedsched.matchmaker.preempt.wishes import Shares
from fedsched.matchmaker.preempt.yard import Places, numbers_of
from fedsched.matchmaker.reconcile import Standing
from fedsched.matchmaker.resources import Resources
from tests.matchmaker.builders import T0, res
from tests.properties.test_booked_alike import roomy

REQUESTS = (res(1, 1), res(3, 1), Resources(), Resources(cpu_milli=-4000))
"""Of the owner's pods; whatever is read of a cluster may be written there."""


def askew(number: int) -> tuple[Snapshot, Policy]:
    """A federation with room of which views do not list each node, and whose owners wait for some of it."""
    snapshot, policy = roomy(number)
    chance = random.Random(number)  # noqa: S311 - the same federation each time, no secret
    views = tuple(_askew(view, chance) for view in snapshot.observation.members)
    seen = msgspec.structs.replace(snapshot.observation, members=views)
    return msgspec.structs.replace(snapshot, observation=seen), policy


def _askew(view: MemberView, chance: random.Random) -> MemberView:
    listed = tuple(room for room in view.node_rooms if chance.random() < 0.7)
    rooms = tuple(msgspec.structs.replace(room, free=room.free + res(chance.choice((0, 0, 2)), 4)) for room in listed)
    own = [
        SitePod(f"own-{n}", chance.choice(REQUESTS), T0 - chance.choice((20, 900)), (one.node,), groups=("g0",))
        for n, one in enumerate(view.node_rooms)
        if chance.random() < 0.2
    ]
    groups = tuple(
        group if chance.random() < 0.8 else msgspec.structs.replace(group, rooms=()) for group in view.node_groups
    )
    return msgspec.structs.replace(view, node_rooms=rooms, site_pods=tuple(own), node_groups=groups)


def asked(wishes: Iterable[Wish]) -> list[Sequence[Option]]:
    """Their options, and the same for a startd that needs nothing."""
    found: list[Sequence[Option]] = [wish.options for wish in wishes if len(wish.options)]
    return found + [tuple(msgspec.structs.replace(one, size=Resources()) for one in options) for options in found]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1_000_000))
def test_no_place_is_left_out_where_a_node_has_room_or_some_who_leave_make_it(number: int) -> None:
    chance, seen = random.Random(number), []  # noqa: S311 - the same steps each time, no secret

    def judged(wishes: Iterable[Wish], standing: Iterable[Standing], _: Shares, rules: Rules) -> Evictions:
        standing, every = tuple(standing), asked(wishes)
        ground, plain = (Ground(rules.places, some, rules.at) for some in (standing, standing[::-1]))
        ground.outlook.expect(numbers_of(options, ground) for options in every)
        for _step in range(4):
            for options in every:
                room = [at for at, option in enumerate(options) if plain.open_node(option) is not None]
                assert [at for at, option in enumerate(options) if ground.open_node(option) is not None] == room
                found = Places.of(options, ground).open(ground)
                assert {*room} <= {*found}
                seen.append((bool(room), bool(found)))
            for one in chance.sample(standing, min(2, len(standing))):
                ground.give(ground.gain(one))
                plain.give(plain.gain(one))
            if chance.random() < 0.3:
                assert ground.free.where == plain.free.where
                assert ground.free.left.tolist() == plain.free.left.tolist()
        return Evictions({}, {}, {})

    snapshot, policy = askew(number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preempt, "make_room", judged)
        negotiate(snapshot, policy)
    for one in sorted({*seen}):
        event(f"room, looked at: {one}")
