"""Which parts of a security context users' Jobs may have: what restricts them, and by grant what does not."""

from __future__ import annotations

import re
from typing import Any

from fedsched.kube.jobs.grammar import (
    LARGEST_INT,
    LEFT_OUT,
    Reading,
    flag,
    granted,
    list_of,
    one_of,
    read_only,
    record,
    refused,
    text,
    whole,
)

CAPABILITY = re.compile(r"[A-Z][A-Z_]{0,40}", re.ASCII)
SYSCTL = re.compile(r"[a-z0-9][a-z0-9./_-]{0,252}", re.ASCII)
_ID = whole(0, LARGEST_INT)


def _user(value: Any, path: str, into: Reading) -> Any:
    """Any user but root, who needs a grant."""
    kept = _ID(value, path, into)
    if kept is not LEFT_OUT and kept == 0:
        into.needs("runAsUser=0", path)
    return kept


def _sysctl(value: Any, path: str, into: Reading) -> Any:
    kept = record({"name": text(SYSCTL), "value": text(most=256)}, ("name", "value"))(value, path, into)
    if isinstance(kept, dict) and "name" in kept:
        into.needs(f"sysctls={kept['name']}", path)
    return kept


def _added(value: Any, path: str, into: Reading) -> Any:
    kept = text(CAPABILITY)(value, path, into)
    if kept is not LEFT_OUT:
        into.needs(f"capabilities={kept}", path)
    return kept


_PROFILE = record({"type": one_of("RuntimeDefault"), "localhostProfile": read_only(text())}, ("type",))
_LABELS = "a label of the node's own security system may not be chosen from outside"

_BOTH = {
    "runAsUser": _user,
    "runAsGroup": _ID,
    "runAsNonRoot": flag,
    "seccompProfile": _PROFILE,
    "appArmorProfile": _PROFILE,
    "seLinuxOptions": refused(_LABELS),
    "windowsOptions": refused("only Linux pods run here"),
}
POD = record(
    {
        **_BOTH,
        "fsGroup": _ID,
        "fsGroupChangePolicy": one_of("OnRootMismatch", "Always"),
        "supplementalGroups": list_of(granted("supplementalGroups", _ID), 32),
        "supplementalGroupsPolicy": one_of("Merge", "Strict"),
        "sysctls": list_of(_sysctl, 32),
    }
)
"""Of a pod. fsGroup: ownership of the pod's own volumes, which PVC drivers apply where they can."""

CONTAINER = record(
    {
        **_BOTH,
        "privileged": granted("privileged", flag),
        "allowPrivilegeEscalation": granted("allowPrivilegeEscalation", flag),
        "readOnlyRootFilesystem": flag,
        "capabilities": record({"drop": list_of(text(CAPABILITY), 64), "add": list_of(_added, 64)}),
        "procMount": granted("procMount", one_of("Default", "Unmasked"), "Default"),
    }
)
"""Of a container; the copy drops all capabilities and forbids escalation whatever it says, but for what is granted."""
