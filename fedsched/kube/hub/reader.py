"""A hub's labelled Jobs, kept current by threads of their own: the view is ready at any time, with its age."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from fedsched.config.settings import Cadence, Federation, QueueSettings
from fedsched.kube.hub.reading import JobReading, Kept
from fedsched.kube.hub.request import everywhere, named
from fedsched.kube.hub.view import Views
from fedsched.kube.hub.wire import JobItem
from fedsched.kube.transport import Transport
from fedsched.kube.watch import Kind, Watched
from fedsched.kube.wire import Named
from fedsched.matchmaker.model import Contact, ScheddView
from fedsched.matchmaker.model.names import LABEL_QUEUE

PAGE = 20
"""Jobs of one answer: each may have as many bytes as its store takes, and an answer is bounded."""
MOST_SPACES = 20
"""With more named namespaces than this the whole hub is watched once, not each by itself."""
PROBE_LIMIT_S = 3.0


class ClassItem(Named):
    """A PriorityClass of a hub."""

    value: int = 0
    global_default: bool = False


class HubReader:
    """Reads one queue's Jobs. `changed` is called when one comes, goes or wants something else, and when contact does.

    foreign: called under the lock with each Job that another controller runs, once.
    """

    def __init__(
        self,
        queue: QueueSettings,
        settings: Federation,
        transport: Transport,
        changed: Callable[[], None],
        foreign: Callable[[Kept], None] = lambda _kept: None,
    ) -> None:
        self._queue = queue
        self._transport = transport
        self._cadence: Cadence = settings.cadence
        self._changed = changed
        self._foreign = foreign
        self._lock = threading.RLock()
        self._reading = JobReading(queue, settings)
        self._views = Views(queue.name, self._reading)
        self._stopped = threading.Event()
        self._reads = 0
        spaces = named((queue,))
        whole = everywhere((queue,)) or len(spaces) > MOST_SPACES
        self._jobs = [self._watch_jobs(space) for space in ((None,) if whole else spaces)]
        self._classes = Watched(_classes_kind(), transport, self._lock, self._cadence, self._class_moved)
        self._watched: tuple[Watched[Any, Any], ...] = (*self._jobs, self._classes)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to read; returns at once."""
        for body in (*(watched.run for watched in self._watched), self._keep_contact):
            thread = threading.Thread(target=body, name=f"queue {self._queue.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, limit_s: float = 5.0) -> None:
        """End all threads; waits at most `limit_s` for them."""
        self._stopped.set()
        for watched in self._watched:
            watched.stop()
        end = time.monotonic() + limit_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def latest(self) -> ScheddView:
        """What is known now, with its age; never waits for the hub."""
        with self._lock:
            view = self._views.view([watched.entries for watched in self._jobs])
        return msgspec.structs.replace(view, seen_at=self._seen_at(), reads=self._reads, error=self.error())

    def error(self) -> str:
        """Why the hub does not tell its Jobs now; "" while it does."""
        record = self._transport.record
        told = next((watched.error for watched in self._jobs if watched.error), "")
        return record.error or told

    def kept(self, uid: str) -> Kept | None:
        """One Job as last seen."""
        with self._lock:
            return next((watched.entries[uid] for watched in self._jobs if uid in watched.entries), None)

    def _watch_jobs(self, space: str | None) -> Watched[JobItem, Kept]:
        where = f"namespaces/{space}/" if space else ""
        selector = {"labelSelector": f"{LABEL_QUEUE}={self._queue.name}"}
        name = f"Jobs of {space}" if space else "Jobs"
        kind = Kind(name, f"/apis/batch/v1/{where}jobs", JobItem, self._reading.keep, selector, page=PAGE)
        return Watched(kind, self._transport, self._lock, self._cadence, self._moved)

    def _seen_at(self) -> float | None:
        """Since when nothing is missing: every kind was read, or may not be."""
        if not (self._classes.lists or self._classes.refused):
            return None
        ages = [watched.current_at(self._transport.record.ok_at) for watched in self._jobs]
        return None if any(age is None for age in ages) else min(age for age in ages if age is not None)

    def _moved(self, before: Kept | None, after: Kept | None) -> None:
        self._views.moved()
        if after is not None and after.job.state == "foreign":
            self._foreign(after)
        if before is None or after is None or _wants(before) != _wants(after):
            self._changed()

    def _class_moved(self, before: ClassItem | None, after: ClassItem | None) -> None:
        """Values are looked up when a Job is read; a class that changes is rare, so all are looked up again."""
        priorities = self._reading.priorities
        for gone in (before,) if before is not None else ():
            priorities.pop(gone.metadata.name, None)
            if gone.global_default:
                priorities.pop("", None)
        if after is not None:
            priorities[after.metadata.name] = after.value
            if after.global_default:
                priorities[""] = after.value
        for watched in self._jobs:
            for uid, kept in watched.entries.items():
                priority = self._reading.priority(kept.priority_class)
                if priority != kept.job.priority:
                    job = msgspec.structs.replace(kept.job, priority=priority)
                    watched.entries[uid] = msgspec.structs.replace(kept, job=job)
        self._views.moved()
        self._changed()

    def _keep_contact(self) -> None:
        last: Contact = "never"
        limit = min(PROBE_LIMIT_S, self._cadence.contact_s)
        while not self._stopped.is_set():
            began = time.monotonic()
            now = self._transport.probe(limit).contact
            if now == "ok":
                self._reads += 1
            if now != last:
                if now == "ok":
                    self._hurry()
                self._changed()
                last = now
            self._stopped.wait(max(0.05, self._cadence.contact_s - (time.monotonic() - began)))

    def _hurry(self) -> None:
        for watched in self._watched:
            if not watched.refused:
                watched.hurry()


def _classes_kind() -> Kind[ClassItem, ClassItem]:
    path = "/apis/scheduling.k8s.io/v1/priorityclasses"
    return Kind("PriorityClasses", path, ClassItem, lambda item: item, optional=True)


def _wants(kept: Kept) -> tuple[Any, ...]:
    """What deserves an early cycle when it changes; our own writes do not."""
    job = kept.job
    return job.class_key, job.state, job.priority, job.problem
