"""The recipe of joining a hub: policies and a narrow account are made by an admin's kubeconfig; it writes no file."""

from __future__ import annotations

import contextlib
import time

from fedsched.config.settings import Credential
from fedsched.kube.hub.checking import run_checks
from fedsched.kube.hub.request import HUB, HubRequest, own_rights, rights
from fedsched.kube.hub.served import Served, ask
from fedsched.kube.hub.standing import standing
from fedsched.kube.join.caller import Caller, as_service_account
from fedsched.kube.join.joining import Joined, Say
from fedsched.kube.join.make import Step, make
from fedsched.kube.join.object_paths import collection
from fedsched.kube.join.refusal import JoinError, shown
from fedsched.kube.join.reviews import identity, may, may_make
from fedsched.kube.join.tokens import request_token
from fedsched.kube.join.trust import checked_authority
from fedsched.kube.kubeconfig import Access
from fedsched.matchmaker.model.names import LABEL_MEMBER, MANAGED_BY, MANAGER, PART_OF

OF_HUBS = {"labelSelector": f"{MANAGED_BY}={MANAGER},{LABEL_MEMBER}={HUB}"}
SETTLE_S, SETTLE_STEP_S = 5.0, 0.2


def join(caller: Caller, access: Access, request: HubRequest, *, dry_run: bool, say: Say) -> tuple[Joined, Served]:
    """Makes the standing objects, becomes our account, and looks around; nothing is made where a right is missing."""
    who = identity(caller)
    say(f"{access.server}: we are {who.user}")
    served = ask(caller)
    _alone(caller, request, served)
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


def _alone(caller: Caller, request: HubRequest, served: Served) -> None:
    """Two federations in one hub would refuse each other's queues: neither knows the other's names."""
    if not served.validating:
        return
    listed = caller.call("GET", collection("ValidatingAdmissionPolicy", "", served.validating), query=OF_HUBS)
    for found in listed.body.get("items") or ():
        other = str(((found.get("metadata") or {}).get("labels") or {}).get(PART_OF))
        if other != request.federation:
            raise JoinError(
                f"this cluster is the hub of federation {shown(other, 60)} already (ValidatingAdmissionPolicy "
                f"{shown(found['metadata'].get('name'), 80)}); its policy refuses every queue but its own",
                "one federation to a hub: remove the other's with its `fedsched hub manifests | kubectl delete -f -`",
            )


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
