"""A daemon's answers over a plain connection of this machine; the questions and their types are the client's.

The client's HTTP library takes longer to load than all that most verbs do, so it is left for streams and for TLS.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlencode, urlsplit

from fedsched.client import calls
from fedsched.client.questions import Questions

if TYPE_CHECKING:
    from fedsched.client import Client
    from fedsched.client.calls import Call
    from fedsched.client.documents import Cycle, Document, LogLine, LogsAsk, Tried

D = TypeVar("D", bound="Document")
ANSWER_S = 30.0
PIECE = 1 << 20


class DaemonAnswers(Questions):
    """Answers of the daemon at an address as `client.addresses.spelled` gives them. Raises NoAnswer as they say."""

    def __init__(self, address: str) -> None:
        """Nothing is asked yet."""
        self.address = address
        self._until = ExitStack()
        self._streams: Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._until.close()

    def counterfactuals(self, job: str) -> Iterator[Tried]:
        """See Answers."""
        return self._client().counterfactuals(job)

    def followed(self, ask: LogsAsk) -> Iterator[LogLine | str]:
        """See Client."""
        return self._client().followed(ask)

    def cycles(self, patience_s: float) -> Iterator[Cycle]:
        """The newest cycle, then each that follows; NoAnswer when the daemon is gone for so long."""
        return self._client().cycles(patience_s)

    def _client(self) -> Client:
        from fedsched.client import Client

        if self._streams is None:
            self._streams = self._until.enter_context(Client(self.address))
        return self._streams

    def ask(self, call: Call[D]) -> D:
        """The answer to one question."""
        question = urlencode({name: _spelt(value) for name, value in call.parameters.items()})
        connection, body = _connection(self.address), calls.Body(self.address, ANSWER_S)
        try:
            connection.request("GET", f"{call.path}?{question}" if question else call.path, headers=_HEADERS)
            answer = connection.getresponse()
            body.begun(answer.headers.get("location", "") if 300 <= answer.status < 400 else None)
            while more := answer.read(PIECE):
                body.take(more)
        except (OSError, HTTPException) as error:
            raise calls.no_contact(self.address, error) from None
        finally:
            connection.close()
        return calls.decoded(body.bytes, call.kind, self.address)


_HEADERS = {"Accept": "application/json", "User-Agent": "fedsched", "Connection": "close"}


def serves(address: str) -> bool:
    """Whether a plain connection does: on a socket, or to this machine without TLS, past any proxy."""
    host = urlsplit(address).hostname or ""
    return address.startswith(("unix:", "http://")) and (not host or host in {"localhost", "::1"} or host[:4] == "127.")


def _spelt(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _connection(address: str) -> HTTPConnection:
    if address.startswith("unix:"):
        return _OverUnix(address.removeprefix("unix:"))
    place = urlsplit(address)
    return HTTPConnection(place.hostname or "localhost", place.port, timeout=ANSWER_S)


class _OverUnix(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
