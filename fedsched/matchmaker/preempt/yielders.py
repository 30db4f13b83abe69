"""Who may yield to one taker: of all to whom startds count at once, as `exchange` would say it of each (PR2, PR7).

Nobody is left out who may: what depends on a startd's priority, on several who lose, or on other exchanges of the round
is not asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
        self._chains = _padded([self._chain(path) for path in self._paths], 0)
        self._who = self._chains[:, 0]
        self._asked = {0, *self._who.tolist()}
        self._sides: dict[str, _Sides] = {}
        self._state: tuple[int, int] = (0, 0)
        self._numbers: _Numbers | None = None
        self._still: tuple[int, dict[str, int], Ints | None, Ints | None] | None = None
        self._may: dict[str, Judged] = {}

    def _chain(self, path: str) -> list[int]:
        return [self._tree.setdefault(node, len(self._tree)) for node in self._exchange.chain(path)]

    def may(self, taker: str) -> Judged:
        """Of each kind whether all whom it costs something could be asked, before sizes are known."""
        sides, numbers = self._look(taker)
        if taker not in self._may:
            self._may[taker] = self._judged(taker, sides, numbers)
        return self._may[taker]

    def known(self, taker: str) -> bool:
        """Whether that is exact; else it leaves nobody out."""
        return self._look(taker)[1] is not None

    def _judged(self, taker: str, sides: _Sides, numbers: _Numbers | None) -> Judged:
        if numbers is None:
            return np.ones(len(self._several), np.bool_)
        above: Judged = np.logical_and.reduce((numbers.held > numbers.floors)[sides.theirs], axis=1)
        gives = np.full(len(above), self._exchange.may_ask(taker))
        gives[[self._paths[path] for path in self._exchange.takers() if path in self._paths]] = False
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
        state = (self._exchange.moves, len(self._asked))
        if state != self._state:
            self._state, self._numbers = state, self._counted()
            self._may.clear()
        return self._sides[taker], self._numbers

    def _counted(self) -> _Numbers | None:
        """Of whom nobody asks nothing is counted: who is above all may hold more than can be multiplied."""
        ask, still = self._exchange, self._still
        if still is None or still[0] != len(self._asked):
            asked = {path: number for path, number in self._tree.items() if number in self._asked and number}
            still = self._still = (
                len(self._asked),
                asked,
                self._column(ask.entitled, asked),
                self._column(ask.floor, asked),
            )
        _, asked, rights, floors = still
        held = self._column(ask.held, asked)
        if held is None or rights is None or floors is None:
            return None
        held[0] = EXACT - 1
        return _Numbers(held, rights, floors)

    def _column(self, ask: Callable[[str], int], asked: Mapping[str, int]) -> Ints | None:
        """Of everybody who is asked for; None where an amount is too large."""
        amounts = [ask(path) for path in asked]
        if not _exact(amounts):
            return None
        found = np.zeros(len(self._tree), np.int64)
        found[[*asked.values()]] = amounts
        return found

    def _apart(self, taker: str) -> _Sides:
        chain, theirs = np.array(self._chain(taker), np.int64), self._chains
        shared = theirs[:, :, np.newaxis] == chain
        mine = np.where(shared.any(axis=1), 0, chain)
        theirs = np.where(shared.any(axis=2), 0, theirs)
        self._asked.update(np.unique(mine).tolist(), np.unique(theirs).tolist(), chain[:1].tolist())
        return _Sides(mine, theirs, _tops(mine), _tops(theirs))


def _tops(chains: Ints) -> Ints:
    """The last of each that is somebody; nobody where none is."""
    last = chains.shape[1] - 1 - np.argmax(chains[:, ::-1] != 0, axis=1)
    found: Ints = chains[np.arange(len(chains)), last]
    return found


def _padded(rows: Sequence[Sequence[int]], filler: int) -> Ints:
    """Rows of one length, of at least one."""
    width = max((1, *map(len, rows)))
    return np.array([[*row, *[filler] * (width - len(row))] for row in rows], np.int64).reshape(len(rows), width)


def _exact(amounts: Iterable[int]) -> bool:
    return max(map(abs, amounts), default=0) < EXACT
