"""Jobs as REANA's job controller makes them: its labels, volumes, variables, init container and security context."""

from __future__ import annotations

from typing import Any

from tests.federation.hub import BUSYBOX, Thing

WORKFLOW = "6f0d1b6e-5c0e-4f5b-9f57-0d8f7a4f1c11"
SECRET = "reana-secretsstore-00000000"
NODES = {"reana.io/system": "runtimejobs"}
"""The label of nodes on which a deployment of REANA wants its steps."""
PVC = "reana-shared-persistent-volume"


def reana_job(name: str, command: str, *, workspace: bool = False, namespace: str = "flows") -> Thing:
    """One step; it knows nothing of queues. workspace: whether its folder is a claim that all share."""
    labels = {"reana-run-job-workflow-uuid": WORKFLOW}
    secret = {"name": SECRET, "mountPath": "/etc/reana/secrets", "readOnly": True}
    cache = {"name": "voms-proxy-cache", "mountPath": "/vomsproxy_cache"}
    password = {"name": "VOMS_PASS", "valueFrom": {"secretKeyRef": {"name": SECRET, "key": "VOMS_PASS"}}}
    volumes: list[dict[str, Any]] = [
        {"name": SECRET, "secret": {"secretName": SECRET, "items": [{"key": "userkey.pem", "path": "userkey.pem"}]}},
        {"name": "voms-proxy-cache", "emptyDir": {}},
    ]
    mounts = [secret, cache]
    if workspace:
        folder = f"users/00000000/workflows/{WORKFLOW}"
        volumes.append({"name": "reana-shared-volume", "persistentVolumeClaim": {"claimName": PVC}, "readOnly": False})
        mounts.append({"name": "reana-shared-volume", "mountPath": f"/var/reana/{folder}", "subPath": folder})
    proxy = {
        "name": "voms-proxy",
        "image": BUSYBOX,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh"],
        "args": ["-c", "cp /etc/reana/secrets/userkey.pem /vomsproxy_cache/x509up_proxy"],
        "volumeMounts": [secret, cache],
        "env": [password],
    }
    step = {
        "name": "job",
        "image": BUSYBOX,
        "command": ["/bin/sh", "-c"],
        "args": [command],
        "env": [
            password,
            {"name": "REANA_WORKSPACE", "value": "/var/reana"},
            {"name": "X509_USER_PROXY", "value": "/vomsproxy_cache/x509up_proxy"},
        ],
        "volumeMounts": mounts,
        "securityContext": {"allowPrivilegeEscalation": False},
        "resources": {"limits": {"memory": "128Mi"}},
    }
    return {
        "kind": "Job",
        "apiVersion": "batch/v1",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "autoSelector": True,
            "template": {
                "metadata": {"name": name, "labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "containers": [step],
                    "initContainers": [proxy],
                    "volumes": volumes,
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 5,
                    "enableServiceLinks": False,
                    "imagePullSecrets": [],
                    "securityContext": {"runAsUser": 1000, "runAsGroup": 0},
                    "activeDeadlineSeconds": 600,
                    "nodeSelector": NODES,
                },
            },
        },
    }
