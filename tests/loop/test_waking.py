"""A change wakes the loop, whenever it comes."""

from __future__ import annotations

import threading

from fedsched.config.settings import Federation
from fedsched.federation import LiveWorld


class ChangedWhileTimingOut(threading.Event):
    """An event that is set just after a wait for it has given up."""

    def wait(self, timeout: float | None = None) -> bool:
        given_up = super().wait(0 if timeout is None else min(timeout, 0))
        self.set()
        return given_up


def test_a_change_that_comes_while_a_wait_ends_is_not_lost() -> None:
    world = LiveWorld(Federation("lab", ()), (), 10)
    world._woken = ChangedWhileTimingOut()
    assert world.wait(0.1)
    world._woken = threading.Event()
    assert not world.wait(0.01)
    world.wake()
    assert world.wait(10)
    assert not world.wait(0.01)
