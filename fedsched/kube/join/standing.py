"""The objects that stay at a member as long as it is joined, as manifests; a pure function of the request."""

from __future__ import annotations

from typing import Any

from fedsched.kube.join.request import JoinRequest
from fedsched.kube.rights import rights, rules
from fedsched.matchmaker.model.names import (
    ANCHOR,
    FENCE,
    LABEL_MEMBER,
    LABEL_ROLE,
    MANAGED_BY,
    MANAGER,
    PART_OF,
)

Manifest = dict[str, Any]
RBAC = "rbac.authorization.k8s.io/v1"
ENFORCE = "pod-security.kubernetes.io/enforce"
QUOTA, LIMITS, POLICY, ROLE = "fedsched-quota", "fedsched-defaults", "fedsched-network", "fedsched"
PRIVATE_V4 = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
)
PRIVATE_V6 = ("::1/128", "64:ff9b::/96", "fc00::/7", "fe80::/10")
NODE_LOCAL_DNS = "169.254.20.10/32"
DNS_NAMESPACES = ("kube-system", "openshift-dns")
DEFAULT_COUNTS = (("pods", "500"),)
"""What a namespace of ours may hold when nothing else was said; sizes are the site's to limit.

No count of Jobs: those that ended hold nothing and would count for an hour, and every Job that is made would wait for
the quota's own object, which costs a third of what a member's controllers can do. Pods bound what runs.
"""


def labels(request: JoinRequest, role: str = "standing") -> dict[str, str]:
    """Labels by which our objects are known (FA6)."""
    return {MANAGED_BY: MANAGER, PART_OF: request.federation, LABEL_MEMBER: request.name, LABEL_ROLE: role}


def standing(request: JoinRequest, *, own_namespace: bool) -> list[Manifest]:
    """All of them, in the order in which they can be made.

    own_namespace: the namespace is made for us: then it, a quota and container defaults are ours too. In somebody
    else's namespace these would bind other people's pods, so there only a quota that was asked for is made.
    """
    made = [_namespace(request)] if own_namespace else []
    made += [anchor(request), fence(request), _account(request)]
    made += [_role(request), _binding(request)]
    if request.visibility != "namespace":
        made += [_cluster_role(request), _cluster_binding(request)]
    if own_namespace or request.quota:
        made.append(_quota(request))
    if own_namespace:
        made.append(_defaults(request))
    return [*made, _network(request)]


def _object(request: JoinRequest, kind: str, name: str, **rest: Any) -> Manifest:
    version, rest_role = rest.pop("apiVersion", "v1"), rest.pop("role", "standing")
    metadata = {"name": name, "namespace": request.namespace, "labels": labels(request, rest_role)}
    if kind in {"Namespace", "ClusterRole", "ClusterRoleBinding"}:
        del metadata["namespace"]
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _namespace(request: JoinRequest) -> Manifest:
    made = _object(request, "Namespace", request.namespace)
    made["metadata"]["labels"][ENFORCE] = "restricted"
    return made


def anchor(request: JoinRequest) -> Manifest:
    """The ConfigMap that owns every placement: deleting it clears them."""
    return _object(request, "ConfigMap", ANCHOR, role="anchor", data={"federation": request.federation})


def fence(request: JoinRequest) -> Manifest:
    """The ConfigMap with the highest epoch that has written here (FA5)."""
    return _object(request, "ConfigMap", FENCE, role="fence", data={"epoch": "0"})


def _account(request: JoinRequest) -> Manifest:
    return _object(request, "ServiceAccount", request.service_account, automountServiceAccountToken=False)


def granted(request: JoinRequest) -> Any:
    """The rights that this request needs."""
    return rights(request.name, request.visibility, request.forms, request.service_account, request.jobs)


def _role(request: JoinRequest) -> Manifest:
    return _object(request, "Role", ROLE, apiVersion=RBAC, rules=rules(granted(request), "namespace"))


def _cluster_role(request: JoinRequest) -> Manifest:
    found = rules(granted(request), "cluster")
    return _object(request, "ClusterRole", request.cluster_object_name, apiVersion=RBAC, rules=found)


def _binding(request: JoinRequest) -> Manifest:
    return _object(request, "RoleBinding", ROLE, apiVersion=RBAC, **_bound(request, "Role", ROLE))


def _cluster_binding(request: JoinRequest) -> Manifest:
    name = request.cluster_object_name
    return _object(request, "ClusterRoleBinding", name, apiVersion=RBAC, **_bound(request, "ClusterRole", name))


def _bound(request: JoinRequest, kind: str, name: str) -> Manifest:
    subject = {"kind": "ServiceAccount", "name": request.service_account, "namespace": request.namespace}
    return {"roleRef": {"apiGroup": RBAC.partition("/")[0], "kind": kind, "name": name}, "subjects": [subject]}


def _quota(request: JoinRequest) -> Manifest:
    return _object(request, "ResourceQuota", QUOTA, spec={"hard": dict(request.quota or DEFAULT_COUNTS)})


def _defaults(request: JoinRequest) -> Manifest:
    small = {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}
    limit = {"type": "Container", "default": small, "defaultRequest": dict(small)}
    return _object(request, "LimitRange", LIMITS, spec={"limits": [limit]})


def _network(request: JoinRequest) -> Manifest:
    """Nothing in; out to names, to the internet, and to the private addresses that were listed."""
    dns = [
        {"namespaceSelector": {"matchExpressions": [_name_in(DNS_NAMESPACES)]}},
        {"ipBlock": {"cidr": NODE_LOCAL_DNS}},
    ]
    ports = [{"protocol": p, "port": n} for n in (53, 5353) for p in ("UDP", "TCP")]
    egress: list[Manifest] = [
        {"to": dns, "ports": ports},
        {
            "to": [
                {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(PRIVATE_V4)}},
                {"ipBlock": {"cidr": "::/0", "except": list(PRIVATE_V6)}},
            ]
        },
    ]
    for way in request.egress:
        rule: Manifest = {"to": [{"ipBlock": {"cidr": way.cidr}}]}
        if way.port:
            rule["ports"] = [{"protocol": "TCP", "port": way.port}]
        egress.append(rule)
    ours = {"matchLabels": {MANAGED_BY: MANAGER, PART_OF: request.federation}}
    spec = {"podSelector": ours, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": egress}
    return _object(request, "NetworkPolicy", POLICY, apiVersion="networking.k8s.io/v1", spec=spec)


def _name_in(names: tuple[str, ...]) -> Manifest:
    return {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(names)}
