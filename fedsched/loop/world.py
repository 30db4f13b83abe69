"""What the loop asks of a world and of a clock; no world lives here."""

from __future__ import annotations

from typing import Protocol

from fedsched.config.settings import MemberFile
from fedsched.matchmaker.model import Change, ClassNotice, Observation, Outcome


class Unreachable(Exception):  # noqa: N818 - a fact of a member, not an error of ours
    """A member that did not answer; its claim is tried again before the first act there."""


class Fenced(Exception):  # noqa: N818 - a state that ends us, not an error of ours
    """A higher epoch stands at a member: another fedsched took over and this one must not write again (FA5)."""


class World(Protocol):
    """One federation, live or simulated; whatever is risky about acting on it is the loop's business."""

    def observe(self, at: float) -> Observation:
        """What each poller last stored, with its age; returns at once."""
        ...

    def act(self, change: Change) -> Outcome:
        """One change to one object; blocks at most its own lane. Never raises for what a peer says."""
        ...

    def claim(self, member: str, epoch: int) -> int:
        """Raise the fence of one member to `epoch` and remember it for later acts there; returns what stands there now.

        Called in the member's lane once, before the first act. Raises Unreachable when the member does not answer.
        """
        ...

    def wait(self, timeout_s: float) -> bool:
        """Until something changed that deserves an early cycle (True) or until the timeout, in seconds (False)."""
        ...


class LiveWorld(World, Protocol):
    """A world with threads and processes of its own, as the daemon runs one."""

    def start(self) -> None:
        """Begin to poll; returns at once."""
        ...

    def stop(self) -> None:
        """End threads and child processes; nothing changes at the members."""
        ...

    def reload(self, members: tuple[MemberFile, ...]) -> None:
        """Members' files were read again: links of new ones begin, of missing ones end, changed ones start anew."""
        ...

    def announce(self, notices: tuple[ClassNotice, ...]) -> None:
        """Tell each pool's collector of the classes that wait, and of no others; returns at once."""
        ...

    def upkeep(self) -> None:
        """Renew what expires, remove what nothing uses; called every `credential_check_s`, in a thread of its own."""
        ...


class Clock(Protocol):
    """Time as the loop reads it: virtual in a simulation."""

    def now(self) -> float:
        """Epoch seconds, for what is recorded."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for intervals."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let that much time pass, in seconds."""
        ...
