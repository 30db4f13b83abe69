"""A daemon's web half over recorded cycles, for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from fedsched.config.settings import Web
from fedsched.journal import Recorded
from fedsched.replay import read
from fedsched.web import App, Newest, WebServer

CYCLES = Path(__file__).parents[1] / "golden" / "cycles"
SPIKE, EVICTION = "a-spike-begins.json", "a-borrower-is-evicted.json"


def recorded(name: str = EVICTION) -> Recorded:
    return read(CYCLES / name).recorded


class Daemon:
    """The web half of a daemon: `see` is what its loop does after each cycle."""

    def __init__(self, web: Web, folder: Path, first: Recorded | None) -> None:
        self.at = first.plan.at + 1.0 if first else 0.0
        self.newest = Newest(lambda: (), 10.0, lambda: self.at, "golden", turns=lambda _key, _since: ())
        self.healthy = True
        self.app = app = App(self.newest, self._health, web, "127.0.0.1:0")
        self.socket = folder / "fedsched.sock"
        self.server = WebServer(["127.0.0.1:0", f"unix:{self.socket}"], app, app.close)
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.last = first
        if first is not None:
            self.newest.see(first)

    def see(self, number: int | None = None) -> None:
        """Another cycle like the last one, with the next number."""
        assert self.last is not None
        number = self.last.plan.cycle + 1 if number is None else number
        self.last = msgspec.structs.replace(self.last, plan=msgspec.structs.replace(self.last.plan, cycle=number))
        self.newest.see(self.last)

    def close(self) -> None:
        self.server.close()

    def _health(self) -> tuple[int, dict[str, object]]:
        return (200, {"state": "running"}) if self.healthy else (503, {"state": "stale"})


Starting = Callable[..., Daemon]
