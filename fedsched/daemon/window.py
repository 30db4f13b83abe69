"""The daemon's window to the outside: the web server over its newest cycle and its health; acts on nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fedsched.answers import Beside, Beyond, View, gone_in, recalled, turns_in
from fedsched.answers.explained import Find
from fedsched.answers.job_logs import JobLogs
from fedsched.client import NoAnswer
from fedsched.config.settings import Federation, MemberFile
from fedsched.daemon.health import Health
from fedsched.journal import Journal, Recorded
from fedsched.log import log
from fedsched.loop import Summary
from fedsched.matchmaker.model import Order
from fedsched.web import App, Newest, WebServer
from fedsched.web.metrics import Metrics, Sources

LONGEST_SOCKET = 107
"""Bytes of a socket's path that the kernel takes."""
_LOG = log("web")


class Outside(NamedTuple):
    """Who knows what no cycle has. find: asks schedds for a job, in the thread that wants to know, None for nobody.

    members: their files as they are now, whose pods' logs are read.
    """

    find: Find | None = None
    members: Callable[[], tuple[MemberFile, ...]] = tuple


class Window:
    """Open from the start of a daemon to its end. Raises OSError when an address cannot be had."""

    def __init__(
        self,
        settings: Federation,
        health: Health,
        orders: Callable[[], tuple[Order, ...]],
        now: Callable[[], float],
        outside: Outside = Outside(),  # noqa: B008 - frozen
    ) -> None:
        """`orders`: those that stand; asked in the loop's thread. `now`: the daemon's clock, epoch seconds.

        outside: who is asked beside the cycle.
        """
        self._newest = Newest(orders, settings.cadence.cycle_s, now, settings.id, turns_in(settings.journal))
        self._proofs = Beside(settings.journal)
        self._newest.beyond = Beyond(
            outside.find,
            gone_in(settings.journal, settings.records),
            self._proofs,
            JobLogs(settings, outside.members),
        )
        sources = Sources(health.report, now, settings.journal, settings.pools, self._streams)
        self._metrics = Metrics(self._view, sources)
        self._app = App(self._newest, health.report, settings.web, settings.listen, self._metrics)
        self._server = WebServer(_addresses(settings), self._app, self._app.close)

    def recall(self, journal: Journal) -> None:
        """Know what was lately before this start; takes about a second at most. In the loop's thread."""
        self._newest.chronicle = recalled(journal)

    def see(self, recorded: Recorded) -> None:
        """A cycle is durable."""
        self._newest.see(recorded)
        self._metrics.see(recorded)

    def cycled(self, summary: Summary) -> None:
        """A cycle is over."""
        self._metrics.cycled(summary)

    @property
    def port(self) -> int:
        """The TCP port that it has, 0 for none."""
        return self._server.port

    def close(self) -> None:
        """Nobody is answered any more."""
        self._proofs.close()
        self._server.close()

    def _view(self) -> View | None:
        """Of the newest cycle; None before the first."""
        try:
            return self._newest.shown[0]
        except NoAnswer:
            return None

    def _streams(self) -> int:
        return self._app.streams


def _addresses(settings: Federation) -> list[str]:
    """Where to listen: a socket whose path is too long for the kernel is left out, and said so."""
    if not settings.socket:
        return [settings.listen]
    if len(settings.socket.encode()) > LONGEST_SOCKET:
        _LOG.warning("socket-left-out", why=f"its path is longer than {LONGEST_SOCKET} bytes", path=settings.socket)
        return [settings.listen]
    return [settings.listen, f"unix:{settings.socket}"]
