"""What a hub's API server can do for us: policies that mutate and validate, managedBy; it changes nothing."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fedsched.kube.join.caller import Caller
from fedsched.matchmaker.model.names import JOB_MANAGER

GROUP = "/apis/admissionregistration.k8s.io"
MANAGED_SINCE = 32
"""Minor version of Kubernetes from which on spec.managedBy works without being switched on."""
Hold = Literal["managedBy", "suspend"]


class Served(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one server has.

    mutating, validating: version in which the policies are served, "" for not at all. hold: what keeps the hub's own
    controller from a Job: the field managedBy, or suspend where an older server drops that.
    """

    mutating: str = "v1"
    validating: str = "v1"
    hold: Hold = "managedBy"


NEWEST = Served()
"""Kubernetes 1.36 and later."""


def ask(caller: Caller, namespace: str = "default") -> Served:
    """What this server serves. JoinError when it does not answer."""
    listed = caller.call("GET", GROUP).body.get("versions")
    versions = [str(one.get("version")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    known: list[str] = [version for version in ("v1", "v1beta1") if version in versions]
    kinds = {version: _kinds(caller, version) for version in known}
    return Served(
        mutating=_first(kinds, "mutatingadmissionpolicies"),
        validating=_first(kinds, "validatingadmissionpolicies"),
        hold=_hold(caller, namespace),
    )


def _kinds(caller: Caller, version: str) -> set[str]:
    found = caller.call("GET", f"{GROUP}/{version}").body.get("resources")
    return {str(one.get("name")) for one in found if isinstance(one, dict)} if isinstance(found, list) else set()


def _first(kinds: dict[str, set[str]], wanted: str) -> str:
    return next((version for version, found in kinds.items() if wanted in found), "")


def _hold(caller: Caller, namespace: str) -> Hold:
    """Ask for a Job that is not made: a server whose gate is closed drops the field without a word."""
    answer = caller.call("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", sample(namespace), {"dryRun": "All"})
    if not answer.ok:  # we may not create Jobs: by its version, for since 1.32 the gate is open
        minor = "".join(c for c in str(caller.call("GET", "/version").body.get("minor", "")) if c.isdigit())
        return "managedBy" if not minor or int(minor) >= MANAGED_SINCE else "suspend"
    return "managedBy" if (answer.body.get("spec") or {}).get("managedBy") == JOB_MANAGER else "suspend"


def sample(namespace: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A small Job, only ever sent as a dry run; with labels as a user makes it, without with managedBy."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.invalid/none"}]}
    metadata = {"generateName": "fedsched-check-", "namespace": namespace, "labels": labels or {}}
    spec: dict[str, Any] = {"template": {"spec": pod}}
    if labels is None:
        spec["managedBy"] = JOB_MANAGER
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}
