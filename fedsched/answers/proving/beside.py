"""Proving in a child process of low priority, never in the way of a cycle: one at a time, ended with its reader."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import msgspec

from fedsched.answers.view import View
from fedsched.client import NoAnswer
from fedsched.client.documents import Tried

LONGEST_S = 120
"""A child ends after so many seconds, whatever it does; what it proved by then stands."""
NICE = 10
COMMAND = ("-m", "fedsched.answers.proving")
SAID = 300
"""Characters of what a child complains that are repeated."""


class Beside:
    """Begins children. journal: its URL, from which they read cycle and policy. One for each daemon, any thread."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self._going: Child | None = None
        self._lock = threading.Lock()

    def __call__(self, view: View, key: str) -> Child:
        """See Prove."""
        with self._lock:
            if self._going is not None and self._going.lives:
                text = "another class is being proven just now, one at a time"
                raise NoAnswer("busy", text, "ask again in a minute, or --no-counterfactuals")
            words = (self._journal, str(view.plan.cycle), key)
            self._going = Child([sys.executable, *COMMAND, *words])
            return self._going

    def close(self) -> None:
        """End what is under way; from any thread."""
        with self._lock:
            if self._going is not None:
                self._going.stop()


class Child:
    """One child. Iterating it blocks; `stop` ends that."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program, words of ours and a key of the cycle
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._stopped = False

    @property
    def lives(self) -> bool:
        """Whether it still works."""
        return self._process.poll() is None

    def __iter__(self) -> Iterator[Tried]:
        """What it proves, as it comes; ends it when nobody reads on. NoAnswer where it failed or took too long."""
        process, stopped = self._process, False
        try:
            with process:
                for line in process.stdout or ():
                    yield msgspec.json.decode(line, type=Tried)
                said = process.stderr.read(SAID).decode(errors="replace").strip() if process.stderr else ""
                code, stopped = process.wait(), self._stopped
        finally:
            self.stop()
        if code == -signal.SIGALRM:
            raise NoAnswer(
                "busy", f"not all could be proven in {LONGEST_S} s; what was told stands", "fedsched explain"
            )
        if code and not stopped:
            raise NoAnswer("refused", f"nothing could be proven: {said or f'the child ended with {code}'}")

    def stop(self) -> None:
        """End it, from any thread."""
        self._stopped = True
        if self._process.poll() is None:
            self._process.kill()
