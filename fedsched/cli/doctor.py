"""`doctor`: whether everything is as it must be, each property with its evidence and what to do; it changes nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, config_file, examples
from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.cli.checking import Checked
    from fedsched.client.documents.checkup import Checkup, Finding
    from fedsched.config import Files
    from fedsched.config.settings import MemberFile

SYMBOLS = {"ok": ("✓", "ok "), "unproven": ("!", "!  "), "broken": ("✗", "NO ")}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor", rich_help_panel="Seeing")(doctor)


@examples(
    "fedsched doctor                  everything, beside a running daemon or without one",
    "fedsched doctor --member m1      one member",
    "fedsched doctor --offline        what the journal alone can tell",
)
def doctor(
    member: Annotated[
        list[str] | None, typer.Option("--member", "-m", metavar="NAME", help="Look at this member only; repeatable.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: judge by the journal.")] = False,
    form: OutputOption = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Prove that the system is as it must be, on the live system, without touching it.

    No placement twice, no orphan, no ghost, nothing above its limit, no second fedsched; clocks, rights, versions,
    credentials, ages, disks. Exit code 0: all holds; 1: something is broken; 3: something could not be looked at;
    5: nobody answers.
    """
    from fedsched.cli import checking
    from fedsched.cli.output import said
    from fedsched.cli.source import simulated
    from fedsched.config import load

    files = load(config_file(config))
    began = time.monotonic()
    alone = offline or simulated(files.federation)
    some = _chosen(files, member or [])
    if alone:
        found = checking.offline(files)
    else:
        pools = len(files.federation.pools)
        with said(f"looking at {len(some)} members, {pools} pools and their schedds"):
            found = checking.live(files, some)
    document = _document(found, some, live=not alone, seconds=time.monotonic() - began)
    if form is Format.JSON:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        _show(document)
    raise typer.Exit(int(_code(document, reached=found.reached)))


def _chosen(files: Files, names: list[str]) -> tuple[MemberFile, ...]:
    known = {one.name: one for one in files.members}
    for name in names:
        if name not in known:
            raise Failure(
                Exit.USAGE, f"no member {name}; members: {', '.join(sorted(known)) or 'none'}", "fedsched clusters"
            )
    return tuple(known[name] for name in sorted(names or known))


def _document(found: Checked, some: tuple[MemberFile, ...], *, live: bool, seconds: float) -> Checkup:
    from fedsched.client.documents import Of, head
    from fedsched.client.documents.checkup import Checkup

    now, plan = time.time(), found.cycle.plan if found.cycle else None
    of = Of(plan.cycle if plan else 0, plan.at if plan else 0.0, now, stale=False, source="journal")
    return Checkup(
        **head(of),
        live=live,
        members=tuple(one.name for one in some),
        findings=found.findings,
        broken=sum(one.state == "broken" for one in found.findings),
        unproven=sum(one.state == "unproven" for one in found.findings),
        requests=found.requests,
        seconds=round(seconds, 2),
    )


def _show(document: Checkup) -> None:
    for one in document.findings:
        _row(one)
    held = len({one.name for one in document.findings if one.state == "ok"})
    output.line()
    how = f"{len(document.members)} members, {document.requests} requests" if document.live else "the journal alone"
    counts = f"{held} properties hold, {document.broken} faults, {document.unproven} unproven"
    output.line(f"{counts}; {how}, {document.seconds:.1f} s")


def _row(one: Finding) -> None:
    rule = f" ({one.rule})" if one.rule else ""
    head = f"{output.symbol(*SYMBOLS[one.state])} {one.name}{rule}: "
    output.wrapped(head + one.evidence)
    if one.fix and one.state != "ok":
        output.wrapped(f"next: {one.fix}", 4)


def _code(document: Checkup, *, reached: bool) -> Exit:
    if document.live and not reached:
        return Exit.UNREACHABLE
    if document.broken:
        return Exit.REFUSED
    return Exit.PARTIAL if document.unproven else Exit.DONE
