"""Followed logs of several members: in order of time, with pods that come later, ended when all is over (M29)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from fedsched.answers import gathering
from fedsched.answers.concerned import Concern
from fedsched.answers.gathering import Gathering
from fedsched.client.documents import LogLine
from fedsched.config.settings import Federation
from fedsched.kube.onlooker import NoRightError
from fedsched.kube.pod_logs import LogAsk, PodThere
from fedsched.kube.transport import TransportError
from fedsched.matchmaker.model import Principal

END = object()
ALICE = Principal("", "alice@b")


class Member:
    """A member whose pods write what a test says: a fake of our own protocol."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pods_there: dict[str, bool] = {}
        self.said: dict[str, queue.SimpleQueue[Any]] = {}
        self.followed: list[tuple[str, float]] = []
        self.failure: Exception | None = None

    def pod(self, name: str, *said: Any, over: bool = False) -> None:
        """A pod that has written this; END: its stream ends there."""
        self.said.setdefault(name, queue.SimpleQueue())
        for one in said:
            self.said[name].put(one)
        self.pods_there[name] = over

    def pods(self, _placements: Sequence[str]) -> tuple[PodThere, ...]:
        if self.failure:
            raise self.failure
        return tuple(PodThere(name, over) for name, over in self.pods_there.items())

    def follow(self, pod: str, _ask: LogAsk, last_at: float = 0.0) -> Iterator[tuple[LogLine, ...]]:
        self.followed.append((pod, last_at))
        while (one := self.said[pod].get(timeout=10)) is not END:
            if isinstance(one, Exception):
                raise one
            yield (LogLine(one, self.name, pod, f"line {one:g}"),)

    def close(self) -> None:
        for said in self.said.values():
            said.put(END)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "HOLD_S", 0.2)
    monkeypatch.setattr(gathering, "AGAIN_S", 0.05)


def follow(monkeypatch: pytest.MonkeyPatch, *members: Member, gone: Callable[[], bool] = lambda: True) -> Iterator[Any]:
    """What is followed of one placement at each member; `gone`: whether they are over."""
    by_name = {member.name: member for member in members}
    one = Gathering(Federation("lab", ()), ())
    monkeypatch.setattr(one, "_open", by_name.__getitem__)

    def find() -> list[Concern]:
        return [Concern(f"1-{name}", name, ALICE, 0.0, gone=gone()) for name in by_name]

    return one.follow(find, LogAsk())


def test_lines_of_two_members_are_told_in_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    m1, m2 = Member("m1"), Member("m2")
    m1.pod("a", 1.0, 3.0, 5.0, END, END, over=True)
    m2.pod("b", 2.0, 4.0, 6.0, END, END, over=True)
    assert [line.at for line in follow(monkeypatch, m1, m2)] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_a_pod_that_comes_later_is_followed_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    m1, standing = Member("m1"), threading.Event()
    m1.pod("a", 1.0)
    found = follow(monkeypatch, m1, gone=standing.is_set)
    assert next(found).pod == "a"
    m1.pod("b", 2.0, END, END, over=True)
    assert next(found).pod == "b"
    m1.pod("a", END, END, over=True)
    standing.set()
    assert list(found) == []


def test_a_stream_that_broke_goes_on_after_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    m1 = Member("m1")
    m1.pod("a", 1.0, TransportError("timeout", "no byte for 300 s"), 2.0, END, END)
    found = follow(monkeypatch, m1)
    told = [next(found), next(found), next(found)]
    m1.pod("a", END, over=True)
    assert [line.at for line in told if not isinstance(line, str)] == [1.0, 2.0]
    assert m1.followed[1] == ("a", 1.0)


def test_a_member_that_does_not_answer_is_named_once_and_the_other_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    m1, m2 = Member("m1"), Member("m2")
    m1.pod("a", 1.0)
    m2.failure = TransportError("timeout", "no answer within 8 s")
    found = follow(monkeypatch, m1, m2)
    told = [next(found), next(found)]
    assert {one if isinstance(one, str) else one.at for one in told} == {
        1.0,
        "m2 does not answer: no answer within 8 s",
    }
    m1.pod("a", 2.0)
    assert next(found).at == 2.0


def test_without_the_right_it_is_said_once_and_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    m1 = Member("m1")
    m1.pod("a", NoRightError("may not read logs; join again"), over=True)
    assert list(follow(monkeypatch, m1)) == ["m1: may not read logs; join again"]
    assert len(m1.followed) == 1


def test_of_very_many_pods_some_are_followed_at_once_and_the_others_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_STREAMS", 2)
    m1 = Member("m1")
    for number in range(5):
        m1.pod(f"p{number}", float(number), END, END, over=True)
    told = list(follow(monkeypatch, m1))
    assert {line.pod for line in told if not isinstance(line, str)} == {f"p{number}" for number in range(5)}
    assert [line for line in told if isinstance(line, str)] in ([], [LATER])


LATER = "2 pods are followed already; the others when one of these is over"


def test_of_very_many_pods_so_many_are_read_and_the_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_PODS", 3)
    m1 = Member("m1")
    for number in range(5):
        m1.pod(f"p{number}", over=number < 3)
    one = Gathering(Federation("lab", ()), ())
    monkeypatch.setattr(one, "_open", lambda _name: m1)
    monkeypatch.setattr(Member, "log", lambda self, pod, _ask: (LogLine(1.0, self.name, pod, "x"),), raising=False)
    found = one.logs([Concern("1-1", "m1", ALICE, 0.0)], LogAsk())
    assert {line.pod for line in found.logs} >= {"p3", "p4"}
    assert len(found.logs) == 3
    assert found.unread == ("m1: 2 further pods are not read: ask for one of them by its name",)
