"""What a run came to, as values: everything that a report shows, without the world that it came from."""

from __future__ import annotations

import msgspec

from fedsched import __version__
from fedsched.matchmaker.model import Spike
from fedsched.study.jobs import Waits
from fedsched.study.losses import Loss
from fedsched.study.numbers import numbers, waits_by_group
from fedsched.study.ramps import Ramp
from fedsched.study.run import SimRun


class About(msgspec.Struct, frozen=True):
    """What was run. policy: its name; digest: of it, as the journal names it. begins: epoch seconds of the beginning.

    over: everything was done. stopped: why it ended before its time, "" when it did not. seconds: of the machine, for
    the whole run; 0 unknown. command: what gives the same again.
    """

    scenario: str
    title: str
    policy: str
    digest: str
    seed: int
    cycle_s: float
    over: bool
    begins: float = 0.0
    command: str = ""
    stopped: str = ""
    version: str = __version__
    seconds: float = 0.0


class Ranged(msgspec.Struct, frozen=True):
    """Series over time: `hours` since the beginning, and by name a value for each."""

    hours: tuple[float, ...]
    values: dict[str, tuple[float, ...]]

    def names(self, kind: str) -> tuple[str, ...]:
        """What comes after "kind/" in the names of that kind."""
        return tuple(name.partition("/")[2] for name in self.values if name.startswith(f"{kind}/"))

    def of(self, name: str) -> tuple[float, ...]:
        """The values of one name; zeros where it never was."""
        return self.values.get(name) or (0.0,) * len(self.hours)


class Result(msgspec.Struct, frozen=True):
    """Everything that was seen. numbers: by the names of `study/numbers`. left: names of what is left at the end."""

    about: About
    numbers: dict[str, float]
    series: Ranged
    waits: tuple[Waits, ...]
    ramps: tuple[Ramp, ...]
    losses: dict[str, Loss]
    never_claimed: dict[str, int]
    left: tuple[str, ...]

    @property
    def spikes(self) -> tuple[Spike, ...]:
        """The matchmaker's own report of each."""
        return tuple(ramp.spike for ramp in self.ramps)


def result(run: SimRun, about: About) -> Result:
    """What the run came to so far."""
    watch = run.watch
    watch.close()
    by_group = waits_by_group(watch)
    report = watch.report()
    return Result(
        about=about,
        numbers=numbers(watch, by_group),
        series=Ranged(tuple(at / 3600 for at in watch.series.times()), watch.series.values()),
        waits=by_group,
        ramps=watch.ramps.ramps(),
        losses=dict(sorted(watch.losses.by_cause.items())),
        never_claimed=report.never_claimed,
        left=report.left,
    )
