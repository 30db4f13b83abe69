"""/healthz: whether cycles follow each other, as JSON on a loopback port or a unix socket; nothing else is served."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from fedsched.loop import Summary

STALE_CYCLES = 3
LEAST_STALE_S = 30.0


class Health:
    """What the daemon last said of itself; written by the loop's thread, read by requests."""

    def __init__(self, cycle_s: float) -> None:
        """`cycle_s`: seconds between cycles; three missed ones, and at least 30 s, are stale."""
        self._limit_s = max(LEAST_STALE_S, STALE_CYCLES * cycle_s)
        self._beat = time.monotonic()
        self._summary: Summary | None = None
        self._state = "starting"

    def cycled(self, summary: Summary) -> None:
        """A cycle is over."""
        self._summary, self._beat, self._state = summary, time.monotonic(), "running"

    def stopping(self) -> None:
        """No further cycle."""
        self._state = "stopping"

    def report(self) -> tuple[int, dict[str, Any]]:
        """HTTP status and body: 200 while cycles follow each other, 503 when none came for too long or it stops."""
        age = time.monotonic() - self._beat
        stale = age > self._limit_s
        body: dict[str, Any] = {"state": "stale" if stale and self._state != "stopping" else self._state}
        body |= {"age_s": round(age, 1), "stale_after_s": self._limit_s}
        if self._summary:
            body |= {"cycle": self._summary.cycle, "at": self._summary.at, "seconds": self._summary.total_s}
            body |= {"in_flight": self._summary.in_flight, "blind": list(self._summary.blind)}
        return (503 if stale or self._state == "stopping" else 200), body


class _Handler(BaseHTTPRequestHandler):
    timeout = 5
    server: _Server

    def do_GET(self) -> None:
        status, body = self.server.health.report() if self.path == "/healthz" else (404, {"error": "only /healthz"})
        content = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def address_string(self) -> str:
        return "local"  # a unix socket's peer has no address

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Nothing: a probe every few seconds is not an event."""


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    health: Health


class HealthServer:
    """Serves one Health. `listen`: "host:port" or "unix:PATH". Raises OSError when the address cannot be had."""

    def __init__(self, listen: str, health: Health) -> None:
        self._path = Path(listen.removeprefix("unix:")) if listen.startswith("unix:") else None
        if self._path:
            self._path.unlink(missing_ok=True)
        self._server = _bound(listen, self._path)
        self._server.health = health
        if self._path:
            self._path.chmod(0o660)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="healthz", daemon=True)
        self._thread.start()

    @property
    def address(self) -> Any:
        """Where it listens: (host, port, …) or the path."""
        return self._server.server_address

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        if self._path:
            self._path.unlink(missing_ok=True)


def _bound(listen: str, path: Path | None) -> _Server:
    if path:
        over_unix = type("_UnixServer", (_Server,), {"address_family": socket.AF_UNIX})
        server: _Server = over_unix(str(path), _Handler)
        return server
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    over_tcp: type[_Server] = type("_TcpServer", (_Server,), {"address_family": family})
    return over_tcp((host, int(port)), _Handler)
