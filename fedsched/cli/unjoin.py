"""`unjoin` and `rotate`: parse, call, print; how a cluster is left lives in fedsched.kube.join."""

from __future__ import annotations

import time
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
    member_of,
    order_leaving,
    refusals,
)
from fedsched.cli.options import ConfigOption, DryRunOption, OutputOption, federation
from fedsched.cli.output import Exit, Failure, Format

if TYPE_CHECKING:
    from fedsched.config.settings import Credential, Federation, MemberFile
    from fedsched.kube.join.request import JoinRequest
    from fedsched.kube.kubeconfig import Allowances


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
    with refusals(name):
        from fedsched.kube.join import leaving

        settings = federation(config)
        member = member_of(settings, name)
        request = _request_of(settings, member)
        if dry_run:
            output.line(f"would tell the startds of {name} to leave, then remove what join made there:")
            _say_by_hand(request)
            output.line(f"undo: fedsched join {name} …")
            return
        left, seconds = leaving.Left(), _seconds(deadline)
        daemon = order_leaving(settings, name, None if forget else seconds)
        if not forget:
            caller = _leaver(settings, member, kubeconfig, cluster_context, allowances(given))
            left = leaving.unjoin(caller, request, deadline_s=seconds, say=output.note)
        _forget(settings, member)
        if daemon:
            output.note(f"{daemon} runs: it places nothing there any more; SIGHUP makes it forget the member")
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
    with refusals(name):
        from fedsched.kube.join import credentials
        from fedsched.kube.join.tokens import renew
        from fedsched.kube.transport import Transport

        settings = federation(config)
        member = member_of(settings, name)
        path = settings.credentials / member.credential
        old = credentials.load(path)
        fresh = renew(Transport(old), old, time.time())
        credentials.save(path, fresh)
        if form_of_output is Format.JSON:
            output.emit_json("rotated", member=name, expires_at=fresh.expires_at)
        else:
            output.line(f"{name}: new token, valid for {_life(fresh)}; the old one ends at its own time")


def _request_of(settings: Federation, member: MemberFile) -> JoinRequest:
    from fedsched.kube.join.request import JoinRequest

    return JoinRequest(
        name=member.name,
        federation=settings.id,
        namespace=member.namespace,
        visibility=member.terms.visibility,
        forms=member.terms.forms,
        jobs=member.terms.jobs,
    )


def _leaver(settings: Federation, member: MemberFile, kubeconfig: Path | None, context: str, allow: Allowances) -> Any:
    """Who removes: the admin of --kubeconfig, else our own account."""
    from fedsched.kube.join import credentials
    from fedsched.kube.join.caller import Connection, as_service_account

    if kubeconfig is None:
        return as_service_account(credentials.load(settings.credentials / member.credential))
    found = access(member.name, kubeconfig, context, allow)
    if member.server and found.server != member.server.rstrip("/"):
        raise Failure(
            Exit.REFUSED,
            f"{member.name} is {member.server}; that kubeconfig leads to {found.server}; nothing was touched",
            "--cluster-context CONTEXT of the right cluster",
        )
    return Connection(found)


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
        _say_by_hand(request)


def _say_by_hand(request: JoinRequest) -> None:
    from fedsched.kube.join.leaving import by_hand

    for text in by_hand(request).splitlines():
        output.line(text)


def _seconds(text: str) -> float:
    from fedsched.config.amounts import duration
    from fedsched.config.problems import WrongError

    try:
        return duration(float(text) if text.replace(".", "", 1).isdigit() else text)
    except WrongError as wrong:
        raise Failure(Exit.USAGE, f"--deadline: {wrong}", "--deadline 10m") from None


def _life(credential: Credential) -> str:
    if credential.expires_at is None:
        return "ever"
    hours = (credential.expires_at - time.time()) / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} h"
