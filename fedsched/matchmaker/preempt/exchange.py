"""Who may take room from whom (PR2, PR7): the tree's numbers before and after an exchange, nothing of nodes.

A floor that is kept after every exchange, and levels that keep their order, are what rules out that two take the same
room from each other in turns: docs/decisions/0013-preemption.md has the argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from fedsched.matchmaker.model import ShareLine
from fedsched.matchmaker.preempt import scales

Mode = Literal["never", "reclaim", "fair"]
Rule = Literal["PR2", "PR6", "PR7"]


class Exchange:
    """Who holds what while one round of preemption is decided, in thousandths of a core-equivalent."""

    def __init__(self, lines: Mapping[str, ShareLine], mode: Mode) -> None:
        self._lines = lines
        self.mode = mode
        self.moves = 0
        """How often somebody's share has changed, or might yield no more."""
        self._held = {path: line.held for path, line in lines.items()}
        self._rights = {path: line.entitled for path, line in lines.items()}
        self._floors = {path: line.floor for path, line in lines.items()}
        self._chains: dict[str, tuple[str, ...]] = {}
        self._orders: dict[str, tuple[bool, tuple[float, ...]]] = {}
        self._took: set[str] = set()
        self._apart: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._pairs: dict[str, set[tuple[str, str]]] = {}
        self._turned: set[tuple[str, str]] = set()
        self._could: dict[tuple[str, str], bool] = {}
        self._ruled: dict[tuple[object, ...], dict[str, Rule] | None] = {}
        self._above: tuple[int, bool] | None = None

    def chain(self, path: str) -> tuple[str, ...]:
        """A principal and the groups above it, without the root, which is above everybody."""
        if path not in self._chains:
            found = [path]
            while (above := self._parent(found[-1])) and above not in found:
                found.append(above)
            self._chains[path] = tuple(found)
        return self._chains[path]

    def _parent(self, path: str) -> str:
        line = self._lines.get(path)
        return line.parent if line else path.partition("/")[0] if "/" in path else path.rpartition(".")[0]

    def held(self, path: str) -> int:
        """What a group or principal holds now, what was decided in this round included."""
        return self._held.get(path, 0)

    def entitled(self, path: str) -> int:
        """What it has a right to; nothing for somebody who is not in the tree."""
        return self._rights.get(path, 0)

    def floor(self, path: str) -> int:
        """The part of it that nobody may take."""
        return self._floors.get(path, 0)

    def move(self, path: str, amount: int) -> None:
        """Add to (or, negative, take from) a principal and all groups above it."""
        for node in self.chain(path):
            self._held[node] = self.held(node) + amount
        self._judge(pair for node in self.chain(path) for pair in self._pairs.get(node, ()))

    def remember(self, taker: str, yielders: Iterable[str]) -> None:
        """An exchange that is under way: until the round is over their order is kept, whoever takes or yields."""
        for yielder in yielders:
            for pair in self._opponents(taker, yielder) if yielder != taker else ():
                for node in pair:
                    self._pairs.setdefault(node, set()).add(pair)
                self._judge((pair,))

    def _judge(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Note which of the pairs are out of order now; answers that were given before do not hold any more."""
        self.moves += 1
        self._could.clear()
        self._ruled.clear()
        self._orders.clear()
        for low, high in pairs:
            if scales.in_order(self._side(low, {}), self._side(high, {})):
                self._turned.discard((low, high))
            else:
                self._turned.add((low, high))

    def make(self, taker: str, losses: Iterable[tuple[str, int]]) -> None:
        """An exchange of this round: who takes yields nothing more in it, as what it took is not there yet."""
        losses = tuple(losses)
        for path, amount in losses:
            self.move(path, -amount)
        self._took.add(taker)
        self.remember(taker, (path for path, _ in losses))

    def took(self, path: str) -> bool:
        """Whether somebody yielded to it in this round: it yields nothing more."""
        return path in self._took

    def takers(self) -> frozenset[str]:
        """All to whom somebody yielded in this round."""
        return frozenset(self._took)

    def level(self, path: str) -> float:
        """Held by entitlement; without a right infinite, or 0 where nothing is held."""
        right, held = self.entitled(path), self.held(path)
        if right <= 0:
            return float("inf") if held > 0 else 0.0
        return held / right

    def standing(self, path: str) -> tuple[bool, tuple[float, ...]]:
        """For the order of turns: owners below their floor first, then the lowest level, from the top of the tree."""
        if path not in self._orders:
            self._orders[path] = not self.short(path), tuple([self.level(node) for node in reversed(self.chain(path))])
        return self._orders[path]

    def below(self, path: str) -> bool:
        """Whether it holds less than it has a right to."""
        return self.held(path) < self.entitled(path)

    def short(self, path: str) -> bool:
        """Whether it, or a group that it is in, holds less than its floor."""
        held, floors = self._held, self._floors
        return any(held.get(node, 0) < floors.get(node, 0) for node in self.chain(path))

    def may_ask(self, path: str) -> bool:
        """Whether a principal could make anybody else yield at all."""
        return self.mode != "never" and (self.short(path) or (self.mode == "fair" and self.below(path)))

    def somebody(self, taker: str) -> bool:
        """Whether anybody whom a startd counts to could yield to it, be it nobody: the tree alone may say so."""
        return self.short(taker) or (self.mode == "fair" and self._over())

    def _over(self) -> bool:
        """Whether anybody holds more than its right: nobody else makes room for who is only below its own (PR2)."""
        if self._above is None or self._above[0] != self.moves:
            rights = self._rights
            self._above = self.moves, any(held > rights.get(path, 0) for path, held in self._held.items())
        return self._above[1]

    def could_yield(self, taker: str, yielder: str) -> bool:
        """Whether the rules let `taker` ask `yielder`, before sizes are known: true whenever `rules` could be."""
        key = (taker, yielder)
        if key not in self._could:
            self._could[key] = self._could_yield(taker, yielder)
        return self._could[key]

    def _could_yield(self, taker: str, yielder: str) -> bool:
        _, theirs = self.branches(taker, yielder)
        if yielder in self._took or any(self.held(node) <= self.floor(node) for node in theirs):
            return False
        if not self.may_ask(taker):
            return False
        return self._reclaims(taker, yielder, {}) or self._fairer(taker, yielder, {})

    def rules(self, taker: str, gain: int, losses: Mapping[str, int]) -> dict[str, Rule] | None:
        """By which rule each of `losses` (principal's path -> amount) yields when `taker` gains; None if one need not.

        What the taker itself loses (PR6) is only counted: whether it may is not a matter of shares.
        """
        key = (taker, gain, *losses.items())
        if key not in self._ruled:
            self._ruled[key] = self._rules(taker, gain, losses)
        found = self._ruled[key]
        return None if found is None else dict(found)

    def _rules(self, taker: str, gain: int, losses: Mapping[str, int]) -> dict[str, Rule] | None:
        change = self._change(taker, gain, losses)
        found: dict[str, Rule] = {}
        for yielder in losses:
            if yielder == taker:
                continue
            if not self._keeps_floors(taker, yielder, change):
                return None
            if self._reclaims(taker, yielder, change):
                found[yielder] = "PR7"
            elif self._fairer(taker, yielder, change):
                found[yielder] = "PR2"
            else:
                return None
        if "PR2" in found.values() and not self._nothing_turned_round(change):
            return None
        return found

    def _nothing_turned_round(self, change: Mapping[str, int]) -> bool:
        """Who yielded in this round is not left below the one that it yielded to: it would take its room back."""
        if any(low not in change and high not in change for low, high in self._turned):
            return False
        after, rights = self._held | {node: self.held(node) + more for node, more in change.items()}, self._rights
        for node in change:  # as `scales.in_order` has it, written out: it is asked most
            for low, high in self._pairs.get(node, ()):
                if after.get(high, 0) * rights.get(low, 0) < after.get(low, 0) * rights.get(high, 0):
                    return False
        return True

    def _change(self, taker: str, gain: int, losses: Mapping[str, int]) -> dict[str, int]:
        change: dict[str, int] = {}
        for path, amount in ((taker, gain), *((path, -amount) for path, amount in losses.items())):
            for node in self.chain(path):
                change[node] = change.get(node, 0) + amount
        return change

    def branches(self, one: str, other: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What lies above each of two principals and not above both, itself first."""
        key = (one, other)
        if key not in self._apart:
            mine, theirs = self.chain(one), self.chain(other)
            self._apart[key] = tuple(n for n in mine if n not in theirs), tuple(n for n in theirs if n not in mine)
        return self._apart[key]

    def _keeps_floors(self, taker: str, yielder: str, change: Mapping[str, int]) -> bool:
        """No floor on the yielder's side is broken: what its owner would take back is not taken (PR2, PR7)."""
        _, theirs = self.branches(taker, yielder)
        held, floors = self._held, self._floors
        return all(scales.keeps_floor(held.get(n, 0), change.get(n, 0), floors.get(n, 0)) for n in theirs)

    def _reclaims(self, taker: str, yielder: str, change: Mapping[str, int]) -> bool:
        """PR7: an owner on the taker's side is below its floor, and not above it afterwards."""
        mine, _ = self.branches(taker, yielder)
        held, floors = self._held, self._floors
        return any(scales.reclaims(held.get(n, 0), change.get(n, 0), floors.get(n, 0)) for n in mine)

    def _fairer(self, taker: str, yielder: str, change: Mapping[str, int]) -> bool:
        """PR2, for the two principals and for the two branches in which they lie where the tree divides them."""
        if self.mode != "fair":
            return False
        return all(
            scales.fairer(self._side(low, change), self._side(high, change))
            for low, high in self._opponents(taker, yielder)
        )

    def _opponents(self, taker: str, yielder: str) -> tuple[tuple[str, str], tuple[str, str]]:
        """The two principals, and the two branches in which they lie where the tree divides them."""
        mine, theirs = self.branches(taker, yielder)
        return (taker, yielder), (mine[-1], theirs[-1])

    def _side(self, path: str, change: Mapping[str, int]) -> scales.Side:
        return scales.Side(self._held.get(path, 0), change.get(path, 0), self._rights.get(path, 0))
