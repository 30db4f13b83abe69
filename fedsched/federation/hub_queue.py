"""The queue of one hub cluster: its reader, writer, events and credential together; decides nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec

from fedsched.config.settings import Credential, Federation, QueueSettings
from fedsched.kube.hub import copies
from fedsched.kube.hub.events import Events, Told, news
from fedsched.kube.hub.reader import HubReader
from fedsched.kube.hub.reading import Kept
from fedsched.kube.hub.writer import HubWriter
from fedsched.kube.jobs.bundle import JobBundle
from fedsched.kube.join import credentials, tokens
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.transport import Transport, TransportError
from fedsched.log import log
from fedsched.loop import Unreachable
from fedsched.matchmaker.model import Outcome, ScheddView, TellJob
from fedsched.matchmaker.model.names import JOB_MANAGER, LABEL_QUEUE

FOREIGN_TOLD = 10_000
"""So many foreign Jobs are remembered as told; beyond that an old one may be told again."""
FOREIGN_LOGGED = 50
"""Of so many the log tells; `fedsched hub check` counts them all."""
RETRY_S = 30.0
"""Between tries to load a credential that is not there yet, or to renew one."""
_LOG = log("federation")


class HubQueue:
    """See JobQueue. A hub without a usable credential is an error of its view, not ours."""

    def __init__(self, queue: QueueSettings, settings: Federation, changed: Callable[[], None]) -> None:
        self.name = queue.name
        self._queue = queue
        self._settings = settings
        self._changed = changed
        self._path = settings.credentials / (queue.credential or f"{queue.name}.json")
        self._problem = f"credential {self._path}: not read yet"
        self._open: _Open | None = None
        self._stopped = threading.Event()
        self._foreign: dict[str, None] = {}
        self._keeper = threading.Thread(target=self._keep_credential, name=f"queue {queue.name}: token", daemon=True)

    def start(self) -> None:
        """See JobQueue."""
        self._begin()
        self._keeper.start()

    def stop(self) -> None:
        """See JobQueue."""
        self._stopped.set()
        if self._keeper.is_alive():
            self._keeper.join(2.0)
        if self._open is not None:
            self._open.end()
            self._open = None

    def latest(self) -> ScheddView:
        """See JobQueue; a hub always is a queue, whatever it holds."""
        if self._open is None:
            return ScheddView(self.name, "", kind="jobs", error=self._problem)
        return self._open.reader.latest()

    def bundle(self, job: str, uid: str, copied: tuple[str, ...]) -> JobBundle | None:
        """See JobQueue."""
        if self._open is None:
            raise Unreachable(self._problem)
        if silent := self._open.reader.error():
            raise Unreachable(silent)  # its members' lanes do not wait for a hub that is known to be silent
        try:
            kept = self._open.reader.kept(uid)
            known = kept.manifest if kept is not None and kept.job.id == job else None
            return copies.bundle(self._open.transport, job, uid, copied, known)
        except TransportError as error:
            raise Unreachable(str(error)) from error

    def tell(self, change: TellJob, at: float) -> Outcome:
        """See JobQueue."""
        opened = self._open
        if opened is None:
            return Outcome(change, "retry", at, what=self._problem)
        before = opened.reader.kept(change.uid)
        outcome = opened.writer.tell(change, at)
        if outcome.result == "done" and not outcome.what and before is not None:  # it was written
            for told in news(before.job, change.status, at):
                opened.events.tell(told)
        return outcome

    def _begin(self) -> bool:
        """Whether the credential could be loaded, and reading has begun."""
        try:
            credential = credentials.load(self._path)
        except JoinError as error:
            if self._problem != str(error):
                _LOG.error("credential-unusable", queue=self.name, why=str(error))
            self._problem = str(error).replace("fedsched join NAME", f"fedsched hub join {self.name}")
            return False
        self._open = _Open.begin(self._queue, self._settings, credential, self._changed, self._tell_foreign)
        return True

    def _keep_credential(self) -> None:
        """A fresh token before 80 % of its life, or what `fedsched hub join` put there (O3)."""
        while not self._stopped.wait(RETRY_S if self._open is None else self._settings.cadence.credential_check_s):
            if self._open is None:
                if self._begin():
                    self._changed()
            else:
                self._renew(self._open.transport, time.time())

    def _renew(self, transport: Transport, at: float) -> None:
        try:
            stored = credentials.load(self._path)
            if tokens.renew_due(stored, at):
                stored = tokens.renew(transport, stored, at)
                credentials.save(self._path, stored)
                _LOG.info("credential-renewed", queue=self.name, expires_at=stored.expires_at)
            transport.swap(stored)
        except (JoinError, TransportError, ValueError) as error:
            _LOG.warning("credential-not-renewed", queue=self.name, why=str(error))

    def _tell_foreign(self, kept: Kept, events: Events) -> None:
        """Once for each Job that carries the label and is run by somebody else: it will never be ours."""
        job = kept.job
        if job.uid in self._foreign:
            return
        self._foreign[job.uid] = None
        if len(self._foreign) > FOREIGN_TOLD:
            del self._foreign[next(iter(self._foreign))]
        if len(self._foreign) <= FOREIGN_LOGGED:
            _LOG.warning("foreign-job", queue=self.name, job=job.id)
        if job.status.over:
            return
        words = (
            f"the label {LABEL_QUEUE} does nothing here: another controller runs this Job (spec.managedBy is not "
            f"{JOB_MANAGER}); delete it and make it again to queue it"
        )
        events.tell(Told(job.id, job.uid, "NotQueued", words, time.time(), warning=True))


class _Open(msgspec.Struct, frozen=True):
    """What exists once a credential was loaded."""

    transport: Transport
    reader: HubReader
    writer: HubWriter
    events: Events

    @classmethod
    def begin(
        cls,
        queue: QueueSettings,
        settings: Federation,
        credential: Credential,
        changed: Callable[[], None],
        foreign: Callable[[Kept, Events], None],
    ) -> _Open:
        transport = Transport(credential, queue.requests_per_s)
        events = Events(transport)
        reader = HubReader(queue, settings, transport, changed, lambda kept: foreign(kept, events))
        events.start()
        reader.start()
        return cls(transport, reader, HubWriter(transport, reader.kept), events)

    def end(self) -> None:
        self.events.stop()
        self.reader.stop()
        self.transport.close()
