"""Samples as they are gathered for one scrape, and the bounded names that labels may take."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fedsched.answers import View
from fedsched.matchmaker.model import Policy
from fedsched.matchmaker.share import CE, Sizes
from fedsched.web.metrics.families import PREFIX

MOST_NAMES = 200
"""So many members, groups, pools and schedds have series of their own."""
OTHER = "(other)"
NONE = "(none)"
Key = tuple[str, tuple[str, ...]]


class Bars:
    """A histogram: how many in each bucket, and their sum."""

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = tuple(edges)
        self.counts = [0.0] * (len(self.edges) + 1)
        self.sum = 0.0

    def note(self, value: float, times: float = 1.0) -> None:
        """One observation, or several alike."""
        self.counts[bisect_left(self.edges, value)] += times
        self.sum += value * times

    def cumulated(self) -> list[tuple[str, float]]:
        """(upper edge, observations up to it), the last for all."""
        running, bars = 0.0, []
        for edge, count in zip((*map(str, self.edges), "+Inf"), self.counts, strict=True):
            running += count
            bars.append((edge, running))
        return bars

    def copy(self) -> Bars:
        """One that no later observation changes."""
        made = Bars(self.edges)
        made.counts, made.sum = list(self.counts), self.sum
        return made


class Samples:
    """Values by metric and labels. Names are without the prefix; what falls together under "(other)" is joined."""

    def __init__(self) -> None:
        self.values: dict[Key, float] = {}
        self.bars: dict[Key, Bars] = {}

    def add(self, name: str, value: float, *labels: str) -> None:
        """Amounts and counts: what falls together is added up."""
        key = (PREFIX + name, labels)
        self.values[key] = self.values.get(key, 0.0) + value

    def highest(self, name: str, value: float, *labels: str) -> None:
        """Ages: the oldest is told."""
        key = (PREFIX + name, labels)
        self.values[key] = max(self.values.get(key, value), value)

    def lowest(self, name: str, value: float, *labels: str) -> None:
        """What is left of something: the least is told."""
        key = (PREFIX + name, labels)
        self.values[key] = min(self.values.get(key, value), value)

    def histogram(self, name: str, edges: Sequence[float], *labels: str) -> Bars:
        """Where observations go."""
        key = (PREFIX + name, labels)
        if key not in self.bars:
            self.bars[key] = Bars(edges)
        return self.bars[key]


class Names:
    """Which names are told, of all: the first by depth and name, so that a newcomer moves few; others are one."""

    def __init__(self, names: Iterable[str], most: int = MOST_NAMES) -> None:
        ordered = sorted(set(names) - {""}, key=lambda name: (name.count("."), name))
        self._told = frozenset(ordered[:most])

    def __call__(self, name: str) -> str:
        """The label for a name; one that is not known, or one too many, is "(other)"."""
        if not name:
            return NONE
        return name if name in self._told else OTHER


class Scene(NamedTuple):
    """What one scrape looks at. now: epoch seconds by the daemon's clock. policy: None where it is not kept."""

    view: View
    now: float
    policy: Policy | None
    sizes: Sizes
    members: Names
    groups: Names
    tops: Names

    def cores(self, size: float) -> float:
        """Thousandths of a core-equivalent as core-equivalents."""
        return size / CE


def top(group: str) -> str:
    """The group right below the root."""
    return group.partition(".")[0]
