"""`whatif`: the moment decided, or run ahead, with something changed beside without; nothing is carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples
from fedsched.cli.output import Column, Exit, Failure, Format
from fedsched.cli.plan import SnapshotOption, chosen
from fedsched.cli.submit import AsOption, GroupOption, LiveOption, QueueOption, ScheddOption
from fedsched.cli.unheard import Unheard, told, unheard

if TYPE_CHECKING:
    from fedsched.cli.compared import Ahead, Changed, ChangedAhead, Side
    from fedsched.cli.moment import Moment
    from fedsched.matchmaker.model import ScheddView
    from fedsched.replay import Difference

MOST_LINES = 40
"""Differences that are shown as sentences; JSON has all."""
LONGEST_HOURS = 24.0 * 14

COLUMNS = (
    Column("PRINCIPAL"),
    Column("STARTED", right=True),
    Column("UNMET", right=True),
    Column("EVICTED", right=True),
    Column("HELD", rank=1, right=True),
    Column("ENTITLED", rank=2, right=True),
)
COLUMNS_AHEAD = (
    Column("PRINCIPAL"),
    Column("STARTED", right=True),
    Column("MEDIAN WAIT", rank=1, right=True),
    Column("P95 WAIT", rank=2, right=True),
    Column("LAST START", rank=3, right=True),
    Column("FINISHED", right=True),
    Column("EVICTED", right=True),
    Column("UNMET", right=True),
    Column("COST", right=True),
)


class Asked(msgspec.Struct, frozen=True):
    """What is to be otherwise."""

    add_members: tuple[Path, ...] = ()
    lose: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    quotas: tuple[str, ...] = ()
    jobs: tuple[Path, ...] = ()
    policy: str = ""
    schedd: str = ""
    user: str = ""
    group: str = ""
    queue: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing is."""
        return not (self.add_members or self.lose or self.factors or self.quotas or self.jobs or self.policy)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("whatif", rich_help_panel="Seeing", short_help="Show what another member, policy or load changes.")(
        whatif
    )


@examples(
    "fedsched whatif --lose alps",
    "fedsched whatif --add-member new/cloud.toml --hours 12",
    "fedsched whatif --quota physics.cms=cpu=64 --jobs conference.sub",
    "fedsched whatif --policy owner-first --snapshot friday.json.zst --hours 24",
)
def whatif(
    add_member: Annotated[
        list[Path] | None,
        typer.Option("--add-member", metavar="FILE", help="A member's file with [simulated].", show_default=False),
    ] = None,
    lose: Annotated[
        list[str] | None, typer.Option("--lose", metavar="MEMBER", help="It is gone for good.", show_default=False)
    ] = None,
    factor: Annotated[
        list[str] | None, typer.Option("--factor", metavar="WHO=X", help="Another priority factor.", show_default=False)
    ] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option("--quota", metavar="GROUP=…", help="Another floor: cpu=64,gpus=4 or 0.25.", show_default=False),
    ] = None,
    jobs: Annotated[
        list[Path] | None,
        typer.Option(
            "--jobs", metavar="FILE", help="More: submit file, Kubernetes Jobs or scenario.toml.", show_default=False
        ),
    ] = None,
    policy: Annotated[str, typer.Option("--policy", metavar="NAME|FILE", help="Another policy.")] = "",
    hours: Annotated[float, typer.Option("--hours", min=0.0, max=LONGEST_HOURS, help="Run both so far ahead.")] = 0.0,
    schedd: ScheddOption = "",
    user: AsOption = "",
    group: GroupOption = "",
    queue: QueueOption = "",
    live: LiveOption = False,
    snapshot: SnapshotOption = None,
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Show what would be otherwise with another member, without one, with more jobs, or under other terms.

    The last recorded cycle (or --live, or --snapshot) is decided twice, with the changes and without; options may be
    combined and repeated. A member is lost first, then members are added, then terms change, then jobs come. With
    --hours both are run ahead by the real loop on simulated clusters, and waits, evictions and cost are compared; no
    further job arrives there.

    Kubernetes Jobs come into the queue that --queue names. Those that have a copy at a member that is lost are placed
    again only when its own deadline has surely ended it: when that is stands below the table.

    The first startd of a node group that is new goes alone until its slot was seen: one cycle shows little of a new
    member, --hours shows it.
    """
    asked = Asked(
        tuple(add_member or ()),
        tuple(lose or ()),
        tuple(factor or ()),
        tuple(quota or ()),
        tuple(jobs or ()),
        policy,
        schedd,
        user,
        group,
        queue,
    )
    if asked.empty:
        raise Failure(Exit.USAGE, "what if what?", "say what is otherwise: fedsched whatif --help")
    moment = chosen(config, snapshot, recorded=False, live=live)
    lost = unheard(moment.snapshot, asked.lose)
    after = supposed(moment, asked)
    if hours:
        _run_ahead((moment, after), hours, lost, form)
    else:
        _decide(moment, after, lost, form)
    raise typer.Exit(int(moment.exit_code))


def supposed(moment: Moment, asked: Asked) -> Moment:
    """The moment with everything changed. Failure (usage) and ConfigError for what cannot be."""
    from fedsched.cli import otherwise

    for name in asked.lose:
        moment = _without(moment, name)
    for file in asked.add_members:
        moment = _with_member(moment, file)
    if asked.policy:
        own = moment.settings.policies if moment.settings else None
        moment = moment.but(moment.snapshot, otherwise.named(asked.policy, own))
    for given in asked.factors:
        moment = moment.but(moment.snapshot, otherwise.with_factor(moment.policy, given))
    for given in asked.quotas:
        moment = moment.but(moment.snapshot, otherwise.with_quota(moment.policy, given))
    for file in asked.jobs:
        moment = _with_jobs(moment, file, asked)
    return moment


def _without(moment: Moment, name: str) -> Moment:
    from fedsched.cli.supposed import without_member
    from fedsched.config.problems import did_you_mean

    known = [terms.name for terms in moment.snapshot.terms]
    if name not in known:
        raise Failure(Exit.USAGE, f"--lose {name}: no such member{did_you_mean(name, known)}", "fedsched clusters")
    return moment.but(without_member(moment.snapshot, name))


def _with_member(moment: Moment, file: Path) -> Moment:
    from fedsched.cli.supposed import with_member
    from fedsched.config import load_member
    from fedsched.sim.members import sim_members
    from fedsched.sim.scenario import Scenario
    from fedsched.sim.world import SimWorld

    (spec,) = sim_members((load_member(file),), file.parent)
    if any(terms.name == spec.terms.name for terms in moment.snapshot.terms):
        text = f"--add-member {file}: {spec.terms.name} is a member already"
        raise Failure(Exit.USAGE, text, f"to replace it: --lose {spec.terms.name} --add-member {file}")
    world = SimWorld(Scenario(members=(spec,), begins=moment.snapshot.at))
    (view,) = world.observe(moment.snapshot.at).members
    return moment.but(with_member(moment.snapshot, spec.terms, view))


def _with_jobs(moment: Moment, file: Path, asked: Asked) -> Moment:
    from fedsched.cli import submit_schedd as submit
    from fedsched.cli.supposed import with_jobs

    if file.suffix == ".toml":
        snapshot = moment.snapshot
        for view in _workload(moment, file):
            snapshot = with_jobs(snapshot, view, view.classes)
        return moment.but(snapshot)
    if _for_queue(file, moment, asked):
        return _with_queued(moment, file, asked)
    whose = submit.where(moment, asked.schedd)
    said = submit.read(file, moment, whose, (asked.user or submit.yourself(whose), asked.group, 0))
    return moment.but(with_jobs(moment.snapshot, whose, said.classes))


def _for_queue(file: Path, moment: Moment, asked: Asked) -> bool:
    """Whether what a file says are Jobs of a queue, as `submit --dry-run` decides it."""
    from fedsched.cli.submit_files import texts

    if asked.schedd or asked.user:
        return False
    if asked.queue or texts((file,))[0].kind != "condor":
        return True
    return moment.settings is not None and bool(moment.settings.queues or not moment.settings.pools)


def _with_queued(moment: Moment, file: Path, asked: Asked) -> Moment:
    """Kubernetes Jobs in a queue of Jobs, as `submit` would put them there."""
    from fedsched.cli.submit_decided import with_queued
    from fedsched.cli.submit_files import drafts, texts
    from fedsched.cli.submitted import Naming, queue_of, ready
    from fedsched.config.settings import Federation

    settings = moment.settings or Federation("saved")
    queue = queue_of(settings, asked.queue)
    said = drafts(texts((file,)), settings, 1, 0)
    naming = Naming("", 1, len(said.drafts) == 1)
    some = ready(said.drafts, naming, (asked.group, moment.snapshot.at), (queue, settings))
    return moment.but(with_queued(moment.snapshot, queue.name, some))


def _workload(moment: Moment, file: Path) -> tuple[ScheddView, ...]:
    """All jobs of a scenario's workload as if they had been submitted just now."""
    from fedsched.config.tables import read_file
    from fedsched.sim.scenario import Scenario
    from fedsched.sim.tables import SCENARIO
    from fedsched.sim.workload import generated
    from fedsched.sim.world import SimWorld

    _, said = read_file(file, SCENARIO)
    drawn = generated(said.workload, said.seed, said.begins_at)
    jobs = tuple(msgspec.structs.replace(job, at=0.0) for job in drawn)
    pools = moment.snapshot.observation.pools
    pool = pools[0].name if pools else "target"
    world = SimWorld(Scenario(members=(), jobs=jobs, pool=pool, begins=moment.snapshot.at))
    return world.observe(moment.snapshot.at).schedds


def _decide(moment: Moment, after: Moment, lost: tuple[Unheard, ...], form: Format) -> None:
    from fedsched.cli.compared import changed
    from fedsched.replay import class_names, differences, tell

    first, second = moment.decided(), after.decided()
    seen = after.snapshot.observation
    rows = changed((first, moment.snapshot.observation), (second, seen))
    found = differences(first.plan, second.plan)
    names = class_names(moment.snapshot.observation) | class_names(seen)
    if form is Format.JSON:
        output.emit_json(
            "whatif",
            source=moment.source,
            at=second.plan.at,
            stale=moment.stale,
            principals=rows,
            differences=found,
            sentences=tell(found, names),
            unheard=lost,
        )
        return
    output.line(f"{moment.source}, policy {moment.policy.name}: without the change -> with it")
    sentences = tell((one for one in found if _worth_telling(one)), names)
    show(rows, (*told(lost, moment.snapshot.at), *sentences))


def show(rows: Iterable[Changed], sentences: tuple[str, ...]) -> None:
    """The principals, then what differs."""
    output.line()
    output.table(COLUMNS, [_row(one) for one in rows])
    output.line()
    for text in sentences[:MOST_LINES]:
        output.wrapped(text, indent=2)
    if len(sentences) > MOST_LINES:
        output.line(f"  And {len(sentences) - MOST_LINES} more differences: -o json has all.")
    if not sentences:
        output.line("  Nothing would be otherwise in this cycle.")


def _worth_telling(one: Difference) -> bool:
    """What people ask for; shares stand in the table, and memory and notices in JSON."""
    from fedsched.replay.differences import ClassDiffers, GoingDiffers, OrdersDiffer, PlacementsDiffer, StateDiffers

    return isinstance(one, PlacementsDiffer | GoingDiffers | ClassDiffers | StateDiffers | OrdersDiffer)


def _row(one: Changed) -> tuple[str, ...]:
    def both(read: Callable[[Side], int], per: float = 1.0) -> str:
        return _arrow(f"{read(one.before) / per:g}", f"{read(one.after) / per:g}")

    return (
        one.principal,
        both(lambda side: side.started),
        both(lambda side: side.unmet),
        both(lambda side: side.evicted),
        both(lambda side: round(side.held, -2), 1000.0),
        both(lambda side: round(side.entitled, -2), 1000.0),
    )


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"


def _run_ahead(sides: tuple[Moment, Moment], hours: float, lost: tuple[Unheard, ...], form: Format) -> None:
    from fedsched.cli.compared import ahead
    from fedsched.forecast import Course, forward, learn
    from fedsched.log import configure

    moment, after = sides
    configure(level="critical")
    course = Course(hours=hours)
    with output.said(f"running {hours:g} h ahead, twice"):
        lengths = learn(moment.snapshot.observation, moment.accounts)
        first = forward(moment.snapshot, moment.policy, course, lengths)
        second = forward(after.snapshot, after.policy, course, lengths)
    rows = ahead(first, second)
    if form is Format.JSON:
        output.emit_json(
            "whatif",
            source=moment.source,
            at=moment.snapshot.at,
            stale=moment.stale,
            hours=hours,
            seed=course.seed,
            principals=rows,
            before=first,
            after=second,
            unheard=lost,
        )
        return
    policy = moment.policy.name
    output.line(f"{moment.source}, policy {policy}, {hours:g} h ahead: without the change -> with it")
    show_ahead(rows)
    for text in told(lost, moment.snapshot.at):
        output.wrapped(text)


def show_ahead(rows: Iterable[ChangedAhead]) -> None:
    """All together and principal by principal; no further job arrives in such a run."""
    output.line()
    output.table(COLUMNS_AHEAD, [_row_ahead(one) for one in rows])
    output.line()
    output.line("Lengths of jobs are drawn from what is known of them; one run with one seed each.")


def _row_ahead(one: ChangedAhead) -> tuple[str, ...]:
    from fedsched.matchmaker.explain import age

    def both(read: Callable[[Ahead], str]) -> str:
        return _arrow(*("-" if side is None else read(side) for side in (one.before, one.after)))

    def wait(seconds: float | None) -> str:
        return "-" if seconds is None else age(seconds)

    return (
        one.principal or "all",
        both(lambda side: str(side.started)),
        both(lambda side: wait(side.wait_p50_s)),
        both(lambda side: wait(side.wait_p95_s)),
        both(lambda side: wait(side.last_start_s)),
        both(lambda side: str(side.finished)),
        both(lambda side: str(side.evictions)),
        both(lambda side: str(side.unmet)),
        both(lambda side: "" if side.cost is None else f"{side.cost:.2f}"),
    )
