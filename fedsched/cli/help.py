"""The list of verbs: under headings, made without looking at the options of each; a verb's own help is typer's."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

from fedsched.cli.output import toned
from fedsched.cli.values import hasten

if TYPE_CHECKING:
    import typer

OTHERS = "Running it"


class Verbs(TyperGroup):
    """All verbs, in the order in which they were registered, each under the heading of its panel."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb, ready to be called quickly."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            hasten(found.get_params(ctx))
        return found

    def get_params(self, ctx: Any) -> Any:
        """Its own options: --help."""
        found = super().get_params(ctx)
        hasten(found)
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as typer calls it
        """One section for each panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None)
            heading = panel if isinstance(panel, str) else OTHERS
            panels.setdefault(heading, []).append((name, command.get_short_help_str(limit=200)))
        width = max((len(name) for name in self.commands), default=0)
        for heading, rows in panels.items():
            with formatter.section(toned(heading, "heading")):
                formatter.write_dl([(name.ljust(width), said) for name, said in rows])


def described(app: typer.Typer) -> None:
    """Leave of every verb only what the list of verbs shows: to look at all their options takes long.

    For command lines that name no verb: none of them can be run any more.
    """
    for one in app.registered_commands:
        one.name = one.name or getattr(one.callback, "__name__", "")
        one.help = one.help or inspect.getdoc(one.callback)
        one.callback = _without_options


def _without_options() -> None:
    """Stands for each verb where only the list of verbs is shown."""
