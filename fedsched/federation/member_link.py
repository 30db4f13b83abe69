"""One member, live: its transport, reader, actuator and credential together. Knows nothing of other members."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from fedsched.config.settings import Credential, Federation, MemberFile
from fedsched.journal.crashpoints import checkpoint
from fedsched.kube.actuator import Actuator
from fedsched.kube.capacity import CapacityReader
from fedsched.kube.failures import EndedError
from fedsched.kube.jobs.bundle import JobBundle
from fedsched.kube.join import credentials, tokens
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.kept_logs import KeptLogs
from fedsched.kube.log_keeper import LogKeeper
from fedsched.kube.standing import NoAnchorError
from fedsched.kube.transport import Transport, TransportError
from fedsched.kube.worker_bundle import WorkerBundle
from fedsched.log import log
from fedsched.loop import Unreachable
from fedsched.matchmaker.model import Change, MemberView, ObjectView, Outcome

_LOG = log("federation")


class MemberLink:
    """Reads and writes one member. `act` and `claim` are called by one thread at a time, the rest by any."""

    def __init__(self, member: MemberFile, settings: Federation, changed: Callable[[], None]) -> None:
        self.file = member
        self._settings = settings
        self._changed = changed
        self._path = settings.credentials / member.credential
        self._lock = threading.Lock()
        self._problem = ""
        self._open: _Open | None = None
        self._epoch = 0

    def start(self) -> None:
        """Begin to read; a credential that cannot be loaded is the member's problem, not ours."""
        try:
            credential = credentials.load(self._path)
        except JoinError as error:
            self._problem = str(error)
            _LOG.error("credential-unusable", member=self.file.name, why=self._problem)
            return
        self._problem = ""
        self._open = _Open.begin(self.file, self._settings, credential, self._changed)

    def stop(self) -> None:
        """End threads and connections."""
        if self._open is not None:
            self._open.keeper.stop()
            self._open.reader.stop()
            self._open.transport.close()
            self._open = None

    def latest(self, at: float) -> tuple[MemberView, tuple[ObjectView, ...]]:
        """What was last read, at once; a member without a usable credential is one that refuses us."""
        if self._open is None:
            view = MemberView(self.file.name, contact="unauthorized", contact_at=at, contact_error=self._problem)
            return view, ()
        view, objects = self._open.reader.latest()
        return msgspec.structs.replace(view, credential_expires_at=self._open.transport.expires_at), objects

    def claim(self, epoch: int) -> int:
        """Raise the member's fence; the epoch that stands there. Raises Unreachable."""
        if self._open is None:
            raise Unreachable(self._problem)
        try:
            standing = self._open.actuator.raise_fence(epoch)
        except (TransportError, NoAnchorError) as error:
            raise Unreachable(str(error)) from error
        if standing == epoch:
            self._epoch = epoch
            self._open.keeper.start()
        return standing

    def act(self, change: Change, bundle: WorkerBundle | JobBundle | None, at: float) -> Outcome:
        """One change at this member; see Actuator.act for the bundle."""
        if self._open is None:
            return Outcome(change, "retry", at, what=self._problem)
        self._open.keeper.before(change)
        return self._open.actuator.act(change, bundle, self._epoch, at)

    def refresh_token(self, pool: str, worker: WorkerBundle) -> None:
        """Put a renewed startd token where running startds find it; a member that does not answer gets it later."""
        if self._open is None or not self._epoch:
            return
        try:
            if self._open.actuator.renew_token(pool, worker, self._epoch):
                _LOG.info("startd-token-renewed", member=self.file.name, pool=pool)
        except (TransportError, NoAnchorError, EndedError) as error:
            _LOG.warning("startd-token-not-renewed", member=self.file.name, pool=pool, why=str(error))

    def sweep(self) -> None:
        """Remove worker files and tokens that nothing uses any more."""
        if self._open is None or not self._epoch:
            return
        try:
            self._open.actuator.sweep(self._epoch)
        except (TransportError, NoAnchorError, EndedError) as error:
            _LOG.warning("sweep-failed", member=self.file.name, why=str(error))

    def renew_credential(self, at: float) -> None:
        """A fresh token for our own account before 80 % of its life, or whatever `fedsched rotate` put there (O3)."""
        if self._open is None:
            self.start()
            return
        with self._lock:
            try:
                stored = credentials.load(self._path)
                if tokens.renew_due(stored, at):
                    stored = tokens.renew(self._open.transport, stored, at)
                    credentials.save(self._path, stored)
                    _LOG.info("credential-renewed", member=self.file.name, expires_at=stored.expires_at)
                self._open.transport.swap(stored)
            except (JoinError, TransportError) as error:
                _LOG.warning("credential-not-renewed", member=self.file.name, why=str(error))


class _Open(msgspec.Struct, frozen=True):
    """What exists once a credential was loaded."""

    transport: Transport
    reader: CapacityReader
    actuator: Actuator
    keeper: LogKeeper

    @classmethod
    def begin(
        cls, member: MemberFile, settings: Federation, credential: Credential, changed: Callable[[], None]
    ) -> _Open:
        transport = Transport(credential, member.terms.budgets.requests_per_s)

        def moved() -> None:
            keeper.moved()
            changed()

        reader = CapacityReader(member, transport, settings.cadence, moved, settings.id)
        kept = KeptLogs(settings.records / "logs", settings.keep_logs_mib * 2**20)
        keeper = LogKeeper(member, transport, kept, lambda: reader.latest()[1])
        reader.start()
        return cls(transport, reader, Actuator(member, transport, settings.id, checkpoint), keeper)
