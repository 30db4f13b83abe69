"""The queues of Kubernetes Jobs that the settings name, by their kinds; each kind lives beside this file."""

from __future__ import annotations

from collections.abc import Callable

from fedsched.config.settings import Federation, QueueSettings
from fedsched.federation.hub_queue import HubQueue
from fedsched.federation.job_queue import JobQueue
from fedsched.federation.journal_queue import JournalQueue

LOCAL = QueueSettings("local", kind="journal")
"""The embedded queue of a federation whose settings name none."""


def queues(settings: Federation, changed: Callable[[], None]) -> dict[str, JobQueue]:
    """All queues, by name; nothing is started yet. changed: called from any thread when one holds something new."""
    wanted = settings.queues or (LOCAL,)
    return {queue.name: _queue(queue, settings, changed) for queue in wanted}


def _queue(queue: QueueSettings, settings: Federation, changed: Callable[[], None]) -> JobQueue:
    kind = HubQueue if queue.kind == "hub" else JournalQueue
    return kind(queue, settings, changed)
