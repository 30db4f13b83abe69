"""One fedsched process of the storm: a journal, a checker, its own eyes, and the real loop, until it is killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fedsched.journal import Holder, Limits, Recorded, open_journal
from fedsched.loop import Keeping, Loop, Mind, Options, new_epoch
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.negotiate import Kept, negotiated
from fedsched.sim.world import SimWorld
from fedsched.study.invariants import Checker, World
from tests.faults.federations import Federation
from tests.faults.twice import Twice
from tests.faults.weather import Outlook, Sky

FOR_EVER_S = 1e9


class Killed(BaseException):
    """What SIGKILL is to a process of its own: nothing of it may be caught on the way."""


def die() -> None:
    raise Killed


class Process:
    """Begins as the daemon does: journal, one look at everybody, an epoch above all, the loop.

    twice: each cycle is decided again with nothing kept, which takes as long once more.
    """

    def __init__(self, fed: Federation, world: SimWorld, sky: Sky, path: Path, *, twice: bool = False) -> None:
        self.path = path
        self.sky = sky
        self.journal = open_journal(f"sqlite:{path}", Limits(outlives_power=False), rebuild=True)
        self.checker = Checker(world, self.journal, fed.policy, fed.terms)
        self.outlook = Outlook(self.checker, sky)
        self.recorded: Recorded | None = None
        self._mind = Mind(Twice() if twice else Keeping(negotiated, Kept()), changes, fed.policy, fed.terms)

    def share(self, past: World) -> None:
        """Know what was seen of the world before this process began."""
        self.checker.past = past

    def begin(self, told: Callable[[Recorded], None]) -> None:
        """Raises what a loop raises; a crash point may strike in here, too."""
        now = self.outlook.now()
        self.journal.acquire_lease(Holder.mine(), FOR_EVER_S, now)
        new_epoch(self.journal, self.outlook.observe(now), now)
        options = Options(inline=True, told=(self._noted, told, self.checker.told))
        self.loop = Loop(self.outlook, self.journal, self._mind, self.outlook, options)

    def cycle(self) -> None:
        self.loop.cycle()
        self.checker.verify()

    def end(self) -> None:
        """Nothing of it runs any more; what was not durable is gone."""
        self.journal.close()

    def _noted(self, recorded: Recorded) -> None:
        self.recorded = recorded
