"""What is kept of anybody's pod: where it sits, what it needs, and where it could go while it cannot be scheduled."""

from __future__ import annotations

import sys

import msgspec

from fedsched.kube.amounts import Amounts, pod_needs
from fedsched.kube.moments import epoch_s
from fedsched.kube.nodes import Node
from fedsched.kube.wire import Affinity, Condition, PodItem, Requirement, Term, Toleration
from fedsched.matchmaker.model import Taint
from fedsched.matchmaker.model.names import MANAGED_BY, MANAGER

_conditions = msgspec.json.Decoder(list[Condition])
_labels = msgspec.json.Decoder(dict[str, str])
_selector = msgspec.json.Decoder(dict[str, str])
_affinity = msgspec.json.Decoder(Affinity)
_tolerations = msgspec.json.Decoder(list[Toleration])


class Stuck(msgspec.Struct, frozen=True):
    """Why a pod that cannot be scheduled could go here or there (OW2). since: epoch seconds."""

    name: str
    since: float
    priority: int
    selector: tuple[tuple[str, str], ...]
    terms: tuple[tuple[tuple[str, str, tuple[str, ...], bool], ...], ...] | None
    tolerations: tuple[tuple[str, str, str, str], ...]

    def allows(self, node: Node) -> bool:
        """Whether selector, required node affinity and tolerations let it go to this node."""
        labels = dict(node.labels)
        if any(labels.get(key) != value for key, value in self.selector):
            return False
        if self.terms is not None and not any(_holds(term, labels, node.name) for term in self.terms):
            return False
        return all(any(_tolerates(t, taint) for t in self.tolerations) for taint in node.taints)


class Seat(msgspec.Struct, frozen=True, gc=False):
    """A pod that is not over. node: "" while it has none. stuck: only of site pods that are unschedulable."""

    node: str
    needs: Amounts
    stuck: Stuck | None = None


def seat(item: PodItem, namespace: str) -> Seat | None:
    """What counts of a pod; None when it is over or only waits for a node like any other.

    Pods in `namespace` with our label are never site pods.
    """
    if item.status.phase in {"Succeeded", "Failed"}:
        return None
    needs = pod_needs(item.spec)
    if item.spec.node_name:
        return Seat(sys.intern(item.spec.node_name), needs)
    if item.metadata.namespace == namespace and _labels.decode(item.metadata.labels).get(MANAGED_BY) == MANAGER:
        return None
    stuck = _stuck(item)
    return Seat("", needs, stuck) if stuck is not None else None


def _stuck(item: PodItem) -> Stuck | None:
    for condition in _conditions.decode(item.status.conditions):
        if (condition.type, condition.status, condition.reason) == ("PodScheduled", "False", "Unschedulable"):
            spec = item.spec
            return Stuck(
                f"{item.metadata.namespace}/{item.metadata.name}",
                epoch_s(condition.last_transition_time) or 0.0,
                spec.priority,
                tuple(sorted(_selector.decode(spec.node_selector).items())),
                _terms(_affinity.decode(spec.affinity)),
                tuple((t.key, t.operator, t.value, t.effect) for t in _tolerations.decode(spec.tolerations)),
            )
    return None


def _terms(affinity: Affinity) -> tuple[tuple[tuple[str, str, tuple[str, ...], bool], ...], ...] | None:
    required = affinity.node_affinity.required if affinity.node_affinity else None
    return None if required is None else tuple(_term(term) for term in required.node_selector_terms)


def _term(term: Term) -> tuple[tuple[str, str, tuple[str, ...], bool], ...]:
    def flat(rule: Requirement, *, field: bool) -> tuple[str, str, tuple[str, ...], bool]:
        return rule.key, rule.operator, tuple(rule.values), field

    return (
        *(flat(rule, field=False) for rule in term.match_expressions),
        *(flat(rule, field=True) for rule in term.match_fields),
    )


def _holds(term: tuple[tuple[str, str, tuple[str, ...], bool], ...], labels: dict[str, str], name: str) -> bool:
    """All requirements of a term; an empty term matches nothing, as in Kubernetes."""
    fields = {"metadata.name": name}
    return bool(term) and all(_fulfils(op, vals, (fields if f else labels).get(key)) for key, op, vals, f in term)


def _fulfils(operator: str, values: tuple[str, ...], have: str | None) -> bool:
    if operator == "DoesNotExist":
        return have is None
    if operator == "NotIn":
        return have is None or have not in values
    if have is None:
        return False
    if operator in {"Gt", "Lt"}:
        try:
            ours, bound = int(have), int(values[0])
        except (ValueError, IndexError):
            return False
        return ours > bound if operator == "Gt" else ours < bound
    return operator == "Exists" or (operator == "In" and have in values)


def _tolerates(toleration: tuple[str, str, str, str], taint: Taint) -> bool:
    key, operator, value, effect = toleration
    if effect and effect != taint.effect:
        return False
    if not key:
        return operator == "Exists"
    return key == taint.key and (operator == "Exists" or value == taint.value)
