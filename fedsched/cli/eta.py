"""`eta`: when waiting jobs will start, as ranges, with how often such ranges were right; `explain` asks here, too."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self

import typer

from fedsched.cli import output
from fedsched.cli.naming import find, split
from fedsched.cli.options import ConfigOption, OutputOption, examples, federation
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.cli.recorded import Recorded
    from fedsched.forecast import Asked, Estimate, Record
    from fedsched.matchmaker.model import DemandClass

SAY_AFTER_S = 2.0
COLUMNS = (
    Column("CLASS"),
    Column("PRINCIPAL"),
    Column("REQUEST", rank=2),
    Column("IDLE", right=True),
    Column("IN LINE", rank=1, right=True),
    Column("NEXT STARTS"),
    Column("LAST STARTS"),
)


class Told(NamedTuple):
    """Estimates for what was asked, in that order, and how past ones did."""

    estimates: tuple[Estimate, ...]
    record: Record


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("eta", rich_help_panel="Seeing", short_help="Say when waiting jobs will start, as ranges.")(eta)


@examples(
    "fedsched eta                     every class: its next job, and its last",
    "fedsched eta -u ann              one user's",
    "fedsched eta 4711.3@ce1.example.org",
    "fedsched eta --hours 48          look further ahead",
)
def eta(
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="As for explain: CLUSTER.PROC[@SCHEDD] or a class of `q`.")
    ] = "",
    user: Annotated[str, typer.Option("-u", "--user", metavar="GLOB", help="Only this user, or user@domain.")] = "*",
    everything: Annotated[bool, typer.Option("--all", help="Every class; so it is when nothing is named.")] = False,
    hours: Annotated[float, typer.Option("--hours", metavar="H", min=0.1, max=168.0, help="Look so far ahead.")] = 12.0,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="S", min=0.1, help="Think no longer than so many seconds.")
    ] = 10.0,
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Say when waiting jobs will start, as ranges.

    The last cycle is run forward a few times by the program that decides, with job lengths drawn from what was seen of
    the user's jobs. The range is widened by how past ones came out, so that four of five are right; the last line says
    how many were. It is an estimate: who submits after you, and what breaks, is not known to it.
    """
    from fedsched.cli.recorded import last

    if job and (everything or user != "*"):
        raise Failure(Exit.USAGE, "a job is named, and all or a user's as well", "name one of them: fedsched eta JOB")
    recorded = last(config)
    classes = [find(recorded, job)] if job else [d for d, _ in recorded.classes() if d.idle and _of_user(d, user)]
    asked = [one for demand in classes for one in (_asked(demand, job), _last(demand))]
    told = foreseen(config, recorded, asked, (hours, seconds))
    pairs = list(zip(told.estimates[::2], told.estimates[1::2], strict=True))
    if form is Format.JSON:
        output.emit_json(
            "eta",
            cycle=recorded.plan.cycle,
            at=recorded.plan.at,
            age_s=round(recorded.age_s, 3),
            stale=recorded.stale,
            record=told.record,
            classes=[
                {"key": demand.key, "principal": str(demand.principal), "idle": demand.idle, "next": near, "last": far}
                for demand, (near, far) in zip(classes, pairs, strict=True)
            ],
        )
    else:
        show(recorded, classes, pairs, told.record)
    raise typer.Exit(int(recorded.exit_code))


def show(
    recorded: Recorded, classes: Sequence[DemandClass], pairs: Sequence[tuple[Estimate, Estimate]], record: Record
) -> None:
    """The table, and what is to be thought of it."""
    from fedsched.forecast import record_said
    from fedsched.matchmaker.explain import age
    from fedsched.matchmaker.resources import describe

    if not classes:
        output.line("No job is idle that fedsched knows of.")
        return
    rows = [
        (
            demand.key,
            str(demand.principal),
            describe(demand.request),
            str(demand.idle),
            _rank(recorded, demand),
            _short(near),
            _short(far) if demand.idle > 1 else "",
        )
        for demand, (near, far) in zip(classes, pairs, strict=True)
    ]
    output.table(COLUMNS, rows)
    output.line()
    for why in sorted({one.why for pair in pairs for one in pair if one.why}):
        output.line(f"no estimate: {why}")
    output.line(f"{record_said(record)}; counted from cycle {recorded.plan.cycle}, {age(recorded.age_s)} ago")


def starting(config: Path | None, recorded: Recorded, demand: DemandClass, job: str) -> tuple[str, Told]:
    """One line for `explain`: when the job starts, with how past estimates did.

    Of a class, and of a job that is not among those of its class that are known by name, the next and the last.
    """
    from fedsched.forecast import BUDGET_S, record_said, said

    asked = [_asked(demand, job)]
    known = demand.idle < 2 or split(job)[0] in demand.examples
    told = foreseen(config, recorded, asked if known else [*asked, _last(demand)], (12.0, BUDGET_S))
    texts = [_plain(said(one)) for one in told.estimates]
    if told.estimates[0].why:
        return texts[0], told
    if known:
        place = f"job {asked[0].position} of {demand.idle} of its class" if demand.idle > 1 else "the only one waiting"
        return f"{texts[0]} ({place}; {record_said(told.record)})", told
    return f"the next of its class {texts[0]}, the last of {demand.idle} {texts[1]} ({record_said(told.record)})", told


def foreseen(config: Path | None, recorded: Recorded, asked: Sequence[Asked], limits: tuple[float, float]) -> Told:
    """Estimates under the policy of the last cycle. limits: hours ahead, and seconds of this machine."""
    from fedsched.forecast import Calibration, Course, Effort, Estimate, estimates, hopeless, known_lengths, samples
    from fedsched.journal import open_journal

    settings = federation(config)
    journal = open_journal(settings.journal)
    try:
        cycle = journal.cycle(recorded.plan.cycle) or journal.last_cycle()
        policy = journal.policy(cycle.policy) if cycle is not None else None
        past = journal.forecasts()
        lengths = known_lengths(journal, settings.records, cycle) if cycle is not None else None
    finally:
        journal.close()
    calibration = Calibration(past, recorded.plan.at)
    pairs = {demand.key: (demand, report) for demand, report in recorded.classes()}
    why = {key: hopeless(*pair) for key, pair in pairs.items()}
    if cycle is None or policy is None:
        why = dict.fromkeys(why, "the policy of the last cycle is not known any more")
    told = {one: Estimate(one.key, one.position, why=why[one.key]) for one in asked if why[one.key]}
    hopeful = [one for one in dict.fromkeys(asked) if one not in told]
    if hopeful and cycle is not None and policy is not None:
        with _Progress() as progress:
            effort = Effort(Course(hours=limits[0]), budget_s=limits[1], told=progress)
            outlooks = samples(cycle.snapshot, policy, hopeful, effort, lengths)
        told |= zip(hopeful, estimates(hopeful, outlooks, calibration), strict=True)
    return Told(tuple(told[one] for one in asked), calibration.record)


class _Progress:
    """One line on a terminal's standard error that tells how far it is, once it takes long; gone when it is over."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def __call__(self, part: float) -> None:
        """So much, 0..1, is done."""
        if sys.stderr.isatty() and time.monotonic() - self._began > SAY_AFTER_S:
            self._shown = True
            print(f"\rlooking ahead: {part:.0%} ", end="", file=sys.stderr, flush=True)


def _asked(demand: DemandClass, job: str) -> Asked:
    """The job's place where it is known by name, else the first of its class."""
    from fedsched.forecast import Asked

    number, _ = split(job)
    return Asked(demand.key, demand.examples.index(number) + 1 if number in demand.examples else 1)


def _last(demand: DemandClass) -> Asked:
    from fedsched.forecast import Asked

    return Asked(demand.key, max(1, demand.idle))


def _of_user(demand: DemandClass, user: str) -> bool:
    name = demand.principal.user
    return fnmatchcase(name, user) or fnmatchcase(name.partition("@")[0], user)


def _rank(recorded: Recorded, demand: DemandClass) -> str:
    from fedsched.matchmaker.share import path_of

    path = path_of(demand.principal)
    return next((str(line.rank) for line in recorded.plan.shares if line.path == path and line.rank), "")


def _short(estimate: Estimate) -> str:
    from fedsched.forecast import said

    return "no estimate" if estimate.why else _plain(said(estimate))


def _plain(text: str) -> str:
    return text.replace("\u2013", output.symbol("\u2013", "-"))
