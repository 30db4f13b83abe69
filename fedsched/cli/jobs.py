"""`q --jobs`: single jobs as their schedds list them now, a page of them; classes and reasons are the queue's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fedsched.cli import output
from fedsched.cli.options import federation
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.client.documents import QueueAsk
    from fedsched.condor.job_ads import JobsPage
    from fedsched.condor.questions import JobLine, JobWord

PAGE = 100
"""Jobs of a page where nobody says how many."""
TONES = {"held": "bad", "idle": "warn", "running": "good", "removed": "faint", "completed": "faint"}
STATES: dict[str, tuple[JobWord, ...]] = {"idle": ("idle",), "running": ("running", "transferring", "suspended")}
COLUMNS = (
    Column("JOB"),
    Column("SCHEDD", rank=1, least=12),
    Column("STATE", tone=lambda cell: TONES.get(cell, "")),
    Column("SINCE", right=True),
    Column("PRINCIPAL", least=16),
    Column("REQUEST", rank=3),
    Column("CLASS", rank=2),
    Column("WHERE / WHY", rank=1, least=20),
)


def listed(config: Path | None, ask: QueueAsk, after: str, form: Format) -> Exit:
    """Ask all schedds and show the page; 3 where some did not answer, 5 where none did."""
    if ask.search:
        raise Failure(Exit.USAGE, "--search goes over classes, not over single jobs", "leave --search or --jobs out")
    page = _page(config, ask, after)
    if form is Format.JSON:
        output.emit_json("jobs", jobs=page.jobs, total=page.total, after=page.after, silent=page.silent, at=page.at)
    else:
        show(page)
    if not page.silent:
        return Exit.DONE
    return Exit.PARTIAL if page.schedds else Exit.UNREACHABLE


def show(page: JobsPage) -> None:
    """The table, how many there are in all, how to go on, and who did not answer."""
    if page.jobs:
        output.table(COLUMNS, [_row(page, one) for one in page.jobs])
        output.line()
        output.line(f"{len(page.jobs)} of {page.total} jobs at {len(page.schedds)} schedds, as these list them now")
    elif page.schedds:
        output.line(f"No such job is at {len(page.schedds)} schedds.")
    if page.after:
        output.line(f"  next: the same with --after {page.after}")
    for one in page.silent:
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
