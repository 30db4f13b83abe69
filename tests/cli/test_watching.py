"""`-w`: the answer again after each cycle, from a daemon or a journal, on a terminal and into a pipe."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from fedsched.cli.watching import Painted
from fedsched.config import load_federation
from fedsched.daemon.health import Health
from fedsched.daemon.window import Window
from fedsched.journal import Recorded, open_journal

LONG_S = 30.0


class Watched:
    """A `fedsched q -w` that runs, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[bytes], out: int) -> None:
        self.process = process
        self._out = out
        self.text = ""

    def until(self, seen: Callable[[str], bool]) -> str:
        """Read until this is so, at most LONG_S seconds."""
        os.set_blocking(self._out, False)
        end = time.monotonic() + LONG_S
        while not seen(self.text):
            assert time.monotonic() < end, self.text
            try:
                self.text += os.read(self._out, 65_536).decode()
            except BlockingIOError:
                time.sleep(0.01)  # nothing yet
        return self.text

    def interrupted(self) -> int:
        """Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LONG_S)


@contextmanager
def watching(federation: Path, *, terminal: bool) -> Iterator[Watched]:
    """`q -w` over a federation's folder."""
    command = [sys.executable, "-m", "fedsched", "q", "-w", "--config", str(federation / "fedsched.toml")]
    theirs, ours = (pty.openpty()[::-1]) if terminal else (os.pipe()[::-1])
    environment = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FEDSCHED_SERVER"}}
    environment |= {"TERM": "xterm", "COLUMNS": "120", "LINES": "9"}
    errors = theirs if terminal else subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=errors, env=environment) as process:
        os.close(theirs)
        try:
            yield Watched(process, ours)
        finally:
            process.kill()
            os.close(ours)


@pytest.fixture
def last(federation: Path) -> Recorded:
    """The journal's last cycle."""
    journal = open_journal(f"sqlite:{federation / 'fedsched.db'}")
    cycle = journal.last_cycle()
    journal.close()
    assert cycle is not None
    return cycle


@contextmanager
def window(federation: Path) -> Iterator[Window]:
    """A daemon's window."""
    settings = load_federation(federation / "fedsched.toml")
    opened = Window(settings, Health(10.0), tuple, time.time)
    try:
        yield opened
    finally:
        opened.close()


def test_into_a_pipe_only_what_changed_is_printed_and_without_escapes(federation: Path, last: Recorded) -> None:
    with watching(federation, terminal=False) as watched:
        watched.until(lambda text: "6 classes" in text)
        # The journal answered; a daemon that comes is asked from then on.
        with window(federation) as daemon:
            daemon.see(_later(last, 1, classes=5))
            watched.until(lambda text: "5 classes" in text)
            daemon.see(_later(last, 2, classes=5))
            daemon.see(_later(last, 3, classes=2))
            watched.until(lambda text: "2 classes" in text)
            assert watched.interrupted() == 0
    tables = watched.text.count("CLASS ")
    assert tables == watched.text.count("-- 2") == 3
    assert "\x1b" not in watched.text


def test_a_cycle_that_changes_nothing_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    painted = Painted()
    for table in ("ann waits\n\n1 class; cycle 7, 3 s ago", "ann waits\n\n1 class; cycle 8, 60 min ago"):
        painted.show(lambda: print(table))  # noqa: B023 - shown at once
    assert capsys.readouterr().out.count("ann waits") == 1
    painted.show(lambda: print("ann runs\n\n1 class; cycle 9, 3 s ago"))
    assert "ann runs" in capsys.readouterr().out


def test_on_a_terminal_the_table_is_painted_over_and_fits_it(federation: Path, last: Recorded) -> None:
    with window(federation) as daemon:
        daemon.see(_later(last, 0, classes=6))
        with watching(federation, terminal=True) as watched:
            watched.until(lambda text: "6 classes" in text)
            daemon.see(_later(last, 1, classes=2))
            watched.until(lambda text: "2 classes" in text)
            daemon.close()
            watched.until(lambda text: "does not answer" in text.partition("2 classes")[2] or "No daemon" in text)
            assert watched.interrupted() == 0
    first, second, third = watched.text.split("\x1b[H")[1:4]
    assert first.count("\n") <= 8
    assert "…" in first
    assert "…" not in second.partition("2 classes")[0].rpartition("WHY")[2].splitlines()[0]
    assert "\x1b[J" in second
    assert "6 classes" in third, "the journal's, as the daemon is gone"


def _later(last: Recorded, cycles: int, classes: int) -> Recorded:
    """So many cycles later, with that many of its classes left."""
    plan = last.plan
    at = time.time() - 1.0 + cycles / 100
    kept = {one.key for one in plan.classes[:classes]}
    schedds = tuple(
        msgspec.structs.replace(view, classes=tuple(one for one in view.classes if one.key in kept))
        for view in last.observation.schedds
    )
    seen = msgspec.structs.replace(last.observation, schedds=schedds)
    return msgspec.structs.replace(
        last,
        snapshot=msgspec.structs.replace(last.snapshot, observation=seen),
        plan=msgspec.structs.replace(plan, cycle=plan.cycle + cycles, at=at, classes=plan.classes[:classes]),
    )
