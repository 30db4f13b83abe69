"""The recipe of joining: from whoever gave the kubeconfig to our own narrow account; it writes no file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import msgspec

from fedsched.config.settings import Credential
from fedsched.kube.join.caller import Caller, as_service_account
from fedsched.kube.join.checks import Check, jobs, run_checks
from fedsched.kube.join.make import Step, is_ours, make
from fedsched.kube.join.object_paths import collection, path_of
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.join.request import JoinRequest
from fedsched.kube.join.reviews import identity, may, may_make
from fedsched.kube.join.standing import granted, standing
from fedsched.kube.join.tokens import request_token
from fedsched.kube.join.trust import checked_authority
from fedsched.kube.kubeconfig import Access
from fedsched.kube.transport import Transport, TransportError

Say = Callable[[str], None]
SETTLE_S, SETTLE_STEP_S = 5.0, 0.2
OURS_TO_MAKE = ("ServiceAccount", "Role", "RoleBinding", "ConfigMap")


class Joined(msgspec.Struct, frozen=True):
    """What joining did. credential: None after a dry run. checks: asked as our own account, empty after a dry run."""

    steps: tuple[Step, ...]
    checks: tuple[Check, ...]
    credential: Credential | None


def join(caller: Caller, access: Access, request: JoinRequest, *, dry_run: bool, say: Say) -> Joined:
    """With rights: makes the standing objects, then becomes our account and looks around as such."""
    who = identity(caller)
    say(f"{access.server}: we are {who.user}")
    own = _namespace_is_ours(caller, request)
    _may_join(caller, request, own_namespace=own)
    steps = []
    for manifest in standing(request, own_namespace=own):
        steps.append(make(caller, manifest, dry_run=dry_run))
        say(f"{steps[-1].what}: {steps[-1].action}")
    if dry_run:
        return Joined(tuple(steps), (), None)
    found = _become(caller, access, request)
    _settle(found, request)
    return Joined(tuple(steps), (*_refused(steps), *look(found, request), *_secrets(caller, request)), found)


def finish(caller: Caller, access: Access, request: JoinRequest, *, dry_run: bool, say: Say) -> Joined:
    """Without rights: a site's admin made the objects, the kubeconfig is our account's own."""
    who = identity(caller)
    if not who.service_account:
        raise JoinError(
            f"--no-rbac wants the kubeconfig of our service account; this one is {who.user}'s",
            "leave --no-rbac away if it may make Roles, or ask the site for sa.kubeconfig (see --print-rbac)",
        )
    if who.namespace != request.namespace:
        raise JoinError(
            f"the kubeconfig's service account lives in namespace {who.namespace}, not in {request.namespace}",
            f"--namespace {who.namespace}",
        )
    say(f"{access.server}: we are {who.user}")
    request = msgspec.structs.replace(request, service_account=who.service_account)
    if dry_run:
        return Joined((), run_checks(caller, request), None)
    found = _become(caller, access, request)
    return Joined((), look(found, request), found)


def look(credential: Credential, request: JoinRequest) -> tuple[Check, ...]:
    """The table, asked as our own account through the daemon's own transport."""
    rows = list(run_checks(as_service_account(credential), request))
    try:
        rows += jobs(Transport(credential, requests_per_s=50.0, connections=2), request)
    except TransportError as error:
        rows.append(Check("users' Jobs", "bad", shortened(str(error)), "run join again"))
    if credential.expires_at is not None and credential.issued_at is not None:
        hours = (credential.expires_at - credential.issued_at) / 3600
        days = f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} h"
        rows.append(Check("token", "ok", f"bound, {days}; renewed by fedsched before 80 % of that"))
    return tuple(rows)


def _settle(credential: Credential, request: JoinRequest) -> None:
    """Wait until the server has noticed the new bindings: its authorizer reads them with a short delay."""
    ours, ends = as_service_account(credential), time.monotonic() + SETTLE_S
    waiting = [(right, verb) for right in granted(request) for verb in right.verbs]
    while waiting and time.monotonic() < ends:
        with contextlib.suppress(JoinError):  # the account itself is as new
            waiting = [(right, verb) for right, verb in waiting if not may(ours, right, verb, request.namespace)]
        time.sleep(SETTLE_STEP_S if waiting else 0)


def _become(caller: Caller, access: Access, request: JoinRequest) -> Credential:
    authority = checked_authority(caller, access, request.namespace)
    empty = Credential(
        server=access.server,
        namespace=request.namespace,
        token="",
        ca_pem=authority,
        service_account=request.service_account,
        tls_server_name=access.tls_server_name,
        proxy_url=access.proxy_url,
    )
    return request_token(caller, empty, request.token_s, time.time())


def _namespace_is_ours(caller: Caller, request: JoinRequest) -> bool:
    """Whether the namespace was or will be made by us, so that a quota in it binds nobody else."""
    wanted = standing(request, own_namespace=True)[0]
    found = caller.call("GET", path_of(wanted))
    if found.ok:
        return is_ours(found.body, wanted)
    if request.visibility != "namespace":
        return found.status == 404 or not _lives(caller, request.namespace)
    if found.status == 404:
        raise JoinError(
            f"namespace {request.namespace} does not exist; --visibility namespace makes nothing cluster-scoped",
            f"kubectl create namespace {request.namespace}",
        )
    return False


def _lives(caller: Caller, namespace: str) -> bool:
    """Whether a namespace that we may not read is there: every one has its default ServiceAccount."""
    return caller.call("GET", f"{collection('ServiceAccount', namespace)}/default").ok


def _may_join(caller: Caller, request: JoinRequest, *, own_namespace: bool) -> None:
    """Ask before the first write, so that a kubeconfig with too few rights leaves nothing half made."""
    needed = list(OURS_TO_MAKE)
    if request.visibility != "namespace":
        needed += ["ClusterRole", "ClusterRoleBinding"]
    if own_namespace:
        needed.append("Namespace")
    missing = [kind for kind in needed if not may_make(caller, kind, request.namespace)]
    if missing:
        raise JoinError(
            f"this kubeconfig may not create {', '.join(missing)}; nothing was made",
            f"an admin's, or the site applies `fedsched join {request.name} --print-rbac`; then join with --no-rbac",
        )


def _refused(steps: list[Step]) -> list[Check]:
    """Rows for what a guest was not allowed to make, and for what the site keeps different."""
    advice = {
        "refused": "ask the site to apply it: it stands in --print-rbac",
        "kept": "the site changed it; that stands. kubectl describe shows it",
    }
    rows = [
        Check(step.what, "unknown", shortened(step.why), advice[step.action]) for step in steps if step.action in advice
    ]
    return [row for row in rows if not row.name.startswith("Namespace ")]


def shortened(text: str) -> str:
    """The first sentence of a server's long answer."""
    return text if len(text) <= 120 else f"{text[:119]}…"


def _secrets(caller: Caller, request: JoinRequest) -> list[Check]:
    """Pull secrets can be looked for only while somebody with rights is here; their content is not asked for."""
    rows = []
    for name in request.pull_secrets:
        answer = caller.call("GET", f"{collection('Secret', request.namespace)}/{name}")
        if answer.status == 404:
            advice = f"kubectl create secret docker-registry {name} -n {request.namespace} …"
            rows.append(Check("image pull", "bad", f"no Secret {name}", advice))
    return rows
