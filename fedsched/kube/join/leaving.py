"""The recipe of unjoining: startds leave, then everything that join made goes; nothing else is touched."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from fedsched.kube.join.caller import Answer, Caller
from fedsched.kube.join.make import is_ours
from fedsched.kube.join.object_paths import called, collection, path_of
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.join.request import JoinRequest
from fedsched.kube.join.standing import labels, standing
from fedsched.kube.object_names import token_secret
from fedsched.matchmaker.model.names import LABEL_JOB, LABEL_ROLE, MANAGED_BY, MANAGER, NOTE_LEAVE, PART_OF

Say = Callable[[str], None]
MERGE = "application/merge-patch+json"
USED_BY = {
    "pods": ("/api/v1", "pods"),
    "volume claims": ("/api/v1", "persistentvolumeclaims"),
    "config maps": ("/api/v1", "configmaps"),
    "secrets": ("/api/v1", "secrets"),
    "jobs": ("/apis/batch/v1", "jobs"),
    "deployments": ("/apis/apps/v1", "deployments"),
    "stateful sets": ("/apis/apps/v1", "statefulsets"),
    "daemon sets": ("/apis/apps/v1", "daemonsets"),
}
"""What somebody else may keep in our namespace: name for people -> (API, plural)."""
EVERYWHERE = "kube-root-ca.crt"
"""A ConfigMap that every namespace gets by itself."""
STEP_S = 0.5
GONE_S = 120.0
"""How long deleted pods and a deleted namespace are waited for: the longest grace of ours and some more."""
WORKLOADS = ("Job", "DaemonSet")


class Left(msgspec.Struct, frozen=True):
    """removed: what is gone now. remains: (what, why) of ours that is still there."""

    removed: tuple[str, ...] = ()
    remains: tuple[tuple[str, str], ...] = ()


def unjoin(caller: Caller, request: JoinRequest, *, deadline_s: float, say: Say) -> Left:
    """Startds are told to leave; what still runs after `deadline_s` is vacated; then join's objects go.

    With our own account only what it may remove goes; the rest is in `remains`.
    """
    if deadline_s > 0:
        tell_to_leave(caller, request, time.time())
        _wait_for_leave(caller, request, deadline_s, say)
    removed = _remove_workloads(caller, request, say)
    removed += _remove_maps(caller, request)
    standing_removed, remains = _remove_standing(caller, request)
    return Left(tuple(removed + standing_removed), tuple(remains))


def tell_to_leave(caller: Caller, request: JoinRequest, at: float) -> None:
    """The leave order for running pods (PR5); pending ones are withdrawn, with uid and version as precondition (X5)."""
    for pod in _ours(caller, request, "Pod"):
        path, metadata = path_of({"kind": "Pod", **pod}), pod["metadata"]
        if metadata.get("deletionTimestamp") or LABEL_JOB in (metadata.get("labels") or {}):
            continue  # a user's Job knows no order: it has until the deadline
        if (pod.get("status") or {}).get("phase") == "Pending":
            only = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
            _done(caller.call("DELETE", path, {"preconditions": only}), "withdraw a pending pod")
        elif NOTE_LEAVE not in (metadata.get("annotations") or {}):
            patch = {"metadata": {"uid": metadata["uid"], "annotations": {NOTE_LEAVE: str(int(at))}}}
            _done(caller.call("PATCH", path, patch, None, MERGE), "tell a startd to leave")


def _wait_for_leave(caller: Caller, request: JoinRequest, deadline_s: float, say: Say) -> None:
    ends, before = time.monotonic() + deadline_s, -1
    while True:
        running = sum(1 for pod in _ours(caller, request, "Pod") if _alive(pod))
        if running != before:
            say(f"{running} pods of ours still run" if running else "no pod of ours runs")
        if not running or time.monotonic() >= ends:
            return
        before = running
        time.sleep(STEP_S)


def _alive(pod: dict[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}


def _remove_workloads(caller: Caller, request: JoinRequest, say: Say) -> list[str]:
    """Pods are evicted properly: they keep their own grace, so that schedds know at once (PR5)."""
    removed = []
    for kind in WORKLOADS:
        for found in _ours(caller, request, kind, may_be_forbidden=kind == "DaemonSet"):
            found["kind"] = kind
            options = {"preconditions": {"uid": found["metadata"]["uid"]}, "propagationPolicy": "Background"}
            _done(caller.call("DELETE", path_of(found), options), f"delete {called(found)}")
            removed.append(called(found))
    ends = time.monotonic() + GONE_S
    while pods := _ours(caller, request, "Pod"):
        if time.monotonic() >= ends:
            say(f"{len(pods)} pods of ours do not end: {pods[0]['metadata']['name']} …")
            break
        time.sleep(STEP_S)
    return removed


def _remove_maps(caller: Caller, request: JoinRequest) -> list[str]:
    """Worker files and the startds' token; the anchor and the fence go with the standing objects."""
    removed = []
    for found in _ours(caller, request, "ConfigMap"):
        if (found["metadata"].get("labels") or {}).get(LABEL_ROLE) in {"anchor", "fence"}:
            continue
        found["kind"] = "ConfigMap"
        if _delete(caller, found).ok:
            removed.append(called(found))
    secret = f"{collection('Secret', request.namespace)}/{token_secret(request.name)}"
    answer = caller.call("GET", secret)
    if answer.ok and _labelled(answer.body, request) and caller.call("DELETE", secret, _only(answer.body)).ok:
        removed.append(f"Secret {token_secret(request.name)}")
    return removed


def _remove_standing(caller: Caller, request: JoinRequest) -> tuple[list[str], list[tuple[str, str]]]:
    """The namespace last, and only when it is ours and nobody else uses it; our own rights just before it."""
    removed: list[str] = []
    remains: list[tuple[str, str]] = []
    for manifest in _removal_order(standing(request, own_namespace=True)):
        found = caller.call("GET", path_of(manifest))
        if found.status == 404 or (found.ok and not is_ours(found.body, manifest)):
            continue
        if not found.ok:
            remains.append((called(manifest), "this account may not even look at it"))
            continue
        why = _used_by_others(caller, request) if manifest["kind"] == "Namespace" else ""
        answer = caller.call("DELETE", path_of(manifest), _only(found.body)) if not why else None
        if answer is not None and (answer.ok or answer.status == 404):
            removed.append(called(manifest))
        else:
            remains.append((called(manifest), why or (answer.message if answer is not None else "")))
    if f"Namespace {request.namespace}" in removed:
        _wait_for_namespace(caller, request)
    return removed, remains


def _removal_order(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Backwards, but bindings after everything that an account of ours could still remove with them."""
    last = {"RoleBinding": 1, "ClusterRoleBinding": 1, "Role": 2, "ClusterRole": 2, "ServiceAccount": 3, "Namespace": 4}
    return sorted(made, key=lambda manifest: last.get(manifest["kind"], 0))


def _used_by_others(caller: Caller, request: JoinRequest) -> str:
    """Why the namespace stays; "" when nothing of anybody else is in it, another federation included."""
    theirs = (f"{MANAGED_BY}!={MANAGER}", f"{MANAGED_BY}={MANAGER},{PART_OF}!={request.federation}")
    for kind, (group, plural) in USED_BY.items():
        path = f"{group}/namespaces/{request.namespace}/{plural}"
        for selector in theirs:
            query = {"labelSelector": selector, "fieldSelector": f"metadata.name!={EVERYWHERE}", "limit": "1"}
            answer = caller.call("GET", path, None, query)
            if not answer.ok or answer.body.get("items"):
                return (
                    f"it holds {kind} that are not ours"
                    if answer.ok
                    else f"cannot tell whether it holds others' {kind}"
                )
    return ""


def _wait_for_namespace(caller: Caller, request: JoinRequest) -> None:
    path, ends = path_of({"kind": "Namespace", "metadata": {"name": request.namespace}}), time.monotonic() + GONE_S
    while caller.call("GET", path).ok and time.monotonic() < ends:
        time.sleep(STEP_S)


def _ours(caller: Caller, request: JoinRequest, kind: str, *, may_be_forbidden: bool = False) -> list[dict[str, Any]]:
    marks = {key: value for key, value in labels(request).items() if key != LABEL_ROLE}
    selector = ",".join(f"{key}={value}" for key, value in marks.items())
    answer = caller.call("GET", collection(kind, request.namespace), None, {"labelSelector": selector})
    if answer.status == 404 or (answer.status == 403 and may_be_forbidden):
        return []
    _done(answer, f"list our {kind}s")
    return [item for item in answer.body.get("items") or [] if _labelled(item, request)]


def _labelled(found: dict[str, Any], request: JoinRequest) -> bool:
    """Trust no selector with a deletion: look at the labels again."""
    return is_ours(found, {"metadata": {"labels": labels(request)}})


def _only(found: dict[str, Any]) -> dict[str, Any]:
    return {"preconditions": {"uid": found["metadata"]["uid"]}, "propagationPolicy": "Background"}


def _delete(caller: Caller, found: dict[str, Any]) -> Answer:
    return caller.call("DELETE", path_of(found), _only(found))


def _done(answer: Answer, what: str) -> None:
    """404 and 409 are fine: it is gone, or has just changed and the next round sees it."""
    if answer.ok or answer.status in {404, 409}:
        return
    if answer.status == 401:
        raise JoinError(
            f"cannot {what}: the credential is not accepted any more (401)",
            "give the site admin's --kubeconfig, or `fedsched unjoin NAME --forget`",
        )
    raise JoinError(f"cannot {what}: {answer.message}", "give the site admin's --kubeconfig, or --forget")


def by_hand(request: JoinRequest) -> str:
    """What a site's admin types to remove all that may remain, as text for a terminal."""
    marks = f"{MANAGED_BY}={MANAGER},app.kubernetes.io/part-of={request.federation},fedsched.io/member={request.name}"
    kinds = "job,daemonset,configmap,secret,resourcequota,limitrange,networkpolicy,rolebinding,role,serviceaccount"
    lines = [
        f"kubectl delete configmap fedsched-anchor -n {request.namespace}        # clears every placement",
        f"kubectl delete {kinds} -n {request.namespace} -l {marks}",
    ]
    if request.visibility != "namespace":
        lines.append(f"kubectl delete clusterrolebinding,clusterrole -l {marks}")
        lines.append(f"kubectl delete namespace -l {marks}        # if fedsched made it and nothing else lives there")
    return "\n".join(f"  {line}" for line in lines)
