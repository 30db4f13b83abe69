"""What a copy of a hub's Job is made from, read when it is made; what may be in it is judged elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec

from fedsched.kube.jobs.bundle import JobBundle
from fedsched.kube.jobs.fields import read
from fedsched.kube.jobs.references import names_in
from fedsched.kube.jobs.spec import Refusal
from fedsched.kube.object_names import path
from fedsched.kube.transport import Transport, TransportError

LARGEST = 4 * 2**20
"""Bytes of one object as JSON; a store takes less."""
READ_S = 10.0
Object = dict[str, Any]


def bundle(
    transport: Transport, job: str, uid: str, copied: tuple[str, ...], known: Object | None = None
) -> JobBundle | None:
    """The Job as it is now, None where it is gone, going or another; with the objects of these kinds that it names.

    known: the Job as a watch that lives told it last, which is then not asked for.

    An object that is not there, or that we may not read, is left out: the member says what it lacks. TransportError
    when the hub does not answer.
    """
    namespace, _, name = job.partition("/")
    manifest = known or _get(transport, path("Job", namespace, name))
    metadata = (manifest or {}).get("metadata") or {}
    if manifest is None or metadata.get("uid") != uid or metadata.get("deletionTimestamp"):
        return None
    spec = read(manifest)
    wanted = () if isinstance(spec, Refusal) else sorted(names_in(spec.pod))
    found = [_copy(transport, kind, namespace, name) for kind, name in wanted if kind in copied]
    return JobBundle(job, uid, manifest, tuple(each for each in found if each is not None))


def _copy(transport: Transport, kind: str, namespace: str, name: str) -> Object | None:
    if kind not in {"ConfigMap", "Secret"}:
        return None
    try:
        found = _get(transport, path(kind, namespace, name))
    except TransportError as error:
        if error.status == 403:
            return None
        raise
    return None if found is None else {"apiVersion": "v1", "kind": kind, **found}


def _get(transport: Transport, where: str) -> Object | None:
    try:
        body = transport.get(where, None, READ_S, largest=LARGEST)
    except TransportError as error:
        if error.status == 404:
            return None
        raise
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise TransportError("error", f"GET {where}: the answer is no JSON object") from None
