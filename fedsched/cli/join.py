"""`join`, `unjoin`, `rotate`: parse, call, print; how a cluster is joined lives in fedsched.kube.join."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedsched.cli import output
from fedsched.cli.options import ConfigOption, DryRunOption, OutputOption, federation
from fedsched.cli.output import Column, Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.config.settings import Credential, Federation, MemberFile
    from fedsched.kube.join.checks import Check
    from fedsched.kube.join.joining import Joined
    from fedsched.kube.join.request import JoinRequest
    from fedsched.kube.kubeconfig import Access, Allowances

Name = Annotated[str, typer.Argument(metavar="NAME", help="The member: lower-case letters, digits and -.")]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option("--kubeconfig", metavar="FILE", help="Read without running or opening anything that it names."),
]
ContextOption = Annotated[str, typer.Option("--cluster-context", metavar="CONTEXT", help="Else NAME, or the only one.")]
AllowExec = Annotated[
    list[str] | None, typer.Option("--allow-exec", metavar="COMMAND", help="Run this credential plugin, once.")
]
AllowFile = Annotated[
    list[str] | None, typer.Option("--allow-file", metavar="PATH", help="Open this file that the kubeconfig names.")
]
AllowTls = Annotated[
    list[str] | None,
    typer.Option("--allow-insecure-tls", metavar="SERVER", help="Learn the CA from an unchecked connection, once."),
]
AllowHttp = Annotated[bool, typer.Option("--insecure-http", help="Plain http, for tests on this machine.")]
SYMBOLS = {"ok": ("✓", "ok"), "bad": ("✗", "NO"), "unknown": ("?", "?")}


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(rich_help_panel="Members")(join)
    app.command(rich_help_panel="Members")(unjoin)
    app.command(rich_help_panel="Members")(rotate)


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
    with _refusals(name):
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
        access = _access(name, kubeconfig, cluster_context, _allowances(given))
        request = _with_namespace(request, access, given)
        _same_cluster(file, access, request)
        joined = _run(access, request, no_rbac=no_rbac, dry_run=dry_run)
        _finish(settings, access, request, joined, as_json=form_of_output is Format.JSON, dry_run=dry_run)


def unjoin(
    name: Name,
    kubeconfig: KubeconfigOption = None,
    cluster_context: ContextOption = "",
    deadline: Annotated[
        str, typer.Option(metavar="TIME", help="Then what still runs is vacated; 0 for at once.")
    ] = "10m",
    forget: Annotated[bool, typer.Option("--forget", help="Never touch the network: only our files go.")] = False,
    allow_exec: AllowExec = None,
    allow_file: AllowFile = None,
    allow_insecure_tls: AllowTls = None,
    insecure_http: AllowHttp = False,
    dry_run: DryRunOption = False,
    form_of_output: OutputOption = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Part from a member: its startds leave, and what join made there goes.

    With an admin's --kubeconfig everything goes; with our own account what it may remove, and the rest is printed.

    fedsched unjoin m1 --kubeconfig admin.kubeconfig        fedsched unjoin gone --forget
    """
    given = dict(locals())
    with _refusals(name):
        from fedsched.kube.join import leaving

        settings = federation(config)
        member = _member(settings, name)
        request = _request_of(settings, member)
        if dry_run:
            output.line(f"would tell the startds of {name} to leave, then remove what join made there:")
            output.line(leaving.by_hand(request))
            output.line(f"undo: fedsched join {name} …")
            return
        left = leaving.Left()
        if not forget:
            seconds = _seconds(deadline)
            caller = _leaver(settings, member, kubeconfig, cluster_context, _allowances(given))
            left = leaving.unjoin(caller, request, deadline_s=seconds, say=output.note)
        _forget(settings, member)
        _say_left(name, request, left, forgotten=forget, as_json=form_of_output is Format.JSON)
    if left.remains:
        raise typer.Exit(int(Exit.PARTIAL))


def rotate(
    name: Name,
    form_of_output: OutputOption = Format.TABLE,
    config: ConfigOption = None,
) -> None:
    """Renew the credential of a member now; the daemon takes the new one without a failed call.

    fedsched rotate m1
    """
    with _refusals(name):
        from fedsched.kube.join import credentials
        from fedsched.kube.join.tokens import renew
        from fedsched.kube.transport import Transport

        settings = federation(config)
        member = _member(settings, name)
        path = settings.credentials / member.credential
        old = credentials.load(path)
        fresh = renew(Transport(old), old, time.time())
        credentials.save(path, fresh)
        if form_of_output is Format.JSON:
            output.emit_json("rotated", member=name, expires_at=fresh.expires_at)
        else:
            output.line(f"{name}: new token, valid for {_life(fresh)}; the old one ends at its own time")


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Answers of the rooms below become failures of the verb."""
    from fedsched.kube.join.refusal import JoinError

    try:
        yield
    except JoinError as error:
        code = Exit.UNREACHABLE if error.unreachable else Exit.REFUSED
        raise Failure(code, error.what, error.way_out.replace("NAME", name)) from None


def _request(settings: Federation, given: dict[str, Any]) -> JoinRequest:
    from fedsched.kube.join import request as forms
    from fedsched.kube.join.refusal import JoinError

    mode, trial = forms.parse_mode(given["mode"])
    kinds = tuple(dict.fromkeys(given["form"] or ["startd-job"]))
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
    )
    forms.check(made)
    return made


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


def _access(name: str, kubeconfig: Path | None, context: str, allow: Allowances) -> Access:
    from fedsched.kube.kubeconfig import read

    path = kubeconfig or Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    return read(path, context, name, allow)


def _allowances(given: dict[str, Any]) -> Allowances:
    from fedsched.kube.kubeconfig import Allowances

    return Allowances(
        commands=tuple(given["allow_exec"] or ()),
        files=tuple(given["allow_file"] or ()),
        insecure=tuple(server.rstrip("/") for server in given["allow_insecure_tls"] or ()),
        http=given["insecure_http"],
    )


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


def _member(settings: Federation, name: str) -> MemberFile:
    from fedsched.config.members import load_member

    file = settings.clusters / f"{name}.toml"
    if "/" in name or not file.is_file():
        known = ", ".join(sorted(path.stem for path in settings.clusters.glob("*.toml"))) or "none"
        raise Failure(Exit.USAGE, f"no member {name} ({file} is not there); members: {known}", "fedsched clusters")
    return load_member(file)


def _request_of(settings: Federation, member: MemberFile) -> JoinRequest:
    from fedsched.kube.join.request import JoinRequest

    return JoinRequest(
        name=member.name,
        federation=settings.id,
        namespace=member.namespace,
        visibility=member.terms.visibility,
        forms=member.terms.forms,
    )


def _leaver(settings: Federation, member: MemberFile, kubeconfig: Path | None, context: str, allow: Allowances) -> Any:
    """Who removes: the admin of --kubeconfig, else our own account."""
    from fedsched.kube.join import credentials
    from fedsched.kube.join.caller import Connection, as_service_account

    if kubeconfig is None:
        return as_service_account(credentials.load(settings.credentials / member.credential))
    access = _access(member.name, kubeconfig, context, allow)
    if member.server and access.server != member.server.rstrip("/"):
        raise Failure(
            Exit.REFUSED,
            f"{member.name} is {member.server}; that kubeconfig leads to {access.server}; nothing was touched",
            "--cluster-context CONTEXT of the right cluster",
        )
    return Connection(access)


def _forget(settings: Federation, member: MemberFile) -> None:
    from fedsched.kube.join import credentials

    member.path.unlink(missing_ok=True)
    credentials.remove(settings.credentials / member.credential)


def _say_left(name: str, request: JoinRequest, left: Any, *, forgotten: bool, as_json: bool) -> None:
    from fedsched.kube.join.leaving import by_hand

    if as_json:
        by_hand_text = by_hand(request) if forgotten or left.remains else ""
        output.emit_json("unjoined", member=name, removed=left.removed, remains=left.remains, by_hand=by_hand_text)
        return
    output.line(f"{name} is no member any more: its file and credential are removed")
    for what in left.removed:
        output.line(f"  removed {what}")
    for what, why in left.remains:
        output.line(f"  remains {what}: {why}")
    if forgotten:
        output.line("nothing was asked of the cluster. Startds there end by themselves at their expiry; besides them")
        output.line("may remain what join made. The site's admin removes all of it with:")
    if forgotten or left.remains:
        output.line(by_hand(request))


def _seconds(text: str) -> float:
    from fedsched.config.amounts import duration
    from fedsched.config.problems import WrongError

    try:
        return duration(float(text) if text.replace(".", "", 1).isdigit() else text)
    except WrongError as wrong:
        raise Failure(Exit.USAGE, f"--deadline: {wrong}", "--deadline 10m") from None


def _explain_kubefed(given: str) -> None:
    if given:
        output.note(
            "--host-cluster-…: understood, without effect: fedsched keeps its state in files, not in a host cluster"
        )


def _life(credential: Credential) -> str:
    if credential.expires_at is None:
        return "ever"
    hours = (credential.expires_at - time.time()) / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} h"
