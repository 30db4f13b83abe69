"""Who may yield to one taker: of all to whom startds count at once, as `exchange` would say it of each (PR2, PR7).

Nobody is left out who may: what depends on a startd's priority, on several who lose, or on other exchanges of the round
is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fedsched.matchmaker.preempt import scales
from fedsched.matchmaker.preempt.exchange import Exchange

Losses: TypeAlias = tuple[tuple[str, int], ...]
"""What the going of one startd costs: (principal's path, thousandths of a core-equivalent)."""
Judged: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

EXACT = 2**30
"""Amounts below this, and their sums, can be multiplied in 64 bits; with larger ones nobody is left out."""


class _Sides(NamedTuple):
    """For one taker and each principal: who is above the one and not above the other, by number; tops: the last."""

    mine: Ints
    theirs: Ints
    my_tops: Ints
    their_tops: Ints


class _Numbers(NamedTuple):
    """Of everybody in the tree by number; 0 stands for nobody, who is never short and can lose anything."""

    held: Ints
    rights: Ints
    floors: Ints


class Yielders:
    """All kinds of losses, numbered as given."""

    def __init__(self, exchange: Exchange, kinds: Sequence[Losses], *, by_priority: bool) -> None:
        self._exchange, self._by_priority = exchange, by_priority
        self._paths = {path: n for n, path in enumerate(sorted({path for losses in kinds for path, _ in losses}))}
        self._of_kind = _padded([[self._paths[path] for path, _ in losses] for losses in kinds], len(self._paths))
        self._several = np.array([len(losses) != 1 for losses in kinds], np.bool_)
        amounts = [losses[0][1] if losses else 0 for losses in kinds]
        self._amounts = np.array(amounts, np.int64) if _exact(amounts) else None
        self._tree: dict[str, int] = {"": 0}
        self._who = np.array([self._tree.setdefault(path, len(self._tree)) for path in self._paths], np.int64)
        self._sides: dict[str, _Sides] = {}
        self._state: tuple[int, int] = (0, 0)
        self._numbers: _Numbers | None = None

    def may(self, taker: str) -> Judged:
        """Of each kind whether all whom it costs something could be asked, before sizes are known."""
        sides, numbers = self._look(taker)
        if numbers is None:
            return np.ones(len(self._several), np.bool_)
        asks = self._exchange.may_ask(taker)
        above: Judged = np.logical_and.reduce((numbers.held > numbers.floors)[sides.theirs], axis=1)
        gives: Judged = np.array([asks and not self._exchange.took(path) for path in self._paths], np.bool_)
        found = self._lawful(taker, np.arange(len(above)), (0, np.zeros(len(above), np.int64))) & above & gives
        if taker in self._paths:
            found[self._paths[taker]] = self._by_priority
        judged: Judged = np.logical_and.reduce(np.append(found, True)[self._of_kind], axis=1)
        return judged

    def alone(self, taker: str, gain: int) -> Judged:
        """Of each kind whether such a startd alone could go for a gain of so much; true where it costs several."""
        _, numbers = self._look(taker)
        if numbers is None or self._amounts is None or not self._paths or not _exact((gain,)):
            return np.ones(len(self._several), np.bool_)
        who = np.minimum(self._of_kind[:, 0], len(self._paths) - 1)
        found: Judged = self._several | (who == self._paths.get(taker, -1))
        found |= self._lawful(taker, who, (gain, self._amounts))
        return found

    def _lawful(self, taker: str, who: Ints, exchange: tuple[int, Ints]) -> Judged:
        """By one rule or the other, and no floor is broken; of principals by number."""
        sides, numbers = self._look(taker)
        if numbers is None:
            return np.ones(len(who), np.bool_)
        held, rights, floors = numbers
        gain, loss = exchange
        mine, theirs = sides.mine[who], sides.theirs[who]
        kept = scales.keeps_floor(held[theirs], -loss[:, np.newaxis], floors[theirs]).all(axis=1)
        found: Judged = scales.reclaims(held[mine], gain, floors[mine]).any(axis=1)
        if self._exchange.mode == "fair":
            me = np.full(len(who), self._tree[taker])
            opponents = ((me, self._who[who]), (sides.my_tops[who], sides.their_tops[who]))
            one, other = (
                scales.fairer(scales.Side(held[low], gain, rights[low]), scales.Side(held[high], -loss, rights[high]))
                for low, high in opponents
            )
            found |= one & other
        found &= kept
        return found

    def _look(self, taker: str) -> tuple[_Sides, _Numbers | None]:
        """The tree as it is now; no numbers where they are too large."""
        if taker not in self._sides:
            self._sides[taker] = self._apart(taker)
        state = (self._exchange.moves, len(self._tree))
        if state != self._state:
            self._state, self._numbers = state, self._counted()
        return self._sides[taker], self._numbers

    def _counted(self) -> _Numbers | None:
        exchange, paths = self._exchange, [*self._tree][1:]
        columns = [(EXACT - 1, *map(ask, paths)) for ask in (exchange.held, exchange.entitled, exchange.floor)]
        columns[1:] = [(0, *column[1:]) for column in columns[1:]]
        if not all(_exact(column) for column in columns):
            return None
        return _Numbers(*(np.array(column, np.int64) for column in columns))

    def _apart(self, taker: str) -> _Sides:
        apart = [self._exchange.branches(taker, path) for path in self._paths]
        numbered = [[[self._tree.setdefault(n, len(self._tree)) for n in side] for side in both] for both in apart]
        self._tree.setdefault(taker, len(self._tree))
        mine, theirs = ([both[side] for both in numbered] for side in (0, 1))
        tops = (np.array([side[-1] if side else 0 for side in sides], np.int64) for sides in (mine, theirs))
        return _Sides(_padded(mine, 0), _padded(theirs, 0), *tops)


def _padded(rows: Sequence[Sequence[int]], filler: int) -> Ints:
    """Rows of one length, of at least one."""
    width = max((1, *map(len, rows)))
    return np.array([[*row, *[filler] * (width - len(row))] for row in rows], np.int64).reshape(len(rows), width)


def _exact(amounts: Iterable[int]) -> bool:
    return all(abs(amount) < EXACT for amount in amounts)
