"""Where objects of the kinds that joining handles live at an API server."""

from __future__ import annotations

from typing import Any

PLURALS = {
    "Namespace": ("", "namespaces"),
    "ConfigMap": ("", "configmaps"),
    "Secret": ("", "secrets"),
    "ServiceAccount": ("", "serviceaccounts"),
    "ResourceQuota": ("", "resourcequotas"),
    "LimitRange": ("", "limitranges"),
    "Pod": ("", "pods"),
    "Job": ("batch", "jobs"),
    "DaemonSet": ("apps", "daemonsets"),
    "Role": ("rbac.authorization.k8s.io", "roles"),
    "RoleBinding": ("rbac.authorization.k8s.io", "rolebindings"),
    "ClusterRole": ("rbac.authorization.k8s.io", "clusterroles"),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io", "clusterrolebindings"),
    "NetworkPolicy": ("networking.k8s.io", "networkpolicies"),
    "MutatingAdmissionPolicy": ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    "MutatingAdmissionPolicyBinding": ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    "ValidatingAdmissionPolicy": ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    "ValidatingAdmissionPolicyBinding": ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
}
CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "ClusterRole",
        "ClusterRoleBinding",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)


def collection(kind: str, namespace: str, version: str = "v1") -> str:
    """Path of all objects of a kind, in `namespace` where the kind is namespaced."""
    group, plural = PLURALS[kind]
    root = f"/apis/{group}/{version}" if group else "/api/v1"
    return f"{root}/{plural}" if kind in CLUSTER_SCOPED else f"{root}/namespaces/{namespace}/{plural}"


def collection_of(manifest: dict[str, Any]) -> str:
    """Path of the objects among which one is, in the version in which it is written."""
    version = manifest.get("apiVersion", "v1").rpartition("/")[2]
    return collection(manifest["kind"], manifest["metadata"].get("namespace", ""), version)


def path_of(manifest: dict[str, Any]) -> str:
    """Path of one object."""
    return f"{collection_of(manifest)}/{manifest['metadata']['name']}"


def called(manifest: dict[str, Any]) -> str:
    """Its name for a person: `Role fedsched`."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"
