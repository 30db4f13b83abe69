"""Nobody starves: who has jobs and a right to a startd has one within a bounded time, whatever was before (FS4, FS6).

What bounds it is the memory of use among the principals of a group. Groups have none: they divide by weight, and where
a group's right is less than one startd of a neighbour of it, whole startds decide.
"""

from __future__ import annotations

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fedsched.matchmaker.model import Policy, Preemption, Principal, PrincipalTerms, Ramp, Sharing, Startds
from tests.matchmaker.builders import res
from tests.properties.fair_world import FairWorld, User

CYCLE_S = 120.0
LONGEST_S = 900
POLICY = Policy(
    ramp=Ramp(first=10_000, max_starts=10_000),
    sharing=Sharing(half_life_s=3_600.0, slot_weight="Cpus"),
    startds=Startds(lifetime_s=LONGEST_S, retire_s=60),
    preemption=Preemption(mode="never"),
)
"""Without any eviction: what others hold comes back when their startds end, not before."""
BOUND_S = LONGEST_S + 2 * CYCLE_S
"""Everything that stands now has ended by then, and two cycles have seen it."""

people = st.lists(
    st.tuples(
        st.sampled_from((1, 1, 1, 2)),
        st.sampled_from((200, 400, 800)),
        st.sampled_from((0.0, 5.0, 60.0)),
        st.sampled_from((1.0, 1.0, 10.0)),
    ),
    min_size=2,
    max_size=6,
)
"""Each one's cores and seconds of a job, cores that it held for ever before, and factor."""


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(people, st.integers(1, 3), st.integers(4, 9))
def test_who_has_jobs_and_a_right_to_a_startd_has_one_before_all_others_had_their_turn(
    wanted: list[tuple[int, int, float, float]], nodes: int, cores: int
) -> None:
    whos = [Principal("hep", f"u{i}@x") for i in range(len(wanted))]
    users = [User(who, res(size, 1), seconds) for who, (size, seconds, _, _) in zip(whos, wanted, strict=True)]
    factors = tuple(PrincipalTerms(f"*{who.user}", factor=one[-1]) for who, one in zip(whos, wanted, strict=True))
    policy = msgspec.structs.replace(POLICY, principals=factors)
    world = FairWorld(policy, users, {"m1": [res(cores, 64, 500, pods=50)] * nodes}, cycle_s=CYCLE_S)
    for who, (_, _, cores_before, _) in zip(whos, wanted, strict=True):
        if cores_before:
            world.used(path(who), cores_before)
    world.run((len(users) + 2) * BOUND_S)
    for user in users:
        waited_s = longest_wait(world, path(user.who), user.request.cpu_milli)
        assert waited_s <= (len(users) - 1) * BOUND_S, f"{user.who} holds nothing for {waited_s:.0f} s"


def path(who: Principal) -> str:
    return f"{who.group}/{who.user}"


def longest_wait(world: FairWorld, one: str, unit: int) -> float:
    """For how long on end it had a right to a startd and none."""
    longest, since = 0.0, None
    for at, held, entitled in world.history:
        waits = entitled.get(one, 0) >= unit and not held.get(one, 0)
        since = (at if since is None else since) if waits else None
        longest = max(longest, at - since if since is not None else 0.0)
    return longest
