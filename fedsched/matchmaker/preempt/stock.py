"""All who may be asked for their room, laid out when first somebody may be: in most rounds nobody is (PR2, PR7)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from fedsched.matchmaker.preempt.candidates import Candidate, candidates, serving
from fedsched.matchmaker.preempt.exchange import Exchange
from fedsched.matchmaker.preempt.ground import Ground
from fedsched.matchmaker.preempt.sieve import Sieve
from fedsched.matchmaker.preempt.wishes import Rules, Sized
from fedsched.matchmaker.preempt.yard import Yard
from fedsched.matchmaker.preempt.yielders import Yielders
from fedsched.matchmaker.reconcile import Standing


class Stock:
    """The same startds by member and node, all nodes at once, and by whom they count to. Nothing here changes."""

    def __init__(
        self, standing: Sequence[Standing], exchange: Exchange, ground: Ground, sizes: Sized, rules: Rules
    ) -> None:
        self._standing, self._exchange, self._ground = standing, exchange, ground
        self._sizes, self._rules = sizes, rules

    @cached_property
    def _serving(self) -> list[Standing]:
        return serving(self._standing)

    @cached_property
    def for_nothing(self) -> bool:
        """Whether one of them costs nobody anything: it may always be asked."""
        of, seen = self._sizes.of, self._ground.census
        if not seen.empty and all(of(size) > 0 for size in seen.sizes):
            return False
        small = (stand for stand in self._serving if of(stand.held.placement.size) * stand.held.nodes <= 0)
        return any(not any(slot.claims for slot in stand.slots) for stand in small)

    @cached_property
    def _candidates(self) -> list[Candidate]:
        return candidates(self._serving, self._sizes, self._rules.policy, self._rules.at)

    @cached_property
    def yard(self) -> Yard:
        """By member and by node."""
        return Yard(self._candidates)

    @cached_property
    def sieve(self) -> Sieve:
        """All nodes at once."""
        own = {place.terms.name: place.terms for place in self._rules.places if not place.jobs}
        return Sieve(self._ground.free, self._candidates, own)

    @cached_property
    def yielders(self) -> Yielders:
        """By whom they count to."""
        return Yielders(self._exchange, self.sieve.kinds, by_priority=self._rules.policy.preemption.by_priority)
