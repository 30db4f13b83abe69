"""What the journal and the records still know of placements, for questions about the past; nothing is written."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fedsched.answers import View
from fedsched.answers.concerned import Concern
from fedsched.answers.events import Past
from fedsched.answers.known import Known, recorded
from fedsched.cli.output import Exit, Failure
from fedsched.journal import Account, open_journal
from fedsched.matchmaker.model import Held, Turn

if TYPE_CHECKING:
    from fedsched.config.settings import Federation
    from fedsched.journal import Journal

MOST_TOLD = 20
"""Placements whose past cycles are looked up; each costs some reading."""
MOST_TURNS = 30


class Background:
    """The last cycle with all that is known beside it; `journal` may be asked while it is open."""

    def __init__(self, settings: Federation, journal: Journal, name: str, *, records: bool) -> None:
        """`name`: the job, placement or user that is asked about; records without it are left out.

        records: read them at all; without them only what the journal still has is known.
        """
        cycle = journal.last_cycle()
        if cycle is None:
            raise Failure(Exit.STALE, "no cycle is recorded yet", "start one: fedsched serve --once --dispatch=none")
        self.journal = journal
        self.view = View(cycle, journal.orders(), settings.cadence.cycle_s, "journal", settings.id)
        accounts = {one.placement: one for one in (_recorded(settings.records, name) if records else ())}
        accounts |= {one.placement: one for one in (*journal.ended_accounts(), *journal.accounts())}
        self.known = Known(cycle.plan, cycle.observation, tuple(accounts.values()))

    def past(self, about: Iterable[Concern]) -> Past:
        """How these placements stood when they were first and last recorded, and why their classes waited."""
        numbers = self.journal.cycles()
        first: list[Held] = []
        last: list[Held] = []
        for one in list(about)[-MOST_TOLD:]:
            first += self._held(one, [n for n, at in numbers if at >= one.created_at - 1][:2])
            if one.gone and one.ended_at is not None:
                times = [at for _, at in numbers]
                end = bisect_left(times, one.ended_at)
                last += self._held(one, [n for n, _ in numbers[max(0, end - 2) : end]])
        keys = {held.placement.class_key: held.placement.created_at for held in (*first, *last)}
        turns = [turn for key in sorted(keys) for turn in self._turns(key)]
        return Past(tuple(reversed(first)), tuple(last), tuple(turns))

    def _turns(self, key: str) -> tuple[Turn, ...]:
        return self.journal.turns(key)[-MOST_TURNS:]

    def _held(self, one: Concern, numbers: list[int]) -> Iterator[Held]:
        for cycle in self.journal.history(numbers[0], numbers[-1]) if numbers else ():
            yield from (held for held in cycle.plan.held if held.placement.id == one.placement)


@contextmanager
def background(settings: Federation, name: str, *, records: bool = True) -> Iterator[Background]:
    """What is known now. Failure where there is no journal yet, or nothing in it."""
    place = Path(settings.journal.partition(":")[2])
    if not place.is_file():
        text = f"there is no journal {place}: nothing is known of any job"
        raise Failure(Exit.UNREACHABLE, text, "start a daemon: fedsched serve")
    journal = open_journal(settings.journal, reading=True)
    try:
        yield Background(settings, journal, name, records=records)
    finally:
        journal.close()


def _recorded(folder: Path, name: str) -> Iterator[Account]:
    try:
        yield from recorded(folder, name)
    except OSError as error:
        text = f"{error.filename}: {error.strerror}"
        raise Failure(Exit.REFUSED, text, "ask as the user who runs the daemon") from None
