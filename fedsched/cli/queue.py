"""`q`: the demand classes of the last cycle, how their jobs stand, and one word why."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples
from fedsched.cli.output import Column, Format

if TYPE_CHECKING:
    from fedsched.cli.recorded import Recorded
    from fedsched.matchmaker.model import ClassReport, DemandClass

Pair = tuple["DemandClass", "ClassReport | None"]

COLUMNS = (
    Column("CLASS"),
    Column("EXAMPLE", rank=3),
    Column("SCHEDD", rank=2),
    Column("PRINCIPAL"),
    Column("REQUEST", rank=1),
    Column("LENGTH", rank=5),
    Column("OLDEST", rank=4, right=True),
    Column("IDLE", right=True),
    Column("SERVED", rank=2, right=True),
    Column("PLACED", rank=2, right=True),
    Column("UNMET", right=True),
    Column("WHY"),
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("q", rich_help_panel="Seeing")(queue)


@examples(
    "fedsched q                       everything",
    "fedsched q -u ann                one user",
    "fedsched q -g physics.cms        one accounting group and its subgroups",
    "fedsched explain 3ddb3dd2016f    the whole story of one class (or job)",
)
def queue(
    user: Annotated[str, typer.Option("-u", "--user", metavar="GLOB", help="Only this user, or user@domain.")] = "*",
    group: Annotated[str, typer.Option("-g", "--group", metavar="GLOB", help="Only this group and below it.")] = "*",
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Show who waits for what, and one word why.

    A class is all idle jobs that are alike in what matters for placing them. Of its idle jobs, SERVED have a startd
    that is starting or unclaimed, PLACED got one in the last cycle, UNMET have none yet; WHY is the reason for those.
    """
    from fedsched.cli.recorded import last

    recorded = last(config)
    pairs = [pair for pair in recorded.classes() if _wanted(pair[0], user, group)]
    if form is Format.JSON:
        _print_json(recorded, pairs)
    else:
        show(recorded, pairs)
    raise typer.Exit(int(recorded.exit_code))


def show(recorded: Recorded, pairs: list[Pair]) -> None:
    """The table, its sum, and the schedds whose answer is old."""
    from fedsched.matchmaker.explain import age

    if pairs:
        output.table(COLUMNS, [_row(recorded, *pair) for pair in pairs])
        idle = sum(demand.idle for demand, _ in pairs)
        unmet = sum(report.unmet for _, report in pairs if report)
        output.line()
        output.line(
            f"{len(pairs)} classes, {idle} idle jobs, {unmet} without a startd; cycle {recorded.plan.cycle}, "
            f"{age(recorded.age_s)} ago"
        )
    else:
        output.line("No job is idle that fedsched knows of.")
    for view in recorded.observation.schedds:
        if view.seen_at is None:
            output.line(f"schedd {view.name}: never answered yet{_because(view.error)}")
        elif recorded.plan.at - view.seen_at > recorded.fresh_s:
            output.line(f"schedd {view.name}: last answer {age(recorded.at - view.seen_at)} ago{_because(view.error)}")


def _wanted(demand: DemandClass, user: str, group: str) -> bool:
    name, path = demand.principal.user, demand.principal.group
    by_user = fnmatchcase(name, user) or fnmatchcase(name.partition("@")[0], user)
    return by_user and (fnmatchcase(path, group) or fnmatchcase(path, f"{group}.*"))


def _row(recorded: Recorded, demand: DemandClass, report: ClassReport | None) -> tuple[str, ...]:
    from fedsched.matchmaker.explain import age, word
    from fedsched.matchmaker.resources import describe

    counts = (report.served, report.placed, report.unmet) if report else (0, 0, demand.idle)
    return (
        demand.key,
        demand.examples[0] if demand.examples else "",
        demand.schedd,
        str(demand.principal),
        describe(demand.request),
        f"{age(demand.length.seconds)} ({demand.length.source})",
        age(recorded.at - demand.oldest_at) if demand.oldest_at else "",
        str(demand.idle),
        *(str(count) for count in counts),
        word(report),
    )


def _because(error: str) -> str:
    return f": {error}" if error else ""


def _print_json(recorded: Recorded, pairs: list[Pair]) -> None:
    from fedsched.matchmaker.explain import word

    output.emit_json(
        "queue",
        cycle=recorded.plan.cycle,
        at=recorded.plan.at,
        age_s=round(recorded.age_s, 3),
        stale=recorded.stale,
        classes=[{"word": word(report), "demand": demand, "report": report} for demand, report in pairs],
        shares=recorded.shares(),
        schedds=[
            {"name": view.name, "pool": view.pool, "seen_at": view.seen_at, "error": view.error}
            for view in recorded.observation.schedds
        ],
    )
