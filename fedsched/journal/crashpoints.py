"""Numbered places between two durable writes at which a test can kill the process; off unless armed.

`FEDSCHED_CRASH_AT="NAME:N"` kills at the Nth time that NAME is passed, `"*:N"` at the Nth point of any name.
The daemon arms it from its environment; nothing else does. A test in the same process may have it `strike` otherwise.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

VARIABLE = "FEDSCHED_CRASH_AT"


def kill() -> None:
    """As a power cut would: nothing of this process runs any more."""
    os.kill(os.getpid(), signal.SIGKILL)


class _Armed:
    """What is armed in this process: a name (or "*"), how many passes are left, and what happens then."""

    def __init__(self) -> None:
        self.name = ""
        self.left = 0
        self.strike: Callable[[], None] = kill
        self.lock = threading.Lock()


_ARMED = _Armed()


def arm(spec: str | None, strike: Callable[[], None] = kill) -> None:
    """Arm one crash point, "NAME:N"; None or "" disarms. Raises ValueError for anything else.

    strike: what happens there, in the thread that came by.
    """
    _ARMED.strike = strike
    if not spec:
        _ARMED.name, _ARMED.left = "", 0
        return
    name, _, count = spec.rpartition(":")
    if not name or not count.isdigit() or int(count) < 1:
        raise ValueError(f"{VARIABLE}={spec!r}: expected NAME:N with N from 1, as in act-done:1 or *:7")
    _ARMED.name, _ARMED.left = name, int(count)


def checkpoint(name: str) -> None:
    """Say that one durable write is over and the next has not begun; strikes when armed for it."""
    if not _ARMED.left or _ARMED.name not in {name, "*"}:
        return
    with _ARMED.lock:
        _ARMED.left -= 1
        due = _ARMED.left == 0
    if due:
        _ARMED.strike()
