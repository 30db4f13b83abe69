"""`plan`: what the next cycle would change, as a diff; nothing is carried out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.cli.moment import Moment
    from fedsched.cli.planned import Altered, Planned

SnapshotOption = Annotated[
    Path | None,
    typer.Option("--snapshot", metavar="FILE", help="A moment saved by `fedsched snapshot`.", show_default=False),
]
RecordedOption = Annotated[bool, typer.Option("--recorded", help="The last recorded cycle; nobody is asked.")]

COUNTED = ("create", "leave", "vacate", "withdraw", "park", "adopt", "delete")
MOST_NAMES = 3
MOST_UNMET = 20
"""Classes whose sentence is shown; JSON has all."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("plan", rich_help_panel="Seeing", short_help="Show what the next cycle would change, as a diff.")(plan)


@examples(
    "fedsched plan",
    'fedsched plan --detailed-exitcode || echo "something would change"',
    "fedsched plan --recorded            the last cycle again, without asking anybody",
    "fedsched plan -o json | jq '.counts'",
)
def plan(
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="End with 6 when something would change.")
    ] = False,
    recorded: RecordedOption = False,
    snapshot: SnapshotOption = None,
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Show what the next cycle would change, as a diff. Nothing is carried out and nothing is written anywhere.

    Every member, pool and schedd is looked at once, as a starting daemon does; what a running one remembers, orders
    and tries is read from the journal. Works beside `fedsched serve` and without it.

    Ends with 0; with --detailed-exitcode 6 when something would change; 3 when part of the federation did not answer,
    and 4 when the moment is old, whatever would change.
    """
    from fedsched.cli.moment import unseen
    from fedsched.cli.planned import planned
    from fedsched.forecast import as_counted

    moment = chosen(config, snapshot, recorded=recorded, live=True)
    decision = moment.decided()
    seen = as_counted(moment.snapshot, moment.snapshot.memory.held)
    rows = planned(decision, seen, moment.files, moment.fresh_s)
    code = exit_code(moment, rows, detailed=detailed_exitcode)
    if form is Format.JSON:
        output.emit_json(
            "plan",
            source=moment.source,
            at=decision.plan.at,
            cycle=decision.plan.cycle,
            policy=moment.policy.name,
            stale=moment.stale,
            unseen=unseen(moment.snapshot.observation),
            frozen_since=decision.plan.memory.frozen_since,
            counts=rows.per_member(),
            created=rows.created,
            altered=rows.altered,
            unmet=rows.unmet,
            changes=decision.changes,
        )
    else:
        which = "what the next cycle would change" if moment.source == "live" else "what this cycle changes"
        output.line(f"{moment.source}, policy {moment.policy.name}: {which}")
        if decision.plan.memory.frozen_since is not None:
            output.wrapped("Frozen: most members fell silent together; nothing is changed until they answer.")
        show(moment, rows)
    raise typer.Exit(int(code))


def chosen(config: Path | None, snapshot: Path | None, *, recorded: bool, live: bool) -> Moment:
    """The moment that the options name. Failure (usage) for two at once."""
    from fedsched.cli import moment

    if snapshot is not None and recorded:
        raise Failure(Exit.USAGE, "--snapshot and --recorded name two moments", "give one of them")
    if snapshot is not None:
        return moment.saved(snapshot)
    return moment.live(config) if live and not recorded else moment.recorded(config)


def exit_code(moment: Moment, rows: Planned, *, detailed: bool) -> Exit:
    """What `plan` ends with: doubt about the moment comes before what would change."""
    if moment.exit_code is not Exit.DONE:
        return moment.exit_code
    return Exit.CHANGES if detailed and not rows.empty else Exit.DONE


def show(moment: Moment, rows: Planned) -> None:
    """The diff, counts per member, and what stays unmet."""
    from fedsched.cli.moment import unseen

    output.line()
    for text in (*(f"+ {created.text()}" for created in rows.created), *_altered(rows.altered)):
        output.wrapped(text, indent=2)
    if rows.empty:
        output.line("  Nothing would change.")
    _counts(rows)
    if rows.unmet:
        output.line()
        output.line(f"Without a place after it: {sum(one.unmet for one in rows.unmet)} jobs.")
        for one in rows.unmet[:MOST_UNMET]:
            output.wrapped(f"{one.principal}: {one.text}", indent=2)
        if len(rows.unmet) > MOST_UNMET:
            output.line(f"  And {len(rows.unmet) - MOST_UNMET} more classes: -o json has all.")
    for text in unseen(moment.snapshot.observation):
        output.note(f"not seen: {text}")


def _altered(rows: tuple[Altered, ...]) -> Iterator[str]:
    """Those alike in everything but their name on one line."""
    alike: dict[tuple[str, ...], list[Altered]] = {}
    for one in rows:
        place = f"{one.member}/{one.node_group}" if one.node_group else one.member
        for_whom = f", its room goes to {one.yields_to}" if one.yields_to else ""
        owner = f" of {one.whose}" if one.whose else ""
        alike.setdefault((one.sign, one.verb, place, owner, for_whom, one.why), []).append(one)
    for (sign, verb, place, owner, for_whom, why), some in alike.items():
        names = ", ".join(one.name for one in some[:MOST_NAMES])
        names += f" and {len(some) - MOST_NAMES} more" if len(some) > MOST_NAMES else ""
        jobs = sum(one.jobs for one in some)
        at_work = f", {jobs} {'job runs' if jobs == 1 else 'jobs run'} there" if jobs else ""
        where = f"{place}: " if place else ""
        yield f"{sign} {where}{verb} {names}{owner}{at_work}{for_whom}. {why}".rstrip()


def _counts(rows: Planned) -> None:
    if rows.empty:
        return
    counts = rows.per_member()
    titles = [name for name in COUNTED if any(name in found for found in counts.values())]
    columns = (Column("MEMBER"), *(Column(title.upper(), right=True) for title in titles))
    lines = [(member, *(str(found.get(t, "")) for t in titles)) for member, found in counts.items() if member]
    if lines:
        output.line()
        output.table(columns, lines)
