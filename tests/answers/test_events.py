"""What a name means, and the story of what it means: placements, claims, ends, oldest first (L8)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fedsched.answers import Answerer, View
from fedsched.answers.concerned import concerned
from fedsched.answers.events import Past, told
from fedsched.answers.known import Known
from fedsched.answers.naming import split
from fedsched.client import NoAnswer
from fedsched.client.documents import EventLine
from fedsched.journal import Account, Recorded
from fedsched.journal.records import PodTimes, Stay, Used
from fedsched.matchmaker.model import Claim, Memory, Observation, Plan, PoolView, Principal, Snapshot, Turn
from fedsched.matchmaker.reasons import Cause, Reason, Verdict
from tests.matchmaker.builders import T0, demand, held, placement, pod, res, schedd, slot, thing

ALICE, BOB = Principal("physics", "alice@b"), Principal("physics", "bob@b")
HERE = placement("1-1", "m1")
CLAIM = Claim(ALICE, 1000, T0 - 20, "4711.0", "ce1")


def account(id_: str, member: str = "m2", principal: Principal = BOB, **more: Any) -> Account:
    """Of a placement that is gone: bob's job 4711.0 at another schedd ran there."""
    base = Account(id_, member, "g", "startd-job", principal, "a", res(), T0 - 900)
    base.pods = {f"fs-{id_}-abcde": PodTimes("n1", T0 - 890, T0 - 100, 0)}
    base.stays = [Stay(principal, T0 - 800, T0 - 200, 1000, f"fs-{id_}-abcde", "n1", "4711.0", "ce2")]
    base.claimed = {str(principal): Used(600, 600)}
    base.ended_at, base.why = T0 - 100, "preempted"
    base.reason = Reason(Cause.PREEMPTED, what="physics.alice@b 7.0", need="PR2", have="10 min", member=member)
    for name, value in more.items():
        setattr(base, name, value)
    return base


def known(**more: Any) -> Known:
    """A startd of alice's that runs her job 4711.0 at m1, and one of bob's at m2 that is gone."""
    seen = Observation(
        T0,
        schedds=(schedd(demand("c1", examples=("9.0",)), demand("c2", examples=("8.0",)), name="ce1"),),
        pools=(PoolView("a", seen_at=T0, slots=(slot(HERE, claims=(CLAIM,)),)),),
        objects=(thing(HERE, pod("fs-1-1-abcde")),),
    )
    plan = Plan(9, T0, (held(HERE, "claimed", slot_seen_at=T0 - 30, claimed_at=T0 - 20),), (), Memory(cycle=9))
    base = Known(plan, seen, (account("2-1"),))
    return msgspec.structs.replace(base, **more)


@pytest.mark.parametrize(
    ("name", "placements"),
    [
        ("4711.0@ce1", ["1-1"]),
        ("ce1#4711.0", ["1-1"]),
        ("4711.0@ce2", ["2-1"]),
        ("4711@ce2", ["2-1"]),
        ("1-1", ["1-1"]),
        ("fs-2-1", ["2-1"]),
        ("fs-2-1-abcde", ["2-1"]),
        ("fs-1-1-abcde", ["1-1"]),
        ("9.0", ["1-1"]),
        ("c1", ["1-1"]),
    ],
)
def test_a_job_a_placement_a_pod_and_a_class_mean_their_placements(name: str, placements: list[str]) -> None:
    assert [one.placement for one in concerned(known(), name)] == placements


@pytest.mark.parametrize(
    ("user", "placements"), [("alice", ["1-1"]), ("bob@b", ["2-1"]), ("physics.*", ["2-1", "1-1"])]
)
def test_a_user_means_all_that_was_made_for_or_claimed_by_him_oldest_first(user: str, placements: list[str]) -> None:
    assert [one.placement for one in concerned(known(), user=user)] == placements


def test_a_namesake_at_two_schedds_is_asked_back() -> None:
    with pytest.raises(NoAnswer) as refused:
        concerned(known(), "4711.0")
    assert refused.value.what == "ambiguous"
    assert "4711.0@ce1, 4711.0@ce2" in refused.value.text


@pytest.mark.parametrize("name", ["4712.0", "fs-9-9", "zzzz", "../../etc/passwd", "4711.0@ce3", "c2"])
def test_what_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(NoAnswer) as refused:
        concerned(known(), name)
    assert refused.value.what == "unknown"


def test_what_cannot_be_a_name_is_no_question() -> None:
    with pytest.raises(NoAnswer) as refused:
        concerned(known(), "\x1b[2J")
    assert refused.value.what == "bad-question"


def test_either_a_name_or_a_user_is_wanted() -> None:
    for given in ({}, {"name": "1-1", "user": "ann"}):
        with pytest.raises(NoAnswer, match="wanted"):
            concerned(known(), **given)


def test_both_spellings_of_a_job_are_understood() -> None:
    assert split("ce1#4711.3") == split("4711.3@ce1") == ("4711.3", "ce1")
    assert split("4711.3") == ("4711.3", "")


def kinds(lines: tuple[EventLine, ...]) -> list[str]:
    return [line.kind for line in lines]


def test_the_story_of_a_running_job_goes_from_the_wait_to_its_claim() -> None:
    world = known()
    why = Reason(Cause.DEMAND, need="1", have="0")
    first = held(HERE, "intended", why=why, written_at=None)
    turn = Turn("c1", 3, T0 - 60, 1, 1, Verdict.NOT_NOW, Reason(Cause.NO_ROOM, need="1 core", member="m1"))
    pulled = EventLine(T0 - 45, "m1", "Pod fs-1-1-abcde", "kubernetes", "Pulled", "image present")
    story = told(world, concerned(world, "4711.0@ce1"), Past((first,), (), (turn,), (pulled,)))
    assert [line.at for line in story] == sorted(line.at for line in story)
    assert [kind for kind in kinds(story) if kind != "written"] == [
        "no-room",
        "placed",
        "Pulled",
        "slot-seen",
        "claimed",
    ]
    assert "Job 4711.0@ce1 of physics.alice@b claims 1 cores" in story[-1].text
    assert "physics.alice@b" in next(line.text for line in story if line.kind == "placed")


def test_the_story_of_one_that_is_gone_ends_with_who_took_its_room_by_which_rule() -> None:
    story = told(known(), concerned(known(), "fs-2-1"), Past())
    assert kinds(story) == ["pod-started", "claimed", "released", "pod-ended", "gone"]
    assert "PR2" in story[-1].text
    assert "physics.alice@b" in story[-1].text
    assert "exit code 0" in story[-2].text


def test_of_a_shared_startd_only_the_claims_of_the_job_that_was_asked_for_are_told() -> None:
    other = Stay(ALICE, T0 - 700, T0 - 600, 1000, "fs-2-1-abcde", "n1", "5.0", "ce1")
    gone = account("2-1", stays=[*account("2-1").stays, other])
    world = known(accounts=(gone,))
    mine = told(world, concerned(world, "4711.0@ce2"), Past())
    whole = told(world, concerned(world, "fs-2-1"), Past())
    assert kinds(mine).count("claimed") == 1
    assert kinds(whole).count("claimed") == 2


def test_a_claim_that_is_in_the_account_and_in_the_slot_is_told_once_and_not_released() -> None:
    mine = account("1-1", "m1", ALICE, ended_at=None, reason=None, pods={})
    mine.stays = [Stay(ALICE, T0 - 20, T0 - 1, 1000, "fs-1-1-abcde", "n1", "4711.0", "ce1")]
    world = known(accounts=(mine,))
    story = told(world, concerned(world, "4711.0@ce1"), Past())
    assert kinds(story).count("claimed") == 1
    assert "released" not in kinds(story)


def test_a_daemon_tells_what_its_last_cycle_holds_and_where_the_rest_is_told() -> None:
    world = known()
    view = View(Recorded(Snapshot(world.observation, Memory(), ()), world.plan), (), 10.0, "daemon", "lab")
    turn = Turn("c1", 3, T0 - 60, 1, 1, Verdict.NOT_NOW, Reason(Cause.NO_ROOM, need="1 core", member="m1"))
    answer = Answerer(view, lambda: T0, turns=lambda key, _since: (turn,) if key == "c1" else ()).events("4711.0@ce1")
    assert kinds(answer.events) == ["no-room", "placed", "written", "slot-seen", "claimed"]
    assert answer.unread
    assert answer.cycle == 9
