"""Numbered places between two durable writes at which a test can kill the process; off unless armed.

`FEDSCHED_CRASH_AT="NAME:N"` kills at the Nth time that NAME is passed, `"*:N"` at the Nth point of any name.
The daemon arms it from its environment; nothing else does.
"""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "FEDSCHED_CRASH_AT"


class _Armed:
    """What is armed in this process: a name (or "*") and how many passes are left."""

    def __init__(self) -> None:
        self.name = ""
        self.left = 0
        self.lock = threading.Lock()


_ARMED = _Armed()


def arm(spec: str | None) -> None:
    """Arm one crash point, "NAME:N"; None or "" disarms. Raises ValueError for anything else."""
    if not spec:
        _ARMED.name, _ARMED.left = "", 0
        return
    name, _, count = spec.rpartition(":")
    if not name or not count.isdigit() or int(count) < 1:
        raise ValueError(f"{VARIABLE}={spec!r}: expected NAME:N with N from 1, as in act-done:1 or *:7")
    _ARMED.name, _ARMED.left = name, int(count)


def checkpoint(name: str) -> None:
    """Say that one durable write is over and the next has not begun; kills the process (SIGKILL) when armed for it."""
    if not _ARMED.left or _ARMED.name not in {name, "*"}:
        return
    with _ARMED.lock:
        _ARMED.left -= 1
        if _ARMED.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
