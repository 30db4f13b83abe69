"""One person's or account's calls to one API server while joining; the daemon's transport lives elsewhere."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from fedsched.config.settings import Credential
from fedsched.kube.join import tls
from fedsched.kube.join.refusal import JoinError, shown
from fedsched.kube.kubeconfig import Access
from fedsched.kube.transport import Transport, TransportError

MAX_ANSWER = 32 << 20
CONNECT_S = 5.0
CALL_S = 15.0
Object = dict[str, Any]


class Answer(msgspec.Struct, frozen=True):
    """Status code, headers with lower-case names, decoded JSON ({} for none), and how long it took in seconds."""

    status: int
    headers: dict[str, str]
    body: Object
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the server did it."""
        return self.status < 300

    @property
    def message(self) -> str:
        """What the server says, fit for a terminal."""
        return shown(self.body.get("message") or self.body.get("reason") or f"status {self.status}", 300)

    @property
    def date(self) -> float | None:
        """The server's clock when it answered, epoch seconds, to the second."""
        parsed = email.utils.parsedate_tz(self.headers.get("date", ""))
        return None if parsed is None else float(email.utils.mktime_tz(parsed))


class Caller(Protocol):
    """What joining needs of a connection."""

    def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """One request; JoinError when there is no answer."""


class Connection:
    """A `Caller` over urllib3: no redirects, no retries, at most CALL_S a call and MAX_ANSWER bytes an answer."""

    def __init__(self, access: Access) -> None:
        context = tls.context(access.ca_pem, verify=access.verify)
        if access.certificate_pem:
            tls.load_pair(context, access.certificate_pem, access.key_pem)
        self.server, self.context = access.server, access.context
        self._headers = {"Accept": "application/json", "User-Agent": "fedsched-join"}
        if access.token:
            self._headers["Authorization"] = f"Bearer {access.token}"
        options: dict[str, Any] = {"ssl_context": context}
        if access.tls_server_name:
            options |= {"server_hostname": access.tls_server_name, "assert_hostname": access.tls_server_name}
        if not access.verify:
            # Allowed by name: the warning at each request would only hide what join says.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            options |= {"cert_reqs": "CERT_NONE", "assert_hostname": False}
        self._pool: urllib3.PoolManager = (
            urllib3.ProxyManager(access.proxy_url, **options) if access.proxy_url else urllib3.PoolManager(**options)
        )

    def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """One request; JoinError when the server cannot be reached, redirects, or answers too much or no JSON."""
        started = time.monotonic()
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        headers = {**self._headers, **({"Content-Type": content_type} if body is not None else {})}
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_S, total=CALL_S),
                redirect=False,
                retries=False,
                preload_content=False,
            )
            data = self._read(response, started)
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from None
        if 300 <= response.status < 400:
            raise JoinError(f"{self.server} redirects elsewhere; redirects are not followed", "correct `server:`")
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, found, _decoded(data, response.status), time.monotonic() - started)

    def _read(self, response: urllib3.BaseHTTPResponse, started: float) -> bytes:
        chunks, size = [], 0
        for chunk in response.stream(1 << 16, decode_content=True):
            size += len(chunk)
            if size > MAX_ANSWER:
                response.close()
                raise JoinError(
                    f"{self.server}: an answer larger than {MAX_ANSWER >> 20} MiB", "is this an API server?"
                )
            if time.monotonic() - started > 2 * CALL_S:
                response.close()
                raise JoinError(f"{self.server}: the answer does not end", "try again", unreachable=True)
            chunks.append(chunk)
        response.release_conn()
        return b"".join(chunks)

    def _unreachable(self, error: Exception) -> JoinError:
        text = shown(error.reason if hasattr(error, "reason") else error)
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return JoinError(
                f"{self.server}: its certificate is not signed by the CA of the kubeconfig ({text})",
                "put the cluster's CA into certificate-authority-data",
            )
        return JoinError(
            f"{self.server} does not answer: {text.rpartition('>: ')[2] or text}",
            "check network and address: kubectl --context … get --raw /version",
            unreachable=True,
        )


class Transported:
    """A `Caller` over the daemon's own transport, so that joining proves the way that the daemon will take."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """One request; JoinError when there is no answer."""
        started = time.monotonic()
        data = None if body is None else json.dumps(body).encode()
        try:
            found = self._transport.request(method, path, query, data, content_type, CALL_S, largest=MAX_ANSWER)
        except TransportError as error:
            raise JoinError(shown(error, 300), "check network and address", unreachable=True) from None
        return Answer(found.status, found.headers, _decoded(found.body, found.status), time.monotonic() - started)


def as_service_account(credential: Credential) -> Transported:
    """Calls as our own service account."""
    return Transported(Transport(credential, requests_per_s=50.0, connections=2))


def _decoded(data: bytes, status: int) -> Object:
    try:
        body = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {"message": f"status {status}, and the answer is not JSON: is this an API server?"}
    return body if isinstance(body, dict) else {}
