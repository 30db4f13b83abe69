"""One pool, live: its slots, its startd tokens, and what a startd that joins it must be given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fedsched.condor.announce import Announcer
from fedsched.condor.negotiator import NegotiatorPoller
from fedsched.condor.pool import PoolPoller
from fedsched.condor.tokens import StartdTokens, TokenError
from fedsched.condor.worker import worker_files
from fedsched.config.settings import Federation, PoolSettings
from fedsched.kube.worker_bundle import WorkerBundle
from fedsched.matchmaker.model import ClassNotice, InvalidateAds, Outcome, PoolView, SetSubmitter

FAR = 4_102_444_800.0
"""Epoch seconds that stand for "never": the year 2100."""


class PoolLink:
    """Reads one pool and makes worker bundles for it; tokens are kept per member until they are due."""

    def __init__(self, pool: PoolSettings, settings: Federation, changed: Callable[[], None]) -> None:
        self._pool = pool
        self._settings = settings
        self._poller = PoolPoller(settings, pool, changed)
        self._negotiator = NegotiatorPoller(settings, pool, changed)
        self._announcer = Announcer(settings, pool, changed)
        self._tokens = StartdTokens(pool)
        self._files = worker_files(settings.lengths)

    def start(self) -> None:
        """Begin to read slots, groups and factors, and to wait for what to announce."""
        self._announcer.start()
        self._poller.start()
        self._negotiator.start()

    def end(self) -> None:
        """Begin to take our ads of classes away; returns at once."""
        self._announcer.end()

    def stop(self) -> None:
        """End the reading and its child processes; ads of classes are taken away."""
        self._announcer.stop()
        self._negotiator.stop()
        self._poller.stop()

    def latest(self) -> PoolView:
        """Our startds as the collector last told them, and what the negotiator last said (None: ignored)."""
        return msgspec.structs.replace(
            self._poller.latest(), negotiator=self._negotiator.latest(), unannounced=self._announcer.problem
        )

    def invalidate(self, change: InvalidateAds, at: float) -> Outcome:
        """Remove ghost ads."""
        return self._poller.invalidate(change, at)

    def announce(self, notices: tuple[ClassNotice, ...]) -> None:
        """These classes wait (those of other pools are passed over); returns at once."""
        self._announcer.announce(notices)

    def tell(self, change: SetSubmitter, at: float) -> Outcome:
        """Tell the negotiator a submitter's terms (FS8, `drive`)."""
        return self._negotiator.tell(change, at)

    def worker(self, member: str) -> tuple[WorkerBundle | None, str]:
        """What a startd of that member needs to join this pool; None and the problem when no token can be had."""
        try:
            token = self._tokens.token(member)
        except TokenError as error:
            return None, str(error)
        bundle = WorkerBundle(
            files=self._files,
            token=token.token,
            token_expires_at=token.expires_at or FAR,
            collector=self._pool.startd_collector or self._pool.collector,
            ccb=self._pool.ccb,
            resource_names=tuple((kube, name) for name, kube in sorted(self._settings.machine_resources.items())),
        )
        return bundle, ""
