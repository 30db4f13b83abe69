"""Who are we at this cluster and what may we do there, by the server's own answer; grants nothing."""

from __future__ import annotations

import msgspec

from fedsched.kube.join.caller import Caller, Object
from fedsched.kube.join.object_paths import CLUSTER_SCOPED, PLURALS
from fedsched.kube.join.refusal import JoinError, shown
from fedsched.kube.rights import Right

ACCESS_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SUBJECT_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
PREFIX = "system:serviceaccount:"


class Identity(msgspec.Struct, frozen=True):
    """A user's name, and namespace and name where it is a service account ("" otherwise)."""

    user: str
    namespace: str = ""
    service_account: str = ""


def identity(caller: Caller) -> Identity:
    """Who the server takes us for. JoinError when it takes us for nobody."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = caller.call("POST", SUBJECT_REVIEW, body)
    if answer.status == 401:
        raise JoinError("the cluster does not accept the kubeconfig's credential (401)", "log in again, or a new token")
    status = answer.body.get("status")
    user = str(((status if isinstance(status, dict) else {}).get("userInfo") or {}).get("username") or "")
    if not answer.ok or not user:
        raise JoinError(f"the cluster does not say who we are: {answer.message}", "is this a Kubernetes API server?")
    namespace, colon, name = user.removeprefix(PREFIX).partition(":") if user.startswith(PREFIX) else ("", "", "")
    return Identity(shown(user, 120), namespace if colon else "", name)


def may(caller: Caller, right: Right, verb: str, namespace: str) -> bool:
    """Whether we hold one verb of a right (SelfSubjectAccessReview)."""
    resource, _, subresource = right.resource.partition("/")
    attributes: Object = {"verb": verb, "group": right.group, "resource": resource}
    if subresource:
        attributes["subresource"] = subresource
    if right.names:
        attributes["name"] = right.names[0]
    if right.scope == "namespace":
        attributes["namespace"] = namespace
    return _review(caller, attributes)


def may_make(caller: Caller, kind: str, namespace: str) -> bool:
    """Whether we may create objects of a kind, in `namespace` where the kind is namespaced."""
    group, plural = PLURALS[kind]
    attributes: Object = {"verb": "create", "group": group, "resource": plural}
    if kind not in CLUSTER_SCOPED:
        attributes["namespace"] = namespace
    return _review(caller, attributes)


def _review(caller: Caller, attributes: Object) -> bool:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = caller.call("POST", ACCESS_REVIEW, body)
    if not answer.ok:
        raise JoinError(f"the cluster does not answer what we may do: {answer.message}", "run join again")
    status = answer.body.get("status")
    return isinstance(status, dict) and status.get("allowed") is True
