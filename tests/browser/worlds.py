"""What the browser looks at: the demo's world under a real daemon in this process, and a large one from made cycles."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from fedsched.cli.demo.stage import Stage, Wish
from fedsched.journal import Recorded
from fedsched.matchmaker.model import DemandClass, Policy, Principal, ScheddView, Snapshot
from fedsched.matchmaker.negotiate import negotiate
from fedsched.web import App, Newest, WebServer
from tests.bench.match import AT, GROUPS, round_of
from tests.bench.standing import at_work

BEGIN_S = 180.0
CONFERENCE_S = 94 * 60.0
"""Simulated: half an hour into the conference, when many wait and some had to go for others."""
CALM, LIVELY = 6.0, 120.0
"""Speeds: a cycle each ten seconds, so that it is still the same conference for every test, or each half second."""
HOSTILE = "<img src=x onerror=window.hacked=1>"
"""What a job may be called."""


class Held(Stage):
    """The demo, as fast as it computes up to the conference, then slow enough to look at, until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Wish(speed=math.inf, dashboard=True))
        self.address = ""
        self.done = False
        self.reached = threading.Event()
        self.opened = self._here

    def _here(self, address: str) -> None:
        self.address = address

    def _hurry(self, _recorded: Recorded) -> None:
        if self.world.monotonic() >= CONFERENCE_S and not self.reached.is_set():
            self.paced.speed = CALM
            self.reached.set()

    @contextmanager
    def lively(self) -> Iterator[None]:
        """Cycles follow each other while somebody looks whether they are followed."""
        self.paced.speed = LIVELY
        try:
            yield
        finally:
            self.paced.speed = CALM

    def _ends(self) -> bool:
        return self.done


@contextmanager
def demo(folder: Path) -> Iterator[Held]:
    """A daemon in a thread, in the middle of the spike."""
    stage = Held(folder)
    running = threading.Thread(target=stage.run, name="demo", daemon=True)
    running.start()
    try:
        assert stage.reached.wait(BEGIN_S)
        yield stage
    finally:
        stage.done = True
        stage.paced.speed = math.inf
        running.join(30)
        assert not running.is_alive()


def hostile(snapshot: Snapshot) -> Snapshot:
    """The same where one user, one schedd's error and one member's contact are what nobody should be called."""
    seen = snapshot.observation
    schedds = list(seen.schedds)
    first = schedds[0]
    strange = msgspec.structs.replace(
        first.classes[0], principal=Principal("physics.g0", f"{HOSTILE}@site"), examples=(f"1.0{HOSTILE}",), idle=9999
    )
    schedds[0] = msgspec.structs.replace(first, error=HOSTILE, classes=(strange, *first.classes[1:]))
    members = (msgspec.structs.replace(seen.members[0], contact_error=HOSTILE, facts=(HOSTILE,)), *seen.members[1:])
    seen = msgspec.structs.replace(seen, schedds=tuple(schedds), members=members)
    return msgspec.structs.replace(snapshot, observation=seen)


class Large:
    """A thousand classes over a hundred members behind a real server; `step` shows it another cycle."""

    def __init__(self) -> None:
        snapshot = hostile(at_work(round_of(1000, 100, 100), 500, full=False))
        self.recorded = Recorded(snapshot, negotiate(snapshot, Policy(groups=GROUPS)), seconds=2.5)
        self._began = time.time()
        self.ahead_s = 0.0
        self.newest = Newest(lambda: (), 10.0, self._now, "large", lambda _key, _since: ())
        self.newest.see(self.recorded)
        self.server: WebServer | None = None
        self.serve(0)

    @property
    def address(self) -> str:
        """Where it is."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.port}/"

    @property
    def strange(self) -> DemandClass:
        """The class whose user has a hostile name."""
        return self.recorded.observation.schedds[0].classes[0]

    def serve(self, port: int) -> None:
        """Open, at a port or any."""
        self.app = App(self.newest, lambda: (200, {}))
        self.server = WebServer([f"127.0.0.1:{port}"], self.app, self.app.close)

    def close(self) -> int:
        """Close; the port that it had."""
        assert self.server is not None
        port = self.server.port
        self.server.close()
        self.server = None
        return port

    def step(self) -> int:
        """The next cycle; its number."""
        plan = self.recorded.plan
        plan = msgspec.structs.replace(plan, cycle=plan.cycle + 1, at=self._now())
        self.recorded = msgspec.structs.replace(self.recorded, plan=plan)
        self.newest.see(self.recorded)
        return plan.cycle

    def _now(self) -> float:
        return AT + time.time() - self._began + self.ahead_s


def jobs_in(recorded: Recorded) -> int:
    """Idle jobs of all schedds."""
    views: tuple[ScheddView, ...] = recorded.observation.schedds
    return sum(demand.idle for view in views for demand in view.classes)
