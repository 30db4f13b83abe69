"""A small JSON client for one API server, dicts in and out.

For tests and fixtures only, it knows no policy and retries nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.laboratory.places import LaboratoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Object = dict[str, Any]
PLURALS = {
    "Endpoints": "endpoints",
    "NetworkPolicy": "networkpolicies",
    "PriorityClass": "priorityclasses",
    "StorageClass": "storageclasses",
}
REUSE_S = 20.0
"""A connection that was idle for longer is not used again, in seconds."""
CLUSTER_SCOPED = {
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "StorageClass",
    "CSIDriver",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "RuntimeClass",
}


class ApiError(LaboratoryError):
    """An API server's answer of 400 and more.

    `status` is the code, `reason` Kubernetes' word, `body` the Status object.
    """

    def __init__(self, status: int, body: Object, request: str) -> None:
        self.status, self.body = status, body
        self.reason = str(body.get("reason", ""))
        super().__init__(f"{request}: {status} {self.reason}: {body.get('message', '')}")


def collection(api_version: str, kind: str, namespace: str = "default") -> str:
    """The path under which objects of a kind live."""
    root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
    plural = PLURALS.get(kind) or f"{kind.lower()}s"
    return f"{root}/{plural}" if kind in CLUSTER_SCOPED else f"{root}/namespaces/{namespace}/{plural}"


class Api:
    """One connection per thread; every call has a time limit in seconds (default 10)."""

    def __init__(self, server: str, ca_pem: bytes, token: str) -> None:
        address = urlsplit(server)
        self.host, self.port, self.token = address.hostname or "", address.port or 443, token
        self._tls = ssl.create_default_context(cadata=ca_pem.decode())
        self._mine = threading.local()

    def request(self, method: str, path: str, body: Any = None, *, patch: str = "merge", limit_s: float = 10) -> Object:
        """One request; ApiError on >= 400, OSError when there is no connection or it takes too long."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        kind = f"application/{patch}-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = kind
        try:
            status, raw = self._exchange(method, path, data, headers, limit_s)
        except ConnectionError:
            if method != "GET":  # a kept connection may have died with its server; only a read is surely safe to repeat
                raise
            status, raw = self._exchange(method, path, data, headers, limit_s)
        decoded: Object = decode(raw)
        if status >= 400:
            raise ApiError(status, decoded, f"{method} {path}")
        return decoded

    def get(self, path: str) -> Object:
        """Reads one object or list."""
        return self.request("GET", path)

    def items(self, path: str) -> list[Object]:
        """The items of a list."""
        return list(self.request("GET", path, limit_s=60).get("items") or [])

    def create(self, manifest: Object) -> Object:
        """Creates an object from a full manifest; in `default` when its metadata names no namespace."""
        namespace = manifest.get("metadata", {}).get("namespace", "default")
        return self.request("POST", collection(manifest["apiVersion"], manifest["kind"], namespace), manifest)

    def patch(self, path: str, change: Any, kind: str = "merge") -> Object:
        """Changes an object; `kind` is merge, strategic-merge or json."""
        return self.request("PATCH", path, change, patch=kind)

    def delete(self, path: str, grace_s: int | None = None, propagation: str = "Background") -> None:
        """Deletes an object; one that is gone already is fine."""
        options: Object = {"propagationPolicy": propagation}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        try:
            self.request("DELETE", path, options)
        except ApiError as error:
            if error.status != 404:
                raise

    def find(self, path: str) -> Object | None:
        """Reads one object, None when there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def wait(self, path: str, test: Callable[[Object | None], Any], timeout_s: float = 60) -> Object | None:
        """Polls an object until `test` is true of it (None while it is missing); LaboratoryError after the limit."""
        end = time.monotonic() + timeout_s
        while True:
            seen = self.find(path)
            if test(seen):
                return seen
            if time.monotonic() > end:
                raise LaboratoryError(
                    f"{path} not as wished after {timeout_s} s: {json.dumps((seen or {}).get('status'))[:1500]}"
                )
            time.sleep(0.1)

    def watch(self, path: str, silence_s: float = 15) -> Iterator[Object]:
        """Events of one bounded watch (`path` with its query); ends when the server ends it or is silent too long."""
        connection = self._new(silence_s)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            if answer.status >= 400:
                raise ApiError(answer.status, decode(answer.read()), f"WATCH {path}")
            with contextlib.suppress(TimeoutError):
                while line := answer.readline():
                    yield json.loads(line)
        finally:
            connection.close()

    def _exchange(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str], limit_s: float
    ) -> tuple[int, bytes]:
        connection = self._connection(limit_s)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except BaseException as error:
            self._drop()
            if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
                raise ConnectionError(str(error)) from error
            raise

    def _new(self, limit_s: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, timeout=limit_s, context=self._tls)

    def _connection(self, limit_s: float) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._mine, "connection", None)
        if connection is not None and time.monotonic() - getattr(self._mine, "used_at", 0.0) > REUSE_S:
            connection.close()  # an API server ends idle connections, and says so only when the next request is sent
            connection = None
        self._mine.used_at = time.monotonic()
        if connection is None:
            connection = self._mine.connection = self._new(limit_s)
        connection.timeout = limit_s
        if connection.sock is not None:
            connection.sock.settimeout(limit_s)
        return connection

    def _drop(self) -> None:
        self._mine.connection.close()
        self._mine.connection = None


def decode(raw: bytes) -> Object:
    """JSON of an answer; what is not JSON (a plain error text) becomes a message."""
    try:
        decoded = json.loads(raw or b"{}")
    except ValueError:
        return {"message": raw.decode(errors="replace")}
    return decoded if isinstance(decoded, dict) else {"value": decoded}
