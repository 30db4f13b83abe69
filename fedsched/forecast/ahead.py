"""A recorded moment driven forward: the real loop on a simulated world, in longer steps the further it goes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fedsched.forecast.lengths import Lengths
from fedsched.forecast.outlook import Outlook
from fedsched.forecast.scratch import Scratch
from fedsched.forecast.tally import Tally
from fedsched.forecast.world import AheadWorld
from fedsched.loop import Loop, Mind, Options
from fedsched.matchmaker.changes import changes
from fedsched.matchmaker.model import Policy, Ramp, Snapshot
from fedsched.matchmaker.negotiate import negotiate

RESTS = 9
"""Intervals without a start that do not yet count as a rest (`surge.ramp.FORGET_INTERVALS` do)."""
Enough = Callable[[AheadWorld], bool]


class Course(msgspec.Struct, frozen=True):
    """How far and how finely a moment is run forward. Times in seconds.

    hours: how far. seed: of the jobs' lengths and of all other luck. first_s: the first pause between cycles; later
    ones are `growth` of the time gone by, since what is far away is known roughly anyway, but at most `longest_s`
    and never so long that growth (SU3) is taken for resting.
    """

    hours: float = 12.0
    seed: int = 1
    first_s: float = 60.0
    growth: float = 0.15
    longest_s: float = 480.0

    def after(self, gone_s: float, ramp: Ramp) -> float:
        """The pause after so many seconds."""
        longest_s = min(self.longest_s, RESTS * ramp.ramp_interval_s)
        return min(longest_s, max(self.first_s, self.growth * gone_s), max(1.0, self.hours * 3600 - gone_s))


def forward(
    snapshot: Snapshot,
    policy: Policy,
    course: Course,
    lengths: Lengths | None = None,
    enough: Enough | None = None,
) -> Outlook:
    """Run the moment forward under this policy; equal arguments give an equal outlook. Nothing outside is touched.

    No further job arrives, members that do not answer stay silent, nothing breaks. lengths: what is known of how long
    jobs run; without it only what the moment itself tells. enough: asked after each cycle; True ends the run early.
    """
    world = AheadWorld(snapshot, course.seed, lengths)
    mind = Mind(negotiate, changes, policy, snapshot.terms, snapshot.pools)
    tally = Tally(world)
    options = Options(inline=True, told=(tally.see,), quiet=True)
    loop = Loop(world, Scratch.of(snapshot), mind, world, options)
    cycles = 0
    while world.monotonic() < course.hours * 3600:
        loop.cycle()
        cycles += 1
        world.sleep(course.after(world.monotonic(), policy.ramp))
        if enough is not None and enough(world):
            break
    loop.stop(0.0)
    return tally.outlook(course.seed, cycles)
