"""Numbers over time in bounded memory: means over stretches that grow with the run; what they mean is not known."""

from __future__ import annotations

from collections.abc import Mapping

MOST = 480
"""Stretches that are kept at most; a plot has no more pixels to show them."""


class _Stretch:
    """A part of the time: where it begins, how long it is, how many steps went in, and sums of value times seconds."""

    __slots__ = ("begins", "seconds", "steps", "sums")

    def __init__(self, begins: float) -> None:
        self.begins = begins
        self.seconds = 0.0
        self.steps = 0
        self.sums: dict[str, float] = {}

    def add(self, seconds: float, values: Mapping[str, float], times: float) -> None:
        self.seconds += seconds
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * times


class Series:
    """Named step functions of time. What is not told in a step is 0 there."""

    def __init__(self, most: int = MOST) -> None:
        """most: stretches that are kept; an even number, as two are joined when there are more."""
        self._most = most
        self._each = 1
        self._stretches: list[_Stretch] = []

    def add(self, begins: float, seconds: float, values: Mapping[str, float]) -> None:
        """These values from `begins` on for so many seconds; steps come in the order of time."""
        if seconds <= 0:
            return
        if not self._stretches or self._stretches[-1].steps >= self._each:
            if len(self._stretches) >= self._most:
                self._halve()
            self._stretches.append(_Stretch(begins))
        last = self._stretches[-1]
        last.add(seconds, values, seconds)
        last.steps += 1

    def times(self) -> tuple[float, ...]:
        """The middle of each stretch."""
        return tuple(one.begins + one.seconds / 2 for one in self._stretches)

    def values(self) -> dict[str, tuple[float, ...]]:
        """The mean of each name over each stretch, by name."""
        names = sorted({name for one in self._stretches for name in one.sums})
        return {name: tuple(one.sums.get(name, 0.0) / one.seconds for one in self._stretches) for name in names}

    def _halve(self) -> None:
        joined = []
        for first, second in zip(self._stretches[::2], self._stretches[1::2], strict=True):
            first.add(second.seconds, second.sums, 1.0)
            first.steps += second.steps
            joined.append(first)
        self._stretches = joined
        self._each *= 2
