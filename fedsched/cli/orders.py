"""Standing orders of people: cordon, drain, pause, deny, and back; they go into the journal, the daemon obeys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedsched.cli import output
from fedsched.cli.durations import seconds
from fedsched.cli.options import ConfigOption, DryRunOption, OutputOption, ReasonOption, examples
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.cli.drained import Comes
    from fedsched.matchmaker.model import Order

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A member.")]
MaybeNameArgument = Annotated[str, typer.Argument(metavar="[NAME]", help="A member.", show_default=False)]
PatternArgument = Annotated[str, typer.Argument(metavar="PATTERN", help="A glob over GROUP.USER@DOMAIN or schedds.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every member.")]

UNDO = {"cordon": "uncordon", "drain": "uncordon", "pause": "resume", "deny": "allow"}
OF_JOBS = ("hold", "cancel", "prio")
EVERYTHING = "*"
COLUMNS = (
    Column("ORDER"),
    Column("TARGET"),
    Column("SINCE", right=True),
    Column("DEADLINE", rank=2),
    Column("BY", rank=1),
    Column("REASON"),
)

IN_SHORT = {
    "cordon": "Place nothing new on a member; what runs goes on.",
    "uncordon": "Take a member into use again.",
    "drain": "Empty a member: what runs finishes and leaves.",
    "pause": "Stop placing on one member, or on all.",
    "resume": "Place again after `pause`.",
    "deny": "Give a principal or a schedd nothing more.",
    "allow": "Lift a `deny`.",
    "orders": "Show the standing orders: what, for whom, why.",
}
"""What the list of verbs says of each."""


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    for verb in (cordon, uncordon, drain, pause, resume, deny, allow, orders):
        panel = "Orders" if verb is not orders else "Seeing"
        app.command(rich_help_panel=panel, short_help=IN_SHORT[verb.__name__])(verb)


@examples(
    'fedsched cordon m1 --reason "storage is being moved"',
)
def cordon(
    name: NameArgument,
    reason: ReasonOption,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Place nothing new on a member; what runs there goes on."""
    _give(config, ("cordon", _known(config, name), reason, None), dry_run, form)


@examples(
    'fedsched drain m1 --reason "maintenance on Monday" --deadline 6h',
    "fedsched drain m1 --deadline 6h --plan    what would finish, move and die; nothing is ordered",
)
def drain(
    name: NameArgument,
    reason: ReasonOption = "",
    deadline: Annotated[
        str, typer.Option("--deadline", metavar="TIME", help="After this long what is left is vacated: 30m, 6h.")
    ] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Say what would finish, move and die; order nothing.")] = False,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Empty a member: nothing new, running startds take no new work, finish and leave.

    Jobs that run when the deadline comes are evicted properly: they are idle again at their schedd at once. So are
    those that still run `startds.retire_s` after the order.
    """
    left_s = seconds("--deadline", deadline, "6h") if deadline else None
    if plan:
        _plan_drain(config, _known(config, name), left_s, form)
        return
    _give(config, ("drain", _known(config, name), reason, left_s), dry_run, form)


def _plan_drain(config: Path | None, name: str, left_s: float | None, form: Format) -> None:
    """What a drain would have meant for the last recorded cycle, had it been ordered then."""
    from fedsched.cli import drained
    from fedsched.cli import moment as moments
    from fedsched.matchmaker.model import Order

    moment = moments.recorded(config)
    at = moment.snapshot.at
    order = Order("drain", name, "planned", who(), at, None if left_s is None else at + left_s)
    plan = moment.decided().plan
    rows = drained.listing(plan.held, order, moment.snapshot.observation, moment.accounts)
    places = drained.elsewhere(moment, order)
    if form is Format.JSON:
        output.emit_json(
            "drain-plan",
            source=moment.source,
            stale=moment.stale,
            order=order,
            principals=drained.whose(rows),
            startds=rows,
            elsewhere=places,
        )
    else:
        output.line(f"{moment.source}: what `drain {name}` would mean; nothing is ordered")
        output.line()
        drained.show_plan(rows, places, order)
    raise typer.Exit(int(Exit.STALE if moment.stale else Exit.DONE))


@examples(
    "fedsched uncordon m1",
)
def uncordon(
    name: NameArgument, config: ConfigOption = None, dry_run: DryRunOption = False, form: OutputOption = Format.TABLE
) -> None:
    """Take a member into use again: lifts `cordon` and `drain`."""
    _lift(config, ("cordon", "drain"), name, dry_run, form)


@examples(
    'fedsched pause m1 --reason "looking into failures"',
    'fedsched pause --all --reason "update of fedsched"',
)
def pause(
    reason: ReasonOption,
    name: MaybeNameArgument = "",
    everything: AllOption = False,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Stop placing on one member, or on all, until `resume`."""
    target = EVERYTHING if _all(name, everything) else _known(config, name)
    _give(config, ("pause", target, reason, None), dry_run, form)


@examples(
    "fedsched resume m1",
    "fedsched resume --all",
)
def resume(
    name: MaybeNameArgument = "",
    everything: AllOption = False,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Place again after `pause`; --all lifts every pause."""
    _lift(config, ("pause",), EVERYTHING if _all(name, everything) else name, dry_run, form)


@examples(
    "fedsched deny 'guest.*' --reason \"until their token is renewed\"",
    "fedsched deny '*mallory@*' --reason \"mining\"",
)
def deny(
    pattern: PatternArgument,
    reason: ReasonOption,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Give a principal or a schedd nothing more; its startds leave within a cycle."""
    if not pattern.strip():
        raise Failure(Exit.USAGE, "an empty pattern denies nobody", "name a principal or schedd: fedsched q")
    _give(config, ("deny", pattern, reason, None), dry_run, form)


@examples(
    "fedsched allow 'guest.*'",
)
def allow(
    pattern: PatternArgument,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Lift a `deny`; the pattern is the one that was denied."""
    _lift(config, ("deny",), pattern, dry_run, form)


def orders(config: ConfigOption = None, form: OutputOption = Format.TABLE) -> None:
    """Show the standing orders: what, for whom, since when, by whom, why."""
    import time

    from fedsched.matchmaker.explain import age

    with _journal(config) as journal:
        standing = journal.orders()
    if form is Format.JSON:
        output.emit_json("orders", orders=standing)
        return
    if not standing:
        output.line("No order stands.")
        return
    now = time.time()
    names = _job_names(config) if any(o.kind in OF_JOBS for o in standing) else {}
    rows = [
        (_kind(o), names.get(o.target, o.target), f"{age(now - o.at)} ago", _until(o, now), o.by, o.reason)
        for o in standing
    ]
    output.table(COLUMNS, rows)


def _kind(order: Order) -> str:
    return f"prio {order.value}" if order.kind == "prio" else order.kind


def _job_names(config: Path | None) -> dict[str, str]:
    """What the Jobs are called that orders mean by their uids."""
    from fedsched.cli.job_targets import targets
    from fedsched.cli.options import federation

    return {one.uid: one.spelled for one in targets(federation(config))}


def _give(config: Path | None, order: tuple[Any, str, str, float | None], dry_run: bool, form: Format) -> None:
    import time

    from fedsched.matchmaker.model import Order

    kind, target, reason, deadline_s = order
    if not reason.strip():
        raise Failure(Exit.USAGE, "an order needs a reason", f'fedsched {kind} … --reason "why"')
    now = time.time()
    given = Order(kind, target, reason, who(), now, None if deadline_s is None else now + deadline_s)
    with _journal(config) as journal:
        if not dry_run:
            journal.add_order(given)
        affected = _affected(journal, given)
        startds = _drained(journal, given)
    undo = _undo(given)
    if form is Format.JSON:
        output.emit_json("order", dry_run=dry_run, order=given, affected=affected, startds=startds, undo=undo)
        return
    said = "would be ordered" if dry_run else "ordered"
    output.line(f"{said}: {kind} {'all members' if target == EVERYTHING else target} ({reason})")
    if affected:
        output.line("  startds there now: " + ", ".join(f"{count} {phase}" for phase, count in affected.items()))
        _show_drained(startds)
    output.line(f"  undo: {undo}")


def _lift(config: Path | None, kinds: tuple[str, ...], target: str, dry_run: bool, form: Format) -> None:
    with _journal(config) as journal:
        standing = journal.orders()
        lifted = [o for o in standing if o.kind in kinds and target in {o.target, EVERYTHING}]
        if not dry_run:
            for order in lifted:
                journal.remove_order(order.kind, order.target)
    left = [o for o in standing if o.kind in kinds and o.target == EVERYTHING and o not in lifted]
    if form is Format.JSON:
        output.emit_json("lifted", dry_run=dry_run, orders=lifted, still=left)
    elif lifted:
        for order in lifted:
            output.line(f"{'would be lifted' if dry_run else 'lifted'}: {order.kind} {order.target} ({order.reason})")
            output.line(f"  undo: {_redo(order)}")
    if left:
        output.note(f"still paused for all members: {left[0].reason}; to lift: fedsched resume --all")
    if not lifted:
        known = ", ".join(f"{o.kind} {o.target}" for o in standing) or "none"
        raise Failure(
            Exit.REFUSED, f"no {' or '.join(kinds)} stands for {target}; standing: {known}", "fedsched orders"
        )


def _journal(config: Path | None) -> Any:
    from contextlib import closing

    from fedsched.cli.options import federation
    from fedsched.journal import open_journal

    return closing(open_journal(federation(config).journal))


def _known(config: Path | None, name: str) -> str:
    """The name, if a member's file or the last cycle has it. Failure with a near one otherwise."""
    from fedsched.cli.options import federation
    from fedsched.config import load_members
    from fedsched.config.problems import did_you_mean

    names = [member.name for member in load_members(federation(config))]
    with _journal(config) as journal:
        cycle = journal.last_cycle()
    names += [terms.name for terms in cycle.snapshot.terms] if cycle else []
    if name not in names:
        raise Failure(Exit.REFUSED, f"no member {name!r}{did_you_mean(name, names)}", "see all: fedsched clusters")
    return name


def _all(name: str, everything: bool) -> bool:
    if bool(name) == everything:
        raise Failure(Exit.USAGE, "name one member, or give --all", "see all members: fedsched clusters")
    return everything


def _affected(journal: Any, order: Order) -> dict[str, int]:
    """Startds that the order touches, by phase, as of the last cycle."""
    from collections import Counter

    cycle = journal.last_cycle()
    held = [] if cycle is None or order.kind == "deny" else cycle.plan.held
    return dict(
        Counter(h.phase for h in held if order.target in {EVERYTHING, h.placement.member} and h.phase != "gone")
    )


def _show_drained(startds: tuple[Comes, ...]) -> None:
    from fedsched.cli import drained

    drained.show(startds)


def _drained(journal: Any, order: Order) -> tuple[Comes, ...]:
    """What becomes of each startd, for a drain; as of the last cycle."""
    import msgspec

    from fedsched.cli import drained

    cycle = journal.last_cycle()
    if order.kind != "drain" or cycle is None:
        return ()
    left_s = None if order.deadline_at is None else order.deadline_at - order.at
    then = cycle.plan.at  # what is known of startds is as old as the cycle, whatever the time is now
    as_seen = msgspec.structs.replace(order, at=then, deadline_at=None if left_s is None else then + left_s)
    return drained.listing(cycle.plan.held, as_seen, cycle.observation, journal.accounts())


def _undo(order: Order) -> str:
    if order.target == EVERYTHING:
        return f"fedsched {UNDO[order.kind]} --all"
    return f"fedsched {UNDO[order.kind]} {_quoted(order.target)}"


def _redo(order: Order) -> str:
    target = "--all" if order.target == EVERYTHING else _quoted(order.target)
    return f"fedsched {order.kind} {target} --reason {_quoted(order.reason)}"


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def _until(order: Order, now: float) -> str:
    from fedsched.matchmaker.explain import age

    if order.deadline_at is None:
        return ""
    return f"in {age(order.deadline_at - now)}" if order.deadline_at > now else "passed"


def who() -> str:
    """user@host of the person, through sudo if need be; for the record, not for rights."""
    import getpass
    import os
    import socket

    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
