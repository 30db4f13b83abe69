"""What a daemon is put together from: its world, its time, what decides, who is told; nothing runs here."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fedsched.config import Files
from fedsched.config.settings import Federation, MemberFile
from fedsched.daemon.timers import RealTimers, Timers
from fedsched.journal import Recorded
from fedsched.loop import Clock, LiveWorld, Mind, SystemClock
from fedsched.matchmaker.model import Change, Observation, Plan, Policy, PoolTerms, Snapshot


class Time(msgspec.Struct, frozen=True):
    """By which time a daemon lives: its clock, and timers on that clock, made anew for each run.

    virtual: time stands still while anything is done, and the world is gone with the process. So acting happens in the
    loop's thread, change by change, instead of in a lane per member, and the journal does not wait for the disk.
    """

    clock: Clock
    timers: Callable[[], Timers]
    virtual: bool = False


REAL = Time(SystemClock(), RealTimers)
"""The machine's time."""


def nobody(_port: int) -> None:
    """Who wants to hear at which TCP port the API answers: nobody."""


def never() -> bool:
    """A live world is never over."""
    return False


class Parts(msgspec.Struct, frozen=True):
    """How to build the world, the two functions that decide, and for a world in memory its time.

    told: called with each cycle once it is durable, in the loop's thread; for views and reports. over: asked after
    each cycle whether the world has come to its end, at which the daemon ends as if it had been told to. opened: told
    at which TCP port of this machine the API answers, 0 for none, before the first cycle.
    """

    world: Callable[[Federation, tuple[MemberFile, ...]], LiveWorld]
    negotiate: Callable[[Snapshot, Policy], Plan]
    changes: Callable[[Observation, Plan], tuple[Change, ...]]
    time: Time = REAL
    told: tuple[Callable[[Recorded], None], ...] = ()
    over: Callable[[], bool] = never
    opened: Callable[[int], None] = nobody

    def mind(self, files: Files) -> Mind:
        """What decides, with the terms of these files."""
        members = tuple(member.terms for member in files.members)
        pools = tuple(PoolTerms(pool.name, pool.negotiator) for pool in files.federation.pools)
        return Mind(self.negotiate, self.changes, files.policy, members, pools)


class How(msgspec.Struct, frozen=True):
    """once: one cycle, acting in order, then end. dispatch: False plans and records and carries nothing out."""

    once: bool = False
    dispatch: bool = True
