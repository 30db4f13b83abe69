"""`simulate`: a scenario or a log on simulated members under one policy or several; the run and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import OutputOption, examples
from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.cli.simulate.staging import Staged
    from fedsched.matchmaker.model import Policy
    from fedsched.study.report.verdict import Verdict
    from fedsched.study.result import Result

RUNNING = "What is run"
SHOWING = "What is shown"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel="Trying it", short_help="Simulate a scenario or a log, and report what came of it.")(
        simulate
    )


@examples(
    "fedsched simulate demo",
    "fedsched simulate demo --until 6h --report out/",
    "fedsched simulate ./my-scenario --compare fair-share frugal --report out/",
    "fedsched simulate --trace queue.swf.gz --members clusters/ --policy fair-share --from 10d --until 2d",
    "fedsched simulate demo -o json | jq '.runs[0].numbers.wait_p95_s'",
)
def simulate(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="[SCENARIO]", help="A scenario's folder, or the name of a shipped one.", show_default=False
        ),
    ] = [],  # noqa: B006 - typer copies it
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace", metavar="FILE", help="Replay a log: SWF, condor_history or pods.", rich_help_panel=RUNNING
        ),
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option(
            "--members",
            metavar="DIR|LIST",
            help="Members' files with [simulated], or with --trace a list of nodes.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    parts: Annotated[
        int,
        typer.Option(
            "--parts", min=1, max=100, help="Deal a list of nodes to so many members.", rich_help_panel=RUNNING
        ),
    ] = 1,
    policy: Annotated[
        str,
        typer.Option("--policy", metavar="NAME", help="Policy; else the scenario's own.", rich_help_panel=RUNNING),
    ] = "",
    compare: Annotated[
        list[str],
        typer.Option("--compare", metavar="NAME …", help="Policies to run side by side.", rich_help_panel=RUNNING),
    ] = [],  # noqa: B006 - typer copies it
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Another seed gives another day; the same one the same.", rich_help_panel=RUNNING),
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            "--from", metavar="TIME", help="Of a log: begin so long after its first job.", rich_help_panel=RUNNING
        ),
    ] = "",
    load: Annotated[
        float,
        typer.Option(
            "--load", min=0.001, max=1000, help="Of a log: jobs come so many times as fast.", rich_help_panel=RUNNING
        ),
    ] = 1.0,
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="Simulate so long (36h, 7d).", rich_help_panel=RUNNING)
    ] = "",
    cycle: Annotated[
        str,
        typer.Option(
            "--cycle", metavar="TIME", help="Between two cycles; else as the files say.", rich_help_panel=RUNNING
        ),
    ] = "",
    skip_damaged: Annotated[
        bool,
        typer.Option(
            "--skip-damaged", help="Of a log: leave out and count entries that cannot be.", rich_help_panel=RUNNING
        ),
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Without the invariants: a little faster.", rich_help_panel=RUNNING)
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="DIR", help="Write index.html and result.json there.", rich_help_panel=SHOWING
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Say only what is wrong.", rich_help_panel=SHOWING)
    ] = False,
    form: OutputOption = Format.TABLE,
) -> None:
    """Simulate a scenario, or a log of a real system, and report what came of it.

    The loop, the matchmaker and the journal are those that run in production; clusters, pool and clock are simulated.
    All safety rules are checked after every step; one that does not hold ends the run with the command that shows it
    again. Ctrl-C ends it with the report of what was seen.

    --compare runs the same scenario and seed under each policy and puts the numbers side by side. Exit codes: 0 it ran
    and came to what expect.toml says; 1 it did not, or a rule was broken; 3 it was stopped, or left something behind.
    """
    from fedsched.cli.simulate.staging import Wish, stage
    from fedsched.log import configure

    configure(level="error")
    scenario, policies = _words(what, trace, compare)
    wish = Wish(
        scenario, trace, members, parts, policy, policies, seed, since, load, until, cycle, not unchecked, skip_damaged
    )
    staged = stage(wish)
    for remark in () if quiet else staged.remarks:
        output.note(remark)
    results = _run_all(staged, quiet=quiet or form is Format.JSON)
    verdict = staged.verdict(results)
    written = _write(report, results, verdict)
    if form is Format.JSON:
        _print_json(results, verdict)
    elif not quiet:
        _show(results, verdict, written)
    _end(results, verdict, quiet=quiet)


def _words(what: list[str], trace: Path | None, compare: list[str]) -> tuple[str, tuple[str, ...]]:
    """The scenario, "" with a log, and the policies to compare: after `--compare A` further names may follow."""
    scenario, *more = what if trace is None and what else ["", *what]
    if more and not compare:
        raise Failure(
            Exit.USAGE, f"unexpected: {' '.join(more)}; policies follow --compare", "fedsched simulate --help"
        )
    return scenario, (*compare, *more)


def _run_all(staged: Staged, *, quiet: bool) -> list[Result]:
    """One run after the other; the first that is stopped by hand is the last. Failure when a rule was broken."""
    from fedsched.cli.simulate.progress import shown
    from fedsched.study.compare import play
    from fedsched.study.invariants import Broken

    results: list[Result] = []
    with shown(staged.setting.until_s, [policy.name for policy in staged.policies], quiet=quiet) as step:
        for policy in staged.policies:
            try:
                results.append(play(staged.setting, policy, step(policy.name)))
            except Broken as broken:
                raise _broken(broken, staged, policy) from None
            if results[-1].about.stopped:
                break
    return results


def _broken(broken: Exception, staged: Staged, policy: Policy) -> Failure:
    text = f"a rule was broken under policy {policy.name}:\n{broken}"
    return Failure(Exit.REFUSED, text, f"this shows it again, for a report: {staged.setting.command(policy)}")


def _write(folder: Path | None, results: list[Result], verdict: Verdict) -> Path | None:
    """The page and all numbers; where the page is. Failure when the folder cannot be written."""
    if folder is None:
        return None
    import msgspec

    from fedsched.study.report.page import page

    text = page(results, verdict)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(text, encoding="utf-8")
        (folder / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(_document(results, verdict))))
    except OSError as error:
        raise Failure(Exit.REFUSED, f"{folder}: {error.strerror}", "name another folder with --report DIR") from None
    return folder / "index.html"


def _document(results: list[Result], verdict: Verdict) -> dict[str, object]:
    return {"runs": results, "expected": {"ranges": verdict.ranges, "missed": verdict.missed}}


def _print_json(results: list[Result], verdict: Verdict) -> None:
    output.emit_json("simulation", **_document(results, verdict))


def _show(results: list[Result], verdict: Verdict, written: Path | None) -> None:
    from fedsched.cli.simulate.showing import show

    show(results, verdict)
    if written is not None:
        output.line()
        output.line(f"report: {written}")


def _end(results: list[Result], verdict: Verdict, *, quiet: bool) -> None:
    """The exit code, and what is wrong where nothing else says it."""
    for one in verdict.missed if quiet else ():
        output.note(one)
    if verdict.missed:
        raise typer.Exit(int(Exit.REFUSED))
    if any(result.about.stopped or (result.about.over and result.left) for result in results):
        raise typer.Exit(int(Exit.PARTIAL))
