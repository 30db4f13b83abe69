"""Runs the application in a thread of its own, on a TCP port and on a unix socket; never in the way of a cycle."""

from __future__ import annotations

import socket
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from fedsched.log import log
from fedsched.web.connection import Connection

BEGIN_S = 10.0
END_S = 3.0
KEEP_ALIVE_S = 30
UNACKNOWLEDGED_MS = 60_000
"""A client whose machine vanished is dropped after so long."""
LARGEST_HEAD = 16 * 1024
_LOG = log("web")


class WebServer:
    """Serves until `close`. addresses: "host:port" or "unix:PATH". Raises OSError when one cannot be had."""

    def __init__(
        self, addresses: Sequence[str], application: ASGIApp, ending: Callable[[], None] | None = None
    ) -> None:
        """`ending`: called first when it is closed, to end what would go on by itself."""
        self._ending = ending
        self._paths: list[tuple[Path, int]] = []
        self._sockets: list[socket.socket] = []
        try:
            for address in addresses:
                self._bind(address)
        except OSError:
            self._give_back()
            raise
        config = uvicorn.Config(
            application,
            http=Connection,
            ws="none",
            loop="asyncio",
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=LARGEST_HEAD,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._thread.start()
        until = time.monotonic() + BEGIN_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)

    @property
    def port(self) -> int:
        """The TCP port, 0 where there is none."""
        return next((one.getsockname()[1] for one in self._sockets if one.family != socket.AF_UNIX), 0)

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop; open streams are ended. Within three seconds."""
        if self._ending is not None:
            self._ending()
        self._server.should_exit = True
        self._thread.join(END_S)
        if self._thread.is_alive():
            _LOG.warning("web-hangs", after_s=END_S)
        self._give_back()

    def _run(self) -> None:
        try:
            self._server.run(sockets=self._sockets)
        except BaseException:  # noqa: BLE001 - logged with its place: a thread has nobody above it to tell
            _LOG.exception("web-ended", next="restart fedsched; cycles go on")
            return
        if not self._server.should_exit:
            _LOG.error("web-ended", why="nobody asked it to", next="restart fedsched; cycles go on")

    def _bind(self, address: str) -> None:
        if address.startswith("unix:"):
            path = Path(address.removeprefix("unix:"))
            self._sockets.append(_over_unix(path))
            self._paths.append((path, path.stat().st_ino))
        else:
            self._sockets.append(_over_tcp(address))

    def _give_back(self) -> None:
        for one in self._sockets:
            one.close()
        for path, inode in self._paths:
            # Another daemon may have put its own there since.
            if path.is_socket() and path.stat().st_ino == inode:
                path.unlink(missing_ok=True)


def _over_unix(path: Path) -> socket.socket:
    """A socket at this path for its owner and group. What a dead daemon left there is replaced, nothing else."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        found = None
    if found is not None:
        if not stat.S_ISSOCK(found.st_mode):
            raise OSError(f"{path} is there and is no socket: it is left alone; name another path, or remove it")
        if _answers(path):
            raise OSError(f"{path}: somebody answers there already")
        path.unlink()
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(str(path))
        # Nobody can connect before uvicorn listens, so nobody meets it with other rights.
        path.chmod(0o660)
    except OSError:
        made.close()
        raise
    return made


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
        return True


def _over_tcp(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Of TCP by name: only then asyncio has answers sent at once, and not after the other side has acknowledged.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is accepted inherits these.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        made.bind((host, int(port)))
    except OSError:
        made.close()
        raise
    return made
