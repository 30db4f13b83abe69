"""A job that the cycle does not know by name, asked of its schedd: few questions at once, answers kept a while."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from fedsched.client import NoAnswer
from fedsched.condor.job_ads import JobAds, found_job
from fedsched.condor.processes import QueryFailed
from fedsched.config.settings import Federation
from fedsched.matchmaker.model import FoundJob

KEPT_S = 10.0
"""So long an answer serves whoever asks the same: a page that is looked at again asks no schedd again."""
KEPT = 256
AT_ONCE = 2
"""Questions under way at once: schedds are other people's, and serve their users first."""
PATIENCE_S = 5.0
"""So long a question waits for its turn, in seconds."""


class _Kept(NamedTuple):
    until: float
    found: FoundJob | None


class JobFinder:
    """Finds jobs for `Beyond.find`, from any thread, until `close`. Child processes begin with the first question."""

    def __init__(self, settings: Federation, steady: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._steady = steady
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._ads: JobAds | None = None
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def __call__(self, number: str, schedd: str) -> FoundJob | None:
        """The job; None where no schedd has it. NoAnswer: ambiguous, busy, or unreachable while somebody is silent."""
        asked = (number, schedd)
        with self._lock:
            kept = self._kept.get(asked)
        if kept is not None and kept.until > self._steady():
            return kept.found
        if not self._turns.acquire(timeout=PATIENCE_S):
            raise NoAnswer("busy", "others are asking schedds for jobs just now", "ask again in some seconds")
        try:
            found = self._ask(number, schedd)
        finally:
            self._turns.release()
        with self._lock:
            self._kept[asked] = _Kept(self._steady() + KEPT_S, found)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def close(self) -> None:
        """Ends the child processes; a question under way fails."""
        with self._lock:
            ads, self._ads = self._ads, None
        if ads is not None:
            ads.close()

    def _ask(self, number: str, schedd: str) -> FoundJob | None:
        try:
            return found_job(self._asking(), number, schedd)
        except ValueError as error:
            raise NoAnswer("ambiguous", str(error), "name one: fedsched explain JOB@SCHEDD") from None
        except QueryFailed as failed:
            where = f"schedd {schedd}" if schedd else "every schedd that answers"
            raise NoAnswer("unreachable", f"{where} was asked for job {number}: {failed}", "fedsched q") from None

    def _asking(self) -> JobAds:
        with self._lock:
            if self._ads is None:
                self._ads = JobAds(self._settings)
            return self._ads
