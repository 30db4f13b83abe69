"""The journal queue of Kubernetes Jobs: what `fedsched submit` put there, and what is told to it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from fedsched.config.settings import Federation, QueueSettings
from fedsched.federation.submitted import Entries
from fedsched.journal import JobTable, JournalError, Mark, open_jobs
from fedsched.kube.jobs.bundle import JobBundle
from fedsched.log import log
from fedsched.loop import Unreachable
from fedsched.matchmaker.model import Outcome, ScheddView, TellJob

LOOK_S = 0.5
"""Between looks at the counters of the journal: so soon a Job or an order of a person is seen."""
_LOG = log("queue")
_RESULTS = {"done": "done", "gone": "gone", "stale": "conflict"}


class JournalQueue:
    """See JobQueue. A thread of its own looks for what changed; nothing is written but statuses."""

    def __init__(self, queue: QueueSettings, settings: Federation, changed: Callable[[], None]) -> None:
        self.name = queue.name
        self._url = settings.journal
        self._changed = changed
        self._entries = Entries(queue, settings)
        self._mark: Mark | None = None
        self._seen_at: float | None = None
        self._reads = 0
        self._error = ""
        self._looked = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._tables = threading.Lock()
        self._told: dict[str, JobTable] = {}

    def start(self) -> None:
        """See JobQueue."""
        self._thread = threading.Thread(target=self._follow, name=f"queue {self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """See JobQueue."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        with self._tables:
            for table in self._told.values():
                table.close()
            self._told.clear()

    def latest(self) -> ScheddView | None:
        """See JobQueue."""
        if self._thread is None:
            return None
        if self._looked and not self._error and (self._mark is None or not self._mark.revision):
            return None
        view = self._entries.view(self._seen_at or 0.0)
        return msgspec.structs.replace(view, seen_at=self._seen_at, reads=self._reads, error=self._error)

    def bundle(self, job: str, uid: str, copied: tuple[str, ...]) -> JobBundle | None:
        """See JobQueue. The journal has Jobs alone: what they name must be at the member."""
        del copied
        try:
            with self._tables:
                there, manifest = self._table("reading").job(uid), self._table("reading").manifest(uid)
        except JournalError as error:
            raise Unreachable(str(error)) from None
        if there is None or manifest is None or there.id != job:
            return None
        return JobBundle(job, uid, json.loads(manifest))

    def tell(self, change: TellJob, at: float) -> Outcome:
        """See JobQueue."""
        try:
            with self._tables:
                told = self._table("writing").tell(change.uid, _revision(change), change.status, at)
        except JournalError as error:
            return Outcome(change, "retry", at, what=str(error))
        if told.job is not None:
            self._entries.update((told.job,))
        what = f"{change.job} has changed meanwhile" if told.result == "stale" else ""
        return Outcome(change, _RESULTS[told.result], at, uid=change.uid, what=what)  # type: ignore[arg-type]  # of these three

    # -- inside

    def _follow(self) -> None:
        with ExitStack() as closing:
            table: JobTable | None = None
            while True:
                try:
                    if table is None and Path(self._url.partition(":")[2]).is_file():
                        table = open_jobs(self._url, reading=True)
                        closing.callback(table.close)
                    news = table is not None and self._look(table)
                    self._seen_at, self._error = time.time(), ""
                    self._reads += 1
                except JournalError as error:
                    news = self._error != str(error)
                    if news:
                        _LOG.warning("queue-unreadable", queue=self.name, why=str(error))
                    self._error = str(error)
                first, self._looked = not self._looked, True
                if news or first:
                    self._changed()
                if self._ending.wait(LOOK_S):
                    return

    def _look(self, table: JobTable) -> bool:
        """Read what changed; whether a cycle should know of it at once."""
        mark, known = table.mark(), self._mark or Mark()
        if mark == self._mark:
            return False
        news = mark.orders != known.orders
        if mark.revision != known.revision:
            jobs = table.since(known.revision)
            news = self._entries.add(jobs, table.manifest) or news
        if mark.swept != known.swept:
            self._entries.keep(table.uids())
        self._mark = mark
        return news

    def _table(self, kind: str) -> JobTable:
        """A connection, kept; a status that a power cut takes back is told again."""
        if kind not in self._told:
            self._told[kind] = open_jobs(self._url, reading=kind == "reading", quick=True)
        return self._told[kind]


def _revision(change: TellJob) -> int:
    return int(change.resource_version) if change.resource_version.isdigit() else -1
