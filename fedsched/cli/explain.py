"""`explain`: why a job waits: one sentence with one action, then what each member says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.naming import find, split
from fedsched.cli.options import ConfigOption, OutputOption, examples
from fedsched.cli.output import Format

if TYPE_CHECKING:
    from fedsched.cli.recorded import Recorded
    from fedsched.matchmaker.model import DemandClass, Explanation, Having, MemberLine


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("explain", rich_help_panel="Seeing", short_help="Say why a job waits, and what would help.")(explain)


@examples(
    "fedsched explain 4711.3@ce1.example.org",
    "fedsched explain ce1.example.org#4711.3",
    "fedsched explain 3ddb3dd2016f",
)
def explain(
    job: Annotated[
        str,
        typer.Argument(metavar="JOB", help="CLUSTER.PROC, CLUSTER.PROC@SCHEDD, SCHEDD#CLUSTER.PROC or a class of `q`."),
    ],
    estimate: Annotated[
        bool, typer.Option("--estimate/--no-estimate", help="Whether to say when it starts: takes up to 3 s.")
    ] = True,
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Say why a job waits, and what would help; of one that runs, where, and whether its startd must go.

    The first line is one sentence with one action. Then what else would have to change, what the user has a right to
    and who is ahead, where its startds are and which must go; then each member, the nearest to running the job first,
    with what stands in the way: what is needed, what is there, and how old that knowledge is. When it starts is worked
    out by running the recorded moment ahead (docs/forecast.md).
    """
    from fedsched.cli.eta import starting
    from fedsched.cli.recorded import last
    from fedsched.matchmaker.explain import explain as tell
    from fedsched.matchmaker.explain import having
    from fedsched.matchmaker.share import path_of

    recorded = last(config)
    if _told_running(recorded, job, form):
        raise typer.Exit(int(recorded.exit_code))
    demand = find(recorded, job)
    reports = {report.key: report for report in recorded.plan.classes}
    told = tell(demand, reports.get(demand.key), recorded.observation, recorded.fresh_s)
    has = having(demand, recorded.plan, recorded.observation, recorded.fresh_s)
    starts, foreseen = starting(config, recorded, demand, job) if estimate else ("", None)
    if form is Format.JSON:
        output.emit_json(
            "explanation",
            cycle=recorded.plan.cycle,
            at=recorded.plan.at,
            age_s=round(recorded.age_s, 3),
            stale=recorded.stale,
            explanation=told,
            having=has,
            starts=foreseen.estimates if foreseen else (),
            record=foreseen.record if foreseen else None,
            shares=recorded.shares([path_of(demand.principal)]),
            demand=demand,
            report=reports.get(demand.key),
        )
    else:
        show(recorded, demand, told, (has, starts))
    raise typer.Exit(int(recorded.exit_code))


def _told_running(recorded: Recorded, job: str, form: Format) -> bool:
    """Tell where a job runs; False where none of that name does, or one that is idle is known by it."""
    from fedsched.matchmaker.explain import running

    number, schedd = split(job)
    idle = any(
        number in demand.examples and schedd in {"", demand.schedd} for demand, _ in recorded.classes() if number
    )
    found = None if idle else running(number, schedd, recorded.plan, recorded.observation)
    if found is None:
        return False
    if form is Format.JSON:
        output.emit_json(
            "running",
            cycle=recorded.plan.cycle,
            at=recorded.plan.at,
            age_s=round(recorded.age_s, 3),
            stale=recorded.stale,
            running=found,
        )
    else:
        output.wrapped(found.headline)
    return True


def show(recorded: Recorded, demand: DemandClass, told: Explanation, more: tuple[Having, str]) -> None:
    """The explanation for a person. more: what the class has, and when it starts."""
    from fedsched.matchmaker.explain import age
    from fedsched.matchmaker.resources import describe

    output.wrapped(told.sentence)
    output.wrapped(f"Next: {told.next}")
    output.line()
    output.line(f"  class      {demand.key} of {demand.principal} at {demand.schedd}")
    output.line(f"  each job   {describe(demand.request)}")
    has, starts = more
    blocks = (told.details, (starts,) if starts else (), has.share, has.startds, has.going, has.coming)
    for label, texts in zip(("details", "starts", "share", "startds", "must go", "room from"), blocks, strict=True):
        output.labelled(label, texts, 9)
    output.line(f"  cycle      {recorded.plan.cycle}, {age(recorded.age_s)} ago")
    if told.members:
        output.line()
        _members(told.members)


def _members(lines: tuple[MemberLine, ...]) -> None:
    wide = max(len(line.member) for line in lines)
    for line in lines:
        output.line(f"  {line.member:<{wide}}  {line.verdict}")
        output.wrapped(line.text, indent=wide + 4)
        if line.action and not line.action.startswith("nothing"):
            arrow = output.symbol("→", "->")
            output.wrapped(f"{arrow} {line.action}", indent=wide + 4)
