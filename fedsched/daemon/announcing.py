"""Tells the world of the classes that wait after each cycle, in a thread of its own: the loop never waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fedsched.answers import View
from fedsched.answers.announced import announced
from fedsched.config.settings import Federation
from fedsched.journal import Recorded
from fedsched.log import log
from fedsched.matchmaker.model import ClassNotice

END_S = 1.0
"""So long an ending daemon waits for words that nobody will hear."""
_LOG = log("announce")


class Announcing:
    """From the start of a daemon to its end. Cycles that come while one is put into words are skipped for the newest.

    announce: takes what to tell and returns at once.
    """

    def __init__(self, settings: Federation, announce: Callable[[tuple[ClassNotice, ...]], None]) -> None:
        self._settings = settings
        self._announce = announce
        self._newest: Recorded | None = None
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcing", daemon=True)
        self._thread.start()

    def see(self, recorded: Recorded) -> None:
        """A cycle is durable; returns at once."""
        self._newest = recorded
        self._woken.set()

    def stop(self) -> None:
        """Nothing more is told; what was told is taken back by the world's end."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(END_S)

    def _run(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            if self._stopping.is_set():
                return
            if self._newest is not None:
                self._tell(self._newest)

    def _tell(self, recorded: Recorded) -> None:
        settings = self._settings
        view = View(recorded, (), settings.cadence.cycle_s, "daemon", settings.id)
        try:
            self._announce(announced(view, names=settings.web.names == "all"))
        except Exception:  # noqa: BLE001 - logged with its place; why it goes on stands below
            # This thread has nobody above it to tell, and the next cycle may be put into words again.
            _LOG.exception("not-announced")
