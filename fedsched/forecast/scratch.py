"""What a loop writes down while it is run forward: kept in memory for the next cycle, then forgotten."""

from __future__ import annotations

from typing import cast

from fedsched.journal import Account, Commit, Done, Journal
from fedsched.matchmaker.model import Memory, Order, Outcome, Snapshot, Turn


class Scratch:
    """As much of a journal as a loop asks for, begun with what a recorded moment remembered."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._memory = snapshot.memory
        self._outcomes = list(snapshot.outcomes)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Journal:
        """One as the loop takes it."""
        # The loop asks a journal for nothing that is not below; leases and the past are its owner's business.
        return cast("Journal", cls(snapshot))

    def epoch(self) -> int:
        """See Journal."""
        return self._snapshot.epoch

    def memory(self) -> Memory:
        """See Journal."""
        return self._memory

    def accounts(self) -> tuple[Account, ...]:
        """See Journal."""
        return ()

    def standing_turns(self) -> tuple[Turn, ...]:
        """See Journal."""
        return ()

    def orders(self) -> tuple[Order, ...]:
        """See Journal."""
        return self._snapshot.orders

    def outcomes_since_last(self) -> tuple[Outcome, ...]:
        """See Journal."""
        return tuple(self._outcomes)

    def commit_cycle(self, commit: Commit) -> None:
        """See Journal."""
        self._memory = commit.recorded.plan.memory
        self._outcomes.clear()

    def done(self, ends: tuple[Done, ...]) -> None:
        """See Journal."""
        self._outcomes += [end.outcome for end in ends if end.outcome]
