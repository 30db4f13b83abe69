"""Which kinds are read at a member, by which paths and selectors, and what is kept of each."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from fedsched.config.settings import MemberFile
from fedsched.kube.images import normal
from fedsched.kube.jobs.copy import OUR_NAMES, admits
from fedsched.kube.nodes import node
from fedsched.kube.objects import own_object, own_pod, refused
from fedsched.kube.pods import seat
from fedsched.kube.watch import Kind
from fedsched.kube.wire import LimitRangeItem, NodeItem, PodItem, QuotaItem
from fedsched.kube.wire_own import ConfigItem, EventItem, HeadItem, OwnItem, OwnPodItem
from fedsched.matchmaker.model.names import MANAGED_BY, MANAGER, PART_OF

FEATURES = {
    "daemonsets": "startd DaemonSets are not seen",
    "resourcequotas": "quota is not known: placements may be refused",
    "limitranges": "limits are not known: placements may be refused",
    "events": "why pods are refused is not known",
    "claims": "claims that users' Jobs may name are not known: such Jobs wait",
    "config maps there": "ConfigMaps that users' Jobs may name are not known: such Jobs wait",
}
"""What is off when an optional kind may not be read."""


def kinds(member: MemberFile, federation_id: str = "") -> tuple[Kind[Any, Any], ...]:
    """The kinds to keep, by the member's visibility; with `federation_id` only that federation's objects."""
    ours = {"labelSelector": f"{MANAGED_BY}={MANAGER}" + (f",{PART_OF}={federation_id}" if federation_id else "")}
    core = f"/api/v1/namespaces/{member.namespace}"
    daemonsets = f"/apis/apps/v1/namespaces/{member.namespace}/daemonsets"
    may_daemonset = "startd-daemonset" in member.terms.forms
    found: list[Kind[Any, Any]] = [
        Kind("own pods", f"{core}/pods", OwnPodItem, own_pod, ours),
        Kind("jobs", f"/apis/batch/v1/namespaces/{member.namespace}/jobs", OwnItem, _job, ours),
        Kind("daemonsets", daemonsets, OwnItem, _daemonset, ours, optional=not may_daemonset),
        Kind("configmaps", f"{core}/configmaps", ConfigItem, _same, ours),
        Kind("resourcequotas", f"{core}/resourcequotas", QuotaItem, _same, optional=True),
        Kind("limitranges", f"{core}/limitranges", LimitRangeItem, _same, optional=True),
        Kind("events", f"{core}/events", EventItem, refused, {"fieldSelector": "reason=FailedCreate"}, optional=True),
    ]
    if member.terms.visibility != "namespace":
        image = normal(member.terms.image) if member.terms.image else ""
        found.append(Kind("nodes", "/api/v1/nodes", NodeItem, partial(node, image=image)))
    if member.terms.visibility == "full":
        found.append(Kind("pods", "/api/v1/pods", PodItem, lambda item: seat(item, member.namespace)))
    if "job" in member.terms.forms:
        found += _named(member, core)
    return tuple(found)


def _named(member: MemberFile, core: str) -> Iterator[Kind[Any, Any]]:
    """What users' Jobs may name there by patterns; what only a literal name may be is looked for one by one."""
    for name, kind, plural in (
        ("claims", "PersistentVolumeClaim", "persistentvolumeclaims"),
        ("config maps there", "ConfigMap", "configmaps"),
    ):
        patterns = tuple(each for each in member.jobs.objects if fnmatchcase(kind, each.partition("/")[0]))
        if patterns:
            keep = partial(_allowed, kind=kind, patterns=patterns)
            yield Kind(name, f"{core}/{plural}", HeadItem, keep, optional=True, heads=True)


def _allowed(item: HeadItem, kind: str, patterns: tuple[str, ...]) -> tuple[str, str] | None:
    """(kind, name) of what the member's file lets Jobs name, while it is not being deleted."""
    name = item.metadata.name
    if item.metadata.deletion_timestamp is not None or name.startswith(OUR_NAMES):
        return None
    return (kind, name) if admits(patterns, f"{kind}/{name}") else None


def _job(item: OwnItem) -> Any:
    return own_object(item, "Job")


def _daemonset(item: OwnItem) -> Any:
    return own_object(item, "DaemonSet")


def _same(item: Any) -> Any:
    return item
