"""What a member's admission changed of what we sent, in words; pure, for objects and for their pods alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fedsched.kube import quantities
from fedsched.kube.transport import one_line

OPEN_MAPS = frozenset({"nodeSelector", "requests", "limits"})
"""Maps in which a key that we did not send is a change that matters."""
NAMED_LISTS = frozenset(
    {"containers", "initContainers", "volumes", "tolerations", "imagePullSecrets", "volumeMounts", "env"}
)
"""Lists whose items are found by name or key; one more item is a change."""
TELLING = frozenset({"priorityClassName", "runtimeClassName", "suspend", "hostNetwork", "affinity", "initContainers"})
"""Fields that we did not send and that change where or how a pod runs."""
ADDED_BY_KUBERNETES = ("node.kubernetes.io/", "kube-api-access-")
MOST = 8


def changes(sent: dict[str, Any], stored: dict[str, Any]) -> str:
    """Differences in what we asked for, at most MOST, as one line; "" for none.

    Defaults that the API server fills in are no difference, nor are quantities written in another way.
    """
    found = [one_line(each) for each in _of_value(sent.get("spec", {}), stored.get("spec"), "spec", "")]
    found += [one_line(each) for each in _labels(sent, stored)]
    more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    return "; ".join(found[:MOST]) + more


def _labels(sent: dict[str, Any], stored: dict[str, Any]) -> Iterator[str]:
    kept = stored.get("metadata", {}).get("labels") or {}
    for key, text in (sent.get("metadata", {}).get("labels") or {}).items():
        if kept.get(key) != text:
            yield f"label {key}: {text} became {kept.get(key)}"


def _of_map(sent: dict[str, Any], stored: dict[str, Any], where: str) -> Iterator[str]:
    for key, wanted in sent.items():
        yield from _of_value(wanted, stored.get(key), f"{where}.{key}", key)
    last = where.rpartition(".")[2]
    for key in stored.keys() - sent.keys():
        if (last in OPEN_MAPS or key in TELLING) and stored[key] not in (None, [], {}, False):
            yield f"{where}.{key} added: {_short(stored[key])}"


def _of_value(wanted: Any, got: Any, where: str, key: str) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(got, dict):
        yield from _of_map(wanted, got, where)
    elif isinstance(wanted, list) and isinstance(got, list) and key in NAMED_LISTS:
        yield from _of_list(wanted, got, where)
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, (ours, theirs) in enumerate(zip(wanted, got, strict=True)):
            yield from _of_value(ours, theirs, f"{where}[{number}]", "")
    elif wanted != got and not _equal(wanted, got):
        yield f"{where}: {_short(wanted)} became {_short(got)}"


def _of_list(wanted: list[Any], got: list[Any], where: str) -> Iterator[str]:
    theirs = {_name(each): each for each in got}
    ours = {_name(each): each for each in wanted}
    for name, each in ours.items():
        if name in theirs:
            yield from _of_value(each, theirs[name], f"{where}[{name}]", "")
        else:
            yield f"{where}[{name}] removed"
    for name in theirs.keys() - ours.keys():
        if not name.startswith(ADDED_BY_KUBERNETES):
            yield f"{where}[{name}] added"


def _name(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    return str(item.get("name") or item.get("key") or "")


def _equal(wanted: Any, got: Any) -> bool:
    """Kubernetes drops empty values and writes quantities its own way."""
    if wanted in ("", [], {}, False) and got is None:
        return True
    return isinstance(wanted, str) and isinstance(got, str) and quantities.same(wanted, got)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"
