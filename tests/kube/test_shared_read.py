"""Threads that want the same read share it, and none is served with what was read before it asked."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from fedsched.kube.shared_read import SharedRead


class Source:
    """A read that ends when the test lets it; its answers count up."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.count = 0

    def read(self) -> int:
        self.count += 1
        number = self.count
        self.begun.release()
        assert self.go_on.acquire(timeout=10)
        if number == 3:
            raise ValueError("the third")
        return number


def waiting(asked: list[Future[int]], shared: SharedRead[int]) -> None:
    """Returns once all but one of those that asked wait for the next read."""
    while len(shared._changed._waiters) < len(asked) - 1:  # type: ignore[attr-defined]  # the only way to see it
        assert not all(one.done() for one in asked)


def test_who_asks_while_a_read_is_under_way_gets_the_next_one_and_shares_it() -> None:
    source = Source()
    shared = SharedRead(source.read)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(shared.get)
        assert source.begun.acquire(timeout=10)
        later = [threads.submit(shared.get) for _ in range(5)]
        waiting([first, *later], shared)
        source.go_on.release()
        assert first.result(10) == 1
        assert source.begun.acquire(timeout=10)
        source.go_on.release()
        assert [one.result(10) for one in later] == [2] * 5
        assert source.count == 2


def test_what_a_read_raises_everybody_gets_who_waited_for_it_and_nobody_after() -> None:
    source = Source()
    shared = SharedRead(source.read)
    source.go_on.release(2)
    assert [shared.get(), shared.get()] == [1, 2]
    source.go_on.release()
    with pytest.raises(ValueError, match="the third"):
        shared.get()
    source.go_on.release()
    assert shared.get() == 4
