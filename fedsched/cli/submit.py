"""`submit --dry-run`: what would become of a submit file's jobs now; nothing is submitted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples
from fedsched.cli.output import Exit, Failure, Format
from fedsched.cli.plan import SnapshotOption, chosen

if TYPE_CHECKING:
    from fedsched.cli.moment import Moment
    from fedsched.cli.verdict import Judged
    from fedsched.condor.questions import Submitted
    from fedsched.config.settings import Federation
    from fedsched.matchmaker.model import ScheddView

LARGEST = 256 * 1024
"""Bytes of a submit file that are read."""

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="An HTCondor submit file.")]
ScheddOption = Annotated[
    str, typer.Option("--schedd", metavar="NAME", help="To which schedd; needed where there are several.")
]
AsOption = Annotated[
    str, typer.Option("--as", metavar="USER@DOMAIN", help="As whom; else you, in the schedd's domain.")
]
GroupOption = Annotated[str, typer.Option("--group", metavar="GROUP", help="Instead of the file's accounting_group.")]
CountOption = Annotated[int, typer.Option("--count", metavar="N", min=0, help="Instead of its queue statement.")]
LiveOption = Annotated[
    bool, typer.Option("--live", help="Look at everybody now instead of taking the last recorded cycle.")
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("submit", rich_help_panel="Seeing", short_help="Say when a submit file's jobs would start, and where.")(
        submit
    )


@examples(
    "fedsched submit --dry-run job.sub",
    "fedsched submit --dry-run job.sub --schedd ce1.example.org --as ann@example.org --group physics.cms",
    "fedsched submit --dry-run job.sub --count 500 --live -o json | jq '.verdicts[].word'",
)
def submit(
    file: FileArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; needed so far.")] = False,
    schedd: ScheddOption = "",
    user: AsOption = "",
    group: GroupOption = "",
    count: CountOption = 0,
    live: LiveOption = False,
    snapshot: SnapshotOption = None,
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Say what would become of a submit file's jobs: how many start now and where, who is evicted for them, or why not.

    The jobs are added to the last recorded cycle (or to --live, or --snapshot) as their schedd would report them, and
    the cycle is decided with them: what is said is what that cycle does. Nothing is submitted.

    Ends with 0; 1 when none of the jobs could ever run; 3 and 4 as `fedsched plan`.
    """
    if not dry_run:
        raise Failure(
            Exit.USAGE,
            "submitting is not there yet: jobs go to their schedd as always",
            f"condor_submit {file}; to see what would become of it: fedsched submit --dry-run {file}",
        )
    from fedsched.cli.supposed import with_jobs
    from fedsched.cli.verdict import displaced, judged

    moment = chosen(config, snapshot, recorded=False, live=live)
    whose = where(moment, schedd)
    said = read(file, moment, whose, (user or yourself(whose), group, count))
    before = moment.decided()
    after = moment.but(with_jobs(moment.snapshot, whose, said.classes)).decided()
    verdicts = tuple(judged(one, before, after) for one in said.classes)
    names = {one.key: one.principal for view in moment.snapshot.observation.schedds for one in view.classes}
    instead = displaced(before.plan, after.plan, frozenset(one.key for one in said.classes), names)
    if form is Format.JSON:
        output.emit_json(
            "submit",
            source=moment.source,
            at=after.plan.at,
            stale=moment.stale,
            jobs=said.jobs,
            held=said.held,
            verdicts=verdicts,
            displaced=instead,
        )
    else:
        show(moment, said, verdicts, instead)
    raise typer.Exit(int(_code(moment, verdicts)))


def read(file: Path, moment: Moment, whose: ScheddView, asked: tuple[str, str, int]) -> Submitted:
    """The file as demand of that schedd. asked: user, group and count. Failure (usage) for what is no submit file."""
    from fedsched.condor.demand import terms
    from fedsched.condor.principals import Origin
    from fedsched.condor.processes import QueryFailed
    from fedsched.condor.questions import ReadSubmit
    from fedsched.condor.submit_reader import read_submit

    user, group, count = asked
    domains = (dict(one.attributes).get("filesystemdomain", "") for one in whose.classes)
    question = ReadSubmit(
        text=_text(file),
        origin=Origin(whose.name, whose.identity, whose.pool),
        terms=terms(_settings(moment), moment.policy.max_classes),
        user=user,
        at=moment.snapshot.at,
        group=group,
        count=count,
        filesystem=next((domain for domain in domains if domain), ""),
    )
    try:
        said = read_submit(question)
    except QueryFailed as failed:
        raise Failure(Exit.USAGE, f"{file}: {failed}", "mend the file; its language: condor_submit(1)") from None
    return said


def where(moment: Moment, name: str) -> ScheddView:
    """The schedd of that name, new if need be; the only one without a name. Failure (usage) where there are more."""
    from fedsched.matchmaker.model import ScheddView

    known = {view.name: view for view in moment.snapshot.observation.schedds}
    if name in known:
        return known[name]
    if not name and len(known) == 1:
        return next(iter(known.values()))
    if not name:
        names = ", ".join(sorted(known)) or "none is known"
        raise Failure(Exit.USAGE, f"to which schedd? {names}", "name one with --schedd NAME")
    pools = moment.snapshot.observation.pools
    output.note(f"schedd {name} is not known yet: taken as one that flocks here for the first time")
    return ScheddView(name, pools[0].name if pools else "", identity=name)


def yourself(whose: ScheddView) -> str:
    """You, in the domain that most of the schedd's users have; as known there already where it is."""
    import getpass

    me = getpass.getuser()
    users = [one.principal.user for one in whose.classes]
    mine = [user for user in users if user.partition("@")[0] == me]
    domains = Counter(user.partition("@")[2] for user in users)
    domain = domains.most_common(1)[0][0] if domains else whose.name.partition(".")[2]
    return mine[0] if mine else f"{me}@{domain}"


def show(moment: Moment, said: Submitted, verdicts: tuple[Judged, ...], instead: tuple[str, ...]) -> None:
    """The verdicts for a person."""
    from fedsched.matchmaker.explain import age
    from fedsched.matchmaker.resources import describe

    for one in verdicts:
        output.wrapped(one.text)
        output.line(f"  jobs       {one.jobs} of {one.principal} at {one.schedd}, class {one.class_key}")
        output.line(f"  each       {describe(one.request)}, {age(one.length.seconds)} ({one.length.source})")
        output.labelled("taken as", one.floors, 9)
        output.labelled("nearest", one.nearest, 9)
    output.labelled("instead", instead, 9)
    if said.held:
        output.wrapped("They are submitted on hold: none starts before `condor_release`.", indent=2)
    when = "now" if moment.source == "live" else f"in {moment.source}"
    output.line(f"  decided    as if they had been there {when}; policy {moment.policy.name}")


def _code(moment: Moment, verdicts: tuple[Judged, ...]) -> Exit:
    if verdicts and all(one.word == "never" for one in verdicts):
        return Exit.REFUSED
    return moment.exit_code


def _settings(moment: Moment) -> Federation:
    """The federation's; for a moment from a file, defaults: who is charged is then what the jobs say of themselves."""
    from fedsched.config.settings import Federation, PrincipalRule

    if moment.settings is not None:
        return moment.settings
    return Federation("saved", (), principals=(PrincipalRule("*", groups=("*",)),))


def _text(file: Path) -> str:
    """What stands in it. Failure (usage) for what cannot be a submit file."""
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise Failure(Exit.USAGE, f"{file}: {error.strerror}", "name an HTCondor submit file") from None
    if len(content) > LARGEST:
        raise Failure(Exit.USAGE, f"{file}: larger than {LARGEST >> 10} KiB", "no submit file is; check the name")
    return content.decode("utf-8", "replace")
