"""Asking a daemon over HTTP, on a unix socket or over TCP; every answer is decoded into its type and checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from fedsched.client.documents import Document, Failed, History, Queue, QueueAsk
from fedsched.client.protocol import NoAnswer

LARGEST = 256 * 1024 * 1024
"""Bytes of one answer that are taken."""
D = TypeVar("D", bound=Document)


class Client:
    """One daemon. address: "http://host:port", "https://…" behind a proxy, or "unix:PATH"."""

    def __init__(self, address: str, timeout_s: float = 30.0) -> None:
        """Nothing is asked yet."""
        path = address.removeprefix("unix:") if address.startswith("unix:") else None
        self.address = address
        self._http = httpx.Client(
            base_url="http://localhost" if path else address,
            transport=httpx.HTTPTransport(uds=path) if path else None,
            timeout=timeout_s,
            trust_env=path is None,
            headers={"Accept": "application/json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def queue(self, ask: QueueAsk) -> Queue:
        """See Answers."""
        return self._get("/api/v1/queue", Queue, **msgspec.structs.asdict(ask))

    def history(self, job: str, since: float) -> History:
        """See Answers."""
        return self._get(f"/api/v1/history/{quote(job, safe='')}", History, since=since)

    def _get(self, path: str, kind: type[D], **parameters: Any) -> D:
        with self._asking():
            answer = self._http.get(path, params={k: v for k, v in parameters.items() if v not in {"", None}})
        return decoded(answer.content, kind, self.address)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise NoAnswer(
                "unreachable", f"no answer from {self.address}: {str(error) or type(error).__name__}", "fedsched serve"
            ) from None


def decoded(body: bytes, kind: type[D], address: str) -> D:
    """The document, or NoAnswer as the daemon said it, or for a body that is none of ours."""
    try:
        found = msgspec.json.decode(body, type=kind | Failed)
    except msgspec.DecodeError as error:
        raise NoAnswer("unreachable", f"{address} answers, but not as fedsched does: {error}") from None
    if isinstance(found, Failed):
        raise NoAnswer(found.what, found.text, found.hint)  # type: ignore[arg-type]  # words of another version pass
    answer: D = found
    return answer
