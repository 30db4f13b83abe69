"""Answers from one view: the same for a daemon's API and for the journal; each answer is made in a module beside."""

from __future__ import annotations

from collections.abc import Callable

from fedsched.answers import overview as _overview
from fedsched.answers import queue as _queue
from fedsched.answers.chronicle import Chronicle
from fedsched.answers.view import View
from fedsched.client.documents import Overview, Queue, QueueAsk


class Answerer:
    """Answers about one cycle. now: the present, epoch seconds. chronicle: what was before it, None for nothing."""

    def __init__(self, view: View, now: Callable[[], float], chronicle: Chronicle | None = None) -> None:
        self._view = view
        self._now = now
        self._chronicle = chronicle

    def queue(self, ask: QueueAsk) -> Queue:
        """See Answers."""
        return _queue.queue(self._view, self._view.of(self._now()), ask)

    def overview(self) -> Overview:
        """See Answers."""
        return _overview.overview(self._view, self._view.of(self._now()), self._chronicle)
