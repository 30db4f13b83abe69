"""Server-sent events: who listens, how many may; each reader gets the newest cycle, never a backlog of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fedsched.client import NoAnswer
from fedsched.client.documents import Cycle
from fedsched.web.newest import Newest
from fedsched.web.replies import failed

PING_S = 15.0
SEND_S = 20.0
"""A reader that takes nothing for so long is ended."""
RETRY_MS = 3000
KEEP_LITTLE = "fedsched.keep-little"
"""The extension of the connection's scope by which it is told how many bytes may wait for its reader."""
BUFFERED = 2048
"""Bytes that wait for a reader beside what the kernel holds; beyond that it gets the newest when it reads on."""


class Streams:
    """Open event streams of one web server. most: at once."""

    def __init__(self, newest: Newest, most: int) -> None:
        self._newest = newest
        self._most = most
        self._open = 0
        self._changed: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end_listening: Callable[[], None] | None = None
        self.closing = False

    @property
    def open(self) -> int:
        """How many are open."""
        return self._open

    async def cycles(self, _request: Request) -> Response:
        """The stream of cycles, as a route."""
        return self.stream(self._cycles())

    def stream(self, events: AsyncIterator[ServerSentEvent]) -> Response:
        """Any events as a stream that counts, is pinged, and ends when its reader does not read."""
        return _Stream(self, events)

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the streams that may be open. NoAnswer (busy) when all are."""
        if self._open >= self._most or self.closing:
            raise NoAnswer("busy", f"{self._most} event streams are open already", "[web] streams allows more")
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    @contextmanager
    def changes(self) -> Iterator[asyncio.Event]:
        """What is set at each cycle, and at the end."""
        changed = asyncio.Event()
        if self._end_listening is None:
            self._loop = asyncio.get_running_loop()
            self._end_listening = self._newest.listen(self._wake)
        self._changed.add(changed)
        try:
            yield changed
        finally:
            self._changed.discard(changed)

    def close(self) -> None:
        """End all, from any thread."""
        self.closing = True
        end, self._end_listening = self._end_listening, None
        if end is not None:
            end()
        self._wake()

    def _wake(self) -> None:
        """In the loop's thread after each cycle: nothing here waits, and an ended server is no matter."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        for changed in tuple(self._changed):
            changed.set()

    async def _cycles(self) -> AsyncIterator[ServerSentEvent]:
        told: Cycle | None = None
        with self.changes() as changed:
            while not self.closing:
                # Cleared before looking: a cycle that comes meanwhile is seen now or wakes us again.
                changed.clear()
                found = self._newest.told
                if found is not None and found is not told:
                    told = found
                    data = msgspec.json.encode(found).decode()
                    yield ServerSentEvent(data, event="cycle", id=str(found.cycle), retry=RETRY_MS, sep="\n")
                    continue
                await changed.wait()


class _Stream(Response):
    """A response whose connection keeps little for a reader who does not read."""

    def __init__(self, streams: Streams, events: AsyncIterator[ServerSentEvent]) -> None:
        self._streams = streams
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._streams.place():
                await self._answer(scope, receive, send)
        except NoAnswer as error:
            await failed(error)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        keep_little = scope.get("extensions", {}).get(KEEP_LITTLE)
        if keep_little is not None:
            keep_little(BUFFERED)
        with suppress(SendTimeoutError):
            await EventSourceResponse(self._events, ping=PING_S, send_timeout=SEND_S, sep="\n")(scope, receive, send)
