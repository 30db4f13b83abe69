"""FA1, FA2: when a member is slow, silent, lost, and when it is us."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fedsched.matchmaker.health import Health, look
from fedsched.matchmaker.model import MemberMemory, MemberView, Silence
from tests.matchmaker.builders import T0, member

LIMITS = Silence()


def silent_member(name: str, at: float) -> MemberView:
    return msgspec.structs.replace(member(name), contact="timeout", contact_at=at)


def watch(
    steps: Sequence[tuple[float, tuple[MemberView, ...]]], memories: dict[str, MemberMemory] | None = None
) -> Health:
    """Looks at each step's views in turn; the first step is the time before."""
    then, frozen, now = steps[0][0] - 10, None, memories or {}
    result = Health(now, None, ())
    for at, views in steps:
        result = look(views, now, frozen, (then, at), LIMITS)
        then, now, frozen = at, result.members, result.frozen_since
    return result


def test_one_failed_probe_changes_nothing_but_the_age() -> None:
    after = watch([(T0, (member(),)), (T0 + 10, (silent_member("m1", T0 + 10),))])
    assert after.members["m1"].state == "ready"
    assert after.members["m1"].silent_for_s == 10


def test_a_member_goes_from_ready_over_slow_and_unreachable_to_lost_by_its_silence_alone() -> None:
    answering = member("m2")
    states = []
    memories: dict[str, MemberMemory] = {}
    then = T0
    for step in range(100):
        at = T0 + 10 * step
        views = (silent_member("m1", at), msgspec.structs.replace(answering, contact_at=at), _up("m3", at))
        health = look(views, memories, None, (then, at), LIMITS)
        memories, then = health.members, at
        states.append(memories["m1"].state)
    assert sorted(set(states), key=states.index) == ["ready", "slow", "unreachable", "lost"]
    assert states.index("unreachable") == 6
    assert states.index("lost") == 90
    assert memories["m2"].state == "ready"


def _up(name: str, at: float) -> MemberView:
    return member(name, at=at)


def test_the_way_back_needs_two_good_contacts() -> None:
    lost = {"m1": MemberMemory(state="unreachable", silent_for_s=100, contact_seen=T0)}
    once = look((_up("m1", T0 + 10),), lost, None, (T0, T0 + 10), LIMITS)
    assert once.members["m1"].state == "unreachable"
    twice = look((_up("m1", T0 + 20),), once.members, None, (T0 + 10, T0 + 20), LIMITS)
    assert twice.members["m1"].state == "ready"


def test_the_same_contact_seen_twice_is_one_contact() -> None:
    lost = {"m1": MemberMemory(state="unreachable", silent_for_s=100, contact_seen=T0)}
    once = look((_up("m1", T0 + 10),), lost, None, (T0, T0 + 10), LIMITS)
    again = look((_up("m1", T0 + 10),), once.members, None, (T0 + 10, T0 + 15), LIMITS)
    assert again.members["m1"].state == "unreachable"


def test_when_most_members_fall_silent_together_we_suspect_ourselves_and_no_timer_runs() -> None:
    names = ("m1", "m2", "m3")
    steps = [(T0, tuple(_up(n, T0) for n in names))]
    steps += [(T0 + 10 * i, tuple(silent_member(n, T0 + 10 * i) for n in names)) for i in range(1, 300)]
    after = watch(steps)
    assert after.frozen_since == T0 + 60
    assert {m.state for m in after.members.values()} == {"unreachable"}


def test_one_silent_member_of_one_is_not_a_freeze() -> None:
    steps = [(T0, (_up("m1", T0),))] + [(T0 + 10 * i, (silent_member("m1", T0 + 10 * i),)) for i in range(1, 20)]
    assert watch(steps).frozen_since is None


def test_a_restart_during_an_outage_neither_expires_at_once_nor_starts_afresh() -> None:
    before = {"m1": MemberMemory(state="unreachable", silent_for_s=500, contact_seen=T0), "m2": MemberMemory()}
    two_hours = T0 + 7200
    after = look((silent_member("m1", two_hours), _up("m2", two_hours)), before, None, (T0, two_hours), LIMITS)
    assert after.members["m1"].state == "unreachable"
    assert 500 < after.members["m1"].silent_for_s < LIMITS.lost_s


def test_a_401_is_a_credential_problem_and_not_a_loss() -> None:
    steps = [
        (T0 + 10 * i, (msgspec.structs.replace(member(), contact="unauthorized", contact_at=T0 + 10 * i),))
        for i in range(200)
    ]
    after = watch(steps).members["m1"]
    assert after.state == "ready"
    assert after.unauthorized


@given(st.lists(st.tuples(st.floats(0.1, 40), st.booleans()), max_size=60))
def test_silence_is_never_more_than_the_time_that_passed(steps: list[tuple[float, bool]]) -> None:
    memories: dict[str, MemberMemory] = {}
    at, then, quiet = T0, T0, 0.0
    for span, answers in steps:
        then, at = at, at + span
        view = _up("m1", at) if answers else silent_member("m1", at)
        memories = look((view, _up("m2", at)), memories, None, (then, at), LIMITS).members
        quiet = 0.0 if answers else quiet + span
        assert memories["m1"].silent_for_s <= quiet + 1e-6
