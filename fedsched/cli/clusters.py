"""`clusters`: the members of the federation as of the last cycle: state, ages, room, startds, price, credential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, ServerOption, WatchOption, examples
from fedsched.cli.output import Column, Format

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fedsched.client import Answers
    from fedsched.client.documents import ClusterLine, Clusters
    from fedsched.matchmaker.model import NodeGroup

PHASES = ("starting", "unclaimed", "claimed", "leaving")
JOBS = "JOBS"
STATES = {"ready": "good", "slow": "warn", "never": "faint"}
MARKS = {"drain": "draining", "cordon": "cordoned", "pause": "paused"}


def _tone(cell: str) -> str:
    word, _, marks = cell.partition(",")
    tone = STATES.get(word, "bad") if word else ""
    return "warn" if marks and tone == "good" else tone


COLUMNS = (
    Column("MEMBER"),
    Column("STATE", tone=_tone),
    Column("SEEN", right=True),
    Column("MODE", rank=1),
    Column("START", right=True),
    Column("UNCL", right=True),
    Column("CLAIM", right=True),
    Column("LEAVE", right=True),
    Column(JOBS, rank=4, right=True),
    Column("LENT", rank=5, right=True),
    Column("PRICE", rank=5, right=True),
    Column("PLACE", rank=6),
    Column("CRED", rank=3, right=True),
    Column("NODE GROUP", rank=2),
    Column("NODES", rank=2, right=True),
    Column("ROOM", rank=2, least=24),
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel="Seeing", short_help="Show the members: state, room, our startds.")(clusters)


@examples(
    "fedsched clusters",
    "fedsched clusters m1",
    "fedsched clusters -o json | jq '.members[] | {name, state}'",
)
def clusters(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Only this member.", show_default=False)] = "",
    watch: WatchOption = False,
    server: ServerOption = "",
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Show the members: state, age of what is known, room, our startds, life of the credential.

    START counts intended and starting startds, UNCL those in the pool that nobody claimed, CLAIM those that run jobs,
    LEAVE those that take no new work; JOBS counts copies of Kubernetes Jobs. LENT is what it lends in core-equivalents,
    PRICE that of a core for an hour.
    Below the table stands what needs somebody's attention.
    """
    from fedsched.cli.watching import shown

    def asked(answers: Answers) -> Clusters:
        return answers.clusters(name) if server else _with_new(answers, config, name)

    raise typer.Exit(shown(asked, show, (config, server), form, watch=watch))


def show(answer: Clusters) -> None:
    """The table and what needs attention."""
    from fedsched.matchmaker.explain import age

    if not answer.members:
        output.line("No member is joined.")
        output.line("  next: fedsched join NAME --kubeconfig FILE --cluster-context CONTEXT")
        return
    # Where no member runs Jobs there is no column for them.
    jobs = any(one.copies for one in answer.members)
    rows = [row for one in answer.members for row in _rows(answer, one)]
    shown = [index for index, column in enumerate(COLUMNS) if jobs or column.title != JOBS]
    output.table(tuple(COLUMNS[index] for index in shown), [tuple(row[index] for index in shown) for row in rows])
    output.line()
    output.line(f"cycle {answer.cycle}, {age(answer.age_s)} ago")
    for text in answer.attention:
        output.wrapped(f"! {text}")


def _rows(answer: Clusters, one: ClusterLine) -> Iterator[tuple[str, ...]]:
    """One row for each node group, the member's own cells only in the first."""
    from fedsched.matchmaker.explain import age

    cells = (
        one.name,
        ",".join([one.state, *(MARKS[kind] for kind in MARKS if kind in one.orders)]),
        "never" if one.seen_at is None else f"{age(answer.now - one.seen_at)} ago",
        one.mode,
        *(str(one.ours.get(phase, 0)) for phase in PHASES),
        str(sum(one.copies.values())) if one.copies else "",
        f"{one.lent:.0f}",
        f"{one.price_per_core_hour:g}" if one.price_per_core_hour else "-",
        one.region or "-",
        _credential(one, answer.now),
    )
    for number, group in enumerate(one.node_groups or (None,)):
        yield (*(("",) * len(cells) if number else cells), *(("", "", "") if group is None else _group(group)))


def _group(group: NodeGroup) -> tuple[str, str, str]:
    from fedsched.matchmaker.resources import Resources

    nodes = str(group.nodes) if group.ready == group.nodes else f"{group.ready}/{group.nodes}"
    total = Resources()
    for bar in group.rooms:
        total += bar.free.floor_zero().times(bar.nodes)
    best = max((bar.free.cpu_milli for bar in group.rooms), default=0)
    gpus = f", {total.gpus} GPU" if group.gpu_resource or total.gpus else ""
    source = "declared: " if group.declared else ""
    cores, gib = total.cpu_milli / 1000, total.memory_mib / 1024
    return group.name, nodes, f"{source}{cores:g} cores, {gib:.0f} GiB{gpus}; at most {best / 1000:g} cores on a node"


def _credential(one: ClusterLine, now: float) -> str:
    if one.credential_expires_at is None:
        return "-"
    left = one.credential_expires_at - now
    return f"{left / 86_400:.1f} d" if left > 0 else "expired"


def _with_new(answers: Answers, config: Path | None, name: str) -> Clusters:
    """The members of the last cycle and those whose file came since."""
    import msgspec

    from fedsched.client import NoAnswer

    try:
        answer = answers.clusters(name)
    except NoAnswer:
        new = tuple(_new(config, frozenset(), name))
        if not new:
            raise
        return msgspec.structs.replace(answers.clusters(), members=new, attention=())
    known = frozenset(one.name for one in answer.members)
    new = () if name else tuple(_new(config, known))
    members = sorted((*answer.members, *new), key=lambda one: one.name)
    return msgspec.structs.replace(answer, members=tuple(members)) if new else answer


def _new(config: Path | None, known: frozenset[str], name: str = "") -> Iterator[ClusterLine]:
    """Members with a file that no cycle knows, or the one of that name; a bad file is told, and none is added."""
    from fedsched.cli.options import federation

    settings = federation(config)
    files = {file.stem for file in settings.clusters.glob("*.toml")} - known
    if not (files & {name} if name else files):
        return
    from fedsched.answers.clusters import mode
    from fedsched.client.documents import ClusterLine
    from fedsched.config import ConfigError, load_members

    try:
        for member in load_members(settings):
            if member.name in files and name in {"", member.name}:
                price = member.terms.price_per_core_hour
                yield ClusterLine(
                    member.name, "never", mode(member.terms), price_per_core_hour=price, region=member.region
                )
    except ConfigError as error:
        output.note(f"{error}\n  next: fedsched check (members are shown as of the last cycle)")
