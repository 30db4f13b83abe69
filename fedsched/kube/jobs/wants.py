"""A pod's node selector and required node affinity as a ClassAd expression over the labels of a place (NodeLabels)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fedsched.kube.attributes import text

LABELS = "TARGET.NodeLabels"
GPU = "TARGET.FedschedGpuResource"


def requirements(pod: dict[str, Any], own: str, gpu_resource: str) -> str:
    """All of it as one expression, "" for none. own: what the Job's annotation asks. gpu_resource: "" for no GPU.

    A place that does not say which resource counts its GPUs is taken to count any.
    """
    clauses = [*_selector(pod), *_affinity(pod)]
    if gpu_resource:
        clauses.append(f"({GPU} =?= undefined || {GPU} =?= {text(gpu_resource)})")
    if own:
        clauses.append(f"({own})")
    return " && ".join(clauses)


def _selector(pod: dict[str, Any]) -> Iterator[str]:
    for key, value in sorted(pod.get("nodeSelector", {}).items()):
        yield f"{_label(key)} =?= {text(value)}"


def _affinity(pod: dict[str, Any]) -> Iterator[str]:
    node = pod.get("affinity", {}).get("nodeAffinity", {})
    required = node.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return
    terms = [_term(each) for each in required.get("nodeSelectorTerms", ())]
    yield terms[0] if len(terms) == 1 else "(" + " || ".join(f"({each})" for each in terms) + ")"


def _term(term: dict[str, Any]) -> str:
    """All of its expressions; a term without any fits no node."""
    return " && ".join(map(_expression, term.get("matchExpressions", ()))) or "false"


def _expression(given: dict[str, Any]) -> str:
    label, values = _label(given["key"]), [text(each) for each in given.get("values", ())]
    match given["operator"]:
        case "In":
            return "(" + " || ".join(f"{label} =?= {each}" for each in values) + ")"
        case "NotIn":
            return "(" + " && ".join(f"{label} =!= {each}" for each in values) + ")"
        case "Exists":
            return f"{label} =!= undefined"
        case "DoesNotExist":
            return f"{label} =?= undefined"
        case "Gt":
            return f"int({label}) > {_bound(given)}"
    return f"int({label}) < {_bound(given)}"


def _bound(given: dict[str, Any]) -> int:
    return int(given["values"][0])


def _label(key: str) -> str:
    return f"{LABELS}[{text(key)}]"
