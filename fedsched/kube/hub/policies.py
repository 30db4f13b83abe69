"""Admission policies of a hub as manifests: labelled Jobs become ours when made, or are refused with their field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fedsched.config.settings import QueueSettings
from fedsched.kube.hub import cel
from fedsched.kube.hub.pod_rules import pod_rules
from fedsched.kube.hub.rules import Rule
from fedsched.kube.hub.served import Served
from fedsched.kube.hub.wishes import group_rules, label_rules
from fedsched.matchmaker.model.names import JOB_MANAGER, LABEL_GROUP, LABEL_QUEUE, PREFIX

NOTE_HELD = PREFIX + "held"
"""Annotation of a Job that our policy suspended where managedBy is not served: "policy"."""
GROUP = "admissionregistration.k8s.io"
Manifest = dict[str, Any]


class HubTerms(msgspec.Struct, frozen=True):
    """What the policies of one hub say. queues: of that hub. grants: globs that some member's `[jobs] grants` has."""

    queues: tuple[QueueSettings, ...]
    grants: tuple[str, ...] = ()


def policies(name: str, labels: dict[str, str], terms: HubTerms, served: Served) -> list[Manifest]:
    """What a server takes of: the policy that makes labelled Jobs ours, the one that refuses, and their bindings.

    The refusing one comes first: from then on no labelled Job is made that the hub's own controller would run.
    """
    made: list[Manifest] = []
    if served.validating:
        made += _pair("Validating", served.validating, name, labels, _validating(terms, served))
    if served.mutating:
        made += _pair("Mutating", served.mutating, name, labels, _mutating(served))
    return made


def _pair(kind: str, version: str, name: str, labels: dict[str, str], spec: Manifest) -> list[Manifest]:
    head = {"apiVersion": f"{GROUP}/{version}"}
    metadata = {"name": name, "labels": labels}
    bound: Manifest = {"policyName": name}
    if kind == "Validating":
        bound["validationActions"] = ["Deny"]
    return [
        {**head, "kind": f"{kind}AdmissionPolicy", "metadata": metadata, "spec": spec},
        {**head, "kind": f"{kind}AdmissionPolicyBinding", "metadata": metadata, "spec": bound},
    ]


def _matched(*operations: str) -> Manifest:
    """Jobs that carry the label, or carried it before an update. Nothing else ever meets the policies."""
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": list(operations), "resources": ["jobs"]}
    return {
        "matchPolicy": "Equivalent",
        "objectSelector": {"matchExpressions": [{"key": LABEL_QUEUE, "operator": "Exists"}]},
        "resourceRules": [rule],
    }


def _mutating(served: Served) -> Manifest:
    add = 'JSONPatch{{op: "add", path: {path}, value: {value}}}'
    manager = add.format(path='"/spec/managedBy"', value=cel.text(JOB_MANAGER))
    patch = f"has(object.spec.managedBy) ? [] : [{manager}]"
    if served.hold == "suspend":
        note = f'"/metadata/annotations/" + jsonpatch.escapeKey({cel.text(NOTE_HELD)})'
        parts = [
            add.format(path='"/spec/suspend"', value="true"),
            add.format(path=note, value='"policy"'),
        ]
        empty = add.format(path='"/metadata/annotations"', value="{}")
        patch = f"(has(object.metadata.annotations) ? [] : [{empty}]) + [{', '.join(parts)}]"
    return {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": _matched("CREATE"),
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    }


def _validating(terms: HubTerms, served: Served) -> Manifest:
    rules = [*_queue_rules(terms), *_held(served), *group_rules(terms.queues), *pod_rules(terms.grants)]
    checks = [rule.on("CREATE") for rule in rules]
    checks += [rule.on("UPDATE") for rule in label_rules(terms.queues, ours(served), served.hold)]
    return {
        "failurePolicy": "Fail",
        "matchConstraints": _matched("CREATE", "UPDATE"),
        "variables": [
            {"name": "labels", "expression": "object.metadata.?labels.orValue({})"},
            {"name": "old", "expression": "oldObject == null ? {} : oldObject.metadata.?labels.orValue({})"},
            {"name": "notes", "expression": "object.metadata.?annotations.orValue({})"},
            {"name": "queue", "expression": f'variables.labels[?{cel.text(LABEL_QUEUE)}].orValue("")'},
            {"name": "group", "expression": f'variables.labels[?{cel.text(LABEL_GROUP)}].orValue("").lowerAscii()'},
            {"name": "pod", "expression": "object.spec.template.spec"},
        ],
        "validations": checks,
    }


def ours(served: Served, subject: str = "oldObject") -> str:
    """CEL: whether a Job is one that we run."""
    if served.hold == "managedBy":
        return f'{subject}.spec.?managedBy.orValue("") == {cel.text(JOB_MANAGER)}'
    return f'{subject}.metadata.?annotations.orValue({{}})[?{cel.text(NOTE_HELD)}].orValue("") == "policy"'


def _queue_rules(terms: HubTerms) -> Iterator[Rule]:
    names = [queue.name for queue in terms.queues]
    where = f"metadata.labels[{LABEL_QUEUE}]"
    yield Rule(
        f"{cel.QUEUE} in {cel.texts(names)}", f"{where}: there is no such queue here; queues: {', '.join(names)}"
    )
    for queue in terms.queues:
        taken = cel.matches("request.namespace", queue.namespaces)
        if taken != "true":
            words = f"{where}: queue {queue.name} does not take Jobs of this namespace"
            yield Rule(f"{cel.QUEUE} != {cel.text(queue.name)} || {taken}", words)


def _held(served: Served) -> Iterator[Rule]:
    if served.hold == "managedBy":
        words = f"spec.managedBy: a Job with the label {LABEL_QUEUE} needs {JOB_MANAGER} there"
        yield Rule(ours(served, "object"), words)
    else:
        words = f'spec.suspend: a Job labelled {LABEL_QUEUE} needs true there, and the annotation {NOTE_HELD}="policy"'
        yield Rule(f"object.spec.?suspend.orValue(false) && {ours(served, 'object')}", words)
