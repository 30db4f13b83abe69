"""A virtual world as the daemon runs one: it is the clock as well, and may be held back to a speed of its own."""

from __future__ import annotations

import math
import time
from typing import Protocol

from fedsched.config.settings import MemberFile
from fedsched.daemon.parts import Time
from fedsched.daemon.timers import VirtualTimers
from fedsched.loop import SLICE_S, Clock, World
from fedsched.matchmaker.model import Change, ClassNotice, Observation, Outcome

LATE_S = 0.5
"""Held up longer than this (real seconds), it goes on from here at its speed instead of catching up."""


class VirtualWorld(World, Clock, Protocol):
    """A world whose time passes only while somebody waits for it."""


class Paced:
    """A virtual world at `speed` virtual seconds per real second; infinite: as fast as it computes."""

    def __init__(self, world: VirtualWorld, speed: float = math.inf) -> None:
        self._world = world
        self._speed = speed
        self._anchor = time.monotonic(), world.monotonic()

    @property
    def speed(self) -> float:
        """Virtual seconds per real one."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        if speed != self._speed:
            self._speed = speed
            self._anchor = time.monotonic(), self._world.monotonic()

    @property
    def time(self) -> Time:
        """By which a daemon over this world lives: it looks as often as in real time, or only when something is due."""
        return Time(self, lambda: VirtualTimers(self, SLICE_S * self._speed), virtual=True)

    # -- the clock

    def now(self) -> float:
        """Virtual time in epoch seconds."""
        return self._world.now()

    def monotonic(self) -> float:
        """Virtual seconds since the world began."""
        return self._world.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let virtual seconds pass, at the speed."""
        self._world.sleep(seconds)
        self._hold()

    # -- the world

    def observe(self, at: float) -> Observation:
        """See World."""
        return self._world.observe(at)

    def act(self, change: Change) -> Outcome:
        """See World."""
        return self._world.act(change)

    def claim(self, member: str, epoch: int) -> int:
        """See World."""
        return self._world.claim(member, epoch)

    def wait(self, timeout_s: float) -> bool:
        """See World; virtual seconds, at the speed."""
        woken = self._world.wait(timeout_s)
        self._hold()
        return woken

    # -- what a live world does besides

    def start(self) -> None:
        """The speed counts from here."""
        self._anchor = time.monotonic(), self._world.monotonic()

    def stop(self) -> None:
        """No thread, no process: nothing to end."""

    def reload(self, members: tuple[MemberFile, ...]) -> None:
        """The world stays as it is; what decides reads the members' new terms."""

    def announce(self, notices: tuple[ClassNotice, ...]) -> None:
        """No collector: nobody to tell."""

    def upkeep(self) -> None:
        """Nothing expires."""

    def _hold(self) -> None:
        """Real time catches up with virtual time."""
        if math.isinf(self._speed):
            return
        since, began = self._anchor
        late_s = time.monotonic() - (since + (self._world.monotonic() - began) / self._speed)
        if late_s > LATE_S:
            self._anchor = time.monotonic(), self._world.monotonic()
        time.sleep(max(0.0, -late_s))
