"""The smallest startd Job that works behind closed doors, for the laboratory's own tests.

Fedsched has its own, better one.
"""

from __future__ import annotations

from typing import Any

from tests.laboratory.part_images import STARTD

UID = 2003
CONFIG = """\
RELEASE_DIR = /usr
BIN = /usr/bin
SBIN = /usr/sbin
LIBEXEC = /usr/libexec/condor
LIB = /usr/lib/condor
SHARE = /usr/share/condor
LOCAL_DIR = /pilot/d
LOG = $(LOCAL_DIR)/log
SPOOL = $(LOCAL_DIR)/spool
EXECUTE = $(LOCAL_DIR)/execute
LOCK = $(LOCAL_DIR)/lock
RUN = $(LOCAL_DIR)/run
LOCAL_CONFIG_DIR =
LOCAL_CONFIG_FILE =
COLLECTOR_HOST = $ENV(COLLECTOR)
CCB_ADDRESS = $ENV(COLLECTOR)
DAEMON_LIST = MASTER STARTD
USE_SHARED_PORT = True
SHARED_PORT_PORT = 0
NETWORK_INTERFACE = $ENV(POD_IP)
ENABLE_IPV6 = False
NO_DNS = True
DEFAULT_DOMAIN_NAME = pod
use security:recommended_v9_0
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, IDTOKENS
SEC_TOKEN_DIRECTORY = $(LOCAL_DIR)/tokens
SEC_PASSWORD_DIRECTORY = $(LOCAL_DIR)/none
SEC_USE_FAMILY_SESSION = True
MASTER_NAME = $ENV(POD)
STARTD_NAME = $ENV(POD)
LabPod = "$ENV(POD)"
STARTD_ATTRS = $(STARTD_ATTRS) LabPod
NUM_CPUS = $ENV(CPUS)
MEMORY = $ENV(MEMORY)
use feature:PartitionableSlot
START = True
# slot, negotiation and claim: on a loaded machine 6 s were not always enough
STARTD_NOCLAIM_SHUTDOWN = 20
MAXJOBRETIREMENTTIME = 3600
UPDATE_INTERVAL = 3
MASTER_UPDATE_INTERVAL = 10
RUNBENCHMARKS = 0
MOUNT_UNDER_SCRATCH =
"""
START = """\
set -eu
umask 022
D=/pilot/d
mkdir -p $D/log $D/spool $D/execute $D/lock $D/run $D/none $D/tokens
chmod 700 $D/tokens
cp /etc/fedsched-token/* $D/tokens/
chmod 600 $D/tokens/*
: >> $D/log/MasterLog
: >> $D/log/StartLog
[ "$(id -u)" != 0 ] || chown -R condor:condor $D/log $D/spool $D/execute $D/lock $D/run
tail -F $D/log/MasterLog $D/log/StartLog 2>/dev/null &
exec /usr/sbin/condor_master -f
"""


def standing(namespace: str, token: str) -> list[dict[str, Any]]:
    """The ConfigMap and Secret that startd Jobs of a namespace need."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "startd", "namespace": namespace},
            "data": {"condor_config": CONFIG, "start": START},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "token", "namespace": namespace},
            "stringData": {"pool": token},
        },
    ]


def field(path: str) -> dict[str, Any]:
    """A downward API value."""
    return {"fieldRef": {"fieldPath": path}}


def job(namespace: str, name: str, collector: str, selector: dict[str, str]) -> dict[str, Any]:
    """A startd Job that passes the "restricted" level."""
    container = {
        "name": "startd",
        "image": STARTD,
        "imagePullPolicy": "Never",
        "command": ["/bin/sh", "/etc/fedsched/start"],
        "env": [
            {"name": "COLLECTOR", "value": collector},
            {"name": "CONDOR_CONFIG", "value": "/etc/fedsched/condor_config"},
            {"name": "POD", "valueFrom": field("metadata.name")},
            {"name": "POD_IP", "valueFrom": field("status.podIP")},
            {"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu"}}},
            {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/fedsched"},
            {"name": "token", "mountPath": "/etc/fedsched-token"},
            {"name": "pilot", "mountPath": "/pilot"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "nodeSelector": selector,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": "startd"}},
            {"name": "token", "secret": {"secretName": "token", "defaultMode": 0o444}},
            {"name": "pilot", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        ],
    }
    template = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "fedsched"}}, "spec": pod}
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": 0, "template": template},
    }
