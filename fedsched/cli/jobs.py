"""`q --jobs`: single jobs as schedds list them now, Kubernetes Jobs as of the last cycle; classes are the queue's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fedsched.cli import output
from fedsched.cli.options import federation
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.client.documents import QueueAsk, QueuedJobs
    from fedsched.condor.job_ads import JobsPage
    from fedsched.condor.questions import JobLine, JobWord

PAGE = 100
"""Jobs of a page where nobody says how many."""
TONES = {
    "held": "bad",
    "idle": "warn",
    "running": "good",
    "removed": "faint",
    "completed": "faint",
    "unseen": "bad",
    "refused": "bad",
    "leaving": "warn",
    "waiting": "warn",
    "starting": "warn",
}
STATES: dict[str, tuple[JobWord, ...]] = {"idle": ("idle",), "running": ("running", "transferring", "suspended")}
COLUMNS = (
    Column("JOB"),
    Column("SOURCE", rank=1, least=12),
    Column("STATE", tone=lambda cell: TONES.get(cell, "")),
    Column("SINCE", right=True),
    Column("PRINCIPAL", least=16),
    Column("REQUEST", rank=3),
    Column("CLASS", rank=2),
    Column("WHERE / WHY", rank=1, least=20),
)


def listed(where: tuple[Path | None, str], ask: QueueAsk, after: str, form: Format) -> Exit:
    """Ask all schedds, then the queues, and show the page; 3 where some did not answer, 5 where none did.

    where: the federation's file, and the daemon that is asked instead, which knows of no single jobs of schedds.
    """
    if ask.search:
        raise Failure(Exit.USAGE, "--search goes over classes, not over single jobs", "leave --search or --jobs out")
    page = None if where[1] or _is_queued(after) or not federation(where[0]).pools else _page(where[0], ask, after)
    queued = None if page is not None and page.after else _queued(where, ask, after, schedds=page)
    if form is Format.JSON:
        _as_json(page, queued)
    else:
        show(page, queued)
    if page is None or not page.silent:
        return Exit.DONE
    return Exit.PARTIAL if page.schedds else Exit.UNREACHABLE


def _is_queued(after: str) -> bool:
    """Whether that is the name of a Kubernetes Job, "queue:namespace/name"."""
    return "/" in after


def _queued(
    where: tuple[Path | None, str], ask: QueueAsk, after: str, *, schedds: JobsPage | None
) -> QueuedJobs | None:
    """Jobs of queues; None where schedds answered and no cycle is recorded that could know of any."""
    from fedsched.cli.queued import queued_jobs

    try:
        return queued_jobs(*where, ask, after if _is_queued(after) else "")
    except Failure:
        if schedds is None:
            raise
        return None


def _as_json(page: JobsPage | None, queued: QueuedJobs | None) -> None:
    """Both lists; `after` goes on with whichever has more."""
    output.emit_json(
        "jobs",
        jobs=page.jobs if page else (),
        queued=queued.jobs if queued else (),
        total=(page.total if page else 0) + (queued.total if queued else 0),
        after=(page.after if page else "") or (queued.after if queued else ""),
        silent=page.silent if page else (),
        at=page.at if page else (queued.at if queued else 0.0),
    )


def show(page: JobsPage | None, queued: QueuedJobs | None = None) -> None:
    """The table, how many there are in all, how to go on, and who did not answer."""
    from fedsched.cli.queued import row

    rows = [_row(page, one) for one in page.jobs] if page else []
    rows += [row(queued, one) for one in queued.jobs] if queued else []
    if rows:
        output.table(COLUMNS, rows)
        output.line()
    if page is not None and page.jobs:
        output.line(f"{len(page.jobs)} of {page.total} jobs at {len(page.schedds)} schedds, as these list them now")
    elif page is not None and page.schedds:
        output.line(f"No such job is at {len(page.schedds)} schedds.")
    if queued is not None and queued.total:
        output.line(f"{len(queued.jobs)} of {queued.total} Kubernetes Jobs of queues, as of cycle {queued.cycle}")
    elif not rows and page is None:
        output.line("No such Job is in a queue.")
    after = (page.after if page else "") or (queued.after if queued else "")
    if after:
        output.line(f"  next: the same with --after {after}")
    for one in page.silent if page else ():
        output.wrapped(f"{one.name} did not answer: {one.error}")


def _page(config: Path | None, ask: QueueAsk, after: str) -> JobsPage:
    from fedsched.condor.job_ads import MOST, JobsAsked
    from fedsched.condor.job_ads import jobs as asked_of_schedds

    limit = min(ask.limit or PAGE, MOST)
    asked = JobsAsked((), ask.user, ask.group, STATES.get(ask.state, ()), limit, after)
    with output.said("asking the schedds"):
        try:
            return asked_of_schedds(federation(config), asked)
        except ValueError as error:
            raise Failure(Exit.USAGE, str(error), "begin with the first page: fedsched q --jobs") from None


def _row(page: JobsPage, one: JobLine) -> tuple[str, ...]:
    from fedsched.matchmaker.explain import age
    from fedsched.matchmaker.resources import describe

    return (
        one.job,
        one.schedd,
        one.state,
        age(page.at - one.since) if one.since else "",
        str(one.principal),
        describe(one.request),
        one.class_key,
        one.detail or one.host,
    )
