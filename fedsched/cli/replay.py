"""`replay`: recorded cycles decided again, exactly or under another policy; deciding and comparing live in replay/."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, examples, federation
from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from rich.progress import Progress

    from fedsched.journal import Recorded
    from fedsched.matchmaker.model import Change, Policy
    from fedsched.replay import Replayed

SAY_AFTER_S = 2.0
MOST_CYCLES = 5
"""Cycles whose differences are shown without --diff."""
MOST_DIFFERENCES = 5
"""Of these, differences of one cycle."""


class Given(NamedTuple):
    """One cycle to decide again. policy: the recorded one. total: how many come in all."""

    recorded: Recorded
    policy: Policy
    total: int


class Tally:
    """What came of all cycles; keeps only those that differ."""

    def __init__(self) -> None:
        self.cycles = 0
        self.differing: list[tuple[Replayed, tuple[str, ...]]] = []
        self.versions: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()

    def add(self, made: Replayed, told: tuple[str, ...]) -> None:
        """Count one cycle. told: its differences as sentences."""
        self.cycles += 1
        if not made.same_version:
            self.versions[made.version] += 1
        if not made.exact:
            self.differing.append((made, told))
            self.kinds.update({_kind(one) for one in made.found})


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("replay", rich_help_panel="Trying it", short_help="Decide recorded cycles again, and compare.")(replay)


@examples(
    "fedsched replay --journal                          every cycle that the journal keeps",
    "fedsched replay --journal --cycles 1200-1300",
    "fedsched replay bug.json                           a file of `fedsched snapshot`",
    "fedsched replay --journal --policy owner-first     what another policy would have decided",
    "fedsched replay bug.json --policy ./new.toml --diff",
)
def replay(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Snapshot files.", show_default=False)
    ] = None,
    journal: Annotated[bool, typer.Option("--journal", help="The cycles of the federation's journal.")] = False,
    cycles: Annotated[
        str, typer.Option("--cycles", metavar="A-B", help="Only these cycles of the journal; 7, 7-9, 7-.")
    ] = "",
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            metavar="NAME|FILE",
            help="Decide under another policy and name what differs.",
            show_default=False,
        ),
    ] = "",
    diff: Annotated[bool, typer.Option("--diff", help="Show every difference of every cycle.")] = False,
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Decide recorded cycles again, from what was seen and remembered then, and compare with the recorded plans.

    The same fedsched decides the same, byte for byte: ends with 0 when it did, and with 1 when a cycle differs, which
    is a bug or another version. With --policy differences are what you asked for and it ends with 0. Each cycle is
    decided by itself: what another policy would have done ten cycles later is the business of `fedsched simulate`.
    """
    from fedsched.replay import class_names, tell
    from fedsched.replay import replay as decided_again

    _must_be_clear(files or [], journal=journal, cycles=cycles)
    other = _other_policy(policy, config) if policy else None
    tally = Tally()
    given = _from_journal(config, cycles) if journal else _from_files(files or [])
    for one in _with_progress(given):
        made = decided_again(one.recorded, other or one.policy)
        told = () if made.exact else tell(made.found, class_names(one.recorded.observation))
        tally.add(made, told)
    if not tally.cycles:
        raise Failure(Exit.STALE, "no cycle is recorded there", "see which ones are: fedsched replay --journal")
    if form is Format.JSON:
        _print_json(tally, other)
    else:
        _show(tally, other, diff=diff)
    raise typer.Exit(int(Exit.REFUSED if tally.differing and other is None else Exit.DONE))


def _must_be_clear(files: list[Path], *, journal: bool, cycles: str) -> None:
    if journal == bool(files):
        what = "both a FILE and --journal" if files else "neither a FILE nor --journal"
        raise Failure(Exit.USAGE, f"{what}: what is to be decided again?", "name one: fedsched replay --journal")
    if cycles and not journal:
        raise Failure(Exit.USAGE, "--cycles chooses among those of a journal", "add --journal, or leave it out")


def _other_policy(policy: str, config: Path | None) -> Policy:
    """A policy's file, or one by name: of the federation where there is one, else one that is shipped."""
    from fedsched.config import load_policy

    path = Path(policy)
    if path.suffix == ".toml":
        if not path.is_file():
            raise Failure(Exit.USAGE, f"--policy {policy}: no such file", "name a policy, or a file that exists")
        return load_policy(path.stem, path.parent)
    try:
        own = federation(config).policies
    except Failure:
        if config is not None:
            raise
        own = Path("policies")
    return load_policy(policy, own)


def _range(text: str) -> tuple[int, int]:
    """First and last cycle of "7", "7-9", "7-" or "-9"; everything for "". Failure (usage) for anything else."""
    first, dash, last = text.partition("-")
    ends = [int(part) if part.strip().isdigit() else None for part in (first, last)]
    if any(part.strip() and end is None for part, end in zip((first, last), ends, strict=True)) or text == "-":
        raise Failure(Exit.USAGE, f"--cycles {text}: expected numbers of cycles", "for example --cycles 1200-1300")
    begin, end = ends
    if not dash and begin is not None:
        end = begin
    begin, end = begin or 0, 2**62 if end is None else end
    if begin > end:
        raise Failure(Exit.USAGE, f"--cycles {text}: the last comes before the first", "for example --cycles 1200-1300")
    return begin, end


def _from_journal(config: Path | None, cycles: str) -> Iterator[Given]:
    from fedsched.journal import open_journal

    first, last = _range(cycles)
    with closing(open_journal(federation(config).journal)) as journal:
        numbers = [number for number, _ in journal.cycles() if first <= number <= last]
        if not numbers:
            known = [number for number, _ in journal.cycles()]
            have = f"it keeps {known[0]}-{known[-1]}" if known else "it keeps none yet"
            raise Failure(Exit.STALE, f"the journal has no cycle {cycles or 'at all'}: {have}", "see: fedsched q")
        policies: dict[str, Policy] = {}
        for recorded in journal.history(numbers[0], numbers[-1]):
            if recorded.policy not in policies:
                found = journal.policy(recorded.policy)
                if found is None and journal.cycle(recorded.plan.cycle) is None:
                    continue  # both were dropped while we read
                if found is None:
                    text = f"the journal lacks the policy {recorded.policy!r} that cycle {recorded.plan.cycle} names"
                    raise Failure(Exit.REFUSED, text, "name one: fedsched replay --journal --policy NAME")
                policies[recorded.policy] = found
            yield Given(recorded, policies[recorded.policy], len(numbers))


def _from_files(files: list[Path]) -> Iterator[Given]:
    from fedsched.replay import SnapshotError, read

    for file in files:
        try:
            saved = read(file)
        except SnapshotError as error:
            raise Failure(Exit.USAGE, str(error), "make one: fedsched snapshot --to FILE") from None
        except OSError as error:
            raise Failure(Exit.USAGE, f"{file}: {error.strerror}", "make one: fedsched snapshot --to FILE") from None
        yield Given(saved.recorded, saved.policy, len(files))


def _with_progress(given: Iterable[Given]) -> Iterator[Given]:
    """The same, with a bar on a terminal's standard error when it takes longer than a moment."""
    began, bar = time.monotonic(), None
    try:
        for done, one in enumerate(given):
            if bar is None and sys.stderr.isatty() and time.monotonic() - began > SAY_AFTER_S:
                bar = _bar(one.total)
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)
            yield one
    finally:
        if bar is not None:
            bar.stop()


def _bar(total: int) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("deciding again"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("cycles", total=total)
    bar.start()
    return bar


def _kind(found: object) -> str:
    return str(type(found).__struct_config__.tag)  # type: ignore[attr-defined]  # every difference is a tagged struct


def _show(tally: Tally, other: Policy | None, *, diff: bool) -> None:
    shown = tally.differing if diff else _telling(tally.differing)
    for made, told in shown:
        output.line(f"cycle {made.cycle}:")
        lines = [*told, *(f"It issued {_in_words(change)}, which is not asked for now." for change in made.unasked)]
        for text in lines if diff else lines[:MOST_DIFFERENCES]:
            output.wrapped(text, indent=2)
        if not diff and len(lines) > MOST_DIFFERENCES:
            output.line(f"  … and {len(lines) - MOST_DIFFERENCES} more (--diff shows all)")
    if len(shown) < len(tally.differing):
        output.line(f"… and {len(tally.differing) - len(shown)} more cycles (--diff shows all)")
    for text in _summary(tally, other):
        output.line(text)


def _in_words(change: Change) -> str:
    """A change; of a status that was written only whose."""
    from fedsched.matchmaker.model import TellJob

    if isinstance(change, TellJob):
        return f"a status of Job {change.queue}:{change.job}"
    return str(change)


def _telling(differing: list[tuple[Replayed, tuple[str, ...]]]) -> list[tuple[Replayed, tuple[str, ...]]]:
    """The few cycles that are shown without --diff: first those in which somebody gets or loses a startd."""
    decided = [one for one in differing if {"placements", "going"} & {_kind(found) for found in one[0].found}]
    return (decided or differing)[:MOST_CYCLES]


def _summary(tally: Tally, other: Policy | None) -> Iterator[str]:
    cycles = f"{tally.cycles} cycle{'' if tally.cycles == 1 else 's'} decided again"
    differ = len(tally.differing)
    if other is not None:
        kinds = ", ".join(f"{count} in {kind}" for kind, count in tally.kinds.most_common())
        yield f"{cycles} under policy {other.name}: {differ} otherwise" + (f" ({kinds})." if kinds else ".")
    elif not differ:
        yield f"{cycles}, {'all ' if tally.cycles > 1 else ''}byte for byte."
    else:
        first = tally.differing[0][0].cycle
        yield f"{cycles}: {tally.cycles - differ} byte for byte, {differ} otherwise, the first of them cycle {first}."
    for version, count in sorted(tally.versions.items()):
        from fedsched import __version__

        yield (
            f"{count} of them recorded by fedsched {version or 'unknown'}, this is {__version__}: "
            "only the same version promises the same bytes."
        )


def _print_json(tally: Tally, other: Policy | None) -> None:
    output.emit_json(
        "replay",
        cycles=tally.cycles,
        exact=tally.cycles - len(tally.differing),
        policy=other.name if other else None,
        other_versions=dict(tally.versions),
        differing=[
            {
                "cycle": made.cycle,
                "at": made.at,
                "recorded_by": made.version,
                "sentences": told,
                "differences": made.found,
                "unasked": made.unasked,
            }
            for made, told in tally.differing
        ],
    )
