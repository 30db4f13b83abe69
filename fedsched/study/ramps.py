"""Spikes as they came and went: the matchmaker's own report of each (SU6), and how fast supply followed."""

from __future__ import annotations

from typing import NamedTuple

from fedsched.matchmaker.model import Spike
from fedsched.study.series import Series

MOST = 120
MOST_SPIKES = 200
"""Later ones are counted in the bill and not drawn."""


class Ramp(NamedTuple):
    """One spike. minutes, claimed, wanted: cores over the time since its begin, while it lasted.

    half_s, full_s: from its begin until jobs held half, and 90 %, of the most cores that they held in it.
    """

    spike: Spike
    minutes: tuple[float, ...]
    claimed: tuple[float, ...]
    wanted: tuple[float, ...]
    half_s: float | None
    full_s: float | None


class Ramps:
    """Follows the spikes of a run."""

    def __init__(self) -> None:
        self._last: dict[str, Spike] = {}
        self._series: dict[str, Series] = {}

    def see(self, spikes: tuple[Spike, ...], since: float, seconds: float, cores: tuple[float, float]) -> None:
        """One step of so many seconds from `since` on. cores: claimed and wanted in it."""
        for spike in spikes:
            if spike.id not in self._last and len(self._last) >= MOST_SPIKES:
                continue
            self._last[spike.id] = spike
            if spike.ended_at is None:
                series = self._series.setdefault(spike.id, Series(MOST))
                series.add(since, seconds, {"claimed": cores[0], "wanted": cores[1]})

    def ramps(self) -> tuple[Ramp, ...]:
        """All spikes, in their order."""
        return tuple(self._ramp(spike) for spike in self._last.values())

    def _ramp(self, spike: Spike) -> Ramp:
        series = self._series.get(spike.id) or Series(MOST)
        values = series.values()
        minutes = tuple((at - spike.began_at) / 60 for at in series.times())
        claimed = values.get("claimed", (0.0,) * len(minutes))
        wanted = values.get("wanted", (0.0,) * len(minutes))
        return Ramp(spike, minutes, claimed, wanted, _until(0.5, minutes, claimed), _until(0.9, minutes, claimed))


def _until(part: float, minutes: tuple[float, ...], claimed: tuple[float, ...]) -> float | None:
    most = max(claimed, default=0.0)
    if most <= 0:
        return None
    return 60 * next(at for at, cores in zip(minutes, claimed, strict=True) if cores >= part * most)
