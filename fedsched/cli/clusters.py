"""`clusters`: the members of the federation as of the last cycle: state, ages, room, startds, credential."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from pathlib import Path

    from fedsched.cli.recorded import Recorded
    from fedsched.matchmaker.model import MemberTerms, MemberView, NodeGroup

PHASES = ("starting", "unclaimed", "claimed", "leaving")
CREDENTIAL_SOON_S = 3 * 86_400.0

COLUMNS = (
    Column("MEMBER"),
    Column("STATE"),
    Column("SEEN", right=True),
    Column("MODE", rank=1),
    Column("START", right=True),
    Column("UNCL", right=True),
    Column("CLAIM", right=True),
    Column("LEAVE", right=True),
    Column("CRED", rank=3, right=True),
    Column("NODE GROUP", rank=2),
    Column("NODES", rank=2, right=True),
    Column("ROOM", rank=2),
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
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Show the members: state, age of what is known, room, our startds, life of the credential.

    START counts intended and starting startds, UNCL those in the pool that nobody claimed, CLAIM those that run jobs,
    LEAVE those that take no new work. Below the table stands what needs somebody's attention.
    """
    from fedsched.cli.recorded import last

    recorded = last(config)
    terms = _terms(recorded, config)
    if name and name not in terms:
        from fedsched.config.problems import did_you_mean

        raise Failure(
            Exit.REFUSED, f"no member {name!r}{did_you_mean(name, list(terms))}", "see all: fedsched clusters"
        )
    chosen = {key: value for key, value in terms.items() if name in {"", key}}
    if form is Format.JSON:
        _print_json(recorded, chosen)
    else:
        show(recorded, chosen)
    raise typer.Exit(int(recorded.exit_code))


def show(recorded: Recorded, terms: dict[str, MemberTerms]) -> None:
    """The table and what needs attention."""
    from fedsched.matchmaker.explain import age

    if not terms:
        output.line("No member is joined.")
        output.line("  next: fedsched join NAME --kubeconfig FILE --cluster-context CONTEXT")
        return
    rows = [row for name in sorted(terms) for row in _rows(recorded, terms[name])]
    output.table(COLUMNS, rows)
    output.line()
    output.line(f"cycle {recorded.plan.cycle}, {age(recorded.age_s)} ago")
    for text in attention(recorded, terms):
        output.wrapped(text)


def attention(recorded: Recorded, terms: dict[str, MemberTerms]) -> list[str]:
    """What an operator should hear of: silence, orders, credentials, failures, closed doors; one line each."""
    told = [
        *_about_us(recorded, terms),
        *_about_pools(recorded),
        *_about_members(recorded, terms),
        *_about_placements(recorded, terms),
    ]
    return [f"! {text}" for text in dict.fromkeys(told)]


def _about_us(recorded: Recorded, terms: dict[str, MemberTerms]) -> Iterator[str]:
    from fedsched.matchmaker.explain import age

    frozen = recorded.plan.memory.frozen_since
    if frozen is not None:
        since = age(recorded.at - frozen)
        yield f"frozen for {since}: most members fell silent together; check the hub's own network first"
    for order in recorded.orders:
        if order.kind != "deny" and order.target in {"*", *terms}:
            whom = "all members" if order.target == "*" else order.target
            yield f"{whom}: {order.kind} for {age(recorded.at - order.at)} by {order.by or 'somebody'}: {order.reason}"


def _about_pools(recorded: Recorded) -> Iterator[str]:
    from fedsched.matchmaker.explain import age

    for view in recorded.observation.pools:
        if view.error:
            last = "never" if view.seen_at is None else f"{age(recorded.at - view.seen_at)} ago"
            yield f"pool {view.name}: its startds were last seen {last}: {view.error}"


def _about_members(recorded: Recorded, terms: dict[str, MemberTerms]) -> Iterator[str]:
    from fedsched.matchmaker.explain import age

    for view in recorded.observation.members:
        if view.name not in terms:
            continue
        if view.contact != "ok" and view.contact_error:
            yield f"{view.name}: {view.contact}: {view.contact_error}"
        left = _credential_s(view, recorded.at)
        if left is not None and left < CREDENTIAL_SOON_S:
            yield f"{view.name}: the credential ends in {age(left)}; run `fedsched rotate {view.name}`"


def _about_placements(recorded: Recorded, terms: dict[str, MemberTerms]) -> Iterator[str]:
    from fedsched.matchmaker.explain import action, age, clause

    for held in recorded.plan.held:
        if held.failure is not None and held.placement.member in terms:
            yield f"{held.placement.id}: {clause(held.failure)}; {action(held.failure)}"
    for key, pair in recorded.plan.memory.pairs.items():
        member, group, *_ = key.split("/", 2)
        if pair.closed_until > recorded.at and member in terms:
            why = f": {clause(pair.last_failure)}; {action(pair.last_failure)}" if pair.last_failure else ""
            rest = age(pair.closed_until - recorded.at)
            yield f"{member}/{group} rests for {rest} after {pair.failures} failures{why}"


def _rows(recorded: Recorded, terms: MemberTerms) -> list[tuple[str, ...]]:
    view = next((v for v in recorded.observation.members if v.name == terms.name), None)
    counts = _startds(recorded, terms.name)
    head = (
        terms.name,
        _state(recorded, terms.name),
        _seen(recorded, view),
        mode(terms),
        *(str(counts[phase]) for phase in PHASES),
        _credential(view, recorded.at),
    )
    groups = [_group(group) for group in view.node_groups] if view else []
    blank = ("",) * len(head)
    return [(*(head if not index else blank), *group) for index, group in enumerate(groups or [("", "", "")])]


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


def _startds(recorded: Recorded, member: str) -> Counter[str]:
    merged = {"intended": "starting"}
    return Counter(
        merged.get(held.phase, held.phase)
        for held in recorded.plan.held
        if held.placement.member == member
        for _ in range(held.nodes)
    )


def _state(recorded: Recorded, name: str) -> str:
    memory = recorded.plan.memory.members.get(name)
    if memory is None:
        return "new"
    orders = {order.kind for order in recorded.orders if order.target in {"*", name}}
    word = "credential" if memory.unauthorized else str(memory.state)
    marks = [
        said for kind, said in (("drain", "draining"), ("cordon", "cordoned"), ("pause", "paused")) if kind in orders
    ]
    return ",".join([word, *marks])


def _seen(recorded: Recorded, view: MemberView | None) -> str:
    from fedsched.matchmaker.explain import age

    if view is None or view.seen_at is None:
        return "never"
    return f"{age(recorded.at - view.seen_at)} ago"


def mode(terms: MemberTerms) -> str:
    """The mode as the member's file spells it."""
    return f"trial({terms.trial})" if terms.mode == "trial" else terms.mode


def _credential_s(view: MemberView, at: float) -> float | None:
    return None if view.credential_expires_at is None else view.credential_expires_at - at


def _credential(view: MemberView | None, at: float) -> str:
    left = None if view is None else _credential_s(view, at)
    if left is None:
        return "-"
    return f"{left / 86_400:.1f} d" if left > 0 else "expired"


def _terms(recorded: Recorded, config: Path | None) -> dict[str, MemberTerms]:
    """Members of the last cycle, and those whose file came since."""
    from fedsched.cli.options import federation
    from fedsched.config import ConfigError, load_members

    known = {terms.name: terms for terms in recorded.terms}
    try:
        files = {member.name: member.terms for member in load_members(federation(config))}
    except ConfigError as error:
        output.note(f"{error}\n  next: fedsched check (members are shown as of the last cycle)")
        return known
    return {**files, **known}


def _print_json(recorded: Recorded, terms: dict[str, MemberTerms]) -> None:
    views = {view.name: view for view in recorded.observation.members}
    output.emit_json(
        "clusters",
        cycle=recorded.plan.cycle,
        at=recorded.plan.at,
        age_s=round(recorded.age_s, 3),
        stale=recorded.stale,
        frozen_since=recorded.plan.memory.frozen_since,
        attention=attention(recorded, terms),
        members=[
            {
                "name": name,
                "state": _state(recorded, name).split(",")[0],
                "orders": [o for o in recorded.orders if o.kind != "deny" and o.target in {"*", name}],
                "mode": mode(one),
                "seen_at": views[name].seen_at if name in views else None,
                "contact": views[name].contact if name in views else "never",
                "contact_error": views[name].contact_error if name in views else "",
                "version": views[name].version if name in views else "",
                "startds": {phase: _startds(recorded, name)[phase] for phase in PHASES},
                "credential_expires_at": views[name].credential_expires_at if name in views else None,
                "node_groups": views[name].node_groups if name in views else [],
                "quotas": views[name].quotas if name in views else [],
            }
            for name, one in sorted(terms.items())
        ],
    )
