"""How the verbs about members reach a cluster and its files: shared options, the kubeconfig gate, refusals."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedsched.cli.output import Exit, Failure, note

if TYPE_CHECKING:
    from fedsched.config.settings import Federation, MemberFile
    from fedsched.journal import Journal
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


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """Answers of the rooms below become failures of the verb."""
    from fedsched.kube.join.refusal import JoinError

    try:
        yield
    except JoinError as error:
        code = Exit.UNREACHABLE if error.unreachable else Exit.REFUSED
        raise Failure(code, error.what, error.way_out.replace("NAME", name)) from None


def access(name: str, kubeconfig: Path | None, context: str, allow: Allowances) -> Access:
    """The chosen context of the kubeconfig: the option, $KUBECONFIG, ~/.kube/config; refused unless it is plain."""
    from fedsched.kube.kubeconfig import read

    path = kubeconfig or Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    return read(path, context, name, allow)


def allowances(given: dict[str, Any]) -> Allowances:
    """What the options allow by name."""
    from fedsched.kube.kubeconfig import Allowances

    return Allowances(
        commands=tuple(given["allow_exec"] or ()),
        files=tuple(given["allow_file"] or ()),
        insecure=tuple(server.rstrip("/") for server in given["allow_insecure_tls"] or ()),
        http=given["insecure_http"],
    )


def member_of(settings: Federation, name: str) -> MemberFile:
    """The file of a member. Failure (usage) when there is none, ConfigError when it is bad."""
    from fedsched.config.members import load_member

    file = settings.clusters / f"{name}.toml"
    if "/" in name or not file.is_file():
        known = ", ".join(sorted(path.stem for path in settings.clusters.glob("*.toml"))) or "none"
        raise Failure(Exit.USAGE, f"no member {name} ({file} is not there); members: {known}", "fedsched clusters")
    return load_member(file)


UNJOINING = "unjoin"


def order_leaving(settings: Federation, name: str, deadline_s: float | None) -> str:
    """Tell the daemon that a member is being left, so that it puts nothing there; who runs it, "" for none.

    Drained by `deadline_s`; None: only forgotten, so what stands there is left as it is.
    """
    from getpass import getuser

    from fedsched.matchmaker.model import Order

    with _journal(settings) as journal:
        if journal is None:
            return ""
        now = time.time()
        if deadline_s is None:
            journal.add_order(Order("cordon", name, UNJOINING, getuser(), now))
        else:
            journal.add_order(Order("drain", name, UNJOINING, getuser(), now, now + deadline_s))
        lease = journal.lease()
        return str(lease.holder) if lease is not None and lease.expires_at > now else ""


def lift_drain(settings: Federation, name: str) -> None:
    """A member that joins again is no longer drained or cordoned because it was left before; other orders stay."""
    with _journal(settings) as journal:
        if journal is None:
            return
        for order in journal.orders():
            if order.target == name and order.reason == UNJOINING:
                journal.remove_order(order.kind, name)


@contextmanager
def _journal(settings: Federation) -> Iterator[Journal | None]:
    """The journal where there is one already; None otherwise, and when it cannot be used, which is said."""
    from fedsched.journal import JournalError, open_journal

    if not Path(settings.journal.partition(":")[2]).exists():
        yield None
        return
    try:
        journal = open_journal(settings.journal)
    except JournalError as error:
        note(f"the journal was not told: {error}")
        yield None
        return
    try:
        yield journal
    finally:
        journal.close()
