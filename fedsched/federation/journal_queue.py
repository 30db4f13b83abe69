"""The journal queue of Kubernetes Jobs: what it holds, and what is told to it."""

from __future__ import annotations

from collections.abc import Callable

from fedsched.config.settings import Federation, QueueSettings
from fedsched.kube.jobs.bundle import JobBundle
from fedsched.matchmaker.model import Outcome, ScheddView, TellJob


class JournalQueue:
    """See JobQueue."""

    def __init__(self, queue: QueueSettings, settings: Federation, changed: Callable[[], None]) -> None:
        self.name = queue.name
        self._queue = queue
        self._settings = settings
        self._changed = changed

    def start(self) -> None:
        """See JobQueue."""

    def stop(self) -> None:
        """See JobQueue."""

    def latest(self) -> ScheddView | None:
        """See JobQueue."""
        return None

    def bundle(self, job: str, uid: str, copied: tuple[str, ...]) -> JobBundle | None:
        """See JobQueue."""
        del job, uid, copied
        return None

    def tell(self, change: TellJob, at: float) -> Outcome:
        """See JobQueue."""
        return Outcome(change, "gone", at, what="nothing is queued")
