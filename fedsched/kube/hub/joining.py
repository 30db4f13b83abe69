"""The recipe of joining a hub: policies and a narrow account are made by an admin's kubeconfig; it writes no file."""

from __future__ import annotations

import contextlib
import time

from fedsched.config.settings import Credential
from fedsched.kube.hub.checking import run_checks
from fedsched.kube.hub.request import HubRequest, own_rights, rights
from fedsched.kube.hub.served import Served, ask
from fedsched.kube.hub.standing import standing
from fedsched.kube.join.caller import Caller, as_service_account
from fedsched.kube.join.joining import Joined, Say
from fedsched.kube.join.make import Step, make
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.join.reviews import identity, may, may_make
from fedsched.kube.join.tokens import request_token
from fedsched.kube.join.trust import checked_authority
from fedsched.kube.kubeconfig import Access

SETTLE_S, SETTLE_STEP_S = 5.0, 0.2


def join(caller: Caller, access: Access, request: HubRequest, *, dry_run: bool, say: Say) -> tuple[Joined, Served]:
    """Makes the standing objects, becomes our account, and looks around; nothing is made where a right is missing."""
    who = identity(caller)
    say(f"{access.server}: we are {who.user}")
    served = ask(caller)
    wanted = standing(request, served)
    missing = sorted(
        {
            manifest["kind"]
            for manifest in wanted
            if not may_make(caller, manifest["kind"], manifest["metadata"].get("namespace", ""))
        }
    )
    if missing:
        raise JoinError(
            f"this kubeconfig may not create {', '.join(missing)}; nothing was made",
            f"an admin's, or an admin applies: fedsched hub manifests --queue {request.queue}",
        )
    steps: list[Step] = []
    for manifest in wanted:
        steps.append(make(caller, manifest, dry_run=dry_run))
        say(f"{steps[-1].what}: {steps[-1].action}")
    if dry_run:
        return Joined(tuple(steps), (), None), served
    credential = _become(caller, access, request)
    _settle(credential, request)
    checks = run_checks(as_service_account(credential), request, served, caller)
    return Joined(tuple(steps), checks, credential), served


def _become(caller: Caller, access: Access, request: HubRequest) -> Credential:
    empty = Credential(
        server=access.server,
        namespace=request.namespace,
        token="",
        ca_pem=checked_authority(caller, access, request.namespace),
        service_account=request.service_account,
        tls_server_name=access.tls_server_name,
        proxy_url=access.proxy_url,
    )
    return request_token(caller, empty, request.token_s, time.time())


def _settle(credential: Credential, request: HubRequest) -> None:
    """Wait until the server has noticed the new bindings: its authorizer reads them with a short delay."""
    ours, ends = as_service_account(credential), time.monotonic() + SETTLE_S
    needed = [right for right in (*rights(request), *own_rights(request)) if right.scope == "cluster"]
    waiting = [(right, verb) for right in needed for verb in right.verbs]
    while waiting and time.monotonic() < ends:
        with contextlib.suppress(JoinError):  # the account itself is as new
            waiting = [(right, verb) for right, verb in waiting if not may(ours, right, verb, request.namespace)]
        time.sleep(SETTLE_STEP_S if waiting else 0)
