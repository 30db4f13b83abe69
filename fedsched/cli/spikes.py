"""`spikes`: load spikes as of the last cycle: the present one, reports of those that are over, tiers and budgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, ServerOption, WatchOption, examples
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.client.documents import Spikes
    from fedsched.matchmaker.model import Spike

COLUMNS = (
    Column("SPIKE"),
    Column("BEGAN", right=True),
    Column("LASTED", right=True),
    Column("PEAK", right=True),
    Column("ADDED", right=True),
    Column("CLAIMED", right=True),
    Column("NEVER", rank=1, right=True),
    Column("UNCLAIMED", rank=2, right=True),
    Column("COST", rank=1, right=True),
    Column("FIRST CLAIM", rank=3, right=True),
    Column("TO ZERO", rank=3, right=True),
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel="Seeing", short_help="Show load spikes: peak, supply, cost, end.")(spikes)


@examples(
    "fedsched spikes",
    "fedsched spikes show s3",
    "fedsched spikes -o json | jq '.spikes[] | {id, peak, cost}'",
)
def spikes(
    what: Annotated[
        str, typer.Argument(metavar="[list|show]", help="All of them, or one.", show_default=False)
    ] = "list",
    name: Annotated[str, typer.Argument(metavar="[ID]", help="Which one to show.", show_default=False)] = "",
    watch: WatchOption = False,
    server: ServerOption = "",
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Show load spikes: when they were, what was added for them, who claimed it, what it cost.

    PEAK is the most unmet demand in core-equivalents. NEVER counts startds that ended without a claim, UNCLAIMED is the
    time that pods ran without one. TO ZERO is how long after its end the last object of a spike was gone.
    """
    from fedsched.cli.watching import shown

    if what not in {"list", "show"} or (what == "show") != bool(name):
        raise Failure(Exit.USAGE, f"expected `list` or `show ID`, not {f'{what} {name}'.strip()!r}", "fedsched spikes")
    show = show_one if name else show_all
    raise typer.Exit(shown(lambda answers: answers.spikes(name), show, (config, server), form, watch=watch))


def show_one(answer: Spikes) -> None:
    """Everything about one spike."""
    for text in report(answer.spikes[0], answer.now):
        output.wrapped(text)


def show_all(answer: Spikes) -> None:
    """The table, then whether another one begins, tiers and budgets."""
    from fedsched.matchmaker.explain import age

    if answer.spikes:
        output.table(COLUMNS, [_row(spike, answer.now) for spike in answer.spikes])
    else:
        output.line("No spike was seen.")
    output.line()
    output.line(f"cycle {answer.cycle}, {age(answer.age_s)} ago")
    for text in (*_rising(answer), *_tiers(answer), *_budgets(answer)):
        output.wrapped(text)


def _row(spike: Spike, at: float) -> tuple[str, ...]:
    from fedsched.matchmaker.explain import age

    ended = spike.ended_at
    to_zero = "-" if ended is None or spike.zero_at is None else age(spike.zero_at - ended)
    return (
        spike.id,
        f"{age(at - spike.began_at)} ago",
        "now" if ended is None else age(ended - spike.began_at),
        f"{spike.peak:.0f}",
        str(spike.added),
        str(spike.claimed),
        str(sum(count for _, count in spike.never_claimed)),
        age(sum(seconds for _, _, seconds in spike.unclaimed_s)),
        f"{spike.cost:.2f}",
        "-" if spike.first_claim_s is None else age(spike.first_claim_s),
        to_zero,
    )


def report(spike: Spike, at: float) -> Iterator[str]:
    """Everything about one spike, a line each."""
    from fedsched.matchmaker.explain import age

    state = "is on" if spike.ended_at is None else f"lasted {age(spike.ended_at - spike.began_at)}"
    yield f"Spike {spike.id} {state}; it began {age(at - spike.began_at)} ago."
    yield f"  peak           {spike.peak:.0f} core-equivalents of jobs waited"
    yield f"  added          {spike.added} startds, {len(spike.open_ids)} of them there still"
    first = "" if spike.first_claim_s is None else f", the first after {age(spike.first_claim_s)}"
    yield f"  claimed        {spike.claimed}{first}"
    for cause, count in spike.never_claimed:
        yield f"  never claimed  {count} ({cause})"
    for member, cause, seconds in spike.unclaimed_s:
        yield f"  unclaimed      {seconds:.0f} pod-seconds on {member} ({cause})"
    for key, count in spike.leaks:
        yield f"  leaked         {count} startds for {key} were claimed by others"
    yield f"  cost           {spike.cost:.2f}"
    if spike.ended_at is not None and spike.zero_at is not None:
        yield f"  nothing left   {age(spike.zero_at - spike.ended_at)} after its end"


def _rising(answer: Spikes) -> Iterator[str]:
    from fedsched.matchmaker.explain import age

    if answer.above_since is not None and all(spike.ended_at is not None for spike in answer.spikes):
        yield f"Demand is high for {age(answer.now - answer.above_since)}; a spike begins when it stays so."


def _tiers(answer: Spikes) -> Iterator[str]:
    from fedsched.matchmaker.explain import age

    for name, state in answer.tiers.items():
        word = f"open for {age(answer.now - state.since)}" if state.open else "closed"
        full = f"; all before it are full for {age(answer.now - state.full_since)}" if state.full_since else ""
        yield f"tier {name}: {word}{full}"


def _budgets(answer: Spikes) -> Iterator[str]:
    from fedsched.matchmaker.explain import age

    for name, known in answer.budgets.items():
        yield f"budget {name}: {known.spent:.2f} spent in {age(answer.now - known.window_at)}"
