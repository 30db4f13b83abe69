"""Orders of people for Jobs of queues: cancel, hold, release, prio; they go into the journal, the daemon obeys."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, DryRunOption, OutputOption, examples
from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.cli.job_targets import Target
    from fedsched.config.settings import Federation

Verb = Literal["cancel", "hold", "release", "prio"]
LONGEST_REASON = 1024
SHOWN = 10
MOST_PRIORITY = 2**31 - 1

JobsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="JOB…",
        help="NAMESPACE/NAME, QUEUE:NAMESPACE/NAME, a uid, a NAME of your own, or globs.",
        show_default=False,
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="All Jobs of your own that are not over.")]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask where several are meant.")]
ReasonOption = Annotated[
    str,
    typer.Option(
        "--reason", metavar="TEXT", help="Why; needed for other people's Jobs. They see it.", show_default=False
    ),
]
PriorityOption = Annotated[
    int,
    typer.Option(
        "-p",
        "--priority",
        metavar="N",
        min=-MOST_PRIORITY,
        max=MOST_PRIORITY,
        help="Higher goes first.",
        show_default=False,
    ),
]

IN_SHORT = {
    "cancel": "End Jobs of a queue for good, wherever they run.",
    "hold": "Take Jobs from where they run and start them no more until `release`.",
    "release": "Let Jobs go on after `hold`.",
    "prio": "Change the order of Jobs among those of their user.",
}
_SAID = {"cancel": "cancelled", "hold": "held", "release": "released", "prio": "given their priority"}


class Asked(NamedTuple):
    """What was asked beside the verb."""

    words: Sequence[str]
    everything: bool
    yes: bool
    reason: str
    config: Path | None
    dry_run: bool
    form: Format
    priority: int = 0


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    for verb in (cancel, hold, release, prio):
        app.command(rich_help_panel="Jobs", short_help=IN_SHORT[verb.__name__])(verb)


@examples(
    "fedsched cancel local:ann/sim-42-0",
    "fedsched cancel 'ann/sim-42-*' --yes",
    'fedsched cancel bob/loop --reason "it fills the scratch disk; talk to us"',
)
def cancel(
    jobs: JobsArgument = None,
    everything: AllOption = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """End Jobs of a queue for good: a copy that runs is deleted where it runs, and the Job is Failed, Cancelled."""
    _order("cancel", Asked(jobs or (), everything, yes, reason, config, dry_run, form))


@examples(
    "fedsched hold ann/sim-42-3",
    'fedsched hold --all --reason "the calibration is wrong"',
)
def hold(
    jobs: JobsArgument = None,
    everything: AllOption = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Take Jobs from where they run and start them no more until `release`; what they had done by then is lost."""
    _order("hold", Asked(jobs or (), everything, yes, reason, config, dry_run, form))


@examples("fedsched release ann/sim-42-3", "fedsched release --all")
def release(
    jobs: JobsArgument = None,
    everything: AllOption = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Let Jobs go on that are on hold; they begin anew."""
    _order("release", Asked(jobs or (), everything, yes, reason, config, dry_run, form))


@examples("fedsched prio ann/sim-42-3 -p 10", "fedsched prio 'ann/sim-42-*' -p -5 --yes")
def prio(
    priority: PriorityOption,
    jobs: JobsArgument = None,
    everything: AllOption = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Change the order of Jobs among those of their user; between users only shares count."""
    _order("prio", Asked(jobs or (), everything, yes, reason, config, dry_run, form, priority))


def _order(verb: Verb, asked: Asked) -> None:
    from fedsched.cli.job_targets import chosen, targets
    from fedsched.cli.options import federation
    from fedsched.cli.submit_wait import served

    settings = federation(asked.config)
    some = _touched(verb, chosen(verb, asked.words, asked.everything, targets(settings)))
    reason = _reason(asked, some)
    if not asked.dry_run:
        _confirm(verb, asked, some)
        _give(verb, settings, some, (reason, asked.priority))
    undo = _undo(verb, some)
    if asked.form is Format.JSON:
        jobs = [{"id": one.spelled, "uid": one.uid} for one in some]
        output.emit_json("job-order", dry_run=asked.dry_run, order=verb, jobs=jobs, reason=reason, undo=undo)
        return
    said = f"would be {_SAID[verb]}" if asked.dry_run else _SAID[verb]
    told = f" ({reason})" if reason else ""
    for one in some[:SHOWN]:
        output.line(f"{said}: {one.spelled}{told}")
    if len(some) > SHOWN:
        output.line(f"and {len(some) - SHOWN} more")
    output.line(f"  undo: {undo}")
    if not asked.dry_run and not served(settings):
        output.note("no daemon runs: the order is obeyed once one does: fedsched serve")


def _touched(verb: Verb, some: tuple[Target, ...]) -> tuple[Target, ...]:
    """Those that the verb changes. Failure (refused) where it changes none."""
    left = tuple(one for one in some if verb != "release" or one.order("hold") is not None)
    if not left:
        raise Failure(Exit.REFUSED, f"{some[0].spelled} is not on hold", "see the standing orders: fedsched orders")
    cancelled = next((one for one in left if one.order("cancel") is not None), None)
    if cancelled is not None and verb != "cancel":
        raise Failure(Exit.REFUSED, f"{cancelled.spelled} is being cancelled", "submit it again: fedsched submit FILE")
    return left


def _reason(asked: Asked, some: Sequence[Target]) -> str:
    reason = asked.reason.strip()
    if len(reason) > LONGEST_REASON:
        raise Failure(Exit.USAGE, f"--reason: longer than {LONGEST_REASON} characters", "say it shorter")
    foreign = next((one for one in some if not one.own), None)
    if foreign is not None and not reason:
        raise Failure(Exit.USAGE, f"{foreign.spelled} is not yours: an order for it needs a reason", '--reason "why"')
    return reason


def _confirm(verb: Verb, asked: Asked, some: Sequence[Target]) -> None:
    """Where globs or --all mean several, people are asked; programs say --yes."""
    import sys

    if asked.yes or (len(some) <= max(1, len(asked.words)) and not asked.everything):
        return
    names = ", ".join(one.spelled for one in some[:SHOWN]) + (" …" if len(some) > SHOWN else "")
    if not sys.stdin.isatty():
        raise Failure(Exit.USAGE, f"{verb} would touch {len(some)} Jobs: {names}", "if that is meant: --yes")
    if not typer.confirm(f"{verb} {len(some)} Jobs ({output.printable(names)})?", err=True):
        raise Failure(Exit.REFUSED, "nothing was ordered", "")


def _give(verb: Verb, settings: Federation, some: Sequence[Target], what: tuple[str, int]) -> None:
    import time

    from fedsched.cli.orders import who
    from fedsched.journal import open_jobs
    from fedsched.matchmaker.model import Order

    reason, priority = what
    now, by = time.time(), who()
    with closing(open_jobs(settings.journal)) as table:
        if verb == "release":
            table.order((), tuple(("hold", one.uid) for one in some))
        else:
            table.order(tuple(Order(verb, one.uid, reason, by, now, value=priority) for one in some))


def _undo(verb: Verb, some: Sequence[Target]) -> str:
    few = 3
    names = " ".join(shlex.quote(one.spelled) for one in some[:few]) + (" …" if len(some) > few else "")
    if verb == "cancel":
        return "none: submit it again with fedsched submit FILE"
    if verb == "hold":
        return f"fedsched release {names}"
    if verb == "release":
        reasons = [order.reason for one in some if (order := one.order("hold")) is not None]
        return f"fedsched hold {names}" + (f" --reason {shlex.quote(reasons[0])}" if reasons[0] else "")
    before: set[Any] = {order.value if (order := one.order("prio")) is not None else one.priority for one in some}
    return f"fedsched prio {names} -p {before.pop()}" if len(before) == 1 else "each had its own: -p for each of them"
