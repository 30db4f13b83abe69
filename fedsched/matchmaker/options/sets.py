"""Which blockers to name, and which places to remember with a placement; what blocks is found elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.model import Candidate
from fedsched.matchmaker.options.option import Option
from fedsched.matchmaker.reasons import Cause, Reason

CANDIDATES = 5
"""How many places are remembered with a placement (E5)."""


UNCOUNTED = -1
"""How many blockers a way has that nobody counted."""

Way: TypeAlias = tuple[int, Callable[[], Iterable[Reason]]]
"""How many blockers one way has, and which: all that stands in it."""


def smallest(ways: Iterable[Way], *, none_empty: bool = False) -> tuple[Reason, ...]:
    """Of sets of blockers, each all that stands in one way, the first of the smallest: a minimal set (RE2).

    Changing all of it opens its way. Changing a part opens no way: one that the part opened would be a smaller set.
    Looks no further than the first way without a blocker; none_empty: than the first with one, as none is without.
    """
    best: Way | None = None
    for count, blockers in ways:
        way = (count, blockers) if count != UNCOUNTED else _counted(blockers)
        if best is None or way[0] < best[0]:
            best = way
        if best[0] <= none_empty:
            break
    return tuple(best[1]()) if best else ()


def first_smallest(counts: NDArray[np.int64], *, none_empty: bool) -> int:
    """Position of the way that `smallest` takes, where all are counted."""
    if none_empty and (counts <= 1).any():
        return int(np.argmax(counts <= 1))
    return int(np.argmin(counts))


def _counted(blockers: Callable[[], Iterable[Reason]]) -> Way:
    found = tuple(blockers())
    return len(found), lambda: found


def candidates(options: Iterable[Option], blocker: Callable[[int], Cause | None]) -> tuple[Candidate, ...]:
    """The best places for a class, best first, each with what holds it back; the first one without is taken (E5).

    At most CANDIDATES of them, the one that is taken always among them. To be asked before it is booked. blocker: what
    that is of the option that stands there among them.
    """
    found: list[Candidate] = []
    free = False
    for number, option in enumerate(options):
        cause = blocker(number)
        if cause is None or free or len(found) < CANDIDATES - 1:
            place = option.place
            found.append(Candidate(place.terms.name, place.group.name, option.rank[0], str(cause or "")))
        free = free or cause is None
        if free and len(found) >= CANDIDATES:
            break
    return tuple(found)
