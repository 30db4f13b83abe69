"""One HTTP connection: heads that never end, answers that nobody reads, and too many at once end here."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import h11
import msgspec
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from fedsched.client.documents import Failed
from fedsched.web.streams import KEEP_LITTLE

MOST_CONNECTIONS = 256
HEAD_S = 10.0
"""From the first byte, or from connecting, a request's head must be there."""
LOOK_S = 2.0
STUCK_S = 20.0
"""A reader that takes nothing of its answer for so long is cut off."""
LEAST_KERNEL = 8192
"""Bytes that the kernel keeps for a reader of a stream."""
OVER_UNIX = "fedsched.unix"
"""The extension of a scope that says that the reader came over the unix socket."""


class Connection(H11Protocol):
    """uvicorn's connection with limits in time, of what waits to be read, and of how many there are."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._answer = self.app
        self.app = self._told
        self._head: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._left = (0, 0.0)

    async def _told(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, told of its connection."""
        extensions = scope.setdefault("extensions", {})
        extensions[OVER_UNIX] = self._socket.family == socket.AF_UNIX
        extensions[KEEP_LITTLE] = self._keep_little
        await self._answer(scope, receive, send)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client is there."""
        super().connection_made(transport)
        self._socket: socket.socket = transport.get_extra_info("socket")
        self._watch_head()
        if len(self.connections) > MOST_CONNECTIONS:
            transport.write(_said(503, "busy", f"{MOST_CONNECTIONS} connections are open already"))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, or was cut off."""
        for timer in (self._head, self._look):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """All of an answer is handed over, but perhaps not read."""
        super().on_response_complete()
        self._watch_reading()

    def pause_writing(self) -> None:
        """The reader is behind."""
        super().pause_writing()
        self._watch_reading()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP, or has too long a head."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.write(_said(400, "bad-question", msg))
        self.transport.close()
        self._watch_reading()

    def _watch_head(self) -> None:
        first = cast("object | None", self.cycle) is None
        begun = self.conn.their_state is h11.IDLE and (first or bool(self.conn.trailing_data[0]))
        if begun and self._head is None:
            self._head = self.loop.call_later(HEAD_S, self.transport.abort)
        elif not begun and self._head is not None:
            self._head.cancel()
            self._head = None

    def _watch_reading(self) -> None:
        if self._look is None and self.transport.get_write_buffer_size():
            self._left = self.transport.get_write_buffer_size(), self.loop.time()
            self._look = self.loop.call_later(LOOK_S, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        size, now = self.transport.get_write_buffer_size(), self.loop.time()
        before, since = self._left
        if size and size >= before and now - since >= STUCK_S:
            self.transport.abort()
        elif size:
            self._left = (before, since) if size >= before else (size, now)
            self._look = self.loop.call_later(LOOK_S, self._look_again)

    def _keep_little(self, most: int) -> None:
        self.transport.set_write_buffer_limits(high=most)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LEAST_KERNEL)


def _said(status: int, what: str, text: str) -> bytes:
    """A whole answer for somebody with whom no request has come about."""
    body = msgspec.json.encode(Failed(what=what, text=text))
    phrase = {400: "Bad Request", 503: "Service Unavailable"}[status]
    head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}retry-after: 2\r\nconnection: close\r\n\r\n".encode() + body
