"""Where answers are made: in a few threads beside the loop's own, once for all who ask the same; no meaning here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from fedsched.client import NoAnswer

WORKERS = 2
"""Threads that make answers from a cycle: more would only take turns with the loop's thread."""
LIVE_WORKERS = 4
"""Threads for questions that wait for a schedd or a member."""
MOST_WAITING = 64
KEPT_S = 1.0
"""An answer is given again for so long: ages in its sentences are no older than that."""
KEPT_BYTES = 64 * 1024 * 1024
R = TypeVar("R")


class Desk:
    """Belongs to one web server's event loop; every method but `close` is called there."""

    def __init__(self) -> None:
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="web-answer")
        self._live = ThreadPoolExecutor(LIVE_WORKERS, thread_name_prefix="web-live")
        self._going: dict[Hashable, asyncio.Future[bytes]] = {}
        self._kept: dict[Hashable, tuple[float, bytes]] = {}
        self._waiting = 0
        self._closed = False

    async def once(self, key: Hashable, make: Callable[[], bytes], *, live: bool = False) -> bytes:
        """What `make` makes, or just made for the same key. NoAnswer (busy) when too many wait already."""
        until, body = self._kept.get(key, (0.0, b""))
        if time.monotonic() < until:
            return body
        going = self._going.get(key)
        if going is None:
            going = asyncio.ensure_future(self._make(key, make, live=live))
            self._going[key] = going
            going.add_done_callback(_heard)
        # Whoever goes away while it is made must not take it from the others.
        return await asyncio.shield(going)

    async def run(self, make: Callable[[], R], *, live: bool = False) -> R:
        """What `make` returns, made in a thread beside. NoAnswer (busy) when too many wait already."""
        if self._closed:
            raise NoAnswer("busy", "the daemon is ending", "ask again when it has started")
        if self._waiting >= MOST_WAITING:
            raise NoAnswer("busy", f"{MOST_WAITING} questions are being answered already", "ask again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._live if live else self._workers, make)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Take no more; what is being made is not waited for."""
        self._closed = True
        for pool in (self._workers, self._live):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _make(self, key: Hashable, make: Callable[[], bytes], *, live: bool) -> bytes:
        try:
            body = await self.run(make, live=live)
            self._keep(key, body)
            return body
        finally:
            del self._going[key]

    def _keep(self, key: Hashable, body: bytes) -> None:
        now = time.monotonic()
        for old, (until, _) in tuple(self._kept.items()):
            if until <= now:
                del self._kept[old]
        if len(body) + sum(len(kept) for _, kept in self._kept.values()) <= KEPT_BYTES:
            self._kept[key] = now + KEPT_S, body


def _heard(going: asyncio.Future[bytes]) -> None:
    """A fault of an answer that nobody waits for any more is no news."""
    with suppress(asyncio.CancelledError):
        going.exception()
