"""Reads a batch/v1 Job that anybody may have written by an allow-list; what is not on it is refused by its path."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fedsched.kube.jobs.grammar import (
    LABEL,
    LEFT_OUT,
    NAME,
    Reading,
    Rule,
    flag,
    list_of,
    one_of,
    read_only,
    record,
    text,
    whole,
)
from fedsched.kube.jobs.markings import pod_labels, pod_notes
from fedsched.kube.jobs.pods import pod_spec
from fedsched.kube.jobs.spec import JobSpec, Problem, Refusal
from fedsched.matchmaker import classad
from fedsched.matchmaker.model.jobs import Toleration
from fedsched.matchmaker.model.names import NOTE_GANG, NOTE_RANK, NOTE_REQUIREMENTS, NOTE_RERUN

LARGEST_JOB = 2**20
"""Bytes of a Job as JSON, its status and the API server's own notes not counted."""
MOST_PODS = 100_000
"""Completions and pods at once; Kubernetes itself bounds Indexed Jobs at as many."""
MADE_LABELS = frozenset({"batch.kubernetes.io/controller-uid", "controller-uid"})
OUR_NOTES = frozenset({NOTE_GANG, NOTE_RANK, NOTE_REQUIREMENTS, NOTE_RERUN})

_INDEXES = text(re.compile(r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*", re.ASCII), 2**16)
_CODES = record(
    {
        "containerName": text(LABEL),
        "operator": one_of("In", "NotIn"),
        "values": list_of(whole(0), 255, 1),
    },
    ("operator", "values"),
)
_CONDITION = record({"type": text(re.compile(r"[A-Za-z0-9./-]{1,316}")), "status": one_of("True", "False", "Unknown")})
_FAILURES = record(
    {
        "rules": list_of(
            record(
                {
                    "action": one_of("FailJob", "FailIndex", "Ignore", "Count"),
                    "onExitCodes": _CODES,
                    "onPodConditions": list_of(_CONDITION, 20),
                },
                ("action",),
            ),
            20,
        )
    },
    ("rules",),
)
_SUCCESS = record({"rules": list_of(record({"succeededIndexes": _INDEXES, "succeededCount": whole()}), 20)}, ("rules",))


def _selector(value: Any, path: str, into: Reading) -> Any:
    """Only the one that the API server made: any other could take over pods that are not the Job's."""
    labels = value.get("matchLabels") if isinstance(value, dict) and set(value) == {"matchLabels"} else None
    if value and not (isinstance(labels, dict) and labels.keys() <= MADE_LABELS):
        into.wrong(path, "may not be chosen: it could take over the pods of others")
    return LEFT_OUT


def _manual(value: Any, path: str, into: Reading) -> Any:
    if value:
        into.wrong(path, "may not be chosen: a selector could take over the pods of others")
    return LEFT_OUT


_SPEC: dict[str, Rule] = {
    "parallelism": whole(0, MOST_PODS),
    "completions": whole(1, MOST_PODS),
    "completionMode": one_of("NonIndexed", "Indexed"),
    "backoffLimit": whole(),
    "backoffLimitPerIndex": whole(),
    "maxFailedIndexes": whole(0, MOST_PODS),
    "podFailurePolicy": _FAILURES,
    "successPolicy": _SUCCESS,
    "activeDeadlineSeconds": whole(1),
    "podReplacementPolicy": one_of("TerminatingOrFailed", "Failed"),
    "suspend": flag,
    "ttlSecondsAfterFinished": read_only(whole()),
    "managedBy": read_only(text(most=63)),
    "manualSelector": _manual,
    "selector": _selector,
    "template": lambda value, _path, _into: value,
}
_JOB = record(_SPEC, ("template",))
_TEMPLATE = record(
    {"metadata": lambda value, _path, _into: value, "spec": lambda value, _path, _into: value}, ("spec",)
)


def read(manifest: Any) -> JobSpec | Refusal:
    """The Job as far as it may go to a member, or why not. Never raises; metadata of its own and status are not judged.

    manifest: as a queue has it, defaults of its API server filled in or not.
    """
    into = Reading()
    spec = _read(manifest, into) if _sound(manifest, into) else None
    if into.problems or spec is None:
        return Refusal(tuple(Problem(path, why) for path, why in into.problems))
    return spec


def _sound(manifest: Any, into: Reading) -> bool:
    """Whether it is a Job of bounded size at all."""
    if not isinstance(manifest, dict):
        into.wrong("Job", "must be a map")
        return False
    if manifest.get("apiVersion") != "batch/v1":
        into.wrong("apiVersion", "must be batch/v1")
    if manifest.get("kind") != "Job":
        into.wrong("kind", "must be Job")
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict):
        into.wrong("metadata", "is missing")
        return False
    told = {**metadata, "managedFields": None}
    try:
        size = len(msgspec.json.encode([told, manifest.get("spec")]))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        into.wrong("spec", "cannot be written as JSON")
        return False
    if size > LARGEST_JOB:
        into.wrong("spec", f"the Job has {size} bytes, at most {LARGEST_JOB} may be")
    return not into.problems


def _read(manifest: dict[str, Any], into: Reading) -> JobSpec | None:
    metadata = manifest["metadata"]
    name = text(NAME, 253)(metadata.get("name"), "metadata.name", into)
    namespace = text(LABEL, 63)(metadata.get("namespace"), "metadata.namespace", into)
    notes = _notes(metadata, into)
    body = _JOB(manifest.get("spec"), "spec", into)
    if not isinstance(body, dict) or not isinstance(template := body.pop("template", None), dict):
        into.wrong("spec.template", "must be a map")
        return None
    _TEMPLATE(template, "spec.template", into)
    head = template.get("metadata") if isinstance(template.get("metadata"), dict) else {}
    pod = pod_spec(template.get("spec"), "spec.template.spec", into)
    labels = pod_labels((head or {}).get("labels"), "spec.template.metadata.labels", into)
    pod_annotations = pod_notes((head or {}).get("annotations"), "spec.template.metadata.annotations", into)
    _together(body, pod, into)
    if into.problems:
        return None
    if not body.keys() & {"parallelism", "completions"}:
        body["completions"] = 1  # as the API server has it; parallelism alone would mean a queue of its own
    parallelism = body.setdefault("parallelism", 1)
    suspend = body.pop("suspend", False)
    return JobSpec(
        namespace=namespace,
        name=name,
        uid=str(metadata.get("uid") or "")[:64],
        labels=_labels(metadata),
        body=body,
        pod=pod,
        pod_labels=labels,
        pod_annotations=pod_annotations,
        images=tuple(sorted({each["image"] for each in containers(pod)})),
        objects=tuple(sorted(into.objects)),
        grants=tuple(sorted(into.grants)),
        tolerations=_tolerations(pod),
        left_out=tuple(into.left_out),
        pods=max(1, min(parallelism, body.get("completions", parallelism))),
        gang=notes.get(NOTE_GANG) == "true",
        rerun="never" if notes.get(NOTE_RERUN) == "never" else "after-deadline",
        requirements=notes.get(NOTE_REQUIREMENTS, ""),
        rank=notes.get(NOTE_RANK, ""),
        priority_class=pod.pop("priorityClassName", ""),
        suspended=suspend or parallelism == 0,
        held=suspend and parallelism > 0 and not manifest["spec"].get("managedBy"),
    )


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers of a cleaned pod spec, those that run first in front."""
    return [*pod.get("initContainers", ()), *pod.get("containers", ())]


def _notes(metadata: dict[str, Any], into: Reading) -> dict[str, str]:
    """Our annotations, judged; nobody else's matter."""
    given = metadata.get("annotations")
    found = {key: value for key, value in given.items() if key in OUR_NOTES} if isinstance(given, dict) else {}
    rules: dict[str, Rule] = {
        NOTE_GANG: one_of("true", "false"),
        NOTE_RERUN: one_of("after-deadline", "never"),
        NOTE_REQUIREMENTS: _expression,
        NOTE_RANK: _expression,
    }
    for key, value in found.items():
        rules[key](value, f"metadata.annotations[{key}]", into)
    return found


def _expression(value: Any, path: str, into: Reading) -> Any:
    if not isinstance(value, str):
        return into.wrong(path, "must be a string")
    try:
        classad.parse(value)
    except classad.Refused as refused:
        return into.wrong(path, f"is no expression that is evaluated: {refused}"[:300])
    return value


def _labels(metadata: dict[str, Any]) -> dict[str, str]:
    given = metadata.get("labels")
    pairs = given.items() if isinstance(given, dict) else ()
    return {key: value for key, value in pairs if isinstance(key, str) and isinstance(value, str)}


def _tolerations(pod: dict[str, Any]) -> tuple[Toleration, ...]:
    given = pod.get("tolerations", ())
    return tuple(
        sorted(
            {
                Toleration(
                    each.get("key", ""), each.get("operator", "Equal"), each.get("value", ""), each.get("effect", "")
                )
                for each in given
            }
        )
    )


def _together(body: dict[str, Any], pod: dict[str, Any], into: Reading) -> None:
    """What Kubernetes refuses of fields that are right one by one, where the queue is no API server."""
    if body.get("completionMode") == "Indexed" and "completions" not in body:
        into.wrong("spec.completions", "is missing: an Indexed Job needs it")
    if "podFailurePolicy" in body and pod.get("restartPolicy") != "Never":
        into.wrong("spec.template.spec.restartPolicy", "must be Never beside a podFailurePolicy")
