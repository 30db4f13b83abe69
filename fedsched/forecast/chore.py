"""The daemon's part: a child process makes forecasts, never in the way of a cycle; here they are seen to come out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fedsched.forecast.keeping import Watching
from fedsched.journal import Forecast, Journal, JournalError, Recorded
from fedsched.log import log

_LOG = log("forecast")


class Foresight:
    """What of forecasts happens beside a loop; everything but `stop` in the thread that owns the journal."""

    def __init__(self, journal: Journal, config: Path) -> None:
        """`config`: fedsched.toml, from which the child finds journal and records."""
        self._journal = journal
        self._config = config
        self._child: subprocess.Popen[bytes] | None = None
        self._watching = Watching(self._open_ones())
        self._waits = False

    def begin(self) -> None:
        """Have forecasts made of the newest cycle; nothing where no job waits or the last ones are still being made."""
        self._gather()
        if self._child is None and self._waits:
            words = [sys.executable, "-m", "fedsched.forecast", str(self._config)]
            self._child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program

    def see(self, recorded: Recorded) -> None:
        """A cycle is durable: what came out with it is written down. Never raises; a forecast is worth no cycle."""
        try:
            self._waits = any(report.idle for report in recorded.plan.classes)  # queues count no Jobs themselves
            self._gather()
            settled, lost = self._watching.see(recorded)
            if settled or lost:
                self._journal.keep_forecasts(settled, lost)
        except JournalError as error:
            _LOG.warning("forecasts-not-kept", why=str(error))

    @property
    def busy(self) -> bool:
        """Whether forecasts are being made."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """What is being made is given up."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def _gather(self) -> None:
        """When the child has ended, watch what it left in the journal."""
        if self._child is None or (code := self._child.poll()) is None:
            return
        self._child = None
        if code:
            _LOG.warning("forecast-failed", code=code)
        self._watching.add(self._open_ones())

    def _open_ones(self) -> list[Forecast]:
        return [one for one in self._journal.forecasts() if one.started_s is None]
