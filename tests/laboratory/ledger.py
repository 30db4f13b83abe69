"""What a session made outside its own folder.

Written down before it is made so that anybody can undo it after a crash.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CGROUPS = Path("/sys/fs/cgroup")


def started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot, None when it is gone or a zombie.

    Tells a process from a later one with its PID.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def alive(pid: int, start: int | None = None) -> bool:
    """Whether that very process still runs."""
    now = started(pid)
    return now is not None and (start is None or now == start)


def signal_process(pid: int, start: int, number: int) -> bool:
    """Sends a signal unless the process is gone; False when it is."""
    if not alive(pid, start):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def wait_gone(pid: int, start: int, limit_s: float) -> bool:
    """Waits until a process is gone; False when it outlives the limit."""
    end = time.monotonic() + limit_s
    while alive(pid, start):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def quiet(*command: str) -> bool:
    """Runs a command of which only success matters (undoing what may be undone already)."""
    return subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0


class Ledger:
    """An append-only file of undo entries; one line each, `{"kind": …, …}`."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def record(self, kind: str, **what: Any) -> None:
        """Writes an entry down; to be called just before (a process: just after) the thing is made."""
        with self.file.open("a") as out:
            out.write(json.dumps({"kind": kind, **what}) + "\n")

    def undo_all(self) -> int:
        """Undoes every entry, the last first; returns how many there were. Undoing twice is harmless."""
        if not self.file.exists():
            return 0
        entries = [json.loads(line) for line in self.file.read_text().splitlines() if line.endswith("}")]
        for entry in reversed(entries):
            undo(entry)
        self.file.unlink(missing_ok=True)
        return len(entries)


def undo(entry: dict[str, Any]) -> None:
    """Undoes one entry; what is gone already is fine."""
    UNDO[entry["kind"]](entry)


def end_process(entry: dict[str, Any]) -> None:
    """Kills one process, if it is still the one that was written down."""
    if signal_process(entry["pid"], entry["start"], signal.SIGKILL):
        wait_gone(entry["pid"], entry["start"], 5)


def unmount_under(folder: str) -> None:
    """Unmounts everything below a folder, the deepest first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((p for p in points if p.startswith(f"{folder}/")), reverse=True):
        quiet("umount", "-l", point)


def remove_cgroup(name: str) -> None:
    """Kills what is left in a cgroup and removes it with its children from every mounted hierarchy."""
    for root in [CGROUPS / name, *CGROUPS.glob(f"*/{name}")]:
        if not root.is_dir():
            continue
        folders = [Path(where) for where, _, _ in os.walk(root, topdown=False)]
        for folder in folders:
            for pid in (folder / "cgroup.procs").read_text().split():
                quiet("kill", "-9", pid)
        for folder in folders:
            remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Removes one cgroup folder; its last processes may take a moment to leave."""
    for _ in range(50):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return


def end_shims(socket: str, limit_s: float = 2) -> None:
    """Ends containerd's shims of one containerd, known by its socket.

    They remove their own sockets when asked politely.
    """
    for number in ("-TERM", "-KILL"):
        end = time.monotonic() + limit_s
        found = shims(socket)
        for pid in found:
            quiet("kill", number, str(pid))
        while any(alive(pid) for pid in found) and time.monotonic() < end:
            time.sleep(0.02)


def shims(socket: str) -> list[int]:
    """PIDs of the shims that report to this containerd."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if command[0].endswith(b"containerd-shim-runc-v2") and socket.encode() in command:
            found.append(int(folder.name))
    return found


def forget_network(name: str) -> None:
    """Removes what the network plugins remember of the pods of one bridge outside the node's own folder."""
    results = Path("/var/lib/cni/results")
    for file in results.glob(f"{name}-*-eth0"):
        pod = file.name.removeprefix(f"{name}-").removesuffix("-eth0")
        file.unlink(missing_ok=True)
        (results / f"cni-loopback-{pod}-lo").unlink(missing_ok=True)


UNDO: dict[str, Callable[[dict[str, Any]], object]] = {
    "process": end_process,
    "address": lambda entry: quiet("ip", "address", "delete", f"{entry['address']}/32", "dev", "lo"),
    "link": lambda entry: quiet("ip", "link", "delete", entry["name"]),
    "netns": lambda entry: quiet("ip", "netns", "delete", entry["name"]),
    "rule": lambda entry: quiet("iptables", "-w", "-D", *entry["rule"]),
    "mounts": lambda entry: unmount_under(entry["folder"]),
    "cgroup": lambda entry: remove_cgroup(entry["name"]),
    "shims": lambda entry: end_shims(entry["socket"]),
    "pods": lambda entry: forget_network(entry["bridge"]),
}
