"""`snapshot`: one recorded cycle as one file, to look at, to replay, or to send; what is in it is replay/'s."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, examples, federation
from fedsched.cli.output import Exit, Failure

if TYPE_CHECKING:
    from fedsched.matchmaker.model import Observation
    from fedsched.replay import Difference, Saved


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("snapshot", rich_help_panel="Trying it", short_help="Save a recorded cycle as a file.")(snapshot)


@examples(
    "fedsched snapshot --to now.json                  the last cycle",
    "fedsched snapshot --cycle 1234 --to bug.json.gz  compressed by its name, .zst too",
    "fedsched snapshot --redact --to bug.json         without names of people, hosts and addresses",
    "fedsched replay bug.json                         it decides the same, byte for byte",
    "fedsched whatif --snapshot now.json --lose m1    what if, from there",
)
def snapshot(
    cycle: Annotated[
        int | None, typer.Option("--cycle", metavar="N", help="This cycle, not the last one.", show_default=False)
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", "-o", metavar="FILE", help="Where to; else standard output.", show_default=False),
    ] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Put pseudonyms for users, domains, hosts, nodes and addresses.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Save a recorded cycle: what was seen and remembered, the policy, and what was decided, as one JSON document.

    With --redact names are replaced by pseudonyms that sort alike, everywhere, and the plan is decided anew from them;
    it ends with 3 when that decision differs in more than names. Members, groups and pools keep their names, and so do
    paths of images: read the file before you give it away.
    """
    from fedsched.replay import encode, write
    from fedsched.replay import redact as redacted

    saved = _saved(config, cycle)
    seen = saved.recorded.observation
    changed: tuple[Difference, ...] = ()
    if redact:
        saved, changed = redacted(saved)
        seen = saved.recorded.observation
    if to is None:
        sys.stdout.buffer.write(encode(saved))
        sys.stdout.flush()
    else:
        try:
            write(saved, to)
        except OSError as error:
            raise Failure(Exit.REFUSED, f"{to}: {error.strerror}", "name another file with --to") from None
        words = "redacted: read it before you give it away" if redact else "it names people and hosts; see --redact"
        output.note(f"{to}: cycle {saved.recorded.plan.cycle}, policy {saved.policy.name} ({words})")
    _say_changed(changed, seen)
    raise typer.Exit(int(Exit.PARTIAL if changed else Exit.DONE))


def _saved(config: Path | None, number: int | None) -> Saved:
    """The cycle of the federation's journal with its policy. Failure when it is not kept."""
    from fedsched.journal import open_journal
    from fedsched.replay import FORMAT, Saved

    with closing(open_journal(federation(config).journal)) as journal:
        recorded = journal.last_cycle() if number is None else journal.cycle(number)
        known = journal.cycles()
        policy = journal.policy(recorded.policy) if recorded is not None else None
    if recorded is None or policy is None:
        if not known:
            raise Failure(Exit.STALE, "no cycle is recorded yet", "start one: fedsched serve --once --dispatch=none")
        raise Failure(
            Exit.REFUSED,
            f"cycle {number} is not kept: the journal has {known[0][0]}-{known[-1][0]}",
            "name one of these, or leave out --cycle for the last one",
        )
    return Saved(FORMAT, recorded.version, policy, recorded)


def _say_changed(changed: tuple[Difference, ...], seen: Observation) -> None:
    if not changed:
        return
    from fedsched.replay import class_names, tell

    output.note("Under pseudonyms something is decided otherwise, so the file may not show what you saw:")
    for text in tell(changed, class_names(seen)):
        output.note(f"  {text}")
