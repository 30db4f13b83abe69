"""Arrival processes and lengths drawn from a seeded stream; who submits is not known here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from random import Random

Rate = Callable[[float], float]
"""Arrivals per second at a time in seconds."""
SHORTEST_S = 30.0
"""No job is shorter: starting one takes as long."""
LONGEST_TIMES = 20.0
"""No job runs longer than so many medians: a tail without end would decide every run."""


def poisson(chance: Random, rate: Rate, most: float, lasts_s: float) -> Iterator[float]:
    """Times from 0 to `lasts_s` of a Poisson process whose rate changes, by thinning (Lewis and Shedler 1979).

    most: the largest rate, per second; 0 or less gives no arrival.
    """
    if most <= 0:
        return
    at = chance.expovariate(most)
    while at < lasts_s:
        if chance.random() * most < rate(at):
            yield at
        at += chance.expovariate(most)


def geometric(chance: Random, mean: float) -> int:
    """A number from 1 with the given mean: how many jobs one submission holds."""
    if mean <= 1:
        return 1
    return 1 + int(math.log(1.0 - chance.random()) / math.log(1.0 - 1.0 / mean))


def lognormal(chance: Random, median_s: float, spread: float, most_s: float = 0.0) -> float:
    """A length in seconds: lognormal, never shorter than SHORTEST_S, cut at `most_s` (0: at LONGEST_TIMES medians)."""
    drawn = median_s * math.exp(chance.gauss(0.0, spread)) if spread else median_s
    return max(SHORTEST_S, min(drawn, most_s or LONGEST_TIMES * median_s))


def few_do_most(chance: Random, names: tuple[str, ...]) -> str:
    """One of the names; the first with weight 1, the second with 1/2, and so on."""
    return chance.choices(names, weights=[1 / place for place in range(1, len(names) + 1)])[0]
