"""What the containers of users' pods may say; the pod around them is read elsewhere."""

from __future__ import annotations

import re
from typing import Any

from fedsched.kube.jobs import security
from fedsched.kube.jobs.grammar import (
    KEY,
    LABEL,
    NAME,
    Reading,
    Rule,
    exactly_one,
    granted,
    list_of,
    map_of,
    one_of,
    quantity,
    read_only,
    record,
    refused,
    shown,
    text,
    whole,
)
from fedsched.kube.jobs.volumes import FIELD_REF, MOUNTS, RESOURCE_REF, reference
from fedsched.kube.quantities import resource_name, value
from fedsched.kube.vetting import IMAGE, RefusedError

MOST_CONTAINERS = 32
LONGEST_TEXT = 2**18
NATIVE = frozenset({"cpu", "memory", "ephemeral-storage"})
_ENV_NAME = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]{0,253}", re.ASCII)
_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,316}", re.ASCII)
_PORT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?", re.ASCII)
_URL_PATH = re.compile(r"[\x21-\x7e]{0,1024}", re.ASCII)
_NO_HOST = "the node would ask another machine in its own name; leave it to the pod's own address"
_SECONDS = whole(0, 86_400)
_PORT = whole(1, 65_535)


def _amounts(value_: Any, path: str, into: Reading) -> Any:
    """Amounts by resource: native ones but huge pages, and whole numbers of extended ones."""
    kept = map_of(_RESOURCE, quantity, 32)(value_, path, into)
    for name, written in kept.items() if isinstance(kept, dict) else ():
        if name in NATIVE:
            continue
        try:
            resource_name(name)
        except RefusedError:
            into.wrong(
                f"{path}[{name}]", "is no resource that is placed for (cpu, memory, ephemeral-storage, domain/x)"
            )
            continue
        amount = value(written)
        if amount is None or amount.denominator != 1 or "kubernetes.io/" in name:
            into.wrong(f"{path}[{name}]", f"must be a whole number of devices, not {shown(written)}")
    return kept


RESOURCES = record(
    {
        "requests": _amounts,
        "limits": _amounts,
        "claims": refused("devices by claim are not placed for; ask for an extended resource (domain/name)"),
    }
)

_ENV = list_of(
    record(
        {
            "name": text(_ENV_NAME),
            "value": text(most=LONGEST_TEXT),
            "valueFrom": exactly_one(
                {
                    "fieldRef": FIELD_REF,
                    "resourceFieldRef": RESOURCE_REF,
                    "configMapKeyRef": reference("ConfigMap", "name", key=text(KEY)),
                    "secretKeyRef": reference("Secret", "name", key=text(KEY)),
                },
                "source of a value",
            ),
        },
        ("name",),
    ),
    1000,
)
_ENV_FROM = list_of(
    exactly_one(
        {"configMapRef": reference("ConfigMap", "name"), "secretRef": reference("Secret", "name")},
        "source of variables",
        {"prefix": text(re.compile(r"[A-Za-z0-9_.-]{0,253}", re.ASCII))},
    ),
    64,
)


def _port(value_: Any, path: str, into: Reading) -> Any:
    """A port by number or name."""
    rule: Rule = text(_PORT_NAME) if isinstance(value_, str) else _PORT
    return rule(value_, path, into)


_EXEC = record({"command": list_of(text(most=LONGEST_TEXT), 200)})
_HANDLERS: dict[str, Rule] = {
    "exec": _EXEC,
    "httpGet": record(
        {
            "path": text(_URL_PATH),
            "port": _port,
            "scheme": one_of("HTTP", "HTTPS"),
            "host": refused(_NO_HOST),
            "httpHeaders": list_of(record({"name": text(KEY), "value": text(most=4096)}, ("name",)), 32),
        },
        ("port",),
    ),
    "tcpSocket": record({"port": _port, "host": refused(_NO_HOST)}, ("port",)),
}
_PROBE = exactly_one(
    {**_HANDLERS, "grpc": record({"port": _PORT, "service": text(most=253)}, ("port",))},
    "way to probe",
    {
        "initialDelaySeconds": _SECONDS,
        "timeoutSeconds": _SECONDS,
        "periodSeconds": _SECONDS,
        "successThreshold": whole(1),
        "failureThreshold": whole(1),
        "terminationGracePeriodSeconds": _SECONDS,
    },
)
_HOOK = exactly_one({**_HANDLERS, "sleep": record({"seconds": _SECONDS}, ("seconds",))}, "handler")

_PORTS = list_of(
    record(
        {
            "name": text(_PORT_NAME),
            "containerPort": _PORT,
            "protocol": one_of("TCP", "UDP", "SCTP"),
            "hostPort": granted("hostPort", whole(0, 65_535), 0),
            "hostIP": refused("an address of the node may not be chosen from outside"),
        },
        ("containerPort",),
    ),
    64,
)
_COMMAND = list_of(text(most=LONGEST_TEXT), 1000)

_FIELDS: dict[str, Rule] = {
    "name": text(LABEL),
    "image": text(IMAGE, 512),
    "imagePullPolicy": one_of("Always", "IfNotPresent", "Never"),
    "command": _COMMAND,
    "args": _COMMAND,
    "workingDir": text(most=1024),
    "env": _ENV,
    "envFrom": _ENV_FROM,
    "resources": RESOURCES,
    "resizePolicy": read_only(lambda kept, _path, _into: kept),
    "volumeMounts": MOUNTS,
    "volumeDevices": refused("raw devices do not go to a member; mount a file system"),
    "lifecycle": record({"preStop": _HOOK, "postStart": _HOOK}),
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
    "ports": _PORTS,
    "terminationMessagePath": text(most=1024),
    "terminationMessagePolicy": one_of("File", "FallbackToLogsOnError"),
    "tty": refused("nobody can attach to it"),
    "stdin": refused("nobody can attach to it"),
    "stdinOnce": refused("nobody can attach to it"),
    "securityContext": security.CONTAINER,
}
_CONTAINER = record(_FIELDS, ("name", "image"))
_INIT = record({**_FIELDS, "restartPolicy": one_of("Always")}, ("name", "image"))

CONTAINERS = list_of(_CONTAINER, MOST_CONTAINERS, 1)
INIT_CONTAINERS = list_of(_INIT, MOST_CONTAINERS)
PULL_SECRETS = list_of(record({"name": text(NAME, 253)}, ("name",)), 16)
