"""`submit`: Jobs and submit files into a queue of Jobs; `--dry-run` says what would become of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from fedsched.cli import output
from fedsched.cli.durations import seconds
from fedsched.cli.member_access import ContextOption, KubeconfigOption
from fedsched.cli.options import ConfigOption, config_file, examples, federation
from fedsched.cli.output import Exit, Failure, Format
from fedsched.cli.plan import SnapshotOption, chosen
from fedsched.cli.submit_hub import Cluster

if TYPE_CHECKING:
    from fedsched.cli.submit_files import Text
    from fedsched.cli.submitted import Ready
    from fedsched.config.settings import Federation, QueueSettings


class Form(StrEnum):
    """What `-o` takes here."""

    TABLE = "table"
    JSON = "json"
    NAME = "name"


class Asked(NamedTuple):
    """The options that a queue of Jobs knows. jobs: how many, instead of a queue statement; 0 for what that says."""

    queue: str
    name: str
    group: str
    jobs: int
    wait: bool
    timeout_s: float | None
    config: Path | None
    form: Form
    cluster: Cluster


FilesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="FILE…", help="Kubernetes Jobs (YAML, JSON) or HTCondor submit files; - for stdin."),
]
ScheddOption = Annotated[
    str,
    typer.Option("--schedd", metavar="NAME", help="With --dry-run: as jobs of this schedd; needed where are several."),
]
AsOption = Annotated[
    str, typer.Option("--as", metavar="USER@DOMAIN", help="At a schedd: as whom; else you, in its domain.")
]
GroupOption = Annotated[
    str, typer.Option("--as-group", "--group", metavar="GROUP", help="Whom to charge, instead of what the file says.")
]
CountOption = Annotated[int, typer.Option("--count", metavar="N", min=0, help="Instead of its queue statement.")]
LiveOption = Annotated[
    bool, typer.Option("--live", help="Look at everybody now instead of taking the last recorded cycle.")
]
QueueOption = Annotated[
    str, typer.Option("--queue", metavar="NAME", help="To which queue of Jobs; else the journal's.", show_default=False)
]
NameOption = Annotated[
    str, typer.Option("--name", metavar="NAME", help="What the Job is called; of several the beginning.")
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "submit", rich_help_panel="Jobs", short_help="Submit Kubernetes Jobs or a submit file, or say what then."
    )(submit)


@examples(
    "fedsched submit job.yaml",
    "fedsched submit steps.yaml --as-group physics.cms --wait --timeout 2h",
    "kubectl create job hello --image=busybox --dry-run=client -o yaml -- date | fedsched submit -",
    "fedsched submit --dry-run job.yaml                                      when would it start, and where",
    "fedsched submit --dry-run job.sub --schedd ce1.example.org --as ann@example.org --group physics.cms",
    "fedsched submit --dry-run job.sub --count 500 --live -o json | jq '.verdicts[].word'",
)
def submit(
    files: FilesArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of them; submit nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until all are over; progress goes to stderr.")] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="With --wait: at most so long: 30m, 6h.")
    ] = "",
    name: NameOption = "",
    group: GroupOption = "",
    queue: QueueOption = "",
    kubeconfig: KubeconfigOption = None,
    cluster_context: ContextOption = "",
    count: CountOption = 0,
    schedd: ScheddOption = "",
    user: AsOption = "",
    live: LiveOption = False,
    snapshot: SnapshotOption = None,
    config: ConfigOption = None,
    form: Annotated[
        Form, typer.Option("-o", "--output", help="For people, for programs, or names alone.")
    ] = Form.TABLE,
) -> None:
    """Put Kubernetes Jobs into the federation's queue; prints one id for each, QUEUE:NAMESPACE/NAME.

    An HTCondor submit file becomes Jobs, too, as far as it has a container image and transfers no files.

    --dry-run adds the jobs to the last recorded cycle (or to --live, or --snapshot) and decides it with them: how many
    start now and where, who is evicted for them, or why not. A submit file is taken as jobs of a schedd with --schedd
    or --as, and where the federation has pools and no queue of its own.

    Ends with 0; with --wait 1 when one failed, 3 when the time was over, 4 when no daemon runs. With --dry-run 1 when
    none could ever run; 3 and 4 as `fedsched plan`.
    """
    from fedsched.cli.submit_files import texts

    some = texts(files)
    settings = _settings(config, snapshot)
    if _for_schedd(some, (schedd, user, queue), settings):
        _at_schedd(some, dry_run=dry_run, asked=(schedd, user, group, count), where=(config, snapshot, live), form=form)
        return
    if (wait or timeout) and dry_run:
        raise Failure(Exit.USAGE, "--wait needs Jobs that are really submitted", "leave out --wait or --dry-run")
    if timeout and not wait:
        raise Failure(Exit.USAGE, "--timeout is for --wait", "say --wait, too")
    timeout_s = seconds("--timeout", timeout, "6h") if timeout else None
    asked = Asked(queue, name, group, count, wait, timeout_s, config, form, Cluster(kubeconfig, cluster_context))
    if dry_run:
        _decide(some, settings, asked, (snapshot, live))
    if snapshot is not None or live:
        raise Failure(Exit.USAGE, "--live and --snapshot are for --dry-run", "leave them out, or say --dry-run")
    _submit(some, settings, asked)


def _settings(config: Path | None, snapshot: Path | None) -> Federation | None:
    """The federation's; None for a saved moment without one."""
    try:
        config_file(config)
    except Failure:
        if snapshot is None or config is not None:
            raise
        return None
    return federation(config)


def _for_schedd(some: Sequence[Text], asked: tuple[str, str, str], settings: Federation | None) -> bool:
    """Whether the jobs are a schedd's: it is named, or a submit file comes where only schedds have queues."""
    schedd, user, queue = asked
    if schedd or user:
        return True
    if queue or any(one.kind != "condor" for one in some):
        return False
    return settings is None or (bool(settings.pools) and not settings.queues)


def _at_schedd(
    some: Sequence[Text],
    *,
    dry_run: bool,
    asked: tuple[str, str, str, int],
    where: tuple[Path | None, Path | None, bool],
    form: Form,
) -> None:
    from fedsched.cli import submit_schedd

    config, snapshot, live = where
    if not dry_run:
        raise Failure(
            Exit.USAGE,
            "jobs go to their schedd by condor_submit",
            f"condor_submit {some[0].file}; to see what would become of it: fedsched submit --dry-run {some[0].file}; "
            "as Jobs of a container: --queue NAME",
        )
    if len(some) > 1 or some[0].kind != "condor":
        raise Failure(Exit.USAGE, "a schedd takes one submit file at a time", "name one, without --wait and --queue")
    moment = chosen(config, snapshot, recorded=False, live=live)
    raise typer.Exit(int(submit_schedd.dry_run(some[0], moment, submit_schedd.Asked(*asked), _plain_form(form))))


def _plain_form(form: Form) -> Format:
    return Format.JSON if form is Form.JSON else Format.TABLE


def _decide(some: Sequence[Text], settings: Federation | None, asked: Asked, where: tuple[Path | None, bool]) -> None:
    from fedsched.cli import submit_decided
    from fedsched.cli.submitted import check_in_journal
    from fedsched.config.settings import Federation

    snapshot, live = where
    moment = chosen(asked.config, snapshot, recorded=False, live=live)
    known = settings or Federation("saved")
    queue, ready, notes = _ready(some, known, asked, (_cluster(known, taken=False), moment.snapshot.at))
    if settings is not None and queue.kind == "journal":
        check_in_journal(settings.journal, ready)
    _say(notes, asked.form)
    raise typer.Exit(int(submit_decided.dry_run(moment, queue.name, ready, _plain_form(asked.form))))


def _submit(some: Sequence[Text], settings: Federation | None, asked: Asked) -> None:
    import time

    from fedsched.cli.submitted import queue_of, submit_to_journal

    if settings is None:
        raise Failure(Exit.USAGE, "no configuration", "name one with --config FILE")
    if queue_of(settings, asked.queue).kind == "hub":
        _into_hub(some, settings, asked)
        return
    queue, ready, notes = _ready(some, settings, asked, (_cluster(settings, taken=True), time.time()))
    submit_to_journal(settings.journal, ready)
    jobs = [(f"{queue.name}:{one.new.job.id}", one.new.job.uid) for one in ready]
    _told(queue, ready, jobs, (notes, asked.form))
    if asked.wait:
        from fedsched.cli.submit_wait import InJournal, followed
        from fedsched.journal import open_jobs

        with closing(open_jobs(settings.journal, reading=True)) as table:
            place = InJournal(table, settings, {uid: name for name, uid in jobs})
            raise typer.Exit(int(followed(place, asked.timeout_s)))


def _into_hub(some: Sequence[Text], settings: Federation, asked: Asked) -> None:
    import random
    import time

    from fedsched.cli.submit_hub import InHubQueue, into_hub, reached
    from fedsched.cli.submit_wait import followed
    from fedsched.cli.submitted import queue_of

    found = reached(queue_of(settings, asked.queue).name, asked.cluster)
    # Nobody there counts what is submitted: a number by chance, and the hub refuses a name that is taken.
    cluster = random.randrange(10_000, 100_000)  # noqa: S311 - a name, no secret
    queue, ready, notes = _ready(some, settings, asked, (cluster, time.time()), found.namespace)
    caller, made = into_hub(queue.name, found, ready)
    jobs = [(f"{queue.name}:{job.namespace}/{job.name}", job.uid) for job in made]
    _told(queue, ready, jobs, (notes, asked.form))
    if asked.wait:
        raise typer.Exit(int(followed(InHubQueue(caller, queue.name, made), asked.timeout_s)))


def _told(
    queue: QueueSettings, some: Sequence[Ready], jobs: Sequence[tuple[str, str]], how: tuple[Sequence[str], Form]
) -> None:
    """What was submitted. jobs: ids and uids. how: notes, form."""
    from fedsched.cli.submitted import counted

    notes, form = how
    if form is Form.JSON:
        _emit(queue, some, jobs, notes)
        return
    ids = [name for name, _ in jobs]
    for text in ids:
        output.line(text)
    held = sum(bool(one.new.held) for one in some)
    on_hold = f"; {held} on hold until `fedsched release`" if held and queue.kind == "journal" else ""
    _say((*notes, f"submitted: {counted(some)}{on_hold}", f"undo: {_undo(ids)}"), form)


def _ready(
    some: Sequence[Text], settings: Federation, asked: Asked, when: tuple[int, float], namespace: str = ""
) -> tuple[QueueSettings, tuple[Ready, ...], tuple[str, ...]]:
    """The queue, the Jobs for it, and what people should know. when: cluster number, epoch seconds.

    namespace: in a hub, of Jobs that name none.
    """
    from fedsched.cli.submit_files import drafts
    from fedsched.cli.submitted import Naming, queue_of, ready

    cluster, at = when
    queue = queue_of(settings, asked.queue)
    said = drafts(some, settings, cluster, asked.jobs)
    naming = Naming(asked.name, cluster, len(said.drafts) == 1, namespace or "default")
    return queue, ready(said.drafts, naming, (asked.group, at), (queue, settings)), said.notes


def _cluster(settings: Federation, *, taken: bool) -> int:
    """The number that $(Cluster) stands for; not taken, only looked at, for a dry run."""
    from fedsched.journal import open_jobs

    if not taken and not Path(settings.journal.partition(":")[2]).is_file():
        return 1
    with closing(open_jobs(settings.journal, reading=not taken)) as table:
        return table.cluster() if taken else table.mark().clusters + 1


def _emit(queue: QueueSettings, some: Sequence[Ready], jobs: Sequence[tuple[str, str]], notes: Sequence[str]) -> None:
    rows = [
        {
            "id": name,
            "uid": uid,
            "principal": one.found.principal,
            "class_key": "" if one.found.demand is None else one.found.demand.key,
            "held": one.new.held,
        }
        for (name, uid), one in zip(jobs, some, strict=True)
    ]
    output.emit_json("submitted", queue=queue.name, jobs=rows, notes=notes)


def _say(notes: Sequence[str], form: Form) -> None:
    if form is Form.TABLE:
        for text in notes:
            output.note(text)


def _undo(ids: Sequence[str]) -> str:
    few = 3
    return f"fedsched cancel {' '.join(ids)}" if len(ids) <= few else f"fedsched cancel {ids[0]} … ({len(ids)} in all)"
