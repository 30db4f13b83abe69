"""Where a federation's daemon would answer, and whether anybody does; what is asked there lives elsewhere."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedsched.config.settings import Federation

CONNECT_S = 1.0
"""So long a daemon has to take a connection before the journal is read instead."""
ANSWER_S = 3.0
"""So long it has to say anything at all: one that is stopped takes connections, too."""
_QUESTION = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"


def addresses(settings: Federation) -> list[str]:
    """Where its daemon would answer: the socket is nobody else's, the port may be another federation's."""
    tried = [f"unix:{settings.socket}"] if settings.socket else []
    if settings.listen.startswith("unix:"):
        return [*tried, settings.listen]
    host, _, port = settings.listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - only called
    return tried if port == "0" else [*tried, f"http://{host}:{port}"]


def answers(address: str) -> bool:
    """Whether a daemon is there and alive; what it says does not matter."""
    if address.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as over:
            over.settimeout(CONNECT_S)
            return _speaks(over, address.removeprefix("unix:"))
    host, _, port = address.removeprefix("http://").rpartition(":")
    host = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as over:
        over.settimeout(CONNECT_S)
        return _speaks(over, (host, int(port)))


def _speaks(over: socket.socket, to: str | tuple[str, int]) -> bool:
    try:
        over.connect(to)
        over.settimeout(ANSWER_S)
        over.sendall(_QUESTION)
        return over.recv(5).startswith(b"HTTP")
    except (OSError, ValueError):
        return False
