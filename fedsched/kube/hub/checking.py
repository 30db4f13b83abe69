"""What stands in a hub, as a table of ✓ and ✗ with the way out of each ✗; nothing is changed there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from fedsched.config.settings import QueueSettings
from fedsched.kube.hub.policies import policies
from fedsched.kube.hub.request import HubRequest, copying, everywhere, named, own_rights, rights
from fedsched.kube.hub.served import Served, sample
from fedsched.kube.hub.wire import Head, is_ours
from fedsched.kube.join.caller import Caller
from fedsched.kube.join.checks import Check, of_server
from fedsched.kube.join.object_paths import called, path_of
from fedsched.kube.join.refusal import JoinError, shown
from fedsched.kube.join.reviews import may
from fedsched.kube.rights import Right
from fedsched.matchmaker.model.names import JOB_MANAGER, LABEL_QUEUE

NOTICED_S, STEP_S = 10.0, 0.3
"""A server evaluates a new policy about a second after it was made."""
PAGE = 10
"""Each Job may be as large as its store takes."""
MOST_PAGES = 1000
NAMED = 3


def run_checks(caller: Caller, request: HubRequest, served: Served, admin: Caller | None = None) -> tuple[Check, ...]:
    """All rows. caller: as our own account. admin: who may create Jobs, to try one; without, that is not tried."""
    rows = [*of_server(caller), *_rights(caller, request), *_policies(caller, request, served)]
    rows += [_tried(admin, request, served)]
    rows += [*_foreign(caller, request), *_copied(request)]
    return tuple(rows)


def _rights(caller: Caller, request: HubRequest) -> Iterator[Check]:
    asked, missing = 0, []
    for right, namespace in _needed(request):
        lacking = [verb for verb in right.verbs if not may(caller, right, verb, namespace)]
        asked += len(right.verbs)
        missing += [(right, namespace, lacking)] if lacking else []
    if not missing:
        yield Check("rights", "ok", f"all {asked} that we need")
    for right, namespace, verbs in missing:
        where = f"in {namespace}" if right.scope == "namespace" else "in the whole cluster"
        found = f"without {','.join(verbs)} {right.resource} {where} this fails: {right.feature}"
        yield Check("rights", "unknown" if right.optional else "bad", found, f"fedsched hub join {request.queue} …")


def _needed(request: HubRequest) -> Iterator[tuple[Right, str]]:
    spaces = ("",) if everywhere(request.terms.queues) else named(request.terms.queues)
    for right in rights(request):
        for namespace in spaces if right.scope == "namespace" else ("",):
            yield right, namespace
    yield from ((right, request.namespace) for right in own_rights(request))
    yield from ((right, namespace) for right in copying(request) for namespace in request.copied_from)


def _policies(caller: Caller, request: HubRequest, served: Served) -> Iterator[Check]:
    wanted = policies(request.cluster_object_name, request.labels, request.terms, served)
    if not served.mutating:
        yield Check(
            "policy",
            "unknown",
            f"this server has no MutatingAdmissionPolicy: users set spec.{served.hold} themselves",
            "Kubernetes 1.36 has it; docs/hub.md says what to do before",
        )
    if not served.validating:
        found = "this server has no ValidatingAdmissionPolicy: a labelled Job that lacks it is run by the hub itself"
        yield Check("policy", "bad", found, "Kubernetes 1.30 has it")
    for manifest in wanted:
        yield _policy(caller, manifest, request)


def _policy(caller: Caller, manifest: dict[str, Any], request: HubRequest) -> Check:
    answer = caller.call("GET", path_of(manifest))
    name = called(manifest)
    again = f"fedsched hub join {request.queue} --kubeconfig ADMIN"
    if answer.status == 404:
        return Check("policy", "bad", f"{name} is missing", again)
    if not answer.ok:
        return Check("policy", "unknown", f"{name}: {answer.message}", again)
    if not _says(answer.body.get("spec"), manifest["spec"]):
        return Check("policy", "bad", f"{name} says something else than fedsched.toml and clusters/ ask", again)
    if problems := _warnings(answer.body):
        return Check("policy", "bad", f"{name}: {problems}", again)
    return Check("policy", "ok", name)


def _says(found: Any, wanted: Any) -> bool:
    """Whether `found` says all that is wanted; what a server adds as defaults does not count."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_says(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_says(have, want) for have, want in zip(found, wanted, strict=True))
        )
    return bool(found == wanted)


def _warnings(found: dict[str, Any]) -> str:
    """What the server's type checker says of a policy's expressions."""
    checked = (found.get("status") or {}).get("typeChecking") or {}
    return shown("; ".join(str(one.get("warning")) for one in checked.get("expressionWarnings") or ()))


def _tried(admin: Caller | None, request: HubRequest, served: Served) -> Check:
    """Create a labelled Job without creating it; tried again for a while, for policies are noticed late."""
    name = "a labelled Job"
    if admin is None:
        return Check(name, "unknown", "not tried: our account may not create Jobs", "--kubeconfig ADMIN tries one")
    own = next(queue for queue in request.terms.queues if queue.name == request.queue)
    namespace = _somewhere(admin, own)
    if not namespace:
        return Check(name, "unknown", "not tried: there is no namespace yet whose Jobs the queue takes", "make one")
    users = {rule.user_label: "fedsched-check" for rule in own.principals if rule.user_label}
    job = sample(namespace, {LABEL_QUEUE: request.queue, **users})
    ends = time.monotonic() + NOTICED_S
    while True:
        check = _try(admin, job, request, served)
        if check.state == "ok" or time.monotonic() > ends:
            return check
        time.sleep(STEP_S)


def _somewhere(admin: Caller, queue: QueueSettings) -> str:
    """A namespace whose Jobs the queue takes; "" where there is none."""
    listed = admin.call("GET", "/api/v1/namespaces", query={"limit": "500"}).body.get("items") or ()
    known = ["default", *(str((one.get("metadata") or {}).get("name")) for one in listed)]
    return next((name for name in known if any(fnmatchcase(name, glob) for glob in queue.namespaces)), "")


def _try(admin: Caller, job: dict[str, Any], request: HubRequest, served: Served) -> Check:
    name, again = "a labelled Job", f"fedsched hub join {request.queue} --kubeconfig ADMIN"
    namespace = job["metadata"]["namespace"]
    answer = admin.call("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", job, {"dryRun": "All"})
    spec, where = answer.body.get("spec") or {}, f"(dry run in {namespace})"
    if not answer.ok and not served.mutating and f"spec.{served.hold}: " in answer.message:
        return Check(name, "ok", f"is refused without spec.{served.hold} {where}")
    if not answer.ok:
        return Check(name, "bad", f"is refused {where}: {shown(answer.message)}", again)
    if served.hold == "managedBy" and spec.get("managedBy") == JOB_MANAGER:
        return Check(name, "ok", f"gets managedBy {JOB_MANAGER} {where}")
    if served.hold == "suspend" and spec.get("suspend") is True:
        return Check(name, "ok", f"is suspended, for this server has no managedBy {where}")
    return Check(name, "bad", f"comes back without spec.{served.hold} {where}: the hub would run it", again)


def _foreign(caller: Caller, request: HubRequest) -> Iterator[Check]:
    try:
        found, foreign = _labelled(caller, request)
    except JoinError as error:
        yield Check("Jobs", "bad", shown(error.what), "see rights above")
        return
    if not foreign:
        yield Check("Jobs", "ok", f"{found} labelled, all ours to run")
        return
    names = ", ".join(shown(name, 80) for name in foreign[:NAMED])
    rest = f" and {len(foreign) - NAMED} more" if len(foreign) > NAMED else ""
    yield Check(
        "Jobs",
        "unknown",
        f"{found} labelled, {len(foreign)} of them run by another controller: {names}{rest}",
        "they are never touched: made before the policy; delete and make them again to queue them",
    )


def _labelled(caller: Caller, request: HubRequest) -> tuple[int, list[str]]:
    """How many Jobs have the queue's label, and which of them are not ours. JoinError when they may not be listed."""
    found, foreign = 0, []
    for item in _jobs(caller, request):
        metadata = item.get("metadata") or {}
        head = msgspec.convert(item.get("spec") or {}, type=Head)
        found += 1
        if not is_ours(head, metadata.get("annotations") or {}):
            foreign.append(f"{metadata.get('namespace')}/{metadata.get('name')}")
    return found, foreign


def _jobs(caller: Caller, request: HubRequest) -> Iterator[dict[str, Any]]:
    spaces = [None] if everywhere(request.terms.queues) else [*named(request.terms.queues)]
    for space in spaces:
        path = f"/apis/batch/v1/namespaces/{space}/jobs" if space else "/apis/batch/v1/jobs"
        query = {"labelSelector": f"{LABEL_QUEUE}={request.queue}", "limit": str(PAGE)}
        for _ in range(MOST_PAGES):
            answer = caller.call("GET", path, query=query)
            if not answer.ok:
                raise JoinError(f"Jobs cannot be listed: {answer.message}")
            yield from answer.body.get("items") or ()
            rest = (answer.body.get("metadata") or {}).get("continue")
            if not rest:
                break
            query["continue"] = str(rest)


def _copied(request: HubRequest) -> Iterator[Check]:
    if not request.copied:
        return
    kinds = " and ".join(f"{kind}s" for kind in request.copied)
    if request.copied_from:
        yield Check("copies", "ok", f"{kinds} may be read in {', '.join(request.copied_from)}")
    else:
        found = f"members copy {kinds}, and no namespace is named: none may be read"
        yield Check("copies", "bad", found, 'name them in fedsched.toml: [[queue]] namespaces = ["physics", "bio"]')
