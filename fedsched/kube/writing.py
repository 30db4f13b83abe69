"""Single reads and writes in one namespace, with a checkpoint before each write; what is written lives elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fedsched.kube.object_names import path
from fedsched.kube.transport import Response, Transport, TransportError

MERGE = "application/merge-patch+json"
QUERY = {"fieldManager": "fedsched"}
LARGEST_OBJECT = 3 * 2**20

Object = dict[str, Any]


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    uid: str
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[dict[str, Any]] | None = None


class _Shape(msgspec.Struct):
    """What every object that we read must look like, whoever sent it."""

    metadata: _Metadata
    spec: dict[str, Any] = {}
    data: dict[str, str] | None = None


class Writer:
    """Objects of one namespace. Every call raises TransportError for a status of 300 or above, or without an answer.

    checkpoint: called with the name of each write just before it.
    """

    def __init__(self, transport: Transport, namespace: str, checkpoint: Callable[[str], None]) -> None:
        self._transport = transport
        self._namespace = namespace
        self._checkpoint = checkpoint

    def get(self, kind: str, name: str) -> Object | None:
        """One object; None when it is not there."""
        try:
            return _checked(self._call("GET", path(kind, self._namespace, name))[0])
        except TransportError as error:
            if error.status == 404:
                return None
            raise

    def items(self, kind: str, selector: str) -> list[Object]:
        """All objects of a kind that a label selector picks."""
        listed, _ = self._call("GET", path(kind, self._namespace), {"labelSelector": selector})
        found = listed.get("items") or []
        return [_checked(each) for each in found] if isinstance(found, list) else []

    def create(self, manifest: Object, point: str) -> tuple[Object, str]:
        """POST: the object as it was stored, and the server's warning ("" for none)."""
        self._checkpoint(point)
        stored, warning = self._call("POST", path(manifest["kind"], self._namespace), QUERY, manifest)
        return _checked(stored), warning

    def patch(self, kind: str, name: str, change: Object, point: str) -> Object:
        """A merge patch; the caller puts the uid that it verified into the change's metadata."""
        self._checkpoint(point)
        return _checked(self._call("PATCH", path(kind, self._namespace, name), QUERY, change, MERGE)[0])

    def delete(self, kind: str, name: str, preconditions: Object, point: str, **options: Any) -> None:
        """DELETE under preconditions (uid, resourceVersion); further DeleteOptions by their Kubernetes names."""
        self._checkpoint(point)
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions} | options
        self._call("DELETE", path(kind, self._namespace, name), None, body)

    def _call(
        self,
        method: str,
        where: str,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> tuple[Object, str]:
        raw = None if body is None else msgspec.json.encode(body)
        answer = self._transport.request(method, where, query, raw, content_type)
        failure = answer.failure()
        if failure is not None:
            raise failure
        return decoded(answer), answer.headers.get("warning", "")


def _checked(found: Any) -> Object:
    """The object, if it has the shape of one; TransportError otherwise."""
    try:
        msgspec.convert(found, type=_Shape)
    except msgspec.MsgspecError as error:
        raise TransportError("error", f"the member sent an object that is none: {error}") from error
    return dict(found)


def decoded(answer: Response) -> Object:
    """The JSON object of an answer; TransportError when it is none."""
    try:
        found = msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise TransportError(
            "error", f"{answer.what}: the answer is no JSON object ({len(answer.body)} bytes)"
        ) from error
    return found
