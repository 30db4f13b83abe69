"""`submit --wait`: follows submitted Jobs until they are over, wherever they are kept; it changes nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from fedsched.cli import output
from fedsched.cli.output import Exit
from fedsched.matchmaker.model.names import CONDITION_PLACED

if TYPE_CHECKING:
    from fedsched.config.settings import Federation
    from fedsched.journal import JobTable
    from fedsched.matchmaker.model import JobStatus

LOOK_S = 0.5
SELDOM_S = 10.0
"""Between looks for a daemon, and for Jobs that are gone; it may just be starting."""
SHOWN_FAILED = 20


class Place(Protocol):
    """Where Jobs are kept. look_s: between two looks."""

    look_s: float

    def statuses(self, seldom: bool) -> Mapping[str, JobStatus | None]:
        """By id, None for a Job that is gone; with `seldom` it looks for those, too."""
        ...

    def problem(self) -> str:
        """Why nothing will happen, with the next command; "" while something may."""
        ...


def followed(place: Place, timeout_s: float | None) -> Exit:
    """Wait for the end of all; says on standard error what changes.

    0 when all are complete, 1 when one is not, 3 when the time is over before or somebody interrupts, 4 when nobody was
    there to run them.
    """
    try:
        return _followed(place, timeout_s)
    except KeyboardInterrupt:
        output.note("fedsched: not waited for any more; they go on")
        return Exit.PARTIAL


def _followed(place: Place, timeout_s: float | None) -> Exit:
    until = None if timeout_s is None else time.monotonic() + timeout_s
    last, warned, seldom_at = "", False, time.monotonic() + SELDOM_S
    while True:
        seldom = time.monotonic() >= seldom_at
        statuses = place.statuses(seldom)
        if seldom:
            seldom_at = time.monotonic() + SELDOM_S
            warned = warned or _warned(place)
        text = ", ".join(_summary(statuses.values()))
        if text != last:
            output.note(text)
        last = text
        if all(status is None or status.over for status in statuses.values()):
            return _ended(statuses)
        if until is not None and time.monotonic() >= until:
            return _timed_out(place, statuses.values())
        time.sleep(place.look_s)


class InJournal:
    """Jobs in the journal. ids: by uid, as people know them."""

    def __init__(self, table: JobTable, settings: Federation, ids: Mapping[str, str]) -> None:
        self.look_s = LOOK_S
        self._table = table
        self._settings = settings
        self._ids = ids
        self._revision = 0
        self._found: dict[str, JobStatus | None] = {}

    def statuses(self, seldom: bool) -> Mapping[str, JobStatus | None]:
        """See Place. Jobs are asked for by what changed: of many, most stand still."""
        for job in self._table.since(self._revision):
            self._revision = job.revision
            if job.uid in self._ids:
                self._found[self._ids[job.uid]] = job.status
        if seldom:
            gone = self._ids.keys() - self._table.uids()
            self._found |= dict.fromkeys(self._ids[uid] for uid in gone)
        return self._found

    def problem(self) -> str:
        """See Place."""
        return "" if served(self._settings) else "no daemon runs: they wait until one does: fedsched serve"


def served(settings: Federation) -> bool:
    """Whether a daemon holds the journal."""
    from fedsched.journal import Holder, open_journal

    with closing(open_journal(settings.journal, reading=True)) as journal:
        lease = journal.lease()
    return lease is not None and lease.refuses(Holder.mine(), time.time())


def _warned(place: Place) -> bool:
    problem = place.problem()
    if problem:
        output.note(problem)
    return bool(problem)


def _summary(statuses: Iterable[JobStatus | None]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    why: Counter[str] = Counter()
    for status in statuses:
        word = _word(status)
        counts[word] += 1
        placed = None if status is None else status.condition(CONDITION_PLACED)
        if word == "waiting" and placed is not None and placed.status == "False":
            why[placed.message or placed.reason] += 1
    for word in ("complete", "failed", "gone", "running", "starting", "waiting"):
        if counts[word]:
            reason = f" ({why.most_common(1)[0][0]})" if word == "waiting" and why else ""
            yield f"{counts[word]} {word}{reason}"


def _word(status: JobStatus | None) -> str:
    if status is None:
        return "gone"
    if status.over:
        end = status.condition("Complete")
        return "complete" if end is not None and end.status == "True" else "failed"
    if status.ready:
        return "running"
    placed = status.condition(CONDITION_PLACED)
    return "starting" if status.active or (placed is not None and placed.status == "True") else "waiting"


def _ended(statuses: Mapping[str, JobStatus | None]) -> Exit:
    failed = [(name, status) for name, status in sorted(statuses.items()) if _word(status) != "complete"]
    for name, status in failed[:SHOWN_FAILED]:
        output.note(f"fedsched: {name} {_how(status)}")
        output.note(f"  next: fedsched logs {name}")
    if len(failed) > SHOWN_FAILED:
        output.note(f"and {len(failed) - SHOWN_FAILED} more")
    return Exit.REFUSED if failed else Exit.DONE


def _how(status: JobStatus | None) -> str:
    if status is None:
        return "is in its queue no more"
    end = status.condition("Failed")
    why = "" if end is None else ": ".join(text for text in (end.reason, end.message) if text)
    return f"failed: {why or 'its member did not say why'}"


def _timed_out(place: Place, statuses: Iterable[JobStatus | None]) -> Exit:
    left = sum(status is not None and not status.over for status in statuses)
    output.note(f"fedsched: the time is over and {left} {'Job is' if left == 1 else 'Jobs are'} not; they go on")
    if place.problem():
        output.note("  next: fedsched serve")
        return Exit.STALE
    output.note("  next: fedsched explain JOB")
    return Exit.PARTIAL
