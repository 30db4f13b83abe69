"""The few fields of Kubernetes objects that are decoded; everything else in a list or watch is skipped, never kept."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Wire(msgspec.Struct, rename="camel", gc=False):
    """A part of an object as the API server writes it: every field may be missing."""


class ListMeta(Wire):
    """Metadata of a page."""

    resource_version: str = ""
    next_page: str = msgspec.field(name="continue", default="")


class Page(Wire, Generic[T]):
    """One page of a list."""

    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: list[T] | None = None


class Event(Wire, Generic[T]):
    """One line of a watch."""

    type: str
    object: T


class Refusal(Wire):
    """The Status object in an ERROR line."""

    code: int = 0
    message: str = ""
    reason: str = ""


class ErrorEvent(Wire):
    """An ERROR line."""

    type: str = ""
    object: Refusal = msgspec.field(default_factory=Refusal)


class Meta(Wire):
    """What identifies an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class Named(Wire):
    """An object of which only the name counts."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class NodeMeta(Wire):
    """Metadata of a node."""

    name: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}


class TaintItem(Wire):
    """A taint of a node."""

    key: str = ""
    value: str = ""
    effect: str = ""


class Condition(Wire):
    """A condition of anything."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class NodeSpec(Wire):
    """What a node is told."""

    unschedulable: bool = False
    taints: list[TaintItem] = []


class NodeStatus(Wire):
    """What a node says. images stay undecoded: dozens of names on each node, of which one is looked for."""

    allocatable: dict[str, str] = {}
    conditions: list[Condition] = []
    images: msgspec.Raw = msgspec.Raw(b"[]")


class NodeItem(Wire):
    """A node."""

    metadata: NodeMeta = msgspec.field(default_factory=NodeMeta)
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)


class Needs(Wire):
    """Requests of a container or a pod."""

    requests: dict[str, str] = {}


class Container(Wire):
    """A container as far as room goes. resources: Needs, undecoded: most containers ask what others asked before."""

    resources: msgspec.Raw = msgspec.Raw(b"{}")
    restart_policy: str = ""


class PodSpec(Wire):
    """What a pod asks. The constraints stay undecoded: only those of unschedulable pods are read."""

    node_name: str = ""
    containers: list[Container] = []
    init_containers: list[Container] = []
    overhead: dict[str, str] = {}
    resources: msgspec.Raw = msgspec.Raw(b"")
    priority: int = 0
    node_selector: msgspec.Raw = msgspec.Raw(b"{}")
    affinity: msgspec.Raw = msgspec.Raw(b"{}")
    tolerations: msgspec.Raw = msgspec.Raw(b"[]")


class PodStatus(Wire):
    """Where a pod stands."""

    phase: str = ""
    conditions: msgspec.Raw = msgspec.Raw(b"[]")


class PodMeta(Wire):
    """Metadata of anybody's pod. labels: undecoded; only those of unschedulable pods in our namespace are read."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: msgspec.Raw = msgspec.Raw(b"{}")


class PodItem(Wire):
    """Anybody's pod: requests, node, phase."""

    metadata: PodMeta = msgspec.field(default_factory=PodMeta)
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class ScopeRule(Wire):
    """One line of a quota's scopeSelector."""

    scope_name: str = ""
    operator: str = ""
    values: list[str] = []


class ScopeSelector(Wire):
    """To which pods a quota applies."""

    match_expressions: list[ScopeRule] = []


class QuotaSpec(Wire):
    """What a quota allows."""

    hard: dict[str, str] = {}
    scopes: list[str] = []
    scope_selector: ScopeSelector | None = None


class QuotaStatus(Wire):
    """What of it is used."""

    hard: dict[str, str] = {}
    used: dict[str, str] = {}


class QuotaItem(Wire):
    """A ResourceQuota."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: QuotaSpec = msgspec.field(default_factory=QuotaSpec)
    status: QuotaStatus = msgspec.field(default_factory=QuotaStatus)


class LimitItem(Wire):
    """One line of a LimitRange."""

    type: str = ""
    max: dict[str, str] = {}
    min: dict[str, str] = {}


class LimitSpec(Wire):
    """The lines of a LimitRange."""

    limits: list[LimitItem] = []


class LimitRangeItem(Wire):
    """A LimitRange."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: LimitSpec = msgspec.field(default_factory=LimitSpec)


class PriorityClassItem(Wire):
    """A PriorityClass."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    value: int = 0
    preemption_policy: str = "PreemptLowerPriority"


class Requirement(Wire):
    """One matchExpression or matchField."""

    key: str = ""
    operator: str = ""
    values: list[str] = []


class Term(Wire):
    """All of its requirements must hold."""

    match_expressions: list[Requirement] = []
    match_fields: list[Requirement] = []


class Terms(Wire):
    """One of its terms must hold."""

    node_selector_terms: list[Term] = []


class NodeAffinity(Wire):
    """Only what is required."""

    required: Terms | None = msgspec.field(name="requiredDuringSchedulingIgnoredDuringExecution", default=None)


class Affinity(Wire):
    """Only towards nodes."""

    node_affinity: NodeAffinity | None = None


class Toleration(Wire):
    """A toleration of a pod."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class VersionItem(Wire):
    """Answer of /version."""

    git_version: str = ""
