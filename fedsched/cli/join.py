"""`join`: parse, call, print; how a cluster is joined lives in fedsched.kube.join."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedsched.cli import output
from fedsched.cli.member_access import (
    AllowExec,
    AllowFile,
    AllowHttp,
    AllowTls,
    ContextOption,
    KubeconfigOption,
    Name,
    access,
    allowances,
    lift_drain,
    refusals,
)
from fedsched.cli.options import ConfigOption, DryRunOption, OutputOption, federation
from fedsched.cli.output import Column, Exit, Failure, Format
from fedsched.cli.unjoin import rotate, unjoin

if TYPE_CHECKING:
    from fedsched.config.settings import Federation
    from fedsched.kube.join.checks import Check
    from fedsched.kube.join.joining import Joined
    from fedsched.kube.join.request import JoinRequest
    from fedsched.kube.kubeconfig import Access
    from fedsched.matchmaker.model import MemberTerms

SYMBOLS = {"ok": ("✓", "ok"), "bad": ("✗", "NO"), "unknown": ("?", "?")}


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(rich_help_panel="Members", short_help="Join a cluster; writes clusters/NAME.toml.")(join)
    app.command(rich_help_panel="Members", short_help="Part from a member; nothing of ours is left.")(unjoin)
    app.command(rich_help_panel="Members", short_help="Renew the credential of a member now.")(rotate)


def join(
    name: Name,
    kubeconfig: KubeconfigOption = None,
    cluster_context: ContextOption = "",
    namespace: Annotated[str, typer.Option(help="Where everything of ours lives there.")] = "",
    visibility: Annotated[str, typer.Option(help="What we may see: full, nodes or namespace.")] = "full",
    mode: Annotated[str, typer.Option(help="observe, trial(n) or on.")] = "trial(2)",
    form: Annotated[list[str] | None, typer.Option(help="startd-job, startd-daemonset, job. Repeatable.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Of the member. Repeatable.")] = None,
    region: Annotated[str, typer.Option(help="Region, for rank.")] = "",
    zone: Annotated[str, typer.Option(help="Zone, for rank.")] = "",
    lat: Annotated[float | None, typer.Option(min=-90, max=90, help="Latitude, degrees.")] = None,
    lon: Annotated[float | None, typer.Option(min=-180, max=180, help="Longitude, degrees.")] = None,
    price: Annotated[float, typer.Option(min=0, help="Per core and hour, in the federation's currency.")] = 0.0,
    node_group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=cpu:8,memory:32Gi,nodes:10", help="Where nodes cannot be seen. Repeatable."),
    ] = None,
    egress: Annotated[
        list[str] | None, typer.Option(metavar="CIDR[:PORT]", help="Private addresses that pods need. Repeatable.")
    ] = None,
    quota: Annotated[
        list[str] | None, typer.Option(metavar="NAME=AMOUNT", help="requests.cpu=200. Repeatable.")
    ] = None,
    image: Annotated[str, typer.Option(help="The startd image, by digest.")] = "",
    pull_secret: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Repeatable.")] = None,
    priority_class: Annotated[str, typer.Option(help="Else the lowest that is found.")] = "",
    allow_same_priority: Annotated[bool, typer.Option(help="The site agrees to pods at everybody's priority.")] = False,
    print_rbac: Annotated[
        bool, typer.Option("--print-rbac", help="Print what a site's admin applies; asks nobody.")
    ] = False,
    no_rbac: Annotated[
        bool, typer.Option("--no-rbac", help="That was applied; finish with our account's own.")
    ] = False,
    error_on_existing: Annotated[
        bool, typer.Option("--error-on-existing", help="Refuse a member that is there.")
    ] = False,
    allow_exec: AllowExec = None,
    allow_file: AllowFile = None,
    allow_insecure_tls: AllowTls = None,
    insecure_http: AllowHttp = False,
    secret_name: Annotated[str, typer.Option(help="kubefed: here the name of the credential's file.")] = "",
    host_cluster_context: Annotated[str, typer.Option(help="kubefed: understood, without effect.")] = "",
    host_cluster_name: Annotated[str, typer.Option(help="kubefed: understood, without effect.")] = "",
    dry_run: DryRunOption = False,
    form_of_output: OutputOption = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Join a cluster: take a narrow account there, and write clusters/NAME.toml.

    One person: fedsched join m1 --kubeconfig admin.kubeconfig --cluster-context m1

    Two people: fedsched join m1 --print-rbac > site.yaml; the site applies it and returns sa.kubeconfig; then
    fedsched join m1 --kubeconfig sa.kubeconfig --no-rbac

    A guest in one namespace: add --visibility namespace --node-group big=cpu:8,memory:32Gi,nodes:10
    """
    given = dict(locals())
    with refusals(name):
        settings = federation(config)
        request = _request(settings, given)
        if print_rbac:
            from fedsched.kube.join.handover import handover

            sys.stdout.write(handover(request))
            return
        _explain_kubefed(host_cluster_context or host_cluster_name)
        file = settings.clusters / f"{name}.toml"
        if error_on_existing and file.exists():
            raise Failure(
                Exit.REFUSED,
                f"{name} is a member already: {file}",
                f"fedsched unjoin {name}, or without --error-on-existing",
            )
        found = access(name, kubeconfig, cluster_context, allowances(given))
        request = _with_namespace(request, found, given)
        _same_cluster(file, found, request)
        joined = _run(found, request, no_rbac=no_rbac, dry_run=dry_run)
        _finish(settings, found, request, joined, as_json=form_of_output is Format.JSON, dry_run=dry_run)


def _request(settings: Federation, given: dict[str, Any]) -> JoinRequest:
    from fedsched.kube.join import request as forms
    from fedsched.kube.join.refusal import JoinError

    mode, trial = forms.parse_mode(given["mode"])
    old = _joined_before(settings.clusters / f"{given['name']}.toml")
    kinds = tuple(dict.fromkeys(given["form"] or old.forms))
    if unknown := [kind for kind in kinds if kind not in {"startd-job", "startd-daemonset", "job"}]:
        raise JoinError(f"form {unknown[0]!r}: startd-job, startd-daemonset or job", "--form startd-job")
    if given["visibility"] not in {"full", "nodes", "namespace"}:
        raise JoinError(f"visibility {given['visibility']!r}: full, nodes or namespace", "--visibility nodes")
    made = forms.JoinRequest(
        name=given["name"],
        federation=settings.id,
        namespace=given["namespace"] or "fedsched",
        visibility=given["visibility"],
        mode=mode,
        trial=trial,
        forms=kinds,
        labels=tuple(sorted(forms.parse_pair(text, "--label") for text in given["label"] or [])),
        region=given["region"],
        zone=given["zone"],
        latitude=given["lat"],
        longitude=given["lon"],
        price=given["price"],
        egress=tuple(sorted({forms.parse_egress(text) for text in given["egress"] or []})),
        groups=tuple(forms.parse_group(text) for text in given["node_group"] or []),
        quota=tuple(sorted(forms.parse_pair(text, "--quota") for text in given["quota"] or [])),
        image=given["image"],
        pull_secrets=tuple(given["pull_secret"] or []),
        priority_class=given["priority_class"],
        allow_same_priority=given["allow_same_priority"],
        credential_name=given["secret_name"] or given["name"],
        collectors=tuple(pool.startd_collector or pool.collector for pool in settings.pools),
        jobs=old.jobs,
    )
    forms.check(made)
    return made


def _joined_before(file: Path) -> MemberTerms:
    """What the member's file says, where there is one: joining again without --form keeps forms and rights."""
    from fedsched.config.members import load_member
    from fedsched.matchmaker.model import MemberTerms

    return load_member(file).terms if file.exists() else MemberTerms(file.stem)


def _with_namespace(request: JoinRequest, access: Access, given: dict[str, Any]) -> JoinRequest:
    """Without --namespace: for a hand-over or a guest the kubeconfig's own, else `fedsched`."""
    import msgspec

    from fedsched.kube.join.request import check

    guest = given["no_rbac"] or request.visibility == "namespace"
    if given["namespace"] or not guest or not access.namespace:
        return request
    changed = msgspec.structs.replace(request, namespace=access.namespace)
    check(changed)
    return changed


def _same_cluster(file: Path, access: Access, request: JoinRequest) -> None:
    """A name stands for one cluster: joining another under it would orphan what runs in the first."""
    if not file.exists():
        return
    from fedsched.config.members import load_member

    old = load_member(file)
    if old.server and (old.server.rstrip("/"), old.namespace) != (access.server, request.namespace):
        raise Failure(
            Exit.REFUSED,
            f"{request.name} is {old.server}, namespace {old.namespace}; this is {access.server}, {request.namespace}",
            f"another name, or first: fedsched unjoin {request.name}",
        )


def _run(access: Access, request: JoinRequest, *, no_rbac: bool, dry_run: bool) -> Joined:
    from fedsched.kube.join.caller import Connection
    from fedsched.kube.join.joining import finish
    from fedsched.kube.join.joining import join as make_member

    recipe = finish if no_rbac else make_member
    return recipe(Connection(access), access, request, dry_run=dry_run, say=output.note)


def _finish(
    settings: Federation, access: Access, request: JoinRequest, joined: Joined, *, as_json: bool, dry_run: bool
) -> None:
    from fedsched.config.member_write import write
    from fedsched.kube.join import credentials
    from fedsched.kube.join.member import member_file

    member = member_file(access, request)
    path = settings.credentials / member.credential
    if joined.credential is not None:
        credentials.save(path, joined.credential)
    file = settings.clusters / f"{request.name}.toml"
    done, difference = write(file, member, dry_run=dry_run)
    if not dry_run:
        lift_drain(settings, request.name)
    bad = sum(check.state == "bad" for check in joined.checks)
    if as_json:
        output.emit_json(
            "joined",
            member=request.name,
            server=access.server,
            namespace=request.namespace,
            dry_run=dry_run,
            objects=joined.steps,
            checks=joined.checks,
            file={"path": str(file), "done": done, "difference": difference},
            credential={"path": str(path), "expires_at": joined.credential.expires_at if joined.credential else None},
        )
    else:
        _print_checks(joined.checks)
        _what_now(request, file, done, difference, dry_run=dry_run)
    if bad:
        raise typer.Exit(int(Exit.PARTIAL))


def _print_checks(checks: tuple[Check, ...]) -> None:
    rows: list[tuple[str, ...]] = [(output.symbol(*SYMBOLS[check.state]), check.name, check.found) for check in checks]
    if rows:
        output.table((Column(""), Column("check"), Column("found")), rows)
    for check in checks:
        if check.advice and check.state != "ok":
            output.wrapped(f"{output.symbol(*SYMBOLS[check.state])} {check.name}: {check.advice}", 2)


def _what_now(request: JoinRequest, file: Path, done: str, difference: str, *, dry_run: bool) -> None:
    if dry_run:
        output.line(f"dry run: nothing was written; {file} would be {done}")
        return
    said = {"made": "written", "changed": "rewritten", "unchanged": "as it was", "kept": "kept: it was edited by hand"}
    output.line(f"{file}: {said[done]}")
    if done == "kept":
        output.line("  this join would have said:")
        for line in difference.splitlines():
            output.line(f"    {line}")
    output.line("what now:")
    output.line(f"  review {file} and commit it; the credential lies elsewhere and is never committed")
    output.line("  fedsched check; a running daemon takes it on SIGHUP")
    if request.mode == "trial":
        output.line(f'  at most {request.trial} pods start there until the file says mode = "on"')
    output.line(f"  undo: fedsched unjoin {request.name}")


def _explain_kubefed(given: str) -> None:
    if given:
        output.note(
            "--host-cluster-…: understood, without effect: fedsched keeps its state in files, not in a host cluster"
        )
