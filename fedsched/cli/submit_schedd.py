"""`submit --dry-run` for a schedd: what would become of a submit file's jobs now; nothing is submitted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fedsched.cli import output
from fedsched.cli.output import Exit, Failure, Format
from fedsched.cli.submit_files import Text, text_of

if TYPE_CHECKING:
    from fedsched.cli.moment import Moment
    from fedsched.cli.verdict import Judged
    from fedsched.condor.questions import Submitted
    from fedsched.config.settings import Federation
    from fedsched.matchmaker.model import ScheddView

LARGEST = 256 * 1024
"""Bytes of a submit file that are read."""


class Asked(NamedTuple):
    """What was asked beside the file; see the options of `submit`. jobs: their number, 0 for what the file says."""

    schedd: str = ""
    user: str = ""
    group: str = ""
    jobs: int = 0


def dry_run(file: Text, moment: Moment, asked: Asked, form: Format) -> Exit:
    """Decide the moment with the file's jobs in that schedd's queue, and show what becomes of them."""
    from fedsched.cli.supposed import with_jobs
    from fedsched.cli.verdict import displaced, judged

    whose = where(moment, asked.schedd)
    said = reading(file, moment, whose, (asked.user or yourself(whose), asked.group, asked.jobs))
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
        show(moment, verdicts, instead, held="`condor_release`" if said.held else "")
    return code(moment, verdicts)


def read(file: Path, moment: Moment, whose: ScheddView, asked: tuple[str, str, int]) -> Submitted:
    """The file as demand of that schedd. asked: user, group and count. Failure (usage) for what is no submit file."""
    return reading(Text(file, text_of(file, LARGEST), "condor"), moment, whose, asked)


def reading(file: Text, moment: Moment, whose: ScheddView, asked: tuple[str, str, int]) -> Submitted:
    """The same of a file that was read already."""
    from fedsched.condor.demand import terms
    from fedsched.condor.principals import Origin
    from fedsched.condor.processes import QueryFailed
    from fedsched.condor.questions import ReadSubmit
    from fedsched.condor.submit_reader import read_submit

    user, group, count = asked
    domains = (dict(one.attributes).get("filesystemdomain", "") for one in whose.classes)
    question = ReadSubmit(
        text=file.text,
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
        raise Failure(Exit.USAGE, f"{file.file}: {failed}", "mend the file; its language: condor_submit(1)") from None
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


def show(moment: Moment, verdicts: tuple[Judged, ...], instead: tuple[str, ...], held: str = "") -> None:
    """The verdicts for a person. held: what lets those start that are submitted on hold, "" where none is."""
    from fedsched.matchmaker.explain import age
    from fedsched.matchmaker.resources import describe

    for one in verdicts:
        output.wrapped(one.text)
        output.line(f"  jobs       {one.jobs} of {one.principal} at {one.schedd}, class {one.class_key}")
        output.line(f"  each       {describe(one.request)}, {age(one.length.seconds)} ({one.length.source})")
        output.labelled("taken as", one.floors, 9)
        output.labelled("nearest", one.nearest, 9)
    output.labelled("instead", instead, 9)
    if held:
        output.wrapped(f"They are submitted on hold: none starts before {held}.", indent=2)
    when = "now" if moment.source == "live" else f"in {moment.source}"
    output.line(f"  decided    as if they had been there {when}; policy {moment.policy.name}")


def code(moment: Moment, verdicts: tuple[Judged, ...]) -> Exit:
    """1 when none of the jobs could ever run, else what the moment ends with."""
    if verdicts and all(one.word == "never" for one in verdicts):
        return Exit.REFUSED
    return moment.exit_code


def _settings(moment: Moment) -> Federation:
    """The federation's; for a moment from a file, defaults: who is charged is then what the jobs say of themselves."""
    from fedsched.config.settings import Federation, PrincipalRule

    if moment.settings is not None:
        return moment.settings
    return Federation("saved", (), principals=(PrincipalRule("*", groups=("*",)),))
