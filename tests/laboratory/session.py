"""One running laboratory session: its folder, its processes, and the ports and addresses it holds.

No Kubernetes, no HTCondor.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tests.laboratory import ledger, places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST_PORT, LAST_PORT = 20000, 29999  # below the kernel's own range for outgoing connections
FIRST_BLOCK, LAST_BLOCK = 1, 250
POD_ADDRESSES, HOST_ADDRESSES = "10.254", "10.255"  # second pair of numbers: block, member


class Process:
    """A process that the session started; known by PID and start time."""

    def __init__(self, name: str, child: subprocess.Popen[bytes], log: Path) -> None:
        self.name, self.child, self.log = name, child, log
        self.pid = child.pid
        self.start = ledger.started(child.pid) or 0

    def running(self) -> bool:
        """Whether it still runs (stopped by SIGSTOP counts as running)."""
        return self.child.poll() is None

    def cpu_s(self) -> float:
        """CPU seconds that it used."""
        return cpu_s(self.pid)

    def send(self, number: int) -> None:
        """Sends it a signal; nothing when it is gone."""
        if self.running():
            self.child.send_signal(number)

    def end(self, number: int = signal.SIGKILL, limit_s: float = 10) -> None:
        """Sends a signal, waits, and kills what outlives the limit."""
        self.send(number)
        if number != signal.SIGKILL:
            self.send(signal.SIGCONT)
        try:
            self.child.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def cpu_s(pid: int) -> float:
    """CPU seconds that a process used, its children left out; 0 when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


RESERVED_PORTS = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
OUR_PORTS = "9618,20000-29999"  # as the kernel writes them; 9618 is every pool's, on an address of its own


def reserve_ports() -> None:
    """Asks the kernel not to take the laboratory's ports for outgoing connections (root only; stays until reboot).

    Without it a connection of anybody may sit on the port that a control plane is about to listen on.
    """
    with contextlib.suppress(OSError):
        reserved = RESERVED_PORTS.read_text().strip()
        if OUR_PORTS not in reserved:
            RESERVED_PORTS.write_text(f"{reserved},{OUR_PORTS}" if reserved else OUR_PORTS)


class Session:
    """Own folder, own ports (20000-29999), own blocks of addresses (10.255.N.x on lo, 10.254.N.0/24 for pods)."""

    def __init__(self) -> None:
        reserve_ports()
        sweep()
        with places.locked("sessions"):
            self.id = secrets.token_hex(2)
            self.folder = places.sessions() / self.id
            self.folder.mkdir()
            self._alive = lock_of(self.folder)
            if self._alive is None:  # pragma: no cover - a fresh folder cannot be locked by another
                raise places.LaboratoryError(f"{self.folder} is in use")
        self.ledger = ledger.Ledger(self.folder / "ledger")
        self._mutex = threading.Lock()
        self._block, self._next_host = 0, 255
        atexit.register(self.close)

    def close(self) -> None:
        """Undoes all that is written down, gives everything back; twice is harmless."""
        atexit.unregister(self.close)
        if self._alive is None:
            return
        self.ledger.undo_all()
        remove(self.folder)
        self._alive.close()
        self._alive = None

    def fresh_folder(self, stem: str) -> Path:
        """A folder that no earlier part of this session has used, whatever it was called; not made yet."""
        found, number = self.folder / stem, 1
        while found.exists():
            number += 1
            found = self.folder / f"{stem}-{number}"
        return found

    def spawn(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Process:
        """Starts a process in a process group of its own, output appended to `log`, and writes it down."""
        with log.open("ab") as out:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        process = Process(name, child, log)
        self.ledger.record("process", pid=process.pid, start=process.start, name=name)
        return process

    def ports(self, count: int) -> list[int]:
        """Free TCP ports on 127.0.0.1, held for this session until it closes."""
        found: list[int] = []
        with places.locked("leases"):
            held = {int(name) for name in self._leased("port")}
            for port in range(FIRST_PORT + secrets.randbelow(9000), LAST_PORT):
                if port not in held and free(port):
                    found.append(port)
                    if len(found) == count:
                        self._lease("port", found)
                        return found
        raise places.LaboratoryError(f"no {count} free ports between {FIRST_PORT} and {LAST_PORT}")

    def block(self) -> int:
        """A number between 1 and 250 that no other session uses: a bridge, a pod subnet, a /24 of host addresses.

        Sessions with another cache folder hold their leases elsewhere, so what the kernel already has counts too, and
        any of the free ones is taken: two such sessions hardly choose the same before the kernel has it.
        """
        with places.locked("leases"):
            held = {int(name) for name in self._leased("block")} | blocks_of_the_kernel()
            found: list[int] = sorted({*range(FIRST_BLOCK, LAST_BLOCK + 1)} - held)
            if not found:
                raise places.LaboratoryError("no free block of addresses: too many sessions on this machine")
            number = found[secrets.randbelow(len(found))]
            self._lease("block", [number])
            return number

    def address(self) -> str:
        """A fresh address of this session on lo, reachable from pods of the laboratory's nodes. Needs root."""
        with self._mutex:
            if self._next_host > 250:
                self._block, self._next_host = self.block(), 1
            address = f"{HOST_ADDRESSES}.{self._block}.{self._next_host}"
            self._next_host += 1
        self.ledger.record("address", address=address)
        subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True, capture_output=True)
        return address

    def _leased(self, kind: str) -> list[str]:
        return [line for file in places.sessions().glob(f"*/{kind}s") for line in file.read_text().split()]

    def _lease(self, kind: str, numbers: list[int]) -> None:
        with (self.folder / f"{kind}s").open("a") as out:
            out.writelines(f"{number}\n" for number in numbers)


def free(port: int) -> bool:
    """Whether nothing listens on a port of the loopback address."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def blocks_of_the_kernel() -> set[int]:
    """Blocks of which this machine has a bridge, or an address on lo."""
    bridges = {int(link.name[5:]) for link in Path("/sys/class/net").glob("fslab*") if link.name[5:].isdigit()}
    command = ["ip", "-brief", "-4", "address", "show", "dev", "lo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    addresses = [word for word in done.stdout.split() if word.startswith(f"{HOST_ADDRESSES}.")]
    return bridges | {int(address.split(".")[2]) for address in addresses}


def remove(folder: Path) -> None:
    """Removes a session's folder; what it leased is given back first, while nobody reads the leases."""
    with places.locked("leases"):
        for kind in ("port", "block"):
            (folder / f"{kind}s").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def lock_of(folder: Path) -> IO[str] | None:
    """The lock that a living session holds on its folder; None when somebody else has it or is just removing it."""
    try:
        file = (folder / "alive").open("w")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def sweep() -> list[str]:
    """Clears what sessions left that did not close; returns one line for each."""
    lines = []
    with places.locked("sessions"):
        for folder in sorted(places.sessions().iterdir()):
            alive = lock_of(folder)
            if alive is None:
                continue
            count = ledger.Ledger(folder / "ledger").undo_all()
            remove(folder)
            alive.close()
            lines.append(f"cleared session {folder.name}: {count} things undone")
    return lines
