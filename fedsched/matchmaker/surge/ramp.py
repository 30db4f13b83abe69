"""Growth: how fast a class, and all classes together, may start placements (SU3); nothing of where they go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fedsched.matchmaker.model import (
    Ramp,
    Ramping,
)

ALL = "*"
"""Key of what all classes start together; class keys are digests."""

FORGET_INTERVALS = 10
"""A class that rested for so many intervals begins with `first` again."""


def grow(ramps: Mapping[str, Ramping], key: str, rules: Ramp, at: float) -> Ramping:
    """A class's growth now (SU3): `first`, then twice as much each interval that used up its allowance.

    Intervals follow each other without gaps, however the cycles fall into them.
    """
    ramping = ramps.get(key)
    if ramping is None or _rested(ramping, rules, at):
        return Ramping(min(rules.first, rules.max_starts), at + rules.ramp_interval_s)
    if at < ramping.until:
        return ramping
    doubled = ramping.allowance * 2 if ramping.used >= ramping.allowance else ramping.allowance
    return Ramping(min(doubled, rules.max_starts), _next_until(ramping, rules, at))


def together(ramps: Mapping[str, Ramping], rules: Ramp, at: float) -> Ramping:
    """What all classes together may still start in this interval: `max_starts` less what is `used` (SU3)."""
    ramping = ramps.get(ALL)
    if ramping is None or _rested(ramping, rules, at):
        return Ramping(rules.max_starts, at + rules.ramp_interval_s)
    if at < ramping.until:
        return msgspec.structs.replace(ramping, allowance=rules.max_starts)
    return Ramping(rules.max_starts, _next_until(ramping, rules, at))


def ramps_after(
    ramps: Mapping[str, Ramping], keys: Iterable[str], started: Mapping[str, int], rules: Ramp, at: float
) -> dict[str, Ramping]:
    """Growth of every class in `keys`, and of all together, with what this cycle started; those that rest are dropped.

    ramps: as they were before the cycle. started: startds of each class.
    """
    now = {key: _used(grow(ramps, key, rules, at), started.get(key, 0)) for key in keys}
    now[ALL] = _used(together(ramps, rules, at), sum(started.values()))
    kept = {key: ramp for key, ramp in ramps.items() if key not in now and not _rested(ramp, rules, at)}
    return dict(sorted({**kept, **now}.items()))


def _used(ramping: Ramping, started: int) -> Ramping:
    return msgspec.structs.replace(ramping, used=ramping.used + started)


def _rested(ramping: Ramping, rules: Ramp, at: float) -> bool:
    return at >= ramping.until + FORGET_INTERVALS * rules.ramp_interval_s


def _next_until(ramping: Ramping, rules: Ramp, at: float) -> float:
    """End of the interval of `at`, on the beat of the earlier ones: late cycles must not slow the growth down."""
    step = rules.ramp_interval_s
    return ramping.until + step * ((at - ramping.until) // step + 1)
