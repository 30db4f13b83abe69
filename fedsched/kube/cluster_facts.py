"""What of a member changes rarely and is read now and then: version, PriorityClasses, storage classes, CSI drivers."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from fedsched.kube.survey import ClusterFacts
from fedsched.kube.transport import Transport, TransportError
from fedsched.kube.wire import Named, Page, PriorityClassItem, VersionItem

T = TypeVar("T")
MOST = "500"
_VERSION = re.compile(r"v?[0-9A-Za-z.+-]{1,60}")


def read(transport: Transport, *, cluster_scoped: bool, before: ClusterFacts) -> ClusterFacts:
    """All of it; a right that is missing only turns its feature off. TransportError when the member does not answer."""
    said = msgspec.json.decode(transport.get("/version", timeout_s=10), type=VersionItem).git_version
    version = said if _VERSION.fullmatch(said) else before.version
    if not cluster_scoped:
        return ClusterFacts(version=version)
    facts: list[str] = []
    storage = "/apis/storage.k8s.io/v1"
    classes = _names(transport, f"{storage}/storageclasses", "storage classes are not known", facts)
    drivers = _names(transport, f"{storage}/csidrivers", "CSI drivers are not known", facts)
    return ClusterFacts(version, _priorities(transport, facts), classes, drivers, tuple(facts))


def _names(transport: Transport, path: str, feature: str, facts: list[str]) -> tuple[str, ...]:
    items = _list(transport, path, Named, feature, facts)
    return tuple(sorted(item.metadata.name for item in items or ()))


def _priorities(transport: Transport, facts: list[str]) -> tuple[tuple[str, int], ...] | None:
    """Those that we may use: they never preempt (OW1), and they are not the system's."""
    path, feature = "/apis/scheduling.k8s.io/v1/priorityclasses", "PriorityClasses are not known"
    items = _list(transport, path, PriorityClassItem, feature, facts)
    if items is None:
        return None
    usable = [i for i in items if i.preemption_policy == "Never" and not i.metadata.name.startswith("system-")]
    return tuple(sorted(((i.metadata.name, i.value) for i in usable), key=lambda pair: (pair[1], pair[0])))


def _list(transport: Transport, path: str, item: type[T], feature: str, facts: list[str]) -> list[T] | None:
    try:
        body = transport.get(path, {"limit": MOST}, 10)
    except TransportError as error:
        if error.status not in {403, 404}:
            raise
        facts.append(f"{feature}: {error}")
        return None
    page: Page[T] = msgspec.json.decode(body, type=Page[item])  # type: ignore[valid-type]  # a type chosen at run time
    return page.items or []
