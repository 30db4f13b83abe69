"""`share`: who has a right to how much, holds how much, and who is just ahead, as a tree with a sentence above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, ServerOption, WatchOption, examples
from fedsched.cli.output import Column, Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fedsched.client.documents import Share, Shares

ME = "me"
FAR = 1.1
"""From this level on somebody holds noticeably more than his right."""


def _level_tone(cell: str) -> str:
    try:
        return "warn" if float(cell) > FAR else ""
    except ValueError:
        return "bad" if cell == "no right" else ""


COLUMNS = (
    Column("GROUP / USER", least=20),
    Column("ENTITLED", right=True),
    Column("COUNTED", right=True),
    Column("LEVEL", right=True, tone=_level_tone),
    Column("CHARGED", rank=2, right=True),
    Column("WASTED", rank=3, right=True),
    Column("WANTS", rank=5, right=True),
    Column("USAGE", rank=1, right=True),
    Column("FACTOR", rank=4, right=True),
    Column("RANK", right=True),
    Column("JUST AHEAD", rank=1, least=16),
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("share", rich_help_panel="Seeing", short_help="Show who has a right to how much, and holds it.")(share)


@examples(
    "fedsched share                   everybody",
    "fedsched share me                the one who asks, by login name",
    "fedsched share physics.cms       a group, what is above it and below it",
    "fedsched share 'ann@*' -o json   for programs",
)
def share(
    whom: Annotated[
        str,
        typer.Argument(metavar="[USER|GROUP]", help='A user, a group, a glob over them, or "me".', show_default=False),
    ] = "",
    watch: WatchOption = False,
    server: ServerOption = "",
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Show who has a right to how much, holds how much, and who is just ahead.

    All amounts are core-equivalents. ENTITLED is the right of this moment, 0 without demand; COUNTED what is held,
    with what is intended and starting; LEVEL the one divided by the other, and who has the lowest is next. CHARGED is
    what is claimed, WASTED what nobody claimed for too long, WANTS what is held and asked for, USAGE the decayed mean
    of what was charged: times FACTOR it divides a group's right among its users.
    """
    from fedsched.cli.watching import shown

    of = _login() if whom == ME else whom
    raise typer.Exit(shown(lambda answers: answers.shares(of), show, (config, server), form, watch=watch))


def show(answer: Shares) -> None:
    """One sentence, then the tree."""
    from fedsched.matchmaker.explain import age

    named = [one for one in answer.shares if one.path in answer.named]
    for one in (named or list(answer.shares[:1]))[:5]:
        output.wrapped(one.sentence)
    if not answer.shares:
        output.line("Nobody has a share yet: no demand was seen.")
    output.line()
    output.table(COLUMNS, rows(answer.shares))
    output.line()
    output.line(
        f"{_amount(answer.lent)} core-equivalents lent, {answer.principals} in line; "
        f"cycle {answer.cycle}, {age(answer.age_s)} ago"
    )


def rows(shares: Sequence[Share]) -> list[tuple[str, ...]]:
    """The tree, as COLUMNS wants it."""
    depths = _depths(shares)
    return [_row(one, depths.get(one.path, 0)) for one in shares]


def _row(one: Share, depth: int) -> tuple[str, ...]:
    return (
        "  " * depth + _name(one),
        _amount(one.entitled),
        _amount(one.counted),
        "no right" if one.level is None else f"{one.level:.2f}",
        _amount(one.charged),
        _amount(one.wasted),
        _amount(one.demand),
        f"{one.usage:.1f}",
        f"{one.factor:g}",
        str(one.rank) if one.rank else "-",
        one.ahead or "-",
    )


def _depths(shares: Sequence[Share]) -> dict[str, int]:
    """How deep each line stands: one more than the line above it, whatever its path says."""
    depths = {"": 0}
    for one in sorted(shares, key=lambda one: (one.path.count("."), not one.is_group)):
        if one.path:
            depths[one.path] = depths.get(one.parent, 0) + 1
    return depths


def _name(one: Share) -> str:
    """What its path adds to that of the line above it."""
    if not one.path:
        return "(all)"
    above = f"{one.parent}/" if not one.is_group else f"{one.parent}."
    return one.path.removeprefix(above) if one.parent else one.path.removeprefix("/")


def _amount(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}".removesuffix(".0")


def _login() -> str:
    import getpass

    return getpass.getuser()
