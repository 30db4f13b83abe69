"""Polls one pool's negotiator, and tells it submitters' terms; what follows from either is the matchmaker's (FS8)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec

from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import Accounts, AskAccounts, Tell, Told
from fedsched.config.settings import Federation, PoolSettings
from fedsched.matchmaker.model import NegotiatorView, Outcome, SetSubmitter, SubmitterSeen

REFUSED_PAUSE_S = 300.0
"""After a refusal an admin has to act: asked again so much later."""
TELL_TRIES_PAUSE_S = 5.0
CLOSE = 0.001
"""The negotiator keeps factors in single precision."""


class NegotiatorPoller:
    """One pool's negotiator. changed: called, from a thread, when groups or terms are others than before.

    With `negotiator = "ignore"` nothing is asked, told or started.
    """

    def __init__(self, federation: Federation, pool: PoolSettings, changed: Callable[[], None] = lambda: None) -> None:
        self._pool = pool
        self._pause_s = federation.cadence.negotiator_s
        self._changed = changed
        self._ignored = pool.negotiator == "ignore"
        self._children = None if self._ignored else Children(pool, federation.cadence.query_limit_s)
        self._view = NegotiatorView()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._loop = threading.Thread(target=self._run, name=f"negotiator-{pool.name}", daemon=True)

    def start(self) -> None:
        """Begins to poll; returns at once."""
        if not self._ignored:
            self._loop.start()

    def stop(self) -> None:
        """Ends polling and the child processes."""
        self._stopping.set()
        if self._children is not None:
            self._children.close()
        if self._loop.is_alive():
            self._loop.join()

    def latest(self) -> NegotiatorView | None:
        """The last complete answer with its age; None for a negotiator that is ignored."""
        return None if self._ignored else self._view

    def poll_once(self) -> NegotiatorView | None:
        """Asks once and waits for the answer; a failure leaves the last answer, and says why."""
        if self._children is None:
            return None
        error = "an answer to another question"
        try:
            answer = self._children.ask(AskAccounts(self._pool.collector, time.time()))
            if isinstance(answer, Accounts):
                return self._store(lambda was: msgspec.structs.replace(answer.view, refused=was.refused))
        except QueryFailed as failed:
            error = str(failed)
        return self._store(lambda was: msgspec.structs.replace(was, error=error))

    def tell(self, change: SetSubmitter, at: float) -> Outcome:
        """Sets a submitter's terms; done only when the negotiator, read back, has them."""
        if self._children is None:
            return Outcome(change, "gone", at, what=f"the negotiator of pool {self._pool.name} is ignored")
        try:
            answer = self._children.ask(Tell(self._pool.collector, change.name, change.factor, change.ceiling))
        except QueryFailed as failed:
            return Outcome(change, "retry", at, what=str(failed), retry_after_s=TELL_TRIES_PAUSE_S)
        if not isinstance(answer, Told):
            return Outcome(change, "retry", at, what="an answer to another question")
        if answer.seen is not None and _has(answer.seen, change):
            seen = answer.seen
            self._store(lambda was: _with(was, seen))
            return Outcome(change, "done", at)
        why = refusal(self._pool, answer.error)
        self._store(lambda was: msgspec.structs.replace(was, refused=why))
        return Outcome(change, "retry", at, what=why, retry_after_s=REFUSED_PAUSE_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.poll_once()
            self._stopping.wait(self._pause_s)

    def _store(self, make: Callable[[NegotiatorView], NegotiatorView]) -> NegotiatorView:
        with self._lock:
            before, self._view = self._view, make(self._view)
            view = self._view
        if _essence(before) != _essence(view):
            self._changed()
        return view


def refusal(pool: PoolSettings, said: str) -> str:
    """Why a negotiator does not let itself be told, and what its admin can do."""
    token = f"the token {pool.token_file.name}" if pool.token_file else "a token"
    detail = f" ({said})" if said else ""
    return (
        f"the negotiator of pool {pool.name} did not take it{detail}: {token} needs ADMINISTRATOR there, and the "
        "negotiator NEGOTIATOR.ALLOW_ADMINISTRATOR = $(ALLOW_ADMINISTRATOR) fedsched@$(TRUST_DOMAIN); "
        f"or by hand: fedsched negotiator-config {pool.name}"
    )


def _has(seen: SubmitterSeen, change: SetSubmitter) -> bool:
    pairs = ((change.factor, seen.factor), (change.ceiling, seen.ceiling))
    return all(want is None or abs(want - have) <= CLOSE * max(want, have) for want, have in pairs)


def _with(view: NegotiatorView, seen: SubmitterSeen) -> NegotiatorView:
    others = (one for one in view.submitters if one.name != seen.name)
    submitters = tuple(sorted((*others, seen), key=lambda one: one.name))
    return msgspec.structs.replace(view, submitters=submitters, refused="")


def _essence(view: NegotiatorView) -> tuple[object, ...]:
    """What deserves an early cycle when it changes; usage changes all the time and does not."""
    terms = tuple((one.name, one.factor, one.floor, one.ceiling) for one in view.submitters)
    return (view.groups, terms, view.half_life_s, bool(view.refused), view.seen_at is None)
