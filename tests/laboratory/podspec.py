"""What a pod's manifest says about one container, worked out as a kubelet does: environment, volume files, user.

Pure, no process, no API call.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

Object = dict[str, Any]
Lookup = Callable[[str, str], Object | None]  # ("ConfigMap" | "Secret", name) in the pod's namespace
UNITS: dict[str, Fraction | int] = {
    "": 1,
    "m": Fraction(1, 1000),
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)|\$\$")


class MissingError(Exception):
    """A ConfigMap, Secret or key that the pod names does not exist (yet)."""


def quantity(text: str | float) -> Fraction:
    """A Kubernetes quantity as an exact number."""
    match = re.fullmatch(r"([0-9.eE+-]+?)([numkMGTPE]?i?)", str(text))
    if match is None or match[2] not in UNITS:
        raise ValueError(f"not a quantity: {text}")
    return Fraction(match[1]) * UNITS[match[2]]


def field(pod: Object, path: str) -> str:
    """A downward API field as text."""
    if match := KEYED.fullmatch(path):
        return str((pod["metadata"].get(match[1]) or {}).get(match[2], ""))
    if path in {"metadata.labels", "metadata.annotations"}:
        pairs = sorted((pod["metadata"].get(path.split(".")[1]) or {}).items())
        return "\n".join(f'{key}="{escaped(value)}"' for key, value in pairs)
    value: Any = pod
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if path == "status.podIPs":
        return ",".join(entry["ip"] for entry in value or [])
    return "" if value is None else str(value)


def escaped(value: str) -> str:
    """As Go's %q writes it, which is how a kubelet writes annotations."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")


def resource(pod: Object, container: Object, wanted: Object, allocatable: Object) -> str:
    """A resourceFieldRef, rounded up to its divisor; a missing limit is what the node has."""
    name = wanted.get("containerName", container["name"])
    owner = next(
        c for c in [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])] if c["name"] == name
    )
    kind, _, what = wanted["resource"].partition(".")
    found = (owner.get("resources") or {}).get(kind) or {}
    value = found.get(what) or (allocatable.get(what, "0") if kind == "limits" else "0")
    return str(math.ceil(quantity(value) / (quantity(wanted.get("divisor") or 1) or 1)))


def content(lookup: Lookup, kind: str, name: str, *, optional: bool) -> dict[str, bytes]:
    """The files of a ConfigMap or Secret; MissingError unless optional."""
    found = lookup(kind, name)
    if found is None:
        if optional:
            return {}
        raise MissingError(f'{kind.lower()} "{name}" not found')
    if kind == "Secret":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    texts = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return texts | {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}


def key_of(lookup: Lookup, kind: str, wanted: Object) -> str | None:
    """One key of a ConfigMap or Secret, None when it is optional and missing."""
    optional = bool(wanted.get("optional"))
    values = content(lookup, kind, wanted["name"], optional=optional)
    if wanted["key"] not in values:
        if optional:
            return None
        raise MissingError(f"couldn't find key {wanted['key']} in {kind} {wanted['name']}")
    return values[wanted["key"]].decode()


def variable(pod: Object, container: Object, source: Object, lookup: Lookup, allocatable: Object) -> str | None:
    """The value of one env entry's `valueFrom`."""
    match source:
        case {"fieldRef": wanted}:
            return field(pod, wanted["fieldPath"])
        case {"resourceFieldRef": wanted}:
            return resource(pod, container, wanted, allocatable)
        case {"configMapKeyRef": wanted}:
            return key_of(lookup, "ConfigMap", wanted)
        case {"secretKeyRef": wanted}:
            return key_of(lookup, "Secret", wanted)
    raise ValueError(f"env source {source} is not known to the pod runner")


def environment(pod: Object, container: Object, lookup: Lookup, allocatable: Object) -> dict[str, str]:
    """A container's environment: PATH, envFrom, env with $(NAME) filled in."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME": pod["metadata"]["name"]}
    for source in container.get("envFrom") or []:
        kind, wanted = (
            ("ConfigMap", source["configMapRef"]) if "configMapRef" in source else ("Secret", source["secretRef"])
        )
        values = content(lookup, kind, wanted["name"], optional=bool(wanted.get("optional")))
        env |= {source.get("prefix", "") + key: value.decode() for key, value in values.items()}
    for entry in container.get("env") or []:
        if "valueFrom" in entry:
            value = variable(pod, container, entry["valueFrom"], lookup, allocatable)
        else:
            value = expand(entry.get("value", ""), env)
        if value is not None:
            env[entry["name"]] = value
    return env


def expand(text: str, env: dict[str, str]) -> str:
    """Fills $(NAME) in; an unknown name stays, $$ is a dollar."""
    return REFERENCE.sub(lambda m: "$" if m[1] is None else env.get(m[1], m[0]), text)


def command(container: Object, env: dict[str, str]) -> list[str]:
    """Command and arguments; a shell when there is neither."""
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    return [expand(word, env) for word in words] or ["/bin/sh"]


def chosen(values: dict[str, bytes], items: list[Object] | None) -> dict[str, bytes]:
    """The keys that a volume names, under its paths; all of them when it names none."""
    if not items:
        return values
    for item in items:
        if item["key"] not in values:
            raise MissingError(f"references non-existent config key: {item['key']}")
    return {item["path"]: values[item["key"]] for item in items}


def files(pod: Object, volume: Object, lookup: Lookup, allocatable: Object) -> dict[str, bytes] | None:
    """The files of a ConfigMap, Secret, downwardAPI or projected volume.

    None for one whose content is not the cluster's.
    """
    match volume:
        case {"configMap": source}:
            return chosen(
                content(lookup, "ConfigMap", source["name"], optional=bool(source.get("optional"))), source.get("items")
            )
        case {"secret": source}:
            name = source.get("secretName") or source["name"]
            return chosen(content(lookup, "Secret", name, optional=bool(source.get("optional"))), source.get("items"))
        case {"downwardAPI": source}:
            first = pod["spec"]["containers"][0]
            return {
                item["path"]: (
                    variable(pod, first, {k: v for k, v in item.items() if k.endswith("Ref")}, lookup, allocatable)
                    or ""
                ).encode()
                for item in source.get("items") or []
            }
        case {"projected": source}:
            found: dict[str, bytes] = {}
            for part in source.get("sources") or []:
                found |= files(pod, part, lookup, allocatable) or {}
            return found
    return None


def mode(volume: Object) -> int:
    """The mode of a volume's files."""
    source: Object = next(
        (volume[kind] for kind in ("configMap", "secret", "downwardAPI", "projected") if kind in volume), {}
    )
    return int(source.get("defaultMode", 0o644))


def user(pod: Object, container: Object) -> tuple[int, int]:
    """User and group that the container runs as; root when nobody says otherwise."""
    security = {**(pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}
    if security.get("runAsNonRoot") and not security.get("runAsUser"):
        raise MissingError("container has runAsNonRoot and image will run as root")
    return int(security.get("runAsUser") or 0), int(security.get("runAsGroup") or 0)


def security(container: Object, name: str) -> bool:
    """A yes-or-no entry of the container's security context."""
    return bool((container.get("securityContext") or {}).get(name))
