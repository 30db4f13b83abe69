"""The objects that stay in a hub as long as it is joined, as manifests; a pure function of request and server."""

from __future__ import annotations

from typing import Any

from fedsched.kube.hub.policies import policies
from fedsched.kube.hub.request import ACCOUNT, HubRequest, copying, everywhere, named, own_rights, rights
from fedsched.kube.hub.served import Served
from fedsched.kube.rights import Right, rules

Manifest = dict[str, Any]
RBAC = "rbac.authorization.k8s.io/v1"


def standing(request: HubRequest, served: Served) -> list[Manifest]:
    """All of them, in the order in which they can be made: the policies before anybody can read what they let pass."""
    made = [_object(request, "Namespace", request.namespace), _account(request)]
    made += policies(request.cluster_object_name, request.labels, request.terms, served)
    made += _bound(request, "", request.cluster_object_name, rules(rights(request), "cluster"))
    for namespace, granted in _by_namespace(request).items():
        made += _bound(request, namespace, request.cluster_object_name, rules(granted, "namespace"))
    return made


def _by_namespace(request: HubRequest) -> dict[str, tuple[Right, ...]]:
    found: dict[str, tuple[Right, ...]] = {request.namespace: own_rights(request)}
    if not everywhere(request.terms.queues):
        for name in named(request.terms.queues):
            found[name] = (*found.get(name, ()), *rights(request))
    for name in request.copied_from:
        found[name] = (*found.get(name, ()), *copying(request))
    return dict(sorted(found.items()))


def _object(request: HubRequest, kind: str, name: str, namespace: str = "", **rest: Any) -> Manifest:
    metadata: Manifest = {"name": name, "labels": request.labels}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": rest.pop("apiVersion", "v1"), "kind": kind, "metadata": metadata, **rest}


def _account(request: HubRequest) -> Manifest:
    name = request.service_account
    return _object(request, "ServiceAccount", name, request.namespace, automountServiceAccountToken=False)


def _bound(request: HubRequest, namespace: str, name: str, granted: list[dict[str, Any]]) -> list[Manifest]:
    """A role and its binding to our account; of the whole cluster without a namespace."""
    kind = "Role" if namespace else "ClusterRole"
    subject = {"kind": "ServiceAccount", "name": request.service_account, "namespace": request.namespace}
    reference = {"apiGroup": RBAC.partition("/")[0], "kind": kind, "name": name}
    return [
        _object(request, kind, name, namespace, apiVersion=RBAC, rules=granted),
        _object(request, f"{kind}Binding", name, namespace, apiVersion=RBAC, roleRef=reference, subjects=[subject]),
    ]


__all__ = ["ACCOUNT", "standing"]
