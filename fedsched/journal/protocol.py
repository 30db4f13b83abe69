"""What a journal keeps, in the domain's words; how it keeps it lives beside, and may be another database later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from fedsched.journal.forecasts import Forecast
from fedsched.journal.lease import Holder, Lease
from fedsched.journal.records import Account, Commit, Done, Intent, Recorded
from fedsched.journal.runs import Run
from fedsched.matchmaker.model import Memory, Order, Outcome, Policy, Turn

OrderKind = Literal["cordon", "drain", "pause", "deny", "hold", "cancel", "prio"]


class Journal(Protocol):
    """All durable state. One process holds the lease and writes cycles; others add and remove orders, and read.

    Every method raises JournalError when the journal cannot be used. Times are epoch seconds.
    """

    def acquire_lease(self, me: Holder, ttl_s: float, at: float) -> None:
        """Become the writer. Raises LeaseHeldError while another process may be it."""
        ...

    def renew_lease(self, ttl_s: float, at: float) -> None:
        """Raises LeaseLostError when another took it."""
        ...

    def release_lease(self) -> None:
        """Let the next one take it at once; harmless when it is not ours."""
        ...

    def lease(self) -> Lease | None:
        """Who holds it; None when nobody does."""
        ...

    def epoch(self) -> int:
        """The highest epoch that was ever used here; 0 for none."""
        ...

    def raise_epoch(self, epoch: int) -> None:
        """Use an epoch above all before (FA5) and forget what was being tried under older ones."""
        ...

    def memory(self) -> Memory:
        """What the last committed cycle left for the next one."""
        ...

    def outcomes_since_last(self) -> tuple[Outcome, ...]:
        """Outcomes that no committed cycle has read yet, oldest first."""
        ...

    def commit_cycle(self, commit: Commit) -> None:
        """All of a cycle or nothing: memory, record, intents, accounts, turns, runs; its outcomes are read then."""
        ...

    def done(self, ends: tuple[Done, ...]) -> None:
        """Intents that ended, with their outcomes, at once."""
        ...

    def open_intents(self) -> tuple[Intent, ...]:
        """Intents without an end."""
        ...

    def orders(self) -> tuple[Order, ...]:
        """Standing orders of people, by kind and target."""
        ...

    def add_order(self, order: Order) -> None:
        """Add one, or replace the one of the same kind and target."""
        ...

    def remove_order(self, kind: OrderKind, target: str) -> bool:
        """Whether there was one."""
        ...

    def last_cycle(self) -> Recorded | None:
        """The newest cycle; None before the first."""
        ...

    def cycle(self, number: int) -> Recorded | None:
        """A kept cycle by its number."""
        ...

    def cycles(self) -> tuple[tuple[int, float], ...]:
        """Numbers and times of the cycles that are kept, oldest first."""
        ...

    def history(self, first: int, last: int) -> Iterator[Recorded]:
        """The cycles that are kept between two numbers, both included, oldest first; for one pass, not all at once."""
        ...

    def policy(self, digest: str) -> Policy | None:
        """The policy that cycles name by this digest; None when no kept cycle does."""
        ...

    def accounts(self) -> tuple[Account, ...]:
        """Accounts of placements that stand."""
        ...

    def ended_accounts(self) -> tuple[Account, ...]:
        """Accounts of placements that are gone and not yet in the records."""
        ...

    def forget_ended(self, placements: tuple[str, ...]) -> None:
        """They are in the records now."""
        ...

    def ended_runs(self) -> tuple[Run, ...]:
        """Runs that are over and not yet in the records."""
        ...

    def forget_runs(self, ids: tuple[str, ...]) -> None:
        """They are in the records now."""
        ...

    def keep_forecasts(self, kept: tuple[Forecast, ...], lost: tuple[Forecast, ...] = ()) -> None:
        """Add forecasts or replace those of the same id, forget `lost`, and the oldest above `forecasts.MOST`.

        Needs no lease: they are made beside the loop, and no decision reads them.
        """
        ...

    def forecasts(self) -> tuple[Forecast, ...]:
        """All that are kept, oldest first, come out or not."""
        ...

    def turns(self, key: str, since: float = 0.0) -> tuple[Turn, ...]:
        """Changes of one class's reason since then, oldest first, and the last one before, which tells how it stood."""
        ...

    def standing_turns(self) -> tuple[Turn, ...]:
        """The last turn of each class whose reason still stands."""
        ...

    def sweep(self, at: float) -> int:
        """Drop cycles and turns beyond the limits of age and size; how many cycles.

        Submitted Jobs (`JobTable`) that ended as long ago go as well, and orders for Jobs that are over or gone.
        """
        ...

    def checkpoint(self) -> None:
        """Bring the files into order; may take a while."""
        ...

    def close(self) -> None:
        """Nothing may be asked afterwards."""
        ...
