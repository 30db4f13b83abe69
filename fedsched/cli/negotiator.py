"""The verb negotiator-config: prints a policy as configuration for a pool's negotiator; texts live in condor/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples, federation
from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.condor.negotiator_config import NegotiatorConfig
    from fedsched.config.settings import Federation, PoolSettings


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("negotiator-config", short_help="Print the policy as a pool's negotiator wants it.")(negotiator_config)


@examples(
    "fedsched negotiator-config > 51-fedsched-groups.conf",
    "fedsched negotiator-config a --policy conference-spike",
    "fedsched negotiator-config a -o json | jq -r '.config.commands[]' | ssh cm.example.org sh",
)
def negotiator_config(
    pool: Annotated[
        str, typer.Argument(metavar="[POOL]", help="A pool of fedsched.toml; may be left out when there is one.")
    ] = "",
    policy: Annotated[
        str, typer.Option("--policy", metavar="NAME", help="Another policy than fedsched.toml names.")
    ] = "",
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Print the policy as a pool's negotiator wants it: groups, quotas, surplus, factors, half-life, limits.

    Nothing is sent anywhere. With `negotiator = "drive"` fedsched sets factors and ceilings by itself; all else is a
    file of the pool's admin, this one. What no negotiator can be told stands in it as comments.
    """
    from fedsched.condor.negotiator_config import negotiator_config as texts
    from fedsched.config.policies import load_policy

    settings = federation(config)
    chosen = _pool(settings, pool)
    read = load_policy(policy or settings.policy, settings.policies)
    made = texts(read, chosen.name, chosen.negotiator)
    if form is Format.JSON:
        output.emit_json("negotiator-config", config=made)
    else:
        _show(made)


def _pool(settings: Federation, name: str) -> PoolSettings:
    chosen = [pool for pool in settings.pools if name in {"", pool.name}]
    if len(chosen) != 1:
        names = ", ".join(pool.name for pool in settings.pools)
        if not settings.pools:
            raise Failure(Exit.USAGE, "fedsched.toml names no pool", "add a [[pool]]: docs/flock.md")
        text = f"there is no pool {name}" if name else "there is more than one pool"
        raise Failure(Exit.USAGE, text, f"name one of: {names}")
    return chosen[0]


def _show(made: NegotiatorConfig) -> None:
    """The file on standard output, commands as its comments, so that it can be redirected as it is."""
    for line in made.text.splitlines():
        output.line(line)
    if made.commands:
        output.line("# single submitters, by the pool's admin:")
        for command in made.commands:
            output.line(f"#   {command}")
    drives = made.negotiator == "drive"
    done = "factors and ceilings are set by fedsched itself" if drives else "nothing of it is set by fedsched"
    output.note(f'pool {made.pool}: negotiator = "{made.negotiator}": {done}')
