"""Jobs made in a hub cluster with a person's own credentials, and how they stand there; our own account is not used."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import msgspec

from fedsched.kube.hub.statuses import status_of
from fedsched.kube.hub.wire import JobMeta, StatusItem
from fedsched.kube.join.caller import Answer, Caller
from fedsched.kube.join.refusal import JoinError
from fedsched.kube.wire import Wire
from fedsched.matchmaker.model import JobStatus
from fedsched.matchmaker.model.names import JOB_MANAGER, LABEL_QUEUE

PAGE = 500
_NOT_FOUND, _FORBIDDEN, _CONFLICT = 404, 403, 409


class InHub(NamedTuple):
    """One Job as the hub has it."""

    namespace: str
    name: str
    uid: str
    status: JobStatus = JobStatus()


class _Item(Wire):
    """What is read of a Job that was made, or is listed."""

    metadata: JobMeta = msgspec.field(default_factory=JobMeta)
    status: StatusItem = msgspec.field(default_factory=StatusItem)


class NotMadeError(Exception):
    """The hub refuses the Job: one line with the field's path where it says so, and what to do."""

    def __init__(self, what: str, way_out: str) -> None:
        super().__init__(what)
        self.way_out = way_out


def check(caller: Caller, manifest: dict[str, Any]) -> None:
    """Let the hub judge the Job without making it. Raises NotMadeError, and JoinError when nobody answers."""
    made = _post(caller, manifest, {"dryRun": "All"})
    spec = made.get("spec") or {}
    if spec.get("managedBy") != JOB_MANAGER and spec.get("suspend") is not True:
        what = "no policy of fedsched's takes labelled Jobs there: the cluster's own controller would run it"
        raise NotMadeError(what, "its admin: fedsched hub check QUEUE, fedsched hub join QUEUE")


def make(caller: Caller, manifest: dict[str, Any]) -> InHub:
    """Make it. Raises as `check`."""
    return _read(_post(caller, manifest, {}))


def standing(caller: Caller, queue: str, jobs: Collection[InHub]) -> dict[str, InHub]:
    """Those of these Jobs that are there, by uid. Raises JoinError when the hub does not answer."""
    wanted = {job.uid for job in jobs}
    found: dict[str, InHub] = {}
    for namespace in sorted({job.namespace for job in jobs}):
        for item in _listed(caller, namespace, queue):
            job = _read(item)
            if job.uid in wanted:
                found[job.uid] = job
    return found


def _post(caller: Caller, manifest: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    namespace = manifest["metadata"]["namespace"]
    answer = caller.call("POST", _path(namespace), manifest, {"fieldValidation": "Strict", **query})
    if not answer.ok:
        raise NotMadeError(answer.message, _way_out(answer, namespace))
    return answer.body


def _way_out(answer: Answer, namespace: str) -> str:
    if answer.status == _FORBIDDEN and "policy" not in answer.message.lower():
        return f"may you make Jobs there? kubectl auth can-i create jobs -n {namespace}"
    if answer.status == _CONFLICT:
        return "another name: --name NAME"
    return "what a Job may contain: docs/jobs.md"


def _listed(caller: Caller, namespace: str, queue: str) -> Iterator[Any]:
    query = {"labelSelector": f"{LABEL_QUEUE}={queue}", "limit": str(PAGE)}
    while True:
        answer = caller.call("GET", _path(namespace), None, query)
        if answer.status == _NOT_FOUND:
            return
        if not answer.ok:
            raise JoinError(f"Jobs in namespace {namespace}: {answer.message}", "kubectl auth can-i list jobs")
        yield from answer.body.get("items") or ()
        token = (answer.body.get("metadata") or {}).get("continue")
        if not token:
            return
        query = {**query, "continue": str(token)}


def _read(found: Any) -> InHub:
    try:
        item = msgspec.convert(found, _Item)
    except msgspec.ValidationError as error:
        raise JoinError(f"the hub's answer is no Job: {error}", "is this an API server?") from None
    meta = item.metadata
    return InHub(meta.namespace, meta.name, meta.uid, status_of(item.status))


def _path(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"
