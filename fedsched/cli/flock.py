"""The verb flock-config: prints what pools and guests need, or checks a guest; texts and questions live in condor/."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples, federation
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from pathlib import Path

    from fedsched.condor.flock import FlockConfig
    from fedsched.config.settings import PoolSettings


class Part(StrEnum):
    """What `--only` takes."""

    TARGET = "target"
    GUEST = "guest"
    STARTDS = "startds"
    HELM = "helm"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("flock-config", short_help="Print what pool, guests and startds need to flock.")(flock_config)


@examples(
    "fedsched flock-config --guest physics --guest biology",
    "fedsched flock-config --target cm.example.org:9618 --only helm > values.yaml",
    "fedsched flock-config --check --target cm.example.org:9618     (on the guest's schedd host, as root)",
)
def flock_config(
    pool: Annotated[
        str, typer.Option("--pool", metavar="NAME", help="A pool of fedsched.toml; may be left out when there is one.")
    ] = "",
    target: Annotated[
        str, typer.Option("--target", metavar="HOST:PORT", help="Its collector, without any fedsched.toml.")
    ] = "",
    guest: Annotated[
        list[str] | None, typer.Option("--guest", metavar="NAME", help="A guest's short name; may be repeated.")
    ] = None,
    lease: Annotated[int, typer.Option("--lease", metavar="MINUTES", help="Lease that the guests' jobs get.")] = 10,
    only: Annotated[Part | None, typer.Option("--only", help="Print one part, as a file.", show_default=False)] = None,
    check: Annotated[bool, typer.Option("--check", help="Check this host, a guest's schedd, instead.")] = False,
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Print what the target pool, its guests and the startds need so that jobs flock, with the token commands."""
    settings = _pool(config, pool, target)
    if check:
        _check(settings, form)
        return
    from fedsched.condor.flock import flock_config as texts

    try:
        made = texts(settings, guest or ["NAME"], lease)
    except ValueError as error:
        raise Failure(Exit.USAGE, str(error)) from None
    if form is Format.JSON:
        output.emit_json("flock-config", config=made)
    elif only is not None:
        _print(_part(made, only).rstrip())
    else:
        _show(made)


def _pool(config: Path | None, name: str, target: str) -> PoolSettings:
    from fedsched.config.settings import PoolSettings

    if target:
        host, _, port = target.rpartition(":")
        if not host or not port.isdigit():
            raise Failure(Exit.USAGE, f"--target {target}: not host:port", "for example --target cm.example.org:9618")
        return PoolSettings(name=name or host.split(".")[0], collector=target)
    pools = federation(config).pools
    chosen = [pool for pool in pools if name in {"", pool.name}]
    if len(chosen) != 1:
        names = ", ".join(pool.name for pool in pools)
        if not pools:
            raise Failure(Exit.USAGE, "fedsched.toml names no pool", "add a [[pool]]: docs/flock.md")
        text = f"there is no pool {name}" if name else "there is more than one pool"
        raise Failure(Exit.USAGE, text, f"name one with --pool: {names}")
    return chosen[0]


def _show(made: FlockConfig) -> None:
    _print(f"# ===== the pool {made.pool}, on its central manager {made.collector}", made.target)
    _print("# tokens, on the central manager; MEMBER: name of a member cluster", *made.target_commands)
    _print("", "# ===== each guest, on its schedd's host", made.guests)
    for name, commands in made.guest_commands.items():
        _print(f"# guest {name}", *commands, "")
    _print(made.submit, "# ===== fedsched", made.startds)
    output.note(
        f"for a Helm chart: add --only helm; at a guest: fedsched flock-config --check --target {made.collector}"
    )


def _part(made: FlockConfig, only: Part) -> str:
    return {Part.TARGET: made.target, Part.GUEST: made.guests, Part.STARTDS: made.startds, Part.HELM: made.helm}[only]


def _print(*texts: str) -> None:
    """Texts of several lines, line by line."""
    for text in texts:
        for line in text.split("\n"):
            output.line(line)


def _check(pool: PoolSettings, form: Format) -> None:
    from fedsched.condor.flock_check import check_guest

    findings = check_guest(pool.collector)
    bad = [finding for finding in findings if not finding.ok]
    if form is Format.JSON:
        output.emit_json("flock-check", target=pool.collector, ok=not bad, findings=findings)
    else:
        yes, no = output.symbol("✓", "ok"), output.symbol("✗", "NO")
        rows = [(yes if finding.ok else no, finding.what, finding.seen) for finding in findings]
        output.table((Column(""), Column("CHECK"), Column("SEEN")), rows)
        for finding in bad:
            _print("", f"{no} {finding.what}", f"  fix: {finding.fix}")
    if bad:
        raise SystemExit(int(Exit.REFUSED))
