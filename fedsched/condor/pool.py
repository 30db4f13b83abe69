"""Polls one pool's collector for our startds, and removes the ads of those that others found gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from fedsched.condor.demand import terms
from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import AskSlots, Invalidate, Removed, Slots
from fedsched.config.settings import Federation, PoolSettings
from fedsched.matchmaker.model import InvalidateAds, Outcome, PoolView, SlotView

COLLECTOR_YOUNG_S = 300.0
"""So long after its start a collector may not have heard from every startd yet: they report every minute or two."""


class PoolPoller:
    """Our startds in one pool. changed: called, from a thread, when a slot came, went, or was claimed or released.

    `PoolView.seen_at` is when the collector last answered completely; `SlotView.seen_at` is when it last heard from
    that startd. A startd that a young collector does not list is kept, with its old age: an empty collector that has
    just started is no sign that startds are gone (FA8).
    """

    def __init__(self, federation: Federation, pool: PoolSettings, changed: Callable[[], None] = lambda: None) -> None:
        self._pool = pool
        self._terms = terms(federation, 1)
        self._pause_s = federation.cadence.slots_s
        self._changed = changed
        self._children = Children(pool, federation.cadence.query_limit_s)
        self._view = PoolView(pool.name)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._loop = threading.Thread(target=self._run, name=f"pool-{pool.name}", daemon=True)

    def start(self) -> None:
        """Begins to poll; returns at once."""
        self._loop.start()

    def stop(self) -> None:
        """Ends polling and the child processes."""
        self._stopping.set()
        self._children.close()
        if self._loop.is_alive():
            self._loop.join()

    def latest(self) -> PoolView:
        """The last complete answer with its age; at once."""
        return self._view

    def poll_once(self) -> PoolView:
        """Asks the collector once and waits for the answer; a failure leaves the last answer, and says why."""
        at = time.time()
        try:
            answer = self._children.ask(AskSlots(self._pool.collector, self._pool.name, self._terms, at))
        except QueryFailed as failed:
            return self._store(PoolView(self._pool.name, self._view.seen_at, str(failed), self._view.slots))
        if not isinstance(answer, Slots):
            return self._store(PoolView(self._pool.name, self._view.seen_at, "odd answer", self._view.slots))
        slots = carried_over(self._view.slots, answer.slots, answer.collector_started_at, at)
        return self._store(PoolView(self._pool.name, at, "", slots))

    def invalidate(self, change: InvalidateAds, at: float) -> Outcome:
        """Removes the ads of a placement's pod; done only when the collector no longer has them (FA8)."""
        question = Invalidate(self._pool.collector, change.placement_id, change.pod)
        try:
            answer = self._children.ask(question)
        except QueryFailed as failed:
            return Outcome(change, "retry", at, what=str(failed))
        if not isinstance(answer, Removed) or answer.after:
            hint = "the token of this pool needs ADVERTISE_STARTD at its collector"
            return Outcome(change, "refused", at, what=f"pool {self._pool.name} still lists the ads; {hint}")
        return Outcome(change, "done" if answer.before else "gone", at)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.poll_once()
            self._stopping.wait(self._pause_s)

    def _store(self, view: PoolView) -> PoolView:
        with self._lock:
            before, self._view = self._view, view
        if _essence(before) != _essence(view):
            self._changed()
        return view


def carried_over(
    before: Iterable[SlotView], now: Iterable[SlotView], collector_started_at: float | None, at: float
) -> tuple[SlotView, ...]:
    """The slots of an answer, and those last heard of before a young collector started, which it cannot know yet.

    A collector that does not list itself (start None) has only just begun: its own ad comes a moment after it answers.
    """
    slots = {slot.name: slot for slot in now}
    if collector_started_at is None or at - collector_started_at < COLLECTOR_YOUNG_S:
        for slot in before:
            before_it = collector_started_at is None or slot.seen_at < collector_started_at
            if before_it and at - slot.seen_at < COLLECTOR_YOUNG_S:
                slots.setdefault(slot.name, slot)
    return tuple(slot for _, slot in sorted(slots.items()))


def _essence(view: PoolView) -> tuple[object, ...]:
    """What deserves an early cycle when it changes."""
    return tuple((slot.name, slot.claims, slot.leaving, slot.started_at) for slot in view.slots)
