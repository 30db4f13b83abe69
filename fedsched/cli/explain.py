"""`explain`: why a job waits, a member is empty, a group holds so much, a startd is there; shown in modules beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, OutputOption, ServerOption, examples
from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from collections.abc import Callable

    from fedsched.cli.source import Source
    from fedsched.client.documents import Document

D = TypeVar("D", bound="Document")
KINDS = {"cluster": "a member of `fedsched clusters`", "group": "a line of `fedsched share`", "decision": "a placement"}
"""What else than a job can be asked about, and what names it."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("explain", rich_help_panel="Seeing", short_help="Say why a job waits, and what would help.")(explain)


@examples(
    "fedsched explain 4711.3@ce1.example.org",
    "fedsched explain ce1.example.org#4711.3",
    "fedsched explain default/fit              a Kubernetes Job of a queue",
    "fedsched explain local:default/fit        the same where several queues have one",
    "fedsched explain job/fit                  as kubectl spells it, where only one is called so",
    "fedsched explain 3ddb3dd2016f             a class of `q`",
    "fedsched explain 4711.3 --since 2h        every change of its reason",
    "fedsched explain cluster m1               what would fit there and is held back",
    "fedsched explain group physics.cms        why it holds what it holds",
    "fedsched explain decision 6b01aa7d-8b     why a startd is there, and why it went",
)
def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="JOB|cluster|group|decision",
            help="CLUSTER.PROC, CLUSTER.PROC@SCHEDD, SCHEDD#CLUSTER.PROC, a Kubernetes Job (NAMESPACE/NAME, "
            "QUEUE:NAMESPACE/NAME, its uid) or a class of `q`; or one of the three words.",
        ),
    ],
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Which cluster, group or decision.", show_default=False)
    ] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Every change of the job's reason in so long: 30m, 2h.")
    ] = "",
    counterfactuals: Annotated[
        bool, typer.Option("--counterfactuals/--no-counterfactuals", help="Whether to prove what would help.")
    ] = True,
    estimate: Annotated[
        bool, typer.Option("--estimate/--no-estimate", help="Whether to say when it starts: takes up to 3 s.")
    ] = True,
    server: ServerOption = "",
    config: ConfigOption = None,
    form: OutputOption = Format.TABLE,
) -> None:
    """Say why a job waits, and what would help; of one that runs, where, and whether its startd must go.

    The first line is one sentence with the number that holds it, the second what to do. Then the chain from the job to
    its claim, link by link; each member's first blocker, the nearest to running the job first; share and startds of its
    user. Then, one by one as each is proven by deciding again on a changed moment, what would let it start; and when it
    starts, worked out by running the recorded moment ahead (docs/forecast.md).
    """
    from fedsched.cli.source import source

    if (what in KINDS) != bool(name):
        raise _misread(what, name)
    with source(config, server) as found:
        if name:
            code = _other(found, what, name, form)
        elif since:
            code = _since(found, what, since, form)
        else:
            from fedsched.cli.explained import told

            code = told(found, what, form, counterfactuals=counterfactuals, estimate=estimate)
    raise typer.Exit(int(code))


def _misread(what: str, name: str) -> Failure:
    if what in KINDS:
        return Failure(
            Exit.USAGE, f"`explain {what}` of which one? Name {KINDS[what]}", f"fedsched explain {what} NAME"
        )
    return Failure(
        Exit.USAGE,
        f"`explain {what} {name}`: two names, and {what!r} is none of {', '.join(KINDS)}",
        f"fedsched explain {what}",
    )


def _other(found: Source, what: str, name: str, form: Format) -> Exit:
    from fedsched.cli import explained_others as others

    answers = found.answers
    if what == "cluster":
        return _shown(found, answers.explain_cluster(name), others.cluster, form)
    if what == "group":
        return _shown(found, answers.explain_group(name), others.group, form)
    return _shown(found, answers.explain_decision(name), others.decision, form)


def _since(found: Source, job: str, since: str, form: Format) -> Exit:
    from fedsched.cli import explained_others as others
    from fedsched.cli.durations import seconds

    # The daemon's clock counts, which is another one where it is simulated.
    now = found.answers.spikes().now
    return _shown(found, found.answers.history(job, now - seconds("--since", since, "2h")), others.history, form)


def _shown(found: Source, answer: D, show: Callable[[D], None], form: Format) -> Exit:
    code = found.code(answer)
    if form is Format.JSON:
        output.emit(answer)
    else:
        show(answer)
    return code
