"""Time limits of calls: each ends its own call, in time, and one that was released ends nothing."""

from __future__ import annotations

import threading
import time

from fedsched.kube.watchdog import Watchdog


def test_limits_end_in_the_order_of_their_times_whatever_the_order_in_which_they_were_set() -> None:
    dog, ended, over = Watchdog(), [], threading.Event()
    dog.set(1.5, over.set)
    dog.set(1.0, lambda: ended.append("second"))
    dog.set(0.5, lambda: ended.append("first"))
    assert over.wait(10)
    assert ended == ["first", "second"]


def test_a_limit_that_is_forgotten_ends_nothing_and_keeps_nothing() -> None:
    dog, ended, over = Watchdog(), [], threading.Event()
    ticket = dog.set(0.5, lambda: ended.append("forgotten"))
    dog.forget(ticket)
    dog.set(0.6, over.set)
    assert over.wait(10)
    assert not ended
    dog.forget(ticket)


def test_many_limits_need_one_thread() -> None:
    dog, before = Watchdog(), set(threading.enumerate())
    tickets = [dog.set(60.0, lambda: None) for _ in range(1000)]
    assert len(set(threading.enumerate()) - before) == 1
    for ticket in tickets:
        dog.forget(ticket)


def test_a_limit_ends_at_its_time_though_a_later_one_was_waited_for() -> None:
    began = time.monotonic()
    for _ in range(30):  # whether the thread waits already when the next limit is set differs from time to time
        dog, waits, over = Watchdog(), threading.Event(), threading.Event()
        dog.set(60.0, lambda: None)
        dog.set(0.001, waits.set)
        assert waits.wait(10)
        dog.set(0.001, over.set)
        assert over.wait(10)
    assert time.monotonic() - began < 9
