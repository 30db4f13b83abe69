"""Growth: how fast a class may start placements (SU3); nothing of where they go."""

from __future__ import annotations

from collections.abc import Mapping

from fedsched.matchmaker.model import (
    Ramp,
    Ramping,
)


def grow(ramps: Mapping[str, Ramping], key: str, rules: Ramp, at: float) -> Ramping:
    """A class's growth now (SU3): `first`, then twice as much each interval that used up its allowance."""
    ramping = ramps.get(key)
    if ramping is None or at >= ramping.until + 10 * rules.ramp_interval_s:
        return Ramping(min(rules.first, rules.max_starts), at + rules.ramp_interval_s)
    if at < ramping.until:
        return ramping
    doubled = ramping.allowance * 2 if ramping.used >= ramping.allowance else ramping.allowance
    return Ramping(min(doubled, rules.max_starts), at + rules.ramp_interval_s)
