"""What the pod template of a user's Job may say; containers and volumes have files of their own."""

from __future__ import annotations

import re
from typing import Any

from fedsched.kube.jobs import security
from fedsched.kube.jobs.containers import CONTAINERS, INIT_CONTAINERS, PULL_SECRETS, RESOURCES
from fedsched.kube.jobs.grammar import (
    LABEL,
    NAME,
    Reading,
    Rule,
    flag,
    granted,
    list_of,
    map_of,
    named,
    one_of,
    read_only,
    record,
    refused,
    text,
    whole,
)
from fedsched.kube.jobs.volumes import VOLUMES
from fedsched.kube.vetting import LABEL_VALUE

NODE_KEY = re.compile(
    r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", re.ASCII
)
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}", re.ASCII)
_LABEL_TEXT = text(re.compile(f"({LABEL_VALUE.pattern})?", re.ASCII), 63)
_ANY: Rule = lambda value, _path, _into: value  # noqa: E731 - a rule that looks at nothing

_BOUND = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def _expression(value: Any, path: str, into: Reading) -> Any:
    """One condition on a label of the node."""
    kept = _EXPRESSION(value, path, into)
    if not isinstance(kept, dict) or "operator" not in kept:
        return kept
    values = kept.get("values", [])
    if kept["operator"] in {"In", "NotIn"}:
        return kept if values else into.wrong(f"{path}.values", "is missing")
    if kept["operator"] in {"Gt", "Lt"}:
        return (
            kept
            if len(values) == 1 and _BOUND.fullmatch(values[0])
            else into.wrong(f"{path}.values", "must be one whole number")
        )
    return into.wrong(f"{path}.values", "must be empty") if values else kept


_EXPRESSION = record(
    {
        "key": text(NODE_KEY),
        "operator": one_of("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
        "values": list_of(text(re.compile(f"(-?[0-9]{{1,18}}|{LABEL_VALUE.pattern})?", re.ASCII), 63), 64),
    },
    ("key", "operator"),
)
_TERM = record(
    {
        "matchExpressions": list_of(_expression, 32),
        "matchFields": refused("names single nodes, which a Job for many clusters cannot"),
    }
)
_NODE_AFFINITY = record(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": record(
            {"nodeSelectorTerms": list_of(_TERM, 16, 1)}, ("nodeSelectorTerms",)
        ),
        "preferredDuringSchedulingIgnoredDuringExecution": list_of(
            record({"weight": whole(1, 100), "preference": _TERM}, ("weight", "preference")), 16
        ),
    }
)
_NEIGHBOURS = "depends on other pods, which run in other clusters as well; a gang runs in one (fedsched.io/gang)"
_TOLERATION = record(
    {
        "key": text(re.compile(f"({NODE_KEY.pattern})?", re.ASCII)),
        "operator": one_of("Exists", "Equal"),
        "value": _LABEL_TEXT,
        "effect": one_of("", "NoSchedule", "PreferNoSchedule", "NoExecute"),
        "tolerationSeconds": whole(-(2**31)),
    }
)
_PRIORITY = "follows from priorityClassName in the queue, and from the member's own class there"


def _account(value: Any, path: str, into: Reading) -> Any:
    return granted("serviceAccountName", text(NAME, 253), "default", "")(value, path, into)


_FIELDS: dict[str, Rule] = {
    "containers": CONTAINERS,
    "initContainers": INIT_CONTAINERS,
    "ephemeralContainers": refused("are made for running pods, not by a template"),
    "volumes": VOLUMES,
    "restartPolicy": one_of("Never", "OnFailure"),
    "activeDeadlineSeconds": whole(1),
    "terminationGracePeriodSeconds": whole(0, 86_400),
    "nodeSelector": map_of(NODE_KEY, _LABEL_TEXT),
    "affinity": record(
        {"nodeAffinity": _NODE_AFFINITY, "podAffinity": refused(_NEIGHBOURS), "podAntiAffinity": refused(_NEIGHBOURS)}
    ),
    "topologySpreadConstraints": refused(_NEIGHBOURS),
    "tolerations": list_of(_TOLERATION, 32),
    "imagePullSecrets": PULL_SECRETS,
    "securityContext": security.POD,
    "resources": RESOURCES,
    "priorityClassName": text(NAME, 253),
    "priority": refused(_PRIORITY),
    "preemptionPolicy": refused(_PRIORITY),
    "serviceAccountName": _account,
    "automountServiceAccountToken": granted("automountServiceAccountToken", flag),
    "hostNetwork": granted("hostNetwork", flag),
    "hostPID": granted("hostPID", flag),
    "hostIPC": granted("hostIPC", flag),
    "shareProcessNamespace": granted("shareProcessNamespace", flag),
    "hostUsers": flag,
    "runtimeClassName": granted("runtimeClassName", text(NAME, 253)),
    "schedulerName": granted("schedulerName", text(NAME, 253), "default-scheduler"),
    "nodeName": refused("goes round every scheduler"),
    "hostname": text(LABEL),
    "subdomain": text(LABEL),
    "setHostnameAsFQDN": flag,
    "hostAliases": list_of(record({"ip": text(_ADDRESS), "hostnames": list_of(text(NAME, 253), 32)}, ("ip",)), 64),
    "dnsPolicy": one_of("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "dnsConfig": record(
        {
            "nameservers": list_of(text(_ADDRESS), 3),
            "searches": list_of(text(re.compile(r"[A-Za-z0-9._-]{1,253}", re.ASCII)), 32),
            "options": list_of(record({"name": text(LABEL), "value": text(NAME, 63)}), 32),
        }
    ),
    "enableServiceLinks": read_only(flag),
    "os": record({"name": one_of("linux")}, ("name",)),
    "overhead": refused("is set by a runtime class of the member"),
    "readinessGates": refused("nobody would open them at a member"),
    "schedulingGates": refused("nobody would open them at a member; suspend the Job instead"),
    "resourceClaims": refused("devices by claim are not placed for; ask for an extended resource (domain/name)"),
}
POD = record(_FIELDS, ("containers", "restartPolicy"))


def pod_spec(value: Any, path: str, into: Reading) -> dict[str, Any]:
    """The pod spec, cleaned; {} where there is none."""
    kept = POD(_one_account(value, path, into), path, into)
    if not isinstance(kept, dict):
        return {}
    _names_agree(kept, path, into)
    if kept.get("hostNetwork"):
        _ports_of_the_node(kept, path, into)
    for secret in kept.get("imagePullSecrets", ()):
        named("Secret", _ANY)(secret.get("name"), path, into)
    return kept


def _one_account(value: Any, path: str, into: Reading) -> Any:
    """`serviceAccount` is the old name of serviceAccountName; API servers fill in both."""
    if not isinstance(value, dict) or value.get("serviceAccount") is None:
        return value
    kept = {key: each for key, each in value.items() if key != "serviceAccount"}
    if kept.setdefault("serviceAccountName", value["serviceAccount"]) != value["serviceAccount"]:
        into.wrong(f"{path}.serviceAccount", "differs from serviceAccountName")
    return kept


def _ports_of_the_node(pod: dict[str, Any], path: str, into: Reading) -> None:
    """On the node's network every port is the node's: API servers fill that in, and no further grant is needed."""
    for field in ("initContainers", "containers"):
        for number, container in enumerate(pod.get(field, ())):
            for place, port in enumerate(container.get("ports", ())):
                if port.get("hostPort") == port.get("containerPort"):
                    where = f"{path}.{field}[{number}].ports[{place}].hostPort"
                    into.grants.discard(f"hostPort={port['hostPort']} {where}")


def _names_agree(pod: dict[str, Any], path: str, into: Reading) -> None:
    """What the API server would refuse at the member as well: said here with its path."""
    volumes = [each.get("name") for each in pod.get("volumes", ())]
    for field in ("initContainers", "containers"):
        for number, container in enumerate(pod.get(field, ())):
            for place, mount in enumerate(container.get("volumeMounts", ())):
                if mount.get("name") not in volumes:
                    into.wrong(f"{path}.{field}[{number}].volumeMounts[{place}].name", "is no volume of the pod")
    names = [each.get("name") for field in ("initContainers", "containers") for each in pod.get(field, ())]
    for what, given in (("volumes", volumes), ("containers", names)):
        if len(set(given)) != len(given):
            into.wrong(f"{path}.{what}", "two have the same name")
