"""`spikes`: load spikes as of the last cycle: the present one, reports of those that are over, tiers and budgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.cli.recorded import Recorded
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
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Show load spikes: when they were, what was added for them, who claimed it, what it cost.

    PEAK is the most unmet demand in core-equivalents. NEVER counts startds that ended without a claim, UNCLAIMED is the
    time that pods ran without one. TO ZERO is how long after its end the last object of a spike was gone.
    """
    from fedsched.cli.recorded import last

    if what not in {"list", "show"} or (what == "show") != bool(name):
        raise Failure(Exit.USAGE, f"expected `list` or `show ID`, not {f'{what} {name}'.strip()!r}", "fedsched spikes")
    recorded = last(config)
    chosen = _chosen(recorded, name)
    if form is Format.JSON:
        _print_json(recorded, chosen)
    elif name:
        for text in report(chosen[0], recorded.at):
            output.wrapped(text)
    else:
        _show_all(recorded, chosen)
    raise typer.Exit(int(recorded.exit_code))


def _chosen(recorded: Recorded, name: str) -> list[Spike]:
    """The spike of that id, or all, the latest first. Failure when there is none of that id."""
    known = list(reversed(recorded.plan.memory.surge.spikes))
    chosen = [spike for spike in known if name in {"", spike.id}]
    if name and not chosen:
        raise Failure(Exit.REFUSED, f"no spike {name!r} is remembered", "see all: fedsched spikes")
    return chosen


def _show_all(recorded: Recorded, known: list[Spike]) -> None:
    from fedsched.matchmaker.explain import age

    if known:
        output.table(COLUMNS, [_row(spike, recorded.at) for spike in known])
    else:
        output.line("No spike was seen.")
    output.line()
    output.line(f"cycle {recorded.plan.cycle}, {age(recorded.age_s)} ago")
    for text in (*_rising(recorded), *_tiers(recorded), *_budgets(recorded)):
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


def _rising(recorded: Recorded) -> Iterator[str]:
    from fedsched.matchmaker.explain import age

    surge = recorded.plan.memory.surge
    if surge.above_since is not None and all(spike.ended_at is not None for spike in surge.spikes):
        yield f"Demand is high for {age(recorded.at - surge.above_since)}; a spike begins when it stays so."


def _tiers(recorded: Recorded) -> Iterator[str]:
    from fedsched.matchmaker.explain import age

    for name, state in recorded.plan.memory.tiers.items():
        word = f"open for {age(recorded.at - state.since)}" if state.open else "closed"
        full = f"; all before it are full for {age(recorded.at - state.full_since)}" if state.full_since else ""
        yield f"tier {name}: {word}{full}"


def _budgets(recorded: Recorded) -> Iterator[str]:
    from fedsched.matchmaker.explain import age

    for name, known in recorded.plan.memory.spending.items():
        yield f"budget {name}: {known.spent:.2f} spent in {age(recorded.at - known.window_at)}"


def _print_json(recorded: Recorded, chosen: list[Spike]) -> None:
    memory = recorded.plan.memory
    output.emit_json(
        "spikes",
        cycle=recorded.plan.cycle,
        at=recorded.plan.at,
        age_s=round(recorded.age_s, 3),
        stale=recorded.stale,
        spikes=[{name: getattr(spike, name) for name in spike.__struct_fields__} for spike in chosen],
        above_since=memory.surge.above_since,
        below_since=memory.surge.below_since,
        tiers={k: {n: getattr(t, n) for n in t.__struct_fields__} for k, t in memory.tiers.items()},
        budgets={k: {"spent": s.spent, "window_at": s.window_at} for k, s in memory.spending.items()},
    )
