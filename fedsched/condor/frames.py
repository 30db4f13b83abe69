"""Messages of bounded size over a socket pair: four bytes of length, then msgpack; knows nothing of their meaning."""

from __future__ import annotations

import socket
import time

MAX_BYTES = 256 * 1024 * 1024
"""Longest message; a hundred thousand classes are some 100 MiB."""


class Closed(OSError):  # noqa: N818 - how a peer ends, not an error in itself
    """The other side is gone."""


def send(peer: socket.socket, message: bytes) -> None:
    """Writes one message; OSError when the other side is gone or does not read."""
    if len(message) > MAX_BYTES:
        raise ValueError(f"a message of {len(message)} bytes, more than {MAX_BYTES}")
    peer.sendall(len(message).to_bytes(4, "big") + message)


def receive(peer: socket.socket, limit_s: float | None = None) -> bytes:
    """One message; Closed at the end, TimeoutError when it is not complete after limit_s seconds."""
    deadline = None if limit_s is None else time.monotonic() + limit_s
    size = int.from_bytes(_exactly(peer, 4, deadline), "big")
    if size > MAX_BYTES:
        raise Closed(f"a message of {size} bytes, more than {MAX_BYTES}")
    return _exactly(peer, size, deadline)


def _exactly(peer: socket.socket, size: int, deadline: float | None) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            peer.settimeout(left)
        piece = peer.recv(min(size - len(parts), 1 << 20))
        if not piece:
            raise Closed("the other side is gone")
        parts += piece
    return bytes(parts)
