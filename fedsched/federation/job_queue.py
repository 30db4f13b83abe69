"""What the live world asks of a queue of Kubernetes Jobs, be it a hub cluster or the journal; no queue lives here."""

from __future__ import annotations

from typing import Protocol

from fedsched.kube.jobs.bundle import JobBundle
from fedsched.matchmaker.model import Outcome, ScheddView, TellJob


class JobQueue(Protocol):
    """One queue. All but `start` and `stop` are called by any thread, `tell` by one at a time for each Job."""

    name: str

    def start(self) -> None:
        """Begin to read; returns at once."""
        ...

    def stop(self) -> None:
        """End threads and connections."""
        ...

    def latest(self) -> ScheddView | None:
        """What was last read, at once, with its age; None for a queue that never held anything."""
        ...

    def bundle(self, job: str, uid: str, copied: tuple[str, ...]) -> JobBundle | None:
        """What a copy is made from, read now, with the objects of the kinds `copied` that it names.

        None where the Job is gone or has another uid. Raises Unreachable when the queue does not answer.
        """
        ...

    def tell(self, change: TellJob, at: float) -> Outcome:
        """Write a Job's status; never raises for what the queue says. at: epoch seconds, stands in the outcome."""
        ...
