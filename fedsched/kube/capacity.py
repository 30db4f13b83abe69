"""One member, read by threads of its own: caches kept current, contact probed, the view ready at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from fedsched.config.settings import Cadence, MemberFile
from fedsched.kube import cluster_facts, named_objects
from fedsched.kube.kinds import FEATURES, kinds
from fedsched.kube.named_objects import Named
from fedsched.kube.survey import ClusterFacts, Survey
from fedsched.kube.transport import Transport, TransportError
from fedsched.kube.watch import Watched
from fedsched.matchmaker.model import Contact, MemberView, ObjectView

SETTLE_S = 0.2
"""Changes that come closer together than this make one new view."""
PROBE_LIMIT_S = 3.0
NAMED_S = 30.0
"""Between two looks for what users' Jobs may name and is only looked for by its name, in seconds."""
SHARE = 1 / 4
"""Of its time the thread that makes views takes at most this part, however fast a busy member changes."""
_UNREAD = ClusterFacts()


class CapacityReader:
    """Reads one member. `changed` is called when free room, our objects, site pods or the contact changed.

    federation_id: only this federation's objects are ours; "" for any with our manager label.
    """

    def __init__(
        self,
        member: MemberFile,
        transport: Transport,
        cadence: Cadence,
        changed: Callable[[], None],
        federation_id: str = "",
    ) -> None:
        self._member = member
        self._transport = transport
        self._cadence = cadence
        self._changed = changed
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._moved = threading.Event()
        self._survey = Survey(member)
        self._facts = _UNREAD
        self._names = named_objects.wanted(member.terms.jobs) if "job" in member.terms.forms else ()
        self._named: Named | None = None if self._names else Named()
        self._built: tuple[MemberView, tuple[ObjectView, ...]] = (MemberView(member.name), ())
        self._watched: dict[str, Watched[Any, Any]] = {
            kind.name: Watched(kind, transport, self._lock, cadence, self._observer(kind.name))
            for kind in kinds(member, federation_id)
        }
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to read; returns at once."""
        bodies: dict[str, Callable[[], None]] = {name: watched.run for name, watched in self._watched.items()}
        bodies |= {"contact": self._keep_contact, "facts": self._keep_facts, "view": self._keep_view}
        if self._named is None:
            bodies["named"] = self._keep_named
        for name, body in bodies.items():
            thread = threading.Thread(target=body, name=f"{self._member.name}: {name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, limit_s: float = 5.0) -> None:
        """End all threads; waits at most `limit_s` for them."""
        self._stopped.set()
        self._moved.set()
        for watched in self._watched.values():
            watched.stop()
        end = time.monotonic() + limit_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def latest(self) -> tuple[MemberView, tuple[ObjectView, ...]]:
        """The last view with its present age and contact; never waits for the member."""
        view, objects = self._built
        record = self._transport.record
        contact, error = self._contact(record.contact, record.error)
        return msgspec.structs.replace(
            view,
            contact=contact,
            contact_at=record.at,
            contact_error=error,
            seen_at=self._seen_at(record.ok_at) if view.seen_at is not None else None,
            clock_skew_s=record.clock_skew_s,
            credential_expires_at=self._transport.expires_at,
            facts=self._all_facts(),
        ), objects

    def _contact(self, contact: Contact, error: str) -> tuple[Contact, str]:
        """A member that answers but no longer lets us read what we need is not in order."""
        if contact == "ok":
            for watched in self._watched.values():
                if not watched.kind.optional and watched.error_contact == "forbidden" and watched.error:
                    return "forbidden", watched.error
        return contact, error

    def _seen_at(self, contact_at: float | None) -> float | None:
        ages = [w.current_at(contact_at) for w in self._watched.values() if not w.kind.optional]
        return None if any(age is None for age in ages) else min(age for age in ages if age is not None)

    def _all_asked(self) -> bool:
        """Nothing is said before everything was asked once: a quota not yet read would look like none."""
        kinds_asked = all(w.lists or w.refused for w in self._watched.values())
        return kinds_asked and self._facts is not _UNREAD and self._named is not None

    def _all_facts(self) -> tuple[str, ...]:
        needless = set() if "startd-daemonset" in self._member.terms.forms else {"daemonsets"}
        off = [
            f"{FEATURES.get(name, name)}: {watched.refused}"
            for name, watched in self._watched.items()
            if watched.refused and name not in needless
        ]
        named = self._named.facts if self._named is not None else ()
        return tuple(sorted([*off, *self._facts.facts, *named]))

    def _observer(self, name: str) -> Callable[[Any, Any], None]:
        told: dict[str, Callable[[Any, Any], None]] = {
            "nodes": self._survey.node_moved,
            "pods": self._survey.pod_moved,
            "own pods": self._survey.own_pod_moved,
        }
        survey = told.get(name)

        def moved(before: Any, after: Any) -> None:
            if survey is not None:
                survey(before, after)
            self._moved.set()

        return moved

    def _keep_view(self) -> None:
        took_s = 0.0
        while not self._stopped.is_set():
            # An empty kind moves nothing when it is first listed: look again soon until all are there.
            self._moved.wait(None if self._built[0].seen_at is not None else SETTLE_S)
            if self._stopped.wait(max(SETTLE_S, took_s / SHARE)):
                return
            self._moved.clear()
            began = time.monotonic()
            self._rebuild()
            took_s = time.monotonic() - began

    def _rebuild(self) -> None:
        with self._lock:
            seen_at = self._seen_at(self._transport.record.ok_at)
            if seen_at is None or not self._all_asked():
                return
            entries = {name: watched.entries for name, watched in self._watched.items()}
            named = self._named.found if self._named is not None else ()
            view, objects = self._survey.view(entries, msgspec.structs.replace(self._facts, named=named))
        last, self._built = self._built, (msgspec.structs.replace(view, seen_at=seen_at), objects)
        if (msgspec.structs.replace(last[0], seen_at=seen_at), last[1]) != self._built:
            self._changed()

    def _keep_contact(self) -> None:
        last: Contact = "never"
        limit = min(PROBE_LIMIT_S, self._cadence.contact_s)
        while not self._stopped.is_set():
            began = time.monotonic()
            now = self._transport.probe(limit).contact
            if now != last:
                if now == "ok":
                    self._hurry()
                self._changed()
                last = now
            self._stopped.wait(max(0.05, self._cadence.contact_s - (time.monotonic() - began)))

    def _hurry(self) -> None:
        for watched in self._watched.values():
            if not watched.refused:
                watched.hurry()

    def _keep_facts(self) -> None:
        scoped = self._member.terms.visibility != "namespace"
        while not self._stopped.is_set():
            pause = self._cadence.relist_s
            try:
                facts = cluster_facts.read(self._transport, cluster_scoped=scoped, before=self._facts)
            except (TransportError, msgspec.MsgspecError):
                pause = min(pause, self._cadence.contact_s)
            else:
                self._facts = facts
                self._moved.set()
            self._stopped.wait(pause)

    def _keep_named(self) -> None:
        while not self._stopped.is_set():
            pause = min(NAMED_S, self._cadence.relist_s)
            try:
                named = named_objects.look(self._transport, self._member.namespace, self._names)
            except TransportError:
                pause = min(pause, self._cadence.contact_s)
            else:
                if named != self._named:
                    self._named = named
                    self._moved.set()
            self._stopped.wait(pause)
