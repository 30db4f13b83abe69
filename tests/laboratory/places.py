"""Where the laboratory keeps things, and the locks between its processes; nothing about what is kept there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class LaboratoryError(Exception):
    """Something real did not do what it was told, or not in time.

    The message says what and ends with its last log lines.
    """


class LeftOutError(LaboratoryError):
    """This machine cannot run a part; the message is the reason in one line."""


def home() -> Path:
    """The user's home folder; a temporary one when HOME is empty or cannot be written."""
    named = os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    if os.access(named, os.W_OK):
        return Path(named)
    return Path(tempfile.gettempdir()) / f"fedsched-home-{os.getuid()}"


def cache() -> Path:
    """The folder of built parts and running sessions: FEDSCHED_LABORATORY_CACHE, else under the user's cache folder."""
    named = os.environ.get("FEDSCHED_LABORATORY_CACHE")
    folder = Path(named) if named else home() / ".cache" / "fedsched-laboratory"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def sessions() -> Path:
    """The folder with one folder for each running (or crashed) session."""
    folder = cache() / "sessions"
    folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Holds the machine-wide lock `name`; waits for it without limit."""
    folder = cache() / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def tail(file: Path, lines: int = 15) -> str:
    """The last lines of a log, indented, for an error message; empty when there is none."""
    if not file.exists():
        return ""
    text = file.read_text(errors="replace").splitlines()[-lines:]
    return "".join(f"\n    {line[:300]}" for line in text)
