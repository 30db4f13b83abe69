"""`submit --wait`: follows submitted Jobs in the journal until they are over; it changes nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from fedsched.cli import output
from fedsched.cli.output import Exit
from fedsched.matchmaker.model.names import CONDITION_PLACED

if TYPE_CHECKING:
    from fedsched.config.settings import Federation
    from fedsched.journal import SubmittedJob
    from fedsched.matchmaker.model import JobStatus

LOOK_S = 0.5
NOBODY_S = 10.0
"""After so long without a daemon people are told; it may just be starting."""
SHOWN_FAILED = 20


def followed(settings: Federation, queue: str, uids: Sequence[str], timeout_s: float | None) -> Exit:
    """Wait for the end of all; says on standard error what changes.

    0 when all are complete, 1 when one is not, 3 when the time is over before, 4 when nobody was there to run them.
    """
    from fedsched.journal import open_jobs

    until = None if timeout_s is None else time.monotonic() + timeout_s
    told, wanted = _Told(settings), frozenset(uids)
    with closing(open_jobs(settings.journal, reading=True)) as table:
        jobs: dict[str, SubmittedJob] = {}
        revision = 0
        while True:
            # The Jobs are asked for by what changed: of many, most stand still.
            for job in table.since(revision):
                revision = job.revision
                if job.uid in wanted:
                    jobs[job.uid] = job
            gone = wanted - table.uids() if told.due() else frozenset()
            told.say(jobs.values())
            if all(job.status.over for uid, job in jobs.items() if uid not in gone):
                return _ended(queue, jobs.values(), len(gone))
            if until is not None and time.monotonic() >= until:
                return _timed_out(told, jobs.values())
            time.sleep(LOOK_S)


class _Told:
    """What was said last, and whether a daemon is there."""

    def __init__(self, settings: Federation) -> None:
        self._settings = settings
        self._last = ""
        self._next = time.monotonic() + NOBODY_S
        self._nobody = False

    def due(self) -> bool:
        """Whether it is time to look at more than what changed; looks for a daemon then."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + NOBODY_S
        if not self.served() and not self._nobody:
            self._nobody = True
            output.note("no daemon runs: they wait until one does: fedsched serve")
        return True

    def say(self, jobs: Iterable[SubmittedJob]) -> None:
        """How many are how far, when that changed."""
        text = ", ".join(_summary(job.status for job in jobs))
        if text != self._last:
            output.note(text)
        self._last = text

    def served(self) -> bool:
        """Whether a daemon holds the journal."""
        from fedsched.journal import Holder, open_journal

        with closing(open_journal(self._settings.journal, reading=True)) as journal:
            lease = journal.lease()
        return lease is not None and lease.refuses(Holder.mine(), time.time())


def _summary(statuses: Iterable[JobStatus]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    why: Counter[str] = Counter()
    for status in statuses:
        word = _word(status)
        counts[word] += 1
        placed = status.condition(CONDITION_PLACED)
        if word == "waiting" and placed is not None and placed.status == "False":
            why[placed.message or placed.reason] += 1
    for word in ("complete", "failed", "running", "starting", "waiting"):
        if counts[word]:
            reason = f" ({why.most_common(1)[0][0]})" if word == "waiting" and why else ""
            yield f"{counts[word]} {word}{reason}"


def _word(status: JobStatus) -> str:
    if status.over:
        end = status.condition("Complete")
        return "complete" if end is not None and end.status == "True" else "failed"
    if status.ready:
        return "running"
    placed = status.condition(CONDITION_PLACED)
    return "starting" if status.active or (placed is not None and placed.status == "True") else "waiting"


def _ended(queue: str, jobs: Iterable[SubmittedJob], gone: int) -> Exit:
    failed = [job for job in sorted(jobs, key=lambda job: job.id) if _word(job.status) == "failed"]
    for job in failed[:SHOWN_FAILED]:
        end = job.status.condition("Failed")
        why = "" if end is None else ": ".join(text for text in (end.reason, end.message) if text)
        output.note(f"fedsched: {queue}:{job.id} failed: {why or 'its member did not say why'}")
        output.note(f"  next: fedsched logs {queue}:{job.id}")
    if len(failed) > SHOWN_FAILED:
        output.note(f"and {len(failed) - SHOWN_FAILED} more")
    if gone:
        output.note(f"{gone} are in the journal no more")
    return Exit.REFUSED if failed or gone else Exit.DONE


def _timed_out(told: _Told, jobs: Iterable[SubmittedJob]) -> Exit:
    left = sum(not job.status.over for job in jobs)
    output.note(f"fedsched: the time is over and {left} {'Job is' if left == 1 else 'Jobs are'} not; they go on")
    if not told.served():
        output.note("  next: fedsched serve")
        return Exit.STALE
    output.note("  next: fedsched explain JOB")
    return Exit.PARTIAL
