"""Answers from one view: the same for a daemon's API and for the journal; each answer is made in a module beside."""

from __future__ import annotations

from collections.abc import Callable

from fedsched.answers import queue as _queue
from fedsched.answers.view import View
from fedsched.client.documents import Queue, QueueAsk


class Answerer:
    """Answers about one cycle. now: the present, epoch seconds."""

    def __init__(self, view: View, now: Callable[[], float]) -> None:
        self._view = view
        self._now = now

    def queue(self, ask: QueueAsk) -> Queue:
        """See Answers."""
        return _queue.queue(self._view, self._view.of(self._now()), ask)
