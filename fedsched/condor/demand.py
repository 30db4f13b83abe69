"""Polls the schedds of all pools for their demand, each in a child process; what it means is the matchmaker's business.

From condor_submit to a class in `latest` it takes at most `poll_s` and one query: schedds are asked themselves, their
collector's ads, which lag, only say that they exist.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait

import msgspec

from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import AskDemand, Demand, FindSchedds, Schedds, Terms
from fedsched.condor.roster import Entry, Moment, Roster
from fedsched.config.settings import Federation, PoolSettings
from fedsched.matchmaker.model import ScheddView


class DemandPoller:
    """Demand of all pools. max_classes: per schedd (MA7). changed: called, from a thread, when demand changed.

    At most `queries_at_once` schedds are asked at the same time, and half as many (at least one) that did not answer
    last time: silent schedds cannot keep the others waiting.
    """

    def __init__(self, federation: Federation, max_classes: int, changed: Callable[[], None] = lambda: None) -> None:
        cadence = federation.cadence
        self._federation = federation
        self._terms = terms(federation, max_classes)
        self._changed = changed
        self._roster = Roster(federation.pools, cadence.poll_s)
        self._children = {pool.name: Children(pool, cadence.query_limit_s) for pool in federation.pools}
        self._threads = ThreadPoolExecutor(cadence.queries_at_once + len(federation.pools), "demand")
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._asking = 0
        self._asking_silent = 0
        self._find_at = {pool.name: 0.0 for pool in federation.pools}
        self._unasked = frozenset(self._find_at)
        self._loop = threading.Thread(target=self._run, name="demand", daemon=True)

    def start(self) -> None:
        """Begins to poll; returns at once."""
        self._loop.start()

    def stop(self) -> None:
        """Ends polling and all child processes; a question under way is given up."""
        self._stopping.set()
        self._wake.set()
        for children in self._children.values():
            children.close()
        if self._loop.is_alive():
            self._loop.join()
        self._threads.shutdown(cancel_futures=True)

    def latest(self) -> tuple[ScheddView, ...]:
        """What every schedd said last, with its age; at once."""
        with self._lock:
            return self._roster.views(_now())

    def errors(self) -> Mapping[str, str]:
        """Why a collector did not answer, by pool's name; empty when all did."""
        with self._lock:
            return self._roster.errors()

    def unasked(self) -> frozenset[str]:
        """Names of pools whose collector has neither answered nor failed to answer yet who its schedds are."""
        return self._unasked

    def poll_once(self) -> tuple[ScheddView, ...]:
        """Asks every collector and every schedd once and waits for all; for a caller that has not called `start`."""
        wait([self._threads.submit(self._find, pool) for pool in self._federation.pools])
        with self._lock:
            entries = self._roster.due(_now(), early=True)
            for entry in entries:
                entry.asking = True
        wait([self._threads.submit(self._ask, entry) for entry in entries])
        return self.latest()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            pause = self._dispatch(_now())
            self._wake.wait(pause)

    def _dispatch(self, now: Moment) -> float:
        """Hands out what is due; the seconds until something else is."""
        for pool in self._federation.pools:
            if self._find_at[pool.name] <= now.steady:
                # Asked again only after an answer: infinity stands for a question under way.
                self._find_at[pool.name] = float("inf")
                self._threads.submit(self._find_again, pool)
        with self._lock:
            for entry in self._roster.due(now):
                if self._may_ask(entry):
                    self._hand_out(entry)
            next_at = self._roster.next_at(now)
        due = min([*self._find_at.values(), *([] if next_at is None else [next_at])], default=float("inf"))
        return min(max(0.02, due - time.monotonic()), 1.0)

    def _may_ask(self, entry: Entry) -> bool:
        most = self._federation.cadence.queries_at_once
        if self._asking >= most:
            return False
        return not entry.failures or self._asking_silent < max(1, most // 2)

    def _hand_out(self, entry: Entry) -> None:
        silent = bool(entry.failures)
        entry.asking = True
        self._asking += 1
        self._asking_silent += silent
        self._threads.submit(self._ask_counted, entry, silent)

    def _ask_counted(self, entry: Entry, silent: bool) -> None:  # noqa: FBT001 - a worker's argument, not an option
        try:
            self._ask(entry)
        finally:
            with self._lock:
                self._asking -= 1
                self._asking_silent -= silent
            self._wake.set()

    def _find_again(self, pool: PoolSettings) -> None:
        try:
            self._find(pool)
        finally:
            with self._lock:
                self._unasked -= {pool.name}
            self._find_at[pool.name] = time.monotonic() + self._federation.cadence.poll_s
            self._wake.set()

    def _find(self, pool: PoolSettings) -> None:
        try:
            answer = self._children[pool.name].ask(FindSchedds(pool.collector))
        except QueryFailed as failed:
            with self._lock:
                self._roster.unlisted(pool.name, str(failed))
            return
        if isinstance(answer, Schedds):
            with self._lock:
                self._roster.listed(pool.name, answer.found, _now())

    def _ask(self, entry: Entry) -> None:
        with self._lock:
            question = AskDemand(entry.schedd, entry.view.pool, self._terms, entry.reads, entry.submitted)
        began = time.monotonic()
        try:
            answer = self._guarded(question)
        except QueryFailed as failed:
            with self._lock:
                self._roster.failed(entry, f"schedd {question.schedd.name}: {failed}", _now())
            return
        with self._lock:
            changed = self._roster.answered(entry, answer, _now(), time.monotonic() - began)
        if changed:
            self._changed()

    def _guarded(self, question: AskDemand) -> Demand:
        """The answer; where reading it ended the child, once more without what no parser survives."""
        children = self._children[question.pool]
        try:
            answer = children.ask(question)
        except QueryFailed as failed:
            if not failed.died:
                raise
            answer = children.ask(msgspec.structs.replace(question, guarded=True))
        if not isinstance(answer, Demand):
            raise QueryFailed("an answer to another question")
        return answer


def terms(federation: Federation, max_classes: int) -> Terms:
    """What a child needs of the settings."""
    return Terms(
        federation.principals,
        federation.lengths,
        federation.assumed_length_s,
        federation.machine_resources,
        max_classes,
    )


def _now() -> Moment:
    return Moment(time.time(), time.monotonic())
