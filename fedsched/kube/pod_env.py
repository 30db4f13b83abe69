"""The variables of a startd's pod (docs/architecture.md, the pod and its startd): vetted values, nothing of a job."""

from __future__ import annotations

import re
from typing import Any

from fedsched.config.settings import MemberFile
from fedsched.kube import overrides, vetting
from fedsched.kube.vetting import RefusedError, check
from fedsched.kube.worker_bundle import WorkerBundle
from fedsched.matchmaker.model import Placement

FROM_THE_POD = {
    "FEDSCHED_POD": "metadata.name",
    "FEDSCHED_NODE": "spec.nodeName",
    "FEDSCHED_POD_IP": "status.podIP",
}


def variables(placement: Placement, member: MemberFile, worker: WorkerBundle) -> list[dict[str, Any]]:
    """All variables in a fixed order, the member's own last; RefusedError for a value that may not go into a pod."""
    values = _where(placement, member, worker) | _size(placement, worker) | _whom(placement) | _lifetimes(placement)
    made: list[dict[str, Any]] = [{"name": name, "value": values[name]} for name in sorted(values)]
    made += [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in FROM_THE_POD.items()]
    return made + overrides.environment(member.overrides.env)


def end_at(placement: Placement) -> int:
    """When the startd is over at the latest, epoch seconds.

    A Job's deadline counts from its startTime, which is never before `created_at`, so this is never too late. A
    DaemonSet has no deadline: its pods end their startds at the expiry (FA4).
    """
    if placement.form == "startd-daemonset":
        return int(placement.expires_at)
    return int(placement.created_at) + placement.lifetime_s


def _where(placement: Placement, member: MemberFile, worker: WorkerBundle) -> dict[str, str]:
    collector = check(vetting.WORD, worker.collector, "collector")
    return {
        "FEDSCHED_MEMBER": member.name,
        "FEDSCHED_PLACEMENT": placement.id,
        "FEDSCHED_NODE_GROUP": vetting.word(placement.node_group, "node group"),
        "FEDSCHED_FORM": placement.form,
        "FEDSCHED_COLLECTOR": collector,
        "FEDSCHED_CCB": collector if worker.ccb else "",
    }


def _size(placement: Placement, worker: WorkerBundle) -> dict[str, str]:
    size = placement.size
    return {
        "FEDSCHED_CPUS": str(max(1, size.cpu_milli // 1000)),
        "FEDSCHED_MEMORY_MIB": str(size.memory_mib),
        "FEDSCHED_DISK_MIB": str(size.disk_mib),
        "FEDSCHED_GPUS": str(size.gpus),
        "FEDSCHED_OTHER": _other(placement, dict(worker.resource_names)),
    }


def _other(placement: Placement, names: dict[str, str]) -> str:
    """Custom resources under HTCondor's names: "Fpga=1,…"."""
    counts = []
    for kubernetes_name, amount in placement.size.other:
        name = names.get(kubernetes_name) or re.sub(r"[^A-Za-z0-9_]", "_", kubernetes_name.rpartition("/")[2])
        counts.append(f"{check(vetting.ENV_NAME, name, 'custom resource')}={amount}")
    return ",".join(counts)


def _whom(placement: Placement) -> dict[str, str]:
    class_cores = max(1, placement.size.cpu_milli // 1000 // max(1, placement.units))
    return {
        "FEDSCHED_GROUP": vetting.word(placement.principal.group, "accounting group"),
        "FEDSCHED_USER": check(vetting.WORD, placement.user or placement.principal.user, "user"),
        "FEDSCHED_SHARE": placement.share,
        "FEDSCHED_FIRST_REFUSAL_S": _seconds(placement.first_refusal_s, "first_refusal_s"),
        "FEDSCHED_MIN_CPUS": str((class_cores + 1) // 2),
        **({"FEDSCHED_BY_GROUP": "False"} if placement.ungrouped else {}),
    }


def _lifetimes(placement: Placement) -> dict[str, str]:
    end = end_at(placement)
    return {
        "FEDSCHED_IDLE_S": _seconds(placement.idle_s, "idle_s"),
        "FEDSCHED_LEAVE_S": _seconds(placement.retire_s, "retire_s"),
        "FEDSCHED_RETIRE_AT": str(max(0, end - placement.retire_s)),
        "FEDSCHED_END_AT": str(end),
        "FEDSCHED_EXPIRES_AT": str(int(placement.expires_at)),
    }


def _seconds(amount: int, what: str) -> str:
    if amount < 0:
        raise RefusedError(f"{what} of placement is {amount}; seconds cannot be negative")
    return str(amount)
