"""Who may run the loop: one holder at a time, for speed; safety is the fence's business (FA5)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec


class Holder(msgspec.Struct, frozen=True):
    """One process, told apart from every other: by host, boot, process namespace, pid and the pid's first tick."""

    host: str
    machine: str
    boot: str
    namespace: str
    pid: int
    started: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @classmethod
    def mine(cls) -> Holder:
        """This process."""
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            machine=_line(Path("/etc/machine-id")),
            boot=_line(Path("/proc/sys/kernel/random/boot_id")),
            namespace=_namespace(),
            pid=pid,
            started=_started(pid),
        )

    def is_surely_gone(self, me: Holder) -> bool:
        """Whether `me` can see that this process does not live any more; False when it cannot tell."""
        if self.machine and self.machine == me.machine and self.boot != me.boot:
            return True  # the machine was started again since
        if (self.boot, self.namespace) != (me.boot, me.namespace):
            return False
        return _started(self.pid) != self.started


class JournalError(Exception):
    """The journal cannot be used; the message names it, the cause and the next command."""


class LeaseHeldError(JournalError):
    """Another process holds the lease."""


class LeaseLostError(JournalError):
    """The lease went to another process; nothing more may be written."""


class Lease(msgspec.Struct, frozen=True):
    """The lease as it stands. Times in epoch seconds."""

    holder: Holder
    taken_at: float
    expires_at: float

    def refuses(self, me: Holder, at: float) -> bool:
        """Whether `me` may not take it: another holds it, it has not expired, and its process may be alive."""
        return self.holder != me and at < self.expires_at and not self.holder.is_surely_gone(me)


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> int:
    """Field 22 of /proc/PID/stat: clock ticks after boot; 0 when there is no such process or it is a zombie."""
    text = _line(Path(f"/proc/{pid}/stat"))
    fields = text.rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in {"Z", "X"} else 0
