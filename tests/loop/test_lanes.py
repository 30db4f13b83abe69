"""A member that hangs delays nobody, and nothing is issued twice. Real threads; no sleeps but deadlines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fedsched.journal import SqliteJournal
from fedsched.loop import Loop, Mind, Unreachable
from fedsched.loop.lanes import COPY_LANES, TELL_LANES, key_of, lane_of
from fedsched.matchmaker.model import (
    Change,
    CreateObject,
    DeletePod,
    InvalidateAds,
    JobStatus,
    Outcome,
    TellJob,
)
from tests.loop.shelf import Shelf, Wishes, placement

Threaded = Callable[[Any, Mind], Loop]


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Poll with a deadline."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.005)


class Gate:
    """Holds every act at one member until it is opened."""

    def __init__(self, member: str) -> None:
        self.member = member
        self.open = threading.Event()
        self.entered = threading.Event()

    def answer(self, change: Any) -> str:
        if change.member == self.member:
            self.entered.set()
            assert self.open.wait(30)
        return ""


@pytest.fixture
def hanging(tmp_path: Path) -> Any:
    shelf = Shelf(tmp_path / "w", ["m1", "m2"])
    gate = Gate("m1")
    shelf.answer = gate.answer
    yield shelf, gate
    gate.open.set()


def test_a_member_that_hangs_delays_neither_the_cycle_nor_other_members(hanging: Any, threaded: Threaded) -> None:
    shelf, gate = hanging
    wishes = Wishes({"a": "m1", "b": "m2"})
    loop = threaded(shelf, wishes.mind())
    loop.cycle()
    assert gate.entered.wait(10)
    until(lambda: "m2/fs-b" in shelf.names())
    loop.cycle()
    times = []
    for _ in range(20):
        began = time.monotonic()
        loop.cycle()
        times.append(time.monotonic() - began)
    assert sorted(times)[10] < 0.15
    assert shelf.names() == ["m2/fs-b"]


def test_what_is_in_flight_is_not_issued_again_and_comes_in_with_a_later_cycle(
    hanging: Any, threaded: Threaded
) -> None:
    shelf, gate = hanging
    wishes = Wishes({"a": "m1"})
    loop = threaded(shelf, wishes.mind())
    assert loop.cycle().issued == {"create": 1}
    assert gate.entered.wait(10)
    for _ in range(5):
        summary = loop.cycle()
        assert (summary.issued, summary.in_flight) == ({}, 1)
    gate.open.set()
    until(lambda: shelf.names() == ["m1/fs-a"])
    until(lambda: not loop.cycle().in_flight)
    loop.cycle()
    assert len(shelf.acts) == 1
    assert any(o.result == "done" for snapshot in wishes.seen for o in snapshot.outcomes)


def test_what_waits_behind_a_hanging_act_is_taken_back_when_nobody_wants_it_any_more(
    hanging: Any, threaded: Threaded, journal: SqliteJournal
) -> None:
    shelf, gate = hanging
    wishes = Wishes({"a": "m1", "b": "m1", "c": "m1"})
    loop = threaded(shelf, wishes.mind())
    loop.cycle()
    assert gate.entered.wait(10)
    assert len(journal.open_intents()) == 3
    wishes.ids = {"a": "m1", "c": "m1"}
    loop.cycle()
    loop.cycle()
    assert sorted(i.change.placement.id for i in journal.open_intents() if isinstance(i.change, CreateObject)) == [
        "a",
        "c",
    ]
    gate.open.set()
    until(lambda: shelf.names() == ["m1/fs-a", "m1/fs-c"])
    assert all(change.placement.id != "b" for change in shelf.acts)


def test_a_lane_keeps_the_members_pace(tmp_path: Path, threaded: Threaded) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes(dict.fromkeys("abcde", "m1"))
    loop = threaded(shelf, wishes.mind(requests_per_s=20))
    began = time.monotonic()
    loop.cycle()
    until(lambda: len(shelf.names()) == 5)
    assert time.monotonic() - began >= 4 / 20


def test_a_member_that_cannot_be_claimed_is_not_written_to_and_is_tried_again(
    tmp_path: Path, threaded: Threaded
) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes({"a": "m1"})
    silent = threading.Event()
    silent.set()
    claim = shelf.claim

    def claimed(member: str, epoch: int) -> int:
        if silent.is_set():
            raise Unreachable("no answer")
        return claim(member, epoch)

    shelf.claim = claimed  # type: ignore[method-assign] # one method of a fake changes for one test
    loop = threaded(shelf, wishes.mind())
    until(lambda: bool(loop.cycle().results.get("retry")))
    assert not shelf.acts
    silent.clear()
    until(lambda: loop.cycle().results == {"done": 1} or shelf.names() == ["m1/fs-a"])
    assert len(shelf.acts) == 1


def test_the_fence_is_claimed_once_before_the_first_act(tmp_path: Path, threaded: Threaded) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes({"a": "m1", "b": "m1"})
    order: list[str] = []
    claim, act = shelf.claim, shelf.act

    def claimed(member: str, epoch: int) -> int:
        order.append("claim")
        return claim(member, epoch)

    def acted(change: Any) -> Outcome:
        order.append("act")
        return act(change)

    shelf.claim, shelf.act = claimed, acted  # type: ignore[method-assign] # as above
    loop = threaded(shelf, wishes.mind())
    loop.cycle()
    until(lambda: len(shelf.names()) == 2)
    assert order == ["claim", "act", "act"]


def test_stopping_writes_down_what_still_ended(tmp_path: Path, threaded: Threaded, journal: SqliteJournal) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes({"a": "m1"})
    begun = threading.Event()

    def slow(_change: Any) -> str:
        begun.set()
        threading.Event().wait(0.3)
        return ""

    shelf.answer = slow
    loop = threaded(shelf, wishes.mind())
    loop.cycle()
    assert begun.wait(10)
    loop.stop(5)
    assert [outcome.result for outcome in journal.outcomes_since_last()] == ["done"]
    assert journal.open_intents() == ()


def test_pools_have_lanes_of_their_own_and_different_wishes_have_different_keys() -> None:
    ghost: Change = InvalidateAds("a", "p", "pod")
    assert lane_of(ghost) == "pool:a"
    pods = [DeletePod("m1", "p", "x", "u1"), DeletePod("m1", "p", "x", "u2"), DeletePod("m2", "p", "x", "u1")]
    creations = [CreateObject("m1", placement("p")), CreateObject("m1", placement("q"))]
    changes: list[Change] = [ghost, *pods, *creations]
    assert len({key_of(change) for change in changes}) == 6


def test_copies_of_jobs_are_written_beside_each_other_and_one_copy_always_in_the_same_lane() -> None:
    copies = [CreateObject("m1", msgspec.structs.replace(placement(str(n)), form="job")) for n in range(40)]
    lanes = [lane_of(change) for change in copies]
    assert len(set(lanes)) == COPY_LANES
    assert all(name.startswith("m1/copies-") for name in lanes)
    assert lanes == [lane_of(msgspec.structs.replace(change)) for change in copies]
    assert {lane_of(CreateObject("m1", placement(str(n)))) for n in range(40)} == {"m1"}, "startds come one by one"


def test_jobs_of_a_queue_are_told_beside_each_other_and_one_job_always_in_the_same_lane() -> None:
    tells = [TellJob("hub", f"lab/{n}", f"uid-{n}", "7", JobStatus()) for n in range(40)]
    lanes = {lane_of(tell) for tell in tells}
    assert len(lanes) == TELL_LANES
    later = msgspec.structs.replace(tells[0], resource_version="8", status=JobStatus(active=1))
    assert lane_of(later) == lane_of(tells[0])


def test_lanes_of_copies_keep_the_members_pace_together(tmp_path: Path, threaded: Threaded) -> None:
    shelf, wishes = Shelf(tmp_path / "w"), Wishes(dict.fromkeys(map(str, range(12)), "m1"))
    wishes.form = "job"
    loop = threaded(shelf, wishes.mind(requests_per_s=20))
    began = time.monotonic()
    loop.cycle()
    until(lambda: len(shelf.names()) == 12)
    assert time.monotonic() - began >= (12 - COPY_LANES) / 20
