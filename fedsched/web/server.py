"""Runs the application in a thread of its own, on a TCP port and on a unix socket; never in the way of a cycle."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

MOST_CONNECTIONS = 256
BEGIN_S = 10.0


class _Server(uvicorn.Server):
    """uvicorn leaves signals alone where it does not run in the main thread; the daemon has its own."""


class WebServer:
    """Serves until `close`. addresses: "host:port" or "unix:PATH". Raises OSError when one cannot be had."""

    def __init__(self, addresses: Sequence[str], application: ASGIApp) -> None:
        self._paths = [Path(a.removeprefix("unix:")) for a in addresses if a.startswith("unix:")]
        self._sockets = [_bound(address) for address in addresses]
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
            server_header=False,
            date_header=False,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": self._sockets}, name="web", daemon=True
        )
        self._thread.start()
        until = time.monotonic() + BEGIN_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)

    @property
    def port(self) -> int:
        """The TCP port, 0 where there is none."""
        return next((one.getsockname()[1] for one in self._sockets if one.family != socket.AF_UNIX), 0)

    def close(self) -> None:
        """Stop; open streams are ended."""
        self._server.should_exit = True
        self._thread.join(3.0)
        for path in self._paths:
            path.unlink(missing_ok=True)


def _bound(address: str) -> socket.socket:
    if address.startswith("unix:"):
        path = Path(address.removeprefix("unix:"))
        path.unlink(missing_ok=True)
        over_unix = socket.socket(socket.AF_UNIX)
        over_unix.bind(str(path))
        path.chmod(0o660)
        return over_unix
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    over_tcp = socket.socket(family)
    over_tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    over_tcp.bind((host, int(port)))
    return over_tcp
