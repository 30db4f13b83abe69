"""Lines that say what takes long, on the real standard error so that a test runner's capture does not hide them."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET_S = 2  # what is faster needs no line
EVERY_S = 30


def say(text: str) -> None:
    """One line."""
    print(f"laboratory: {text}", file=sys.__stderr__, flush=True)


@contextlib.contextmanager
def progress(what: str, hint: str = "") -> Iterator[None]:
    """Says after 2 s that `what` is being done, every 30 s that it still is, and how long it took."""
    done = threading.Event()
    begin = time.monotonic()

    def watch() -> None:
        if done.wait(QUIET_S):
            return
        say(f"{what} …{f' ({hint})' if hint else ''}")
        while not done.wait(EVERY_S):
            say(f"{what} … {time.monotonic() - begin:.0f} s")

    threading.Thread(target=watch, daemon=True).start()
    failed = True
    try:
        yield
        failed = False
    finally:
        done.set()
        took = time.monotonic() - begin
        if took > QUIET_S:
            say(f"{what}: {'failed after' if failed else 'done in'} {took:.1f} s")
