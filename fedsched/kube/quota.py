"""ResourceQuotas and LimitRanges of our namespace as what they still allow one of our pods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fedsched.kube.amounts import MEBI, quantity
from fedsched.kube.wire import LimitItem, LimitRangeItem, QuotaItem
from fedsched.matchmaker.model import ContainerLimits, Quota
from fedsched.matchmaker.resources import UNBOUNDED, Resources

NAMES = {"cpu": "cpu_milli", "memory": "memory_mib", "ephemeral-storage": "disk_mib", "pods": "pods"}
JOBS = "count/jobs.batch"
NOT_OURS = frozenset({"Terminating", "BestEffort", "CrossNamespacePodAffinity"})
"""Quota scopes that our pods are outside of: their deadline is the Job's, and they state their requests."""


def quota(item: QuotaItem, gpu_resources: Iterable[str], priority_class: str = "") -> Quota | None:
    """What a quota leaves; None when it does not speak of our pods. Our requests equal our limits, so both count."""
    if not _applies(item, priority_class):
        return None
    hard = item.status.hard or item.spec.hard
    left: dict[str, int] = {}
    for name, limit in hard.items():
        ours = _resource(name, gpu_resources)
        if ours is not None:
            rest = _amount(ours, limit, up=False) - _amount(ours, item.status.used.get(name, "0"), up=True)
            left[ours] = min(rest, left.get(ours, UNBOUNDED))
    jobs = left.pop("jobs", None)
    return Quota(
        item.metadata.name, _resources(left), frozenset({*left, *(["jobs"] if jobs is not None else [])}), jobs
    )


def limits(item: LimitRangeItem, gpu_resources: Iterable[str]) -> tuple[ContainerLimits, ...]:
    """Its lines for containers and for pods (ours have one container)."""
    lines = [line for line in item.spec.limits if line.type in {"Container", "Pod"}]
    return tuple(_bounds(item.metadata.name, line, tuple(gpu_resources)) for line in lines)


def _bounds(name: str, line: LimitItem, gpus: tuple[str, ...]) -> ContainerLimits:
    most, least = _stated(line.max, gpus, up=False), _stated(line.min, gpus, up=True)
    return ContainerLimits(name, _resources(most), frozenset(most), _resources(least), frozenset(least))


def _stated(bounds: Mapping[str, str], gpus: tuple[str, ...], *, up: bool) -> dict[str, int]:
    named = ((_resource(name, gpus), text) for name, text in bounds.items())
    return {ours: _amount(ours, text, up=up) for ours, text in named if ours is not None}


def _applies(item: QuotaItem, priority_class: str) -> bool:
    if NOT_OURS.intersection(item.spec.scopes):
        return False
    rules = item.spec.scope_selector.match_expressions if item.spec.scope_selector else []
    for rule in rules:
        if rule.scope_name in NOT_OURS:
            return False
        if rule.scope_name == "PriorityClass" and priority_class:
            inside = priority_class in rule.values
            if (rule.operator == "In" and not inside) or (rule.operator == "NotIn" and inside):
                return False
    return True


def _resource(name: str, gpu_resources: Iterable[str]) -> str | None:
    """Our name of what a quota or limit counts; None for what our pods do not use (services, volumes, …)."""
    if name == JOBS:
        return "jobs"
    name = name.removeprefix("count/") if name == "count/pods" else name
    plain = name.removeprefix("requests.").removeprefix("limits.")
    if plain in NAMES:
        return NAMES[plain]
    if plain in gpu_resources:
        return "gpus"
    is_device = "/" in plain and not name.startswith("count/") and "storageclass.storage.k8s.io/" not in plain
    return plain if is_device else None


def _amount(ours: str, text: str, *, up: bool) -> int:
    number = quantity(text, ours == "cpu_milli", up)
    if number is None:
        return UNBOUNDED if up else 0
    if ours in {"memory_mib", "disk_mib"}:
        return -(-number // MEBI) if up else number // MEBI
    return number


def _resources(amounts: Mapping[str, int]) -> Resources:
    fixed = {name: amounts[name] for name in ("cpu_milli", "memory_mib", "disk_mib", "gpus", "pods") if name in amounts}
    other = tuple(sorted((name, amount) for name, amount in amounts.items() if "/" in name and amount))
    return Resources(**fixed, other=other)
