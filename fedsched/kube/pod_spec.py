"""The pod of a startd: "restricted" by Pod Security, requests equal limits, nothing mounted but what it needs."""

from __future__ import annotations

from typing import Any

from fedsched.config.settings import MemberFile
from fedsched.kube import overrides, pod_env, vetting
from fedsched.kube.object_names import token_secret, worker_files_map
from fedsched.kube.quantities import LEAST_DISK_MIB, demand, mebibytes
from fedsched.kube.vetting import RefusedError
from fedsched.kube.worker_bundle import WorkerBundle, worker_files
from fedsched.matchmaker.model import Placement
from fedsched.matchmaker.resources import Resources

GRACE_S = 60
"""Seconds between SIGTERM and SIGKILL: enough to evict properly, so that the schedd knows at once (PR5)."""
CONTAINER = "startd"
ALIVE = ["/bin/sh", "/etc/fedsched/alive"]
"""Not condor_who: it always returns 0, and prints nothing under a uid that the image does not know."""
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
}


def spec(placement: Placement, member: MemberFile, worker: WorkerBundle, priority_class: str) -> dict[str, Any]:
    """Pod spec of a placement; RefusedError when something in it may not be written. priority_class: "" for none.

    Only a DaemonSet is ever privileged or on the host's network, and only where the member's file allows it; where it
    does not, the DaemonSet is the same unprivileged pod that a Job has.
    """
    added_volumes, added_mounts = overrides.volumes(member.overrides)
    daemonset = placement.form == "startd-daemonset"
    made: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Always" if daemonset else "Never",
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": _pod_security(member, daemonset=daemonset),
        "containers": [_container(placement, member, worker, added_mounts)],
        "volumes": _volumes(placement, member, worker) + added_volumes,
        "nodeSelector": overrides.node_selector(placement.selector, member.overrides.node_selector),
        "tolerations": overrides.tolerations(placement.taints, member.overrides.tolerations),
        "imagePullSecrets": [{"name": vetting.name_part(n, what="pull secret")} for n in member.overrides.pull_secrets],
    }
    if priority_class:
        # The API server refuses the pod unless the class itself says Never: OW1 is checked by the member, too.
        made |= {"priorityClassName": priority_class, "preemptionPolicy": "Never"}
    if daemonset and member.overrides.allow_host_network:
        made |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    return {key: value for key, value in made.items() if value not in ([], {})}


def total(placement: Placement, member: MemberFile) -> Resources:
    """What the pod asks for: what the startd offers and what its daemons need besides."""
    return placement.size + member.terms.pod_overhead


def _container(
    placement: Placement, member: MemberFile, worker: WorkerBundle, mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    asked = demand(total(placement, member), placement.gpu_resource)
    daemonset = placement.form == "startd-daemonset"
    made: dict[str, Any] = {
        "name": CONTAINER,
        "image": overrides.image(placement, member),
        "imagePullPolicy": member.overrides.image_pull_policy,
        "command": ["/bin/sh", "/etc/fedsched/start"],
        "env": pod_env.variables(placement, member, worker),
        "resources": {"requests": asked, "limits": dict(asked)},
        "securityContext": _privileged() if daemonset and member.overrides.allow_privileged else dict(RESTRICTED),
        "volumeMounts": [
            {"name": "fedsched-files", "mountPath": "/etc/fedsched", "readOnly": True},
            {"name": "fedsched-token", "mountPath": "/etc/fedsched-token", "readOnly": True},
            {"name": "fedsched-pod", "mountPath": "/etc/fedsched-pod", "readOnly": True},
            {"name": "fedsched-pilot", "mountPath": "/pilot"},
            {"name": "fedsched-tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount point inside a pod
            *mounts,
        ],
    }
    if daemonset:
        made["livenessProbe"] = _liveness()
    return made


def _liveness() -> dict[str, Any]:
    """Restarts a DaemonSet's startd that hangs; the worker files know when nothing should run."""
    return {
        "exec": {"command": ALIVE},
        "initialDelaySeconds": 30,
        "periodSeconds": 20,
        "timeoutSeconds": 10,
        "failureThreshold": 3,
    }


def _volumes(placement: Placement, member: MemberFile, worker: WorkerBundle) -> list[dict[str, Any]]:
    """No fsGroup anywhere: it would make /pilot setgid, and HTCondor's FS authentication refuses that."""
    token = {"key": vetting.check(vetting.DATA_KEY, placement.pool, "pool name"), "path": "token"}
    annotations = {"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}}
    disk_mib = max(LEAST_DISK_MIB, total(placement, member).disk_mib)
    return [
        {"name": "fedsched-files", "configMap": {"name": worker_files_map(worker_files(worker, member))}},
        {
            "name": "fedsched-token",
            "secret": {"secretName": token_secret(member.name), "items": [token], "defaultMode": 0o444},
        },
        {"name": "fedsched-pod", "downwardAPI": {"items": [annotations]}},
        {"name": "fedsched-pilot", "emptyDir": {"sizeLimit": mebibytes(disk_mib)}},
        {"name": "fedsched-tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
    ]


def _pod_security(member: MemberFile, *, daemonset: bool) -> dict[str, Any]:
    if daemonset and member.overrides.allow_privileged:
        return {"seccompProfile": {"type": "RuntimeDefault"}}
    uid = member.overrides.run_as_user
    if uid < 1:
        raise RefusedError(f"run_as_user = {uid} in the overrides of clusters/{member.name}.toml; it must not be root")
    return {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": uid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _privileged() -> dict[str, Any]:
    """As root, so that the startd runs each job under a uid of its own; only for DaemonSets, only where allowed."""
    return {"privileged": True, "runAsUser": 0, "readOnlyRootFilesystem": True}
