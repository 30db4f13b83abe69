"""`q`: the demand classes of the last cycle over all sources, how their jobs stand, and why in a few words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, ServerOption, WatchOption, examples
from fedsched.cli.output import Column, Failure, Format

if TYPE_CHECKING:
    from fedsched.client.documents import Queue, QueueAsk, QueueLine

COLUMNS = (
    Column("CLASS"),
    Column("EXAMPLE", rank=3),
    Column("SOURCE", rank=4),
    Column("PRINCIPAL", least=16),
    Column("REQUEST", rank=1),
    Column("LENGTH", rank=7),
    Column("OLDEST", rank=5, right=True),
    Column("IDLE", right=True),
    Column("RUN", rank=6, right=True),
    Column("SERVED", rank=2, right=True),
    Column("PLACED", rank=2, right=True),
    Column("UNMET", right=True, tone=lambda cell: "" if cell == "0" else "warn"),
    Column("WHY", least=32),
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("q", rich_help_panel="Seeing", short_help="Show who waits for what, and why in a few words.")(queue)


@examples(
    "fedsched q                       everything",
    "fedsched q -u ann                one user",
    "fedsched q -g physics.cms        one accounting group and its subgroups",
    "fedsched q --idle --limit 20     what waits, the twenty largest",
    "fedsched q --search gpu -w       what has that word in it, again after each cycle",
    "fedsched q --jobs -u ann         single jobs, as schedds and queues have them",
    "fedsched explain 3ddb3dd2016f    the whole story of one class (or job)",
)
def queue(
    user: Annotated[str, typer.Option("-u", "--user", metavar="GLOB", help="Only this user, or user@domain.")] = "*",
    group: Annotated[str, typer.Option("-g", "--group", metavar="GLOB", help="Only this group and below it.")] = "*",
    idle: Annotated[bool, typer.Option("--idle", help="Only classes with jobs that nothing is there for.")] = False,
    running: Annotated[bool, typer.Option("--running", help="Only classes with running jobs.")] = False,
    search: Annotated[
        str, typer.Option("--search", metavar="TEXT", help="Only what has it in name, schedd or reason.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help="At most so many rows; 0 for all.")] = 0,
    jobs: Annotated[
        bool, typer.Option("--jobs", help="Single jobs, page by page: schedds are asked now; of queues as last seen.")
    ] = False,
    after: Annotated[str, typer.Option("--after", metavar="JOB", help="With --jobs: the page after this one.")] = "",
    watch: WatchOption = False,
    server: ServerOption = "",
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Show who waits for what, and why in a few words.

    A class is all idle jobs that are alike in what matters for placing them; SOURCE is their schedd, or the queue of
    Kubernetes Jobs. Of its idle jobs, SERVED have a startd
    that is starting or unclaimed, PLACED got one in the last cycle, UNMET have none yet; WHY is the reason for those.
    """
    from fedsched.cli.watching import shown
    from fedsched.client.documents import QueueAsk

    if idle and running:
        raise Failure(output.Exit.USAGE, "--idle and --running are given together", "give one of them, or neither")
    ask = QueueAsk(user, group, "idle" if idle else "running" if running else "", search, limit)
    if jobs:
        from fedsched.cli.jobs import listed

        raise typer.Exit(int(listed((config, server), ask, after, form)))
    raise typer.Exit(
        shown(lambda answers: answers.queue(ask), lambda it: show(it, ask), (config, server), form, watch=watch)
    )


def show(answer: Queue, ask: QueueAsk) -> None:
    """The table, its sum, and the schedds whose answer is old."""
    from fedsched.matchmaker.explain import age

    if answer.classes:
        output.table(COLUMNS, [_row(answer, one) for one in answer.classes])
        output.line()
        what = "1 class" if answer.total == 1 else f"{answer.total} classes"
        if len(answer.classes) < answer.total:
            what = f"{len(answer.classes)} of {what}"
        # Kubernetes Jobs need none.
        lacking = "place" if all(one.demand.job is not None for one in answer.classes) else "startd"
        output.line(
            f"{what}, {answer.idle} idle jobs, {answer.unmet} without a {lacking}, {answer.running} running; "
            f"cycle {answer.cycle}, {age(answer.age_s)} ago"
        )
    else:
        output.line(_nothing(answer, ask))
    for text in _schedds(answer):
        output.wrapped(text)


def _nothing(answer: Queue, ask: QueueAsk) -> str:
    from fedsched.client.documents import QueueAsk
    from fedsched.matchmaker.explain import age

    of = f"; cycle {answer.cycle}, {age(answer.age_s)} ago"
    if ask.state == "" and ask == QueueAsk(limit=ask.limit):
        return f"No job is idle that fedsched knows of{of}."
    return f"No job is idle that fits what was asked for{of}."


def _row(answer: Queue, one: QueueLine) -> tuple[str, ...]:
    from fedsched.matchmaker.explain import age
    from fedsched.matchmaker.resources import describe

    demand, report = one.demand, one.report
    counts = (report.served, report.placed, report.unmet) if report else (0, 0, demand.idle)
    return (
        demand.key,
        demand.examples[0] if demand.examples else "",
        demand.schedd,
        str(demand.principal),
        describe(demand.request),
        f"{age(demand.length.seconds)} ({demand.length.source})",
        age(answer.now - demand.oldest_at) if demand.oldest_at else "",
        str(demand.idle),
        str(demand.running),
        *(str(count) for count in counts),
        f"{one.word}: {one.reason}" if one.reason else one.word,
    )


def _schedds(answer: Queue) -> Iterator[str]:
    """Those whose answer is older than a cycle, or never came."""
    from fedsched.matchmaker.explain import age

    for one in answer.schedds:
        because = f": {one.error}" if one.error else ""
        kind = "queue" if one.kind == "jobs" else "schedd"
        if one.seen_at is None:
            yield f"{kind} {one.name}: never answered yet{because}"
        elif answer.at - one.seen_at > answer.fresh_s:
            yield f"{kind} {one.name}: last answer {age(answer.now - one.seen_at)} ago{because}"
