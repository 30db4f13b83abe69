"""Security contexts of a copy's pod: the "restricted" level and what its owner restricts more, but for what is granted.

Grants were checked when these fields were read and are checked again for the member before this is called.
"""

from __future__ import annotations

from typing import Any

KEPT = ("runAsUser", "runAsGroup", "readOnlyRootFilesystem", "procMount", "appArmorProfile")
OWN_OF_POD = (
    *("runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "supplementalGroups", "supplementalGroupsPolicy"),
    *("sysctls", "appArmorProfile"),
)
NEEDS_ESCALATION = frozenset({"SYS_ADMIN", "CAP_SYS_ADMIN"})


def of_pod(wanted: dict[str, Any], run_as_user: int | None) -> dict[str, Any]:
    """The pod's. run_as_user: for containers that name none; None leaves it to their images."""
    found = {name: wanted[name] for name in OWN_OF_POD if name in wanted}
    if "runAsUser" not in found and run_as_user is not None:
        found["runAsUser"] = run_as_user
        found.setdefault("runAsGroup", run_as_user)
    if found.get("runAsUser", 0) > 0 or wanted.get("runAsNonRoot"):
        found["runAsNonRoot"] = True
    return found | {"seccompProfile": {"type": "RuntimeDefault"}}


def of_container(wanted: dict[str, Any]) -> dict[str, Any]:
    """A container's: no escalation, no capability; what the server would refuse beside a grant is left out."""
    found = {name: wanted[name] for name in KEPT if name in wanted}
    if found.get("runAsUser", 1) == 0:
        found["runAsNonRoot"] = False
    if wanted.get("privileged"):
        return found | {"privileged": True}
    added = wanted.get("capabilities", {}).get("add", [])
    found |= {"privileged": False, "capabilities": {"drop": ["ALL"]} | ({"add": added} if added else {})}
    if wanted.get("allowPrivilegeEscalation"):
        return found | {"allowPrivilegeEscalation": True}
    if NEEDS_ESCALATION.isdisjoint(added):
        found["allowPrivilegeEscalation"] = False
    return found
