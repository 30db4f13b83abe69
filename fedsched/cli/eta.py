"""`eta`: when waiting jobs will start, as ranges, with how often such ranges were right; `explain` asks here, too."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples, federation
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.answers import View
    from fedsched.client.documents import Of
    from fedsched.config.settings import Federation
    from fedsched.forecast import Asked, Estimate, Record
    from fedsched.matchmaker.model import DemandClass

COLUMNS = (
    Column("CLASS"),
    Column("PRINCIPAL"),
    Column("REQUEST", rank=2),
    Column("IDLE", right=True),
    Column("IN LINE", rank=1, right=True),
    Column("NEXT STARTS"),
    Column("LAST STARTS"),
)


Pair = tuple["Estimate", "Estimate"]


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
    "fedsched eta local:ann/train      a Kubernetes Job of a queue",
    "fedsched eta --hours 48          look further ahead",
)
def eta(
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="As for explain: CLUSTER.PROC[@SCHEDD], QUEUE:JOB or a class.")
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
    from fedsched.cli.journal_answers import journal_view, present

    if job and (everything or user != "*"):
        raise Failure(Exit.USAGE, "a job is named, and all or a user's as well", "name one of them: fedsched eta JOB")
    settings = federation(config)
    view = journal_view(settings)
    of = view.of(present(settings, view.plan.at))
    classes = [_named(view, job)] if job else [d for d, _ in view.pairs if d.idle and _of_user(d, user)]
    asked = [one for demand in classes for one in (_asked(view, demand, job), _last(demand))]
    told = foreseen(settings, view, asked, (hours, seconds))
    pairs = list(zip(told.estimates[::2], told.estimates[1::2], strict=True))
    if form is Format.JSON:
        output.emit_json(
            "eta",
            cycle=of.cycle,
            at=of.at,
            age_s=round(of.age_s, 3),
            stale=of.stale,
            record=told.record,
            classes=[
                {"key": demand.key, "principal": str(demand.principal), "idle": demand.idle, "next": near, "last": far}
                for demand, (near, far) in zip(classes, pairs, strict=True)
            ],
        )
    else:
        show(view, of, (classes, pairs), told.record)
    raise typer.Exit(int(_code(of)))


def _code(of: Of) -> Exit:
    """4 for an old cycle, and a word to the person about it."""
    from fedsched.matchmaker.explain import age

    if of.stale:
        output.note(f"The last cycle is {age(of.age_s)} old: is `fedsched serve` running? Everything here is that old.")
    return Exit.STALE if of.stale else Exit.DONE


def show(view: View, of: Of, found: tuple[Sequence[DemandClass], Sequence[Pair]], record: Record) -> None:
    """The table, and what is to be thought of it."""
    from fedsched.forecast import record_said
    from fedsched.matchmaker.explain import age
    from fedsched.matchmaker.resources import describe

    classes, pairs = found
    if not classes:
        output.line("No job is idle that fedsched knows of.")
        return
    rows = [
        (
            demand.key,
            str(demand.principal),
            describe(demand.request),
            str(demand.idle),
            _rank(view, demand),
            _short(near),
            _short(far) if demand.idle > 1 else "",
        )
        for demand, (near, far) in zip(classes, pairs, strict=True)
    ]
    output.table(COLUMNS, rows)
    output.line()
    for why in sorted({one.why for pair in pairs for one in pair if one.why}):
        output.line(f"no estimate: {why}")
    output.line(f"{record_said(record)}; counted from cycle {of.cycle}, {age(of.age_s)} ago")


def starting(settings: Federation, key: str, job: str) -> tuple[str, Told | None]:
    """One line for `explain`: when the job starts, with how past estimates did; "" where the class is gone by now.

    Of a class, and of a job that is not among those of its class that are known by name, the next and the last.
    """
    from fedsched.cli.journal_answers import journal_view
    from fedsched.forecast import BUDGET_S, record_said, said

    view = journal_view(settings)
    demand = next((one for one, _ in view.pairs if one.key == key), None)
    if demand is None:
        return "", None
    asked = [_asked(view, demand, job)]
    known = demand.idle < 2 or _number(job) in demand.examples or _in_line(view, demand, job) is not None
    told = foreseen(settings, view, asked if known else [*asked, _last(demand)], (12.0, BUDGET_S))
    texts = [_plain(said(one)) for one in told.estimates]
    if told.estimates[0].why:
        return texts[0], told
    if known:
        place = f"job {asked[0].position} of {demand.idle} of its class" if demand.idle > 1 else "the only one waiting"
        return f"{texts[0]} ({place}; {record_said(told.record)})", told
    return f"the next of its class {texts[0]}, the last of {demand.idle} {texts[1]} ({record_said(told.record)})", told


def foreseen(settings: Federation, view: View, asked: Sequence[Asked], limits: tuple[float, float]) -> Told:
    """Estimates under the policy of the last cycle. limits: hours ahead, and seconds of this machine."""
    from fedsched.forecast import Calibration, Course, Effort, Estimate, estimates, hopeless, known_lengths, samples
    from fedsched.journal import open_journal

    cycle = view.recorded
    journal = open_journal(settings.journal)
    try:
        policy = journal.policy(cycle.policy)
        past = journal.forecasts()
        lengths = known_lengths(journal, settings.records, cycle)
    finally:
        journal.close()
    calibration = Calibration(past, cycle.plan.at)
    why = {demand.key: hopeless(demand, report) for demand, report in view.pairs}
    if policy is None:
        why = dict.fromkeys(why, "the policy of the last cycle is not known any more")
    told = {one: Estimate(one.key, one.position, why=why[one.key]) for one in asked if why[one.key]}
    hopeful = [one for one in dict.fromkeys(asked) if one not in told]
    if hopeful and policy is not None:
        with output.Progress("looking ahead") as progress:
            effort = Effort(Course(hours=limits[0]), budget_s=limits[1], told=progress)
            outlooks = samples(cycle.snapshot, policy, hopeful, effort, lengths)
        told |= zip(hopeful, estimates(hopeful, outlooks, calibration), strict=True)
    return Told(tuple(told[one] for one in asked), calibration.record)


def _named(view: View, job: str) -> DemandClass:
    """The class of a job, or of a Kubernetes Job that waits in a queue. NoAnswer for one that is not there or waits."""
    from fedsched.answers import queued
    from fedsched.answers.naming import find
    from fedsched.client import NoAnswer

    found = queued.find(view, job)
    if found is None:
        return find(view, job)
    if found.state != "waiting":
        name = queued.spelled(found)
        raise NoAnswer("unknown", f"{name} does not wait for a place: it is {found.state}", f"fedsched explain {name}")
    return next(demand for demand, _ in view.pairs if demand.key == found.job.class_key)


def _in_line(view: View, demand: DemandClass, job: str) -> int | None:
    """The place of a Kubernetes Job among those of its class, 1 for the next one; None for any other name."""
    from fedsched.answers import queued
    from fedsched.forecast import waiting

    found = queued.find(view, job) if job and demand.job is not None else None
    if found is None:
        return None
    snapshot = view.recorded.snapshot
    line = [one.uid for one in waiting(snapshot, snapshot.memory.held).get(demand.key, ())]
    return line.index(found.job.uid) + 1 if found.job.uid in line else None


def _asked(view: View, demand: DemandClass, job: str) -> Asked:
    """The job's place where it is known by name, else the first of its class."""
    from fedsched.forecast import Asked

    place, number = _in_line(view, demand, job), _number(job)
    if place is not None:
        return Asked(demand.key, place)
    return Asked(demand.key, demand.examples.index(number) + 1 if number in demand.examples else 1)


def _number(job: str) -> str:
    """CLUSTER.PROC of a job's name, "" where a class was asked for."""
    from fedsched.answers.naming import split

    return split(job)[0] if job else ""


def _last(demand: DemandClass) -> Asked:
    from fedsched.forecast import Asked

    return Asked(demand.key, max(1, demand.idle))


def _of_user(demand: DemandClass, user: str) -> bool:
    name = demand.principal.user
    return fnmatchcase(name, user) or fnmatchcase(name.partition("@")[0], user)


def _rank(view: View, demand: DemandClass) -> str:
    from fedsched.matchmaker.share import path_of

    path = path_of(demand.principal)
    return next((str(line.rank) for line in view.plan.shares if line.path == path and line.rank), "")


def _short(estimate: Estimate) -> str:
    from fedsched.forecast import said

    return "no estimate" if estimate.why else _plain(said(estimate))


def _plain(text: str) -> str:
    return text.replace("\u2013", output.symbol("\u2013", "-"))
