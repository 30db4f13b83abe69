"""Which volumes users' pods may have and how they may be mounted: nothing of the node, no token, nobody else's data."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from fedsched.kube.jobs.grammar import (
    KEY,
    LABEL,
    LEFT_OUT,
    NAME,
    Reading,
    Rule,
    exactly_one,
    flag,
    granted,
    list_of,
    map_of,
    one_of,
    quantity,
    read_only,
    record,
    refused,
    text,
    whole,
)

MOST_VOLUMES = 64
_FIELD = re.compile(
    r"metadata\.(?:name|namespace|uid|labels|annotations)|metadata\.(?:labels|annotations)\['([A-Za-z0-9._/-]{1,320})'\]"
    r"|spec\.(?:nodeName|serviceAccountName)|status\.(?:hostIPs?|podIPs?)",
    re.ASCII,
)
PLAIN_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", re.ASCII)
MADE_KEYS = frozenset(
    {
        *("batch.kubernetes.io/job-completion-index", "batch.kubernetes.io/job-name", "job-name"),
        *("batch.kubernetes.io/controller-uid", "controller-uid", "batch.kubernetes.io/job-index-failure-count"),
    }
)
"""Labels and annotations that a member's Job controller puts on pods itself."""
_PATH = re.compile(r"/[^:\0]{0,1023}")
_MODE = whole(0, 0o777)


def field_path(value: Any, path: str, into: Reading) -> Any:
    """A field of the pod itself; one label or annotation only where it comes along."""
    kept = text(_FIELD)(value, path, into)
    found = _FIELD.fullmatch(kept) if kept is not LEFT_OUT else None
    key = found[1] if found is not None else None
    if key is not None and key not in MADE_KEYS and not PLAIN_KEY.fullmatch(key):
        return into.wrong(path, f"names {key}, which does not come along to a member")
    return kept


def relative(value: Any, path: str, into: Reading) -> Any:
    """A path inside a volume."""
    kept = text(most=1024)(value, path, into)
    if kept is not LEFT_OUT and (kept.startswith("/") or ".." in kept.split("/")):
        return into.wrong(path, "must be a relative path without ..")
    return kept


def _absolute(value: Any, path: str, into: Reading) -> Any:
    kept = text(_PATH)(value, path, into)
    if kept is not LEFT_OUT and ".." in kept.split("/"):
        return into.wrong(path, "must be an absolute path without ..")
    return kept


FIELD_REF = record({"apiVersion": one_of("v1"), "fieldPath": field_path}, ("fieldPath",))
RESOURCE_REF = record({"containerName": text(LABEL), "resource": text(KEY), "divisor": quantity}, ("resource",))

_ITEMS = list_of(record({"key": text(KEY), "path": relative, "mode": _MODE}, ("key", "path")), 256)
_DOWNWARD = list_of(
    record({"path": relative, "fieldRef": FIELD_REF, "resourceFieldRef": RESOURCE_REF, "mode": _MODE}, ("path",)), 64
)


def reference(kind: str, called: str, /, **beside: Rule) -> Rule:
    """A record that names a ConfigMap or Secret under `called`; one that must be there is an object of the Job's."""
    inner = record({called: text(NAME, 253), "optional": flag, **beside}, (called,))

    def take(value: Any, path: str, into: Reading) -> Any:
        kept = inner(value, path, into)
        if isinstance(kept, dict) and called in kept and kept.get("optional") is not True:
            into.objects.add((kind, kept[called]))
        return kept

    return take


def _claim(value: Any, path: str, into: Reading) -> Any:
    kept = record({"claimName": text(NAME, 253), "readOnly": flag}, ("claimName",))(value, path, into)
    if isinstance(kept, dict) and "claimName" in kept:
        into.objects.add(("PersistentVolumeClaim", kept["claimName"]))
    return kept


def _host_path(value: Any, path: str, into: Reading) -> Any:
    kinds = one_of("", "Directory", "File", "Socket", "CharDevice", "BlockDevice")
    kept = record({"path": _absolute, "type": kinds}, ("path",))(value, path, into)
    if isinstance(kept, dict) and "path" in kept:
        if kept["path"] != str(PurePosixPath(kept["path"])) or kept["path"].startswith("//"):
            return into.wrong(f"{path}.path", "must be written without //, . or a / at its end")
        into.needs(f"hostPath={kept['path']}", path)
    return kept


def _csi(value: Any, path: str, into: Reading) -> Any:
    rule = record(
        {
            "driver": granted("csi", text(NAME, 63)),
            "fsType": text(KEY),
            "readOnly": flag,
            "volumeAttributes": map_of(re.compile(r"[A-Za-z0-9._/-]{1,253}", re.ASCII), text(most=4096)),
            "nodePublishSecretRef": record({"name": text(NAME, 253)}, ("name",)),
        },
        ("driver",),
    )
    kept = rule(value, path, into)
    secret = kept.get("nodePublishSecretRef", {}).get("name") if isinstance(kept, dict) else None
    if secret:
        into.objects.add(("Secret", secret))
    return kept


_OTHERS = "would take data that is somebody else's; name a storage class and a size only"
_CLAIM_TEMPLATE = record(
    {
        "metadata": record(
            {
                "labels": refused("labels of a claim may be orders to the member's storage"),
                "annotations": refused("annotations of a claim may be orders to the member's storage"),
                "creationTimestamp": read_only(lambda value, _path, _into: value),
            }
        ),
        "spec": record(
            {
                "accessModes": list_of(
                    one_of("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"), 4, 1
                ),
                "resources": record({"requests": record({"storage": quantity}, ("storage",))}, ("requests",)),
                "storageClassName": text(NAME, 253),
                "volumeMode": one_of("Filesystem"),
                "selector": refused(_OTHERS),
                "volumeName": refused(_OTHERS),
                "dataSource": refused(_OTHERS),
                "dataSourceRef": refused(_OTHERS),
            },
            ("accessModes", "resources"),
        ),
    },
    ("spec",),
)

_CONFIG_MAP = reference("ConfigMap", "name", items=_ITEMS)
_TOKEN = "a token of the member's API would come into the pod"  # noqa: S105 - a sentence
_SOURCE = exactly_one(
    {
        "configMap": _CONFIG_MAP,
        "secret": reference("Secret", "name", items=_ITEMS),
        "downwardAPI": record({"items": _DOWNWARD}),
        "serviceAccountToken": refused(_TOKEN),
        "podCertificate": refused(_TOKEN),
    },
    "source",
)
_KINDS: dict[str, Rule] = {
    "emptyDir": record({"medium": one_of("", "Memory"), "sizeLimit": quantity}),
    "configMap": reference("ConfigMap", "name", items=_ITEMS, defaultMode=_MODE),
    "secret": reference("Secret", "secretName", items=_ITEMS, defaultMode=_MODE),
    "persistentVolumeClaim": _claim,
    "projected": record({"sources": list_of(_SOURCE, 32), "defaultMode": _MODE}, ("sources",)),
    "downwardAPI": record({"items": _DOWNWARD, "defaultMode": _MODE}),
    "ephemeral": record({"volumeClaimTemplate": _CLAIM_TEMPLATE}, ("volumeClaimTemplate",)),
    "hostPath": _host_path,
    "csi": _csi,
    "image": refused("what it pulls would not be among the images that a member allows; use an init container"),
    "nfs": refused("the node would mount it from anywhere; name a PersistentVolumeClaim"),
}
VOLUMES = list_of(exactly_one(_KINDS, "kind of volume that may go to a member", {"name": text(LABEL)}), MOST_VOLUMES)

MOUNTS = list_of(
    record(
        {
            "name": text(LABEL),
            "mountPath": _absolute,
            "readOnly": flag,
            "recursiveReadOnly": one_of("Disabled", "IfPossible", "Enabled"),
            "subPath": relative,
            "subPathExpr": relative,
            "mountPropagation": one_of("None", "HostToContainer"),
        },
        ("name", "mountPath"),
    ),
    MOST_VOLUMES,
)
"""Bidirectional propagation would reach the node's other pods and needs a privileged container: nobody grants it."""
