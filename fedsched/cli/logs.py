"""`logs` and `events`: what a job's pods wrote and what happened to them, wherever that was; asks and prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn

import typer

from fedsched.cli import output
from fedsched.cli.log_lines import Followed, moment, show
from fedsched.cli.options import ConfigOption, OutputOption, ServerOption, config_file, examples
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.answers.concerned import Concern
    from fedsched.answers.gathering import Gathered, Gathering
    from fedsched.answers.known import Known
    from fedsched.client.documents import EventLine, Of
    from fedsched.config import Files
    from fedsched.kube.pod_logs import LogAsk

JobArgument = Annotated[
    str,
    typer.Argument(
        metavar="[JOB]",
        help="CLUSTER.PROC[@SCHEDD], a Kubernetes Job ([QUEUE:]NAMESPACE/NAME), a class, a placement, or a pod's name.",
    ),
]
UserOption = Annotated[str, typer.Option("-u", "--user", metavar="GLOB", help="All startds that serve this user.")]
USUAL_TAIL = 1000
MOST_TAIL = 10_000
"""Lines that a daemon gives at most."""
COLUMNS = (
    Column("TIME"),
    Column("MEMBER"),
    Column("ABOUT", rank=1),
    Column("SOURCE", rank=2),
    Column("EVENT"),
    Column("WHAT"),
)


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("logs", rich_help_panel="Seeing")(logs)
    app.command("events", rich_help_panel="Seeing")(events)


@examples(
    "fedsched logs 4711.3@ce1            all startds that ran the job, wherever they are or were",
    "fedsched logs -f 3ddb3dd2016f       the startds of a class, as they write, until all are over",
    "fedsched logs --user ann --since 10m",
    "fedsched logs -f default/fit         a Kubernetes Job, wherever its pods are",
    "fedsched logs job/fit -c sidecar     another container than the first",
    "fedsched logs default/fit --server https://hub.example.org    where only the API is reached",
)
def logs(
    job: JobArgument = "",
    user: UserOption = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more is written.")] = False,
    tail: Annotated[
        int, typer.Option("--tail", metavar="N", min=0, help=f"The last N lines; 0 for all. [{USUAL_TAIL}]")
    ] = USUAL_TAIL,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="Only the last 10m, 2h, …")] = "",
    container: Annotated[
        str, typer.Option("-c", "--container", metavar="NAME", help="Of a Kubernetes Job's pods. [the first]")
    ] = "",
    previous: Annotated[
        bool, typer.Option("-p", "--previous", help="What containers wrote before they were started again.")
    ] = False,
    form: OutputOption = Format.TABLE,
    server: ServerOption = "",
    config: ConfigOption = None,
) -> None:
    """Show what the startds of a job, or the pods of a Kubernetes Job, wrote, from every cluster, by time.

    No cluster need be named. Lines of one pod of a Kubernetes Job are plain, others have time, cluster and pod before
    them. Of pods that are gone the kept ends are shown (keep_logs_mib). A member that does not answer is named, and the
    exit code is 3. With --server the daemon there reads the members.
    """
    if server:
        from fedsched.cli.remote_logs import remote_logs
        from fedsched.client.documents import LogsAsk

        asked = LogsAsk(_one(job, user), tail or MOST_TAIL, _since(since) or 0.0, container, previous, follow)
        raise typer.Exit(int(remote_logs(server, asked, form)))
    from fedsched.answers.concerned import concerned
    from fedsched.cli.source import simulated
    from fedsched.config import load
    from fedsched.kube.pod_logs import LogAsk

    files = load(config_file(config))
    if simulated(files.federation):
        raise Failure(Exit.REFUSED, "a simulated federation has no pods, and so no logs", "fedsched events JOB")
    ask = LogAsk(_since(since), tail, previous=previous)
    of, about = _about(files, job, user)
    of_job = all(one.of_job for one in about)
    if follow and not all(one.gone for one in about):
        shown = Followed(of_job=of_job, as_json=form is Format.JSON)
        _follow(files, job or user, lambda known: concerned(known, job, user), _Asked(ask, container, shown))
    gathered = _gathering(files).logs(about, ask, container)
    if form is Format.JSON:
        from fedsched.client.documents import Logs, head

        _emit(Logs(**head(of), job=job or user, lines=gathered.logs, unread=gathered.unread, of_job=of_job))
    else:
        show(gathered.logs, of_job=of_job)
        if not gathered.logs and not gathered.unread:
            output.note(_nothing(about))
    _end(gathered, found=bool(gathered.logs))


@examples("fedsched events 4711.3@ce1", "fedsched events fs-a1b2c3      one startd's story")
def events(
    job: JobArgument = "",
    user: UserOption = "",
    form: OutputOption = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Show what happened to the startds of a job, or to the pods of a Kubernetes Job, oldest first.

    What fedsched decided and why, what Kubernetes says of the pods (as long as it keeps that, an hour usually), and
    who claimed the slots.
    """
    import msgspec

    from fedsched.answers.concerned import concerned
    from fedsched.answers.events import told
    from fedsched.answers.gathering import Gathered
    from fedsched.cli.past import background
    from fedsched.cli.source import present, simulated
    from fedsched.client.documents import Events, head
    from fedsched.config import load

    files = load(config_file(config))
    with background(files.federation, job or user) as behind:
        about = _meant(lambda: concerned(behind.known, job, user))
        gathered = Gathered() if simulated(files.federation) else _gathering(files).events(about)
        past = msgspec.structs.replace(behind.past(about), members=gathered.events)
        lines = told(behind.known, about, past)
        of = behind.view.of(present(files.federation, behind.view.plan.at))
    if form is Format.JSON:
        _emit(Events(**head(of), job=job or user, events=lines, unread=gathered.unread))
    else:
        output.table(COLUMNS, [_row(line) for line in lines])
    _end(gathered, found=bool(lines))


def _about(files: Files, job: str, user: str) -> tuple[Of, tuple[Concern, ...]]:
    from fedsched.answers.concerned import concerned
    from fedsched.cli.past import background

    with background(files.federation, job or user) as behind:
        return behind.view.of(time.time()), _meant(lambda: concerned(behind.known, job, user))


def _gathering(files: Files) -> Gathering:
    from fedsched.answers.gathering import Gathering

    return Gathering(files.federation, files.members)


def _meant(ask: Any) -> tuple[Concern, ...]:
    from fedsched.cli.source import failed
    from fedsched.client import NoAnswer

    try:
        found: tuple[Concern, ...] = ask()
    except NoAnswer as error:
        raise failed(error) or error from None
    return found


class _Asked(NamedTuple):
    """Which part of which container's logs, and who shows it."""

    ask: LogAsk
    container: str
    shown: Followed


def _follow(files: Files, name: str, meant: Callable[[Known], Sequence[Concern]], asked: _Asked) -> NoReturn:
    """Until everything is over, or a person ends it."""
    from fedsched.cli.past import background
    from fedsched.client import NoAnswer

    def find() -> Sequence[Concern]:
        # Whatever is over leaves the journal for the records, which are too long to be read again and again.
        with background(files.federation, name, records=False) as behind:
            try:
                return meant(behind.known)
            except NoAnswer:
                return ()

    try:
        for said in _gathering(files).follow(find, asked.ask, asked.container):
            asked.shown.show(said)
    except KeyboardInterrupt:
        output.note("")
    raise typer.Exit(int(Exit.PARTIAL if asked.shown.unread else Exit.DONE))


def _row(line: EventLine) -> tuple[str, ...]:
    return moment(line.at)[:-4], line.member, line.about, line.source, line.kind, line.text


def _one(job: str, user: str) -> str:
    """The job that a daemon is asked for."""
    if user or not job:
        raise Failure(Exit.USAGE, "with --server one job is asked for by its name", "fedsched logs JOB --server …")
    return job


def _since(text: str) -> float | None:
    if not text:
        return None
    from fedsched.cli.durations import seconds

    return time.time() - seconds("--since", text, "10m")


def _emit(document: Any) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _nothing(about: Sequence[Concern]) -> str:
    names = ", ".join(f"{one.object_name} at {one.member}" for one in about[:5])
    return f"No line was found of {len(about)} startds ({names}): not begun yet, or gone before anything was kept."


def _end(gathered: Gathered, *, found: bool) -> None:
    for why in gathered.unread:
        output.note(why)
    if gathered.silent and gathered.silent == gathered.asked and not found:
        raise Failure(Exit.UNREACHABLE, "no member answers", "fedsched doctor")
    raise typer.Exit(int(Exit.PARTIAL if gathered.unread else Exit.DONE))
