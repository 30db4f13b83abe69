"""List and watch of one kind at one member: pages, bookmarks, 410, silence, relist, age. What is kept is the caller's.

A cache changes only by what the server says of an object: a lost stream or a failed list makes nothing look gone.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from fedsched.config.settings import Cadence
from fedsched.kube.stream import Lines
from fedsched.kube.transport import HEAD, HEADS, JSON, Transport, TransportError, one_line
from fedsched.kube.wire import ErrorEvent, Event, Page

T = TypeVar("T")
E = TypeVar("E")

PAGE = 500
BIG_PAGE = 5000
"""Used after a list's continue token expired under way (410)."""
MOST_OBJECTS = 2_000_000
"""A member that lists more is broken or hostile."""
PAGE_LIMIT_S = 60.0
WATCH_S = 280.0
"""A watch is renewed after about so long; servers cut longer ones anyway."""
FAILURES_BEFORE_RELIST = 3
LONGEST_BACKOFF_S = 15.0


class GoneError(Exception):
    """The server no longer has the history from our resourceVersion on (410): list again."""


class Kind(msgspec.Struct, Generic[T, E], frozen=True):
    """One kind to keep. item: type of an object as decoded. keep: object -> what is kept, None for "not of interest".

    optional: a refusal (403, 404) only disables the feature. query: selectors. page: objects asked for at once.
    """

    name: str
    path: str
    item: type[T]
    keep: Callable[[T], E | None]
    query: dict[str, str] = {}
    optional: bool = False
    heads: bool = False
    page: int = PAGE


Moved = Callable[[E | None, E | None], None]
"""Called under the lock with (before, after) for each entry that appears, changes or goes."""


class Watched(Generic[T, E]):
    """The cache of one kind, kept current by a thread. `entries` (uid -> kept) may be read under `lock`."""

    def __init__(
        self,
        kind: Kind[T, E],
        transport: Transport,
        lock: threading.RLock,
        cadence: Cadence,
        moved: Moved[E],
    ) -> None:
        self.kind = kind
        self.lock = lock
        self.entries: dict[str, E] = {}
        self.refused = ""
        self.error = ""
        self.error_contact = "never"
        self.lists = 0
        self.reconnects = 0
        self._transport = transport
        self._relist_s = cadence.relist_s
        self._silent_s = cadence.silent_watch_s
        self._moved = moved
        self._pages: msgspec.json.Decoder[Page[T]] = msgspec.json.Decoder(Page[kind.item])  # type: ignore[name-defined]  # a type chosen at run time
        self._events: msgspec.json.Decoder[Event[T]] = msgspec.json.Decoder(Event[kind.item])  # type: ignore[name-defined]  # same
        self._version = ""
        self._current_at: float | None = None
        self._connected_at: float | None = None
        self._stream: Lines | None = None
        self._stopped = threading.Event()
        self._hurry = threading.Event()

    def current_at(self, contact_at: float | None) -> float | None:
        """When the cache was last known complete and current (epoch seconds); None before the first list.

        While the stream is open an answer of the member at `contact_at` counts: what is quiet is not old. A member
        that hangs answers nothing, so the cache ages.
        """
        current, connected = self._current_at, self._connected_at
        if current is not None and connected is not None and contact_at is not None and contact_at > connected:
            return max(current, contact_at)
        return current

    def run(self) -> None:
        """The thread's body: list, watch, and again, until `stop`."""
        failures = 0
        while not self._stopped.is_set():
            try:
                self.list_all()
                failures = 0
                self._watch_until(time.monotonic() + self._relist_s * random.uniform(0.9, 1.1))  # noqa: S311 - jitter
            except GoneError:
                continue
            except TransportError as error:
                failures += 1
                self._pause(self._failed(error), failures)
            except msgspec.MsgspecError as error:
                failures += 1
                self.error, self.error_contact = f"{self.kind.name}: not understood: {one_line(str(error))}", "error"
                self._pause(LONGEST_BACKOFF_S, failures)

    def stop(self) -> None:
        """End the thread soon."""
        self._stopped.set()
        self.hurry()
        stream = self._stream
        if stream is not None:
            stream.close()

    def hurry(self) -> None:
        """The member answers again: do not sit out the rest of a pause."""
        self._hurry.set()

    def list_all(self) -> None:
        """Read the whole list and put it in the cache's place."""
        started = time.time()
        try:
            fresh, version = self._read_pages(self.kind.page)
        except TransportError as error:
            if error.status != 410:
                raise
            fresh, version = self._read_pages(BIG_PAGE)
        with self.lock:
            before, self.entries = self.entries, fresh
            for uid, entry in before.items():
                if uid not in fresh:
                    self._moved(entry, None)
            for uid, entry in fresh.items():
                old = before.get(uid)
                if old is None or old != entry:
                    self._moved(old, entry)
            self._version = version
            self._current_at = started
            self.lists += 1
            self.refused = self.error = ""

    def _read_pages(self, size: int) -> tuple[dict[str, E], str]:
        fresh: dict[str, E] = {}
        query = {**self.kind.query, "limit": str(size)}
        keep = self.kind.keep
        while True:
            accept = HEADS if self.kind.heads else JSON
            page = self._pages.decode(self._transport.get(self.kind.path, query, PAGE_LIMIT_S, accept=accept))
            for item in page.items or ():
                entry = keep(item)
                if entry is not None:
                    fresh[_uid(item)] = entry
            if not page.metadata.resource_version or len(fresh) > MOST_OBJECTS:
                raise TransportError("error", f"{self.kind.name}: the answer is no list, or longer than any cluster's")
            if not page.metadata.next_page or self._stopped.is_set():
                return fresh, page.metadata.resource_version
            query["continue"] = page.metadata.next_page

    def _watch_until(self, end: float) -> None:
        failures = 0
        while not self._stopped.is_set() and time.monotonic() < end:
            began, opened = self._version, time.monotonic()
            try:
                self._watch_once(min(WATCH_S, max(1.0, end - opened)))
                failures = 0 if time.monotonic() - opened > 1 else failures + 1
            except TransportError as error:
                failures = failures + 1 if self._version == began else 1
                if failures >= FAILURES_BEFORE_RELIST and error.contact not in {"refused", "timeout"}:
                    raise
                self._failed(error)
                if error.contact == "timeout" and self._transport.record.contact == "ok":
                    self._connected_at = (
                        None  # the stream was dead while the member lived: its age is that of its last line
                    )
            finally:
                self._disconnected()
            if failures:
                self._pause(LONGEST_BACKOFF_S, failures - 1)

    def _disconnected(self) -> None:
        self._current_at = self.current_at(self._transport.record.ok_at)
        self._connected_at = None
        self.reconnects += 1

    def _watch_once(self, seconds: float) -> None:
        query = {
            **self.kind.query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(max(1, int(seconds * random.uniform(0.9, 1.0)))),  # noqa: S311 - jitter
        }
        try:
            accept = HEAD if self.kind.heads else JSON
            stream = self._transport.watch(self.kind.path, query, self._silent_s, accept=accept)
        except TransportError as error:
            if error.status == 410:
                raise GoneError from None
            raise
        self._stream = stream
        if self._stopped.is_set():
            stream.close()
        self._connected_at = time.time()
        self.error = ""
        try:
            for batch in stream.batches():
                events = [self._decode(line) for line in batch]
                with self.lock:
                    for event in events:
                        self._apply(event)
                    self._current_at = time.time()
        finally:
            stream.close()
            self._stream = None

    def _decode(self, line: bytes) -> Event[T]:
        """One line; an ERROR line inside the 200 becomes what it stands for."""
        try:
            event = self._events.decode(line)
        except msgspec.ValidationError:
            event = Event("ERROR", None)  # type: ignore[arg-type]  # a Status does not fit the kind; read again below
        if event.type != "ERROR":
            return event
        refusal = msgspec.json.decode(line, type=ErrorEvent)
        if refusal.type == "ERROR" and refusal.object.code == 410:
            raise GoneError
        words = one_line(refusal.object.message) or "a line that is no event"
        raise TransportError("error", f"watch {self.kind.path}: {words}", status=refusal.object.code)

    def _apply(self, event: Event[T]) -> None:
        item: Any = event.object
        version = item.metadata.resource_version
        if not _newer(version, self._version):
            return  # a replay of what is known: it must not bring back what is gone
        self._version = version
        if event.type == "BOOKMARK":
            return
        uid = item.metadata.uid
        before = self.entries.get(uid)
        after = None if event.type == "DELETED" else self.kind.keep(item)
        if before == after:
            return
        if after is None:
            del self.entries[uid]
        else:
            self.entries[uid] = after
        self._moved(before, after)

    def _failed(self, error: TransportError) -> float:
        """Remember why; the seconds to pause at most."""
        self.error, self.error_contact = str(error), error.contact
        if error.status in {403, 404} and self.kind.optional:
            self.refused = str(error)
            return self._relist_s
        return max(LONGEST_BACKOFF_S, error.retry_after_s or 0.0)

    def _pause(self, longest_s: float, failures: int) -> None:
        self._hurry.clear()
        if self._stopped.is_set():
            return
        seconds = longest_s if self.refused else min(longest_s, 0.5 * 2 ** min(failures, 8))
        self._hurry.wait(seconds * random.uniform(0.8, 1.0))  # noqa: S311 - jitter


def _uid(item: Any) -> str:
    uid: str = item.metadata.uid
    return uid


def _newer(version: str, than: str) -> bool:
    """Within one kind's stream versions only grow; where they are no numbers nothing is assumed."""
    if version.isdigit() and than.isdigit():
        return (len(version), version) > (len(than), than)  # as numbers, without making any
    return bool(version)
