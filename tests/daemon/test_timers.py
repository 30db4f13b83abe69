"""Chores come as often as their intervals say, by whichever clock, and however time is sliced."""

from __future__ import annotations

import math
import threading
from collections import Counter
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsched.daemon.timers import RealTimers, VirtualTimers
from tests.loop.shelf import VirtualClock

EVERY = {"lease": 10.0, "odd": 7.3, "cycle": 60.0, "hourly": 3600.0}


def ticking(clock: VirtualClock, slice_s: float = math.inf) -> tuple[VirtualTimers, Counter[str]]:
    timers, done = VirtualTimers(clock, slice_s), Counter[str]()
    for name, seconds in EVERY.items():
        timers.every(seconds, partial(done.update, [name]))
    timers.start()
    return timers, done


@pytest.mark.parametrize("slice_s", [math.inf, 0.2, 12.0, 0.1 + 0.2])
def test_each_chore_comes_as_often_as_its_interval_says_however_time_is_sliced(slice_s: float) -> None:
    clock = VirtualClock()
    began = clock.now()
    timers, done = ticking(clock, slice_s)
    while clock.now() < began + 4000:
        clock.sleep(timers.look())
    timers.look()
    assert {name: abs(done[name] - math.floor(4000 / each)) <= 1 for name, each in EVERY.items()} == dict.fromkeys(
        EVERY, True
    )


def test_between_two_looks_nothing_is_due() -> None:
    clock = VirtualClock()
    timers, done = ticking(clock)
    looks = 0
    while clock.now() < 1_700_000_000 + 3600:
        clock.sleep(timers.look())
        looks += 1
    assert looks <= sum(done.values()) + 2, "a look without a chore is a step of the world for nothing"


@given(st.lists(st.floats(0.001, 5000), max_size=40))
def test_what_is_late_is_done_once_and_then_goes_on_in_its_own_rhythm(sleeps: list[float]) -> None:
    clock = VirtualClock()
    began = clock.now()
    timers, done = ticking(clock)
    for seconds in sleeps:
        clock.sleep(seconds)
        before = done.copy()
        timers.look()
        assert all(done[name] - before[name] <= 1 for name in EVERY)
        before = done.copy()
        timers.look()
        assert done == before, "nobody catches up"
    passed = clock.now() - began
    assert all(done[name] <= passed / each + 1 for name, each in EVERY.items())
    left = timers.look()
    clock.sleep(left)
    before = done.copy()
    timers.look()
    assert done != before, "after as long as it said, something is due"


def test_before_the_start_and_after_the_stop_nothing_is_called() -> None:
    clock = VirtualClock()
    timers, done = VirtualTimers(clock), Counter[str]()
    timers.every(5.0, partial(done.update, ["a"]))
    clock.sleep(100)
    timers.look()
    assert not done
    timers.start()
    clock.sleep(5)
    timers.look()
    assert done == {"a": 1}
    timers.stop()
    clock.sleep(100)
    timers.look()
    assert done == {"a": 1}


def test_a_chore_that_ends_the_timers_is_the_last_one() -> None:
    clock = VirtualClock()
    timers, done = VirtualTimers(clock), Counter[str]()
    timers.every(5.0, timers.stop)
    timers.every(5.0, partial(done.update, ["a"]))
    timers.start()
    clock.sleep(5)
    timers.look()
    assert not done


def test_real_timers_call_from_a_thread_of_their_own_and_the_loop_looks_several_times_a_second() -> None:
    timers, called, threads = RealTimers(), threading.Event(), []

    def chore() -> None:
        threads.append(threading.current_thread())
        called.set()

    timers.every(0.05, chore)
    timers.start()
    assert called.wait(10)
    timers.stop()
    assert threads[0] is not threading.current_thread()
    assert 0 < timers.look() < 1
