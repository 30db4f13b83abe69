"""Requests to one member: time limits, size limits, typed failures, pace, contact and clock skew. No meaning of bodies.

A redirect is never followed: a member could point us, token in hand, at somebody else.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode

import msgspec
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from fedsched.config.settings import Credential
from fedsched.kube.connection import Deadline, pool_for
from fedsched.kube.pace import OverBudgetError, Pace
from fedsched.kube.stream import Lines
from fedsched.matchmaker.model import Contact

CONNECT_S = 5.0
"""Longest wait for a connection, TLS included, in seconds."""
LARGEST_BODY = 64 * 2**20
"""Bytes of one answer that are read at most."""
LONGEST_TEXT = 300
JSON = "application/json"
HEAD = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Accept this and the server sends an object's metadata alone: what is in a Secret never comes to us."""
HEADS = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""The same for a list."""


class TransportError(Exception):
    """A call that got no usable answer. The text is one line and holds no secret.

    contact: what kind of failure. status: HTTP status, 0 when there was none. reason: the Status object's reason
    ("AlreadyExists"), "" when there is none. retry_after_s: what the server asked for, None when it asked for nothing.
    """

    def __init__(
        self, contact: Contact, text: str, *, status: int = 0, reason: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(text)
        self.contact = contact
        self.status = status
        self.reason = reason
        self.retry_after_s = retry_after_s


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""


class Response(msgspec.Struct, frozen=True):
    """An HTTP answer, whatever its status. headers: names in lower case. what: "GET /path", for messages."""

    status: int
    headers: dict[str, str]
    body: bytes
    what: str = ""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds that the server asks us to wait; None when it does not (dates are not read)."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None

    def failure(self) -> TransportError | None:
        """The typed failure that a status of 300 or above stands for."""
        if self.status < 300:
            return None
        contact: Contact = {401: "unauthorized", 403: "forbidden"}.get(self.status, "error")  # type: ignore[assignment]  # a dict of literals is a dict of str
        try:
            said = msgspec.json.decode(self.body, type=_Status)
        except msgspec.MsgspecError:
            said = _Status()
        words = one_line(said.message) or "no message"
        text = f"{self.what}: HTTP {self.status}: {words}"
        return TransportError(
            contact, text, status=self.status, reason=one_line(said.reason), retry_after_s=self.retry_after_s
        )


class _Call(msgspec.Struct, frozen=True):
    """The parts of one HTTP request. limit_s: for the whole answer; of a watch, between two bytes."""

    method: str
    target: str
    limit_s: float
    body: bytes | None = None
    content_type: str = ""
    accept: str = JSON

    @property
    def what(self) -> str:
        return f"{self.method} {self.target.partition('?')[0]}"


class ContactRecord(msgspec.Struct, frozen=True):
    """How the last attempt went and when (epoch seconds). ok_at: last answer; None before the first."""

    contact: Contact = "never"
    at: float = 0.0
    error: str = ""
    ok_at: float | None = None
    clock_skew_s: float = 0.0


def one_line(text: str) -> str:
    """A server's words, safe to show: one printable line of at most LONGEST_TEXT characters."""
    clean = "".join(c if c.isprintable() else " " for c in text[: 4 * LONGEST_TEXT])
    clean = " ".join(clean.split())
    return clean if len(clean) <= LONGEST_TEXT else clean[: LONGEST_TEXT - 1] + "…"


class Transport:
    """The way to one member with one credential; safe for threads."""

    def __init__(self, credential: Credential, requests_per_s: float = 10.0, connections: int = 24) -> None:
        self._credential = credential
        self._pool = pool_for(credential, connections)
        self._base = credential.server.rstrip("/")
        self._lock = threading.Lock()
        self._record = ContactRecord()
        self.pace = Pace(requests_per_s)

    @property
    def record(self) -> ContactRecord:
        """How the last attempt to reach the member went."""
        return self._record

    @property
    def expires_at(self) -> float | None:
        """When the present credential ends, epoch seconds; None for never."""
        return self._credential.expires_at

    def swap(self, credential: Credential) -> None:
        """Use another token from the next call on (O3). Server, CA and proxy must be the same."""
        old = self._credential
        same = (old.server, old.ca_pem, old.tls_server_name, old.proxy_url)
        if same != (credential.server, credential.ca_pem, credential.tls_server_name, credential.proxy_url):
            raise ValueError("only the token of a member can be swapped; restart to change its address or CA")
        self._credential = credential

    def request(  # noqa: PLR0913, PLR0917 - the parts of an HTTP request, in the order in which HTTP has them
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float = 10.0,
        *,
        largest: int = LARGEST_BODY,
        urgent: bool = False,
        accept: str = JSON,
    ) -> Response:
        """Ask once and return the answer whatever its status; TransportError when there is none in `timeout_s`.

        A token that was swapped while the call was under way is no failure: it is asked again with the new one.
        """
        self._wait_turn(timeout_s, urgent=urgent)
        call = _Call(method, _target(path, query), timeout_s, body, content_type, accept)
        used = self._credential
        answer = self._once(call, used, largest)
        if answer.status == 401 and self._credential.token != used.token:
            answer = self._once(call, self._credential, largest)
        if answer.status in {429, 503} and answer.retry_after_s is not None:
            self.pace.pause(answer.retry_after_s)
        return answer

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        *,
        largest: int = LARGEST_BODY,
        accept: str = JSON,
    ) -> bytes:
        """Body of a successful GET; TransportError for everything else."""
        answer = self.request("GET", path, query, timeout_s=timeout_s, largest=largest, accept=accept)
        failure = answer.failure()
        if failure is not None:
            raise failure
        return answer.body

    def probe(self, timeout_s: float = 3.0) -> ContactRecord:
        """Ask whether the member is there and well, ahead of the pace; only this records failures as contact.

        An answer 403 or 404 proves life: some members hide /readyz.
        """
        started = time.time()
        try:
            answer = self.request("GET", "/readyz", timeout_s=timeout_s, largest=65536, urgent=True)
            failure = answer.failure()
            if failure is not None and answer.status not in {403, 404}:
                raise failure
        except TransportError as error:
            self._note(error.contact, started, str(error))
        return self._record

    def watch(self, path: str, query: Mapping[str, str], silent_s: float, *, accept: str = JSON) -> Lines:
        """Open a stream of lines that ends with TransportError("timeout") after `silent_s` without a byte."""
        self._wait_turn(CONNECT_S, urgent=False)
        call = _Call("GET", _target(path, query), silent_s, accept=accept)
        with Deadline(CONNECT_S + 10.0) as deadline:
            reply = self._open(call, self._credential, deadline)
            if reply.status >= 300:
                answer = Response(reply.status, _headers(reply), reply.read(65536, decode_content=False), call.what)
                reply.close()
                self._heard(answer, time.time(), time.time())
                raise answer.failure() or TransportError("error", call.what)
        return Lines(reply, deadline, lambda error: failed(error, call.what, silent_s, deadline))

    def close(self) -> None:
        """No further calls; idle connections are closed."""
        self.pace.close()
        self._pool.clear()

    def _wait_turn(self, limit_s: float, *, urgent: bool) -> None:
        try:
            self.pace.take(limit_s, urgent=urgent)
        except OverBudgetError as error:
            raise TransportError("error", str(error), status=429, retry_after_s=error.wait_s) from None

    def _once(self, call: _Call, credential: Credential, largest: int) -> Response:
        started = time.time()
        with Deadline(call.limit_s) as deadline:
            reply = self._open(call, credential, deadline)
            try:
                data = _body(reply, largest)
            except (HTTPError, OSError, ValueError) as error:
                reply.close()
                raise failed(error, call.what, call.limit_s, deadline) from None
        if deadline.expired or len(data) > largest:
            reply.close()
        else:
            reply.release_conn()
        if deadline.expired:
            raise TransportError("timeout", f"{call.what}: no complete answer within {call.limit_s:g} s")
        if len(data) > largest:
            raise TransportError("error", f"{call.what}: the answer is larger than {largest} bytes")
        answer = Response(reply.status, _headers(reply), data, call.what)
        self._heard(answer, started, time.time())
        return answer

    def _open(self, call: _Call, credential: Credential, deadline: Deadline) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": call.accept, "Accept-Encoding": "identity", "User-Agent": "fedsched"}
        if credential.token:
            headers["Authorization"] = f"Bearer {credential.token}"
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        try:
            return self._pool.request(
                call.method,
                self._base + call.target,
                body=call.body,
                headers=headers,
                timeout=urllib3.Timeout(connect=min(CONNECT_S, call.limit_s), read=call.limit_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            raise failed(error, call.what, call.limit_s, deadline) from None

    def _heard(self, answer: Response, started: float, ended: float) -> None:
        """An answer is contact; what a probe says about health comes on top."""
        if answer.status == 401:
            self._note(
                "unauthorized", started, f"{answer.what}: HTTP 401: the token is not accepted; renew or join again"
            )
            return
        skew = self._record.clock_skew_s
        if "date" in answer.headers and ended - started < 5:
            skew = _skew(answer.headers["date"], (started + ended) / 2, skew)
        with self._lock:
            self._record = ContactRecord("ok", started, "", ended, skew)

    def _note(self, contact: Contact, at: float, text: str) -> None:
        with self._lock:
            last = self._record
            self._record = ContactRecord(contact, at, one_line(text), last.ok_at, last.clock_skew_s)


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return quote(path, safe="/-._~:") + ("?" + urlencode(query) if query else "")


def _body(reply: urllib3.BaseHTTPResponse, largest: int) -> bytes:
    """The whole body, or more than `largest` bytes of it. With a known length it is read in one piece, uncopied."""
    length = reply.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) <= largest:
        return reply.read(decode_content=False)
    return reply.read(largest + 1, decode_content=False)


def _headers(reply: urllib3.BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.headers.items()}


def _skew(date: str, local: float, before: float) -> float:
    """Their clock minus ours in seconds; the header has whole seconds, so half a second is added."""
    try:
        return parsedate_to_datetime(date).timestamp() + 0.5 - local
    except (ValueError, OverflowError):
        return before


def failed(error: Exception, what: str, limit_s: float, deadline: Deadline) -> TransportError:
    """The typed failure behind an exception of the HTTP library; its own text is not repeated (it may name secrets)."""
    cause: BaseException | None = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(cause, (SSLError, ssl.SSLError)) and not deadline.expired:
        return TransportError("error", f"{what}: TLS failed: {_tls_words(cause)}")
    kind = TimeoutError if deadline.expired else type(cause or error)
    for kinds, contact, words in _FAILURES:
        if issubclass(kind, kinds):
            return TransportError(contact, f"{what}: " + words.format(limit_s=limit_s))
    return TransportError("error", f"{what}: the connection broke ({kind.__name__})")


_FAILURES: tuple[tuple[tuple[type[BaseException], ...], Contact, str], ...] = (
    ((NameResolutionError,), "refused", "the server's name does not resolve"),
    ((NewConnectionError, ConnectionRefusedError), "refused", "connection refused"),  # to urllib3 a kind of timeout
    ((ConnectTimeoutError, ReadTimeoutError, TimeoutError), "timeout", "no answer within {limit_s:g} s"),
    ((ProxyError,), "refused", "the proxy does not let us through"),
)
"""First that applies wins."""


def _tls_words(error: Exception) -> str:
    inner = error.args[0] if error.args else error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return one_line(inner.verify_message)
    return one_line(str(getattr(inner, "reason", "") or type(inner).__name__))
