"""Answers from the journal's last cycle, where no daemon gives any; the journal is only read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fedsched.cli import output
from fedsched.cli.output import Exit, Failure

if TYPE_CHECKING:
    from fedsched.answers import View
    from fedsched.client import Answers
    from fedsched.config.settings import Federation
    from fedsched.journal import Journal
    from fedsched.journal.lease import Holder
    from fedsched.matchmaker.model import FoundJob


def file_of(settings: Federation) -> Path:
    """Where the journal is, or would be."""
    return Path(settings.journal.partition(":")[2])


def read(settings: Federation, until: ExitStack) -> tuple[Answers, Holder | None]:
    """Answers from the last cycle, and the process that holds the lease, if it lives. Failure (stale) without any."""
    from fedsched.journal import open_journal

    journal = open_journal(settings.journal, reading=True)
    until.callback(journal.close)
    return _answerer(settings, journal), _daemon(journal)


def _daemon(journal: Journal) -> Holder | None:
    from fedsched.journal import Holder

    lease = journal.lease()
    if lease is None or time.time() >= lease.expires_at or lease.holder.is_surely_gone(Holder.mine()):
        return None
    return lease.holder


def stamp(settings: Federation) -> tuple[int, ...]:
    """Changes whenever something is written to the journal."""
    place = file_of(settings)
    files = (place, place.with_name(f"{place.name}-wal"))
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


def present(settings: Federation, last_at: float) -> float:
    """Now in epoch seconds; in a simulated federation, which has a time of its own, when its last cycle was."""
    return last_at if simulated(settings) else time.time()


def simulated(settings: Federation) -> bool:
    """Whether its folder is that of a simulation."""
    from fedsched.config.checks import SCENARIO

    return (settings.root / SCENARIO).is_file()


def journal_view(settings: Federation) -> View:
    """The journal's last cycle, for what no daemon answers. Failure (stale) where none is recorded."""
    from fedsched.journal import open_journal

    journal = open_journal(settings.journal, reading=True)
    try:
        return _view(settings, journal)
    finally:
        journal.close()


def _answerer(settings: Federation, journal: Journal) -> Answers:
    from fedsched.answers import Answerer, Beyond, gone_in, here, turns_in

    view = _view(settings, journal)
    # A simulated schedd is nobody who could be asked.
    find = None if simulated(settings) else partial(_asked_of_schedds, settings)
    prove = here(journal.policy)
    beyond = Beyond(find, gone_in(settings.journal, settings.records), prove)
    return Answerer(view, lambda: present(settings, view.plan.at), turns=turns_in(settings.journal), beyond=beyond)


def _asked_of_schedds(settings: Federation, number: str, schedd: str) -> FoundJob | None:
    """The job by its own ad; None, and a word of it, where no schedd can be asked."""
    from fedsched.answers.finding import JobFinder
    from fedsched.client import NoAnswer

    finder = JobFinder(settings)
    try:
        with output.said(f"asking the schedds for job {number}"):
            return finder(number, schedd)
    except NoAnswer as error:
        if error.what != "unreachable":
            raise
        output.note(error.text)
        return None
    finally:
        finder.close()


def _view(settings: Federation, journal: Journal) -> View:
    from fedsched.answers import View

    with _unswept():
        cycle = journal.last_cycle()
    if cycle is None:
        text = f"no cycle is recorded yet in {settings.journal.partition(':')[2]}"
        raise Failure(Exit.STALE, text, "start one: fedsched serve --once --dispatch=none")
    return View(cycle, journal.orders(), settings.cadence.cycle_s, "journal", settings.id)


@contextmanager
def _unswept() -> Iterator[None]:
    """Without a collector of garbage, which finds none in a million values just made, and takes longer than they do."""
    import gc

    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
