"""`hub`: join a cluster whose labelled Jobs are a queue, print what stands there, check it; recipes live in kube/."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedsched.cli import output
from fedsched.cli.join import SYMBOLS
from fedsched.cli.member_access import (
    AllowExec,
    AllowFile,
    AllowHttp,
    AllowTls,
    ContextOption,
    KubeconfigOption,
    access,
    allowances,
    refusals,
)
from fedsched.cli.options import ConfigOption, DryRunOption, OutputOption, examples, federation
from fedsched.cli.output import Column, Exit, Format

if TYPE_CHECKING:
    from fedsched.config.settings import Federation
    from fedsched.kube.hub.request import HubRequest
    from fedsched.kube.hub.served import Served
    from fedsched.kube.join.caller import Caller
    from fedsched.kube.join.checks import Check
    from fedsched.kube.join.joining import Joined

NAMESPACE = "fedsched-queue"
"""Of its own: removing a hub removes it, and neither a member nor fedsched itself may live there."""
Queue = Annotated[str, typer.Argument(metavar="NAME", help="The queue: value of the label fedsched.io/queue.")]
QueueOption = Annotated[str, typer.Option("--queue", metavar="NAME", help="The queue.")]
Namespace = Annotated[str, typer.Option("--namespace", help="Where our account lives there.")]


def register(app: typer.Typer) -> None:
    """Add the family."""
    family = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    family.command(short_help="Install policies and a narrow account in a hub.")(join)
    family.command(short_help="Print what join installs, to be read and applied.")(manifests)
    family.command(short_help="Say what stands in a hub, and what does not.")(check)
    app.add_typer(
        family, name="hub", rich_help_panel="Members", short_help="A cluster whose labelled Jobs are a queue."
    )


HELP = """A hub is a cluster in which people make Jobs that run at members.

Whoever makes a Job adds one label, fedsched.io/queue: NAME. An admission policy of ours then hands it to fedsched
(spec.managedBy), so that the hub's own controller leaves it alone; its copy runs at a member, and its status, counts
and end come back into the Job in the hub. Jobs without the label are never touched.

\b
fedsched hub join hub --kubeconfig admin.kubeconfig
fedsched hub check hub
kubectl label --local -f job.yaml fedsched.io/queue=hub -o yaml | kubectl create -f -
"""


@examples(
    "fedsched hub join hub --kubeconfig admin.kubeconfig --dry-run",
    "fedsched hub join hub --kubeconfig admin.kubeconfig --cluster-context prod",
    "fedsched hub manifests --queue hub > hub.yaml          for an admin who applies it by hand",
)
def join(
    name: Queue,
    kubeconfig: KubeconfigOption = None,
    cluster_context: ContextOption = "",
    namespace: Namespace = NAMESPACE,
    allow_exec: AllowExec = None,
    allow_file: AllowFile = None,
    allow_insecure_tls: AllowTls = None,
    insecure_http: AllowHttp = False,
    dry_run: DryRunOption = False,
    form: OutputOption = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Install what makes labelled Jobs a queue, and take a narrow account: it reads Jobs and writes their status.

    Prints the [[queue]] table for fedsched.toml. Run it again after the queue's rules or members' [jobs] grants have
    changed, and to renew the credential.
    """
    given = dict(locals())
    with refusals(name):
        from fedsched.kube.hub.joining import join as make_hub
        from fedsched.kube.join.caller import Connection

        settings = federation(config)
        request = _request(settings, name, namespace)
        found = access(name, kubeconfig, cluster_context, allowances(given))
        joined, served = make_hub(Connection(found), found, request, dry_run=dry_run, say=output.note)
        path = _credential(settings, request)
        if joined.credential is not None:
            from fedsched.kube.join import credentials

            credentials.save(path, joined.credential)
        _say_joined(settings, request, joined, served, path, as_json=form is Format.JSON, server=found.server)
    if any(check.state == "bad" for check in joined.checks):
        raise typer.Exit(int(Exit.PARTIAL))


@examples(
    "fedsched hub manifests --queue hub > hub.yaml",
    "fedsched hub manifests --queue hub --kubeconfig admin.kubeconfig | kubectl diff -f -",
    "fedsched hub manifests --queue hub | kubectl delete -f -",
)
def manifests(
    queue: QueueOption = "hub",
    kubeconfig: KubeconfigOption = None,
    cluster_context: ContextOption = "",
    namespace: Namespace = NAMESPACE,
    allow_exec: AllowExec = None,
    allow_file: AllowFile = None,
    allow_insecure_tls: AllowTls = None,
    insecure_http: AllowHttp = False,
    form: OutputOption = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Print policies and rights as one commented YAML file; nothing is changed anywhere.

    With --kubeconfig for what that server serves; else for Kubernetes 1.36 and later.
    """
    given = dict(locals())
    with refusals(queue):
        from fedsched.kube.hub.handover import handover
        from fedsched.kube.hub.served import NEWEST, ask
        from fedsched.kube.hub.standing import standing
        from fedsched.kube.join.caller import Connection

        request = _request(federation(config), queue, namespace)
        served = NEWEST
        if kubeconfig is not None:
            served = ask(Connection(access(queue, kubeconfig, cluster_context, allowances(given))))
        if form is Format.JSON:
            output.emit_json("hub-manifests", queue=queue, served=served, objects=standing(request, served))
        else:
            sys.stdout.write(handover(request, served))


@examples(
    "fedsched hub check hub",
    "fedsched hub check hub --kubeconfig admin.kubeconfig      also tries a labelled Job, without making it",
)
def check(
    name: Queue,
    kubeconfig: KubeconfigOption = None,
    cluster_context: ContextOption = "",
    allow_exec: AllowExec = None,
    allow_file: AllowFile = None,
    allow_insecure_tls: AllowTls = None,
    insecure_http: AllowHttp = False,
    form: OutputOption = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Look whether policies, bindings and rights stand as the files ask, and for labelled Jobs that are not ours.

    Ends with 3 when something is ✗. What only an admin may try is ? without --kubeconfig.
    """
    given = dict(locals())
    with refusals(name):
        from fedsched.kube.hub.checking import run_checks
        from fedsched.kube.hub.served import ask
        from fedsched.kube.join import credentials
        from fedsched.kube.join.caller import Connection, as_service_account

        settings = federation(config)
        request = _request(settings, name, NAMESPACE)
        credential = credentials.load(_credential(settings, request))
        request = _request(settings, name, credential.namespace)
        admin: Caller | None = None
        if kubeconfig is not None:
            admin = Connection(access(name, kubeconfig, cluster_context, allowances(given)))
        ours = as_service_account(credential)
        rows = run_checks(ours, request, ask(admin or ours), admin)
        if form is Format.JSON:
            output.emit_json("hub-check", queue=name, server=credential.server, checks=rows)
        else:
            _print_checks(rows)
    if any(row.state == "bad" for row in rows):
        raise typer.Exit(int(Exit.PARTIAL))


def _request(settings: Federation, queue: str, namespace: str) -> HubRequest:
    from fedsched.config import load_members
    from fedsched.kube.hub.request import request_of

    return request_of(settings, load_members(settings), queue, namespace)


def _credential(settings: Federation, request: HubRequest) -> Path:
    own = next(queue for queue in request.terms.queues if queue.name == request.queue)
    return settings.credentials / (own.credential or f"{request.queue}.json")


def _say_joined(
    settings: Federation,
    request: HubRequest,
    joined: Joined,
    served: Served,
    path: Path,
    *,
    as_json: bool,
    server: str,
) -> None:
    known = any(queue.name == request.queue for queue in settings.queues)
    table = "" if known else _table(request, path)
    if as_json:
        credential: dict[str, Any] = {
            "path": str(path),
            "expires_at": joined.credential.expires_at if joined.credential else None,
        }
        output.emit_json(
            "hub-joined",
            queue=request.queue,
            server=server,
            served=served,
            dry_run=joined.credential is None,
            objects=joined.steps,
            checks=joined.checks,
            credential=credential,
            table=table,
        )
        return
    _print_checks(joined.checks)
    if joined.credential is None:
        output.line("dry run: nothing was made")
        return
    output.line("what now:")
    if table:
        output.line("  add to fedsched.toml, review it, then: fedsched check; a restart of the daemon takes it")
        for row in table.splitlines():
            output.line(f"    {row}".rstrip())
    output.line(
        f"  users add the label fedsched.io/queue: {request.queue} to their Jobs, and nothing else{_beside(served)}"
    )
    output.line(f"  undo: fedsched hub manifests --queue {request.queue} | kubectl delete -f -")


def _beside(served: Served) -> str:
    if served.mutating:
        return ""
    return f"; this server cannot add spec.{served.hold} for them: docs/hub.md"


def _table(request: HubRequest, path: Path) -> str:
    return f"""\
[[queue]]
name = "{request.queue}"
kind = "hub"
credential = "{path.name}"
namespaces = ["*"]               # whose Jobs are taken

[[queue.principal]]              # who is charged; first match wins
namespace = "*"
default = "guest.{{namespace}}\""""


def _print_checks(checks: tuple[Check, ...]) -> None:
    rows: list[tuple[str, ...]] = [(output.symbol(*SYMBOLS[row.state]), row.name, row.found) for row in checks]
    if rows:
        output.table((Column(""), Column("check"), Column("found")), rows)
    for row in checks:
        if row.advice and row.state != "ok":
            output.wrapped(f"{output.symbol(*SYMBOLS[row.state])} {row.name}: {row.advice}", 2)
