"""The demo's stage: a copy of the shipped scenario to run in, its world, its end; the daemon does all the rest."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from fedsched.cli.demo.story import Story
from fedsched.daemon import How, Parts, serve
from fedsched.daemon.virtual import Paced
from fedsched.journal import Recorded
from fedsched.loop import Keeping
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.negotiate import Kept, negotiated
from fedsched.sim.folder import find, load_scenario
from fedsched.sim.scenario import Scenario
from fedsched.sim.world import SimWorld
from fedsched.study.watch import Watch

SCENARIO = "demo"
TAIL = 5.0
"""So many times faster it goes once nobody submits any more: there is little left to see."""
LONGEST_S = 24 * 3600.0
"""So long after its window the demo ends whatever is left, in simulated seconds."""
LONGEST_SOCKET = 100
"""Characters of a socket's path; the kernel takes no more than 107."""


class Wish(msgspec.Struct, frozen=True):
    """What was asked for. speed: simulated seconds per real one; until_s: stop then, infinite for the end.

    seed: None for the scenario's own. dashboard: serve it while it runs.
    """

    speed: float = math.inf
    until_s: float = math.inf
    seed: int | None = None
    dashboard: bool = False


class Stage:
    """One demo in one folder; equal wishes give equal histories."""

    def __init__(self, folder: Path, wish: Wish) -> None:
        """`folder`: empty; afterwards a federation's folder like any other. Raises OSError."""
        self.folder = folder
        self.config = folder / "fedsched.toml"
        _copy(find(SCENARIO), folder, dashboard=wish.dashboard)
        self.opened: Callable[[str], None] = _nobody
        self.loaded = load_scenario(folder, wish.seed)
        self._wish = wish
        self.window_s = max(self.loaded.until_s, wish.until_s if math.isfinite(wish.until_s) else 0.0)
        self.world = SimWorld(self._scenario(), self.loaded.seed)
        self.paced = Paced(self.world, wish.speed)
        self.watch = Watch(self.world)
        self.story = Story()

    def run(self, *told: Callable[[Recorded], None]) -> int:
        """To the end, or until a signal; the daemon's exit code. `told` hears of each cycle after all sums are made."""
        parts = Parts(
            world=lambda _settings, _members: self.paced,
            negotiate=Keeping(negotiated, Kept()),
            changes=changes,
            time=self.paced.time,
            told=(self.watch.see, self.story.see, self._hurry, *told),
            over=self._ends,
            opened=self._opened,
        )
        code = serve(self.config, parts, How())
        self.watch.close()
        return code

    @property
    def over(self) -> bool:
        """Everything is done, and nothing of ours is left or planned for."""
        last = self.story.last
        if last is None or not self.world.quiet:
            return False
        standing = any(held.phase != "gone" for held in last.plan.held)
        return not standing and all(spike.zero_at is not None for spike in last.plan.memory.surge.spikes)

    def _opened(self, port: int) -> None:
        """Whoever shows the demo hears where its dashboard is."""
        if self._wish.dashboard and port:
            self.opened(f"http://127.0.0.1:{port}/")

    def _hurry(self, _recorded: Recorded) -> None:
        if self.world.monotonic() >= self.window_s:
            self.paced.speed = self._wish.speed * TAIL

    def _ends(self) -> bool:
        passed_s = self.world.monotonic()
        return self.over or passed_s >= min(self._wish.until_s, self.window_s + LONGEST_S)

    def _scenario(self) -> Scenario:
        """The scenario, but nobody submits after the demo's window, so that it comes to an end."""
        whole = self.loaded.scenario
        return msgspec.structs.replace(whole, jobs=tuple(job for job in whole.jobs if job.at < self.window_s))


def _nobody(_address: str) -> None:
    """Nobody wants to hear where the dashboard is."""


def _copy(scenario: Path, folder: Path, *, dashboard: bool) -> None:
    """The scenario's files, with addresses that are nobody else's: of a dashboard, a port that is free."""
    shutil.copytree(scenario, folder, dirs_exist_ok=True)
    config, socket = folder / "fedsched.toml", str(folder.resolve() / "health")
    alone = dashboard or len(socket) > LONGEST_SOCKET
    listen = "127.0.0.1:0" if alone else f"unix:{socket}"
    config.write_text(f"listen = {json.dumps(listen)}\n{config.read_text(encoding='utf-8')}", encoding="utf-8")
