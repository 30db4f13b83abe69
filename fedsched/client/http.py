"""Asking a daemon over HTTP, on a unix socket or over TCP; every answer is decoded into its type and checked."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from math import inf
from typing import Any, Self, TypeVar

import httpx
import msgspec

from fedsched.client import calls
from fedsched.client.addresses import address as _address
from fedsched.client.calls import Call
from fedsched.client.documents import Cycle, Document, LogLine, LogsAsk, Tried
from fedsched.client.protocol import NoAnswer
from fedsched.client.questions import Questions
from fedsched.client.sse import Reader

SILENT_S = 45.0
"""A stream says something every 15 seconds; one that is silent for so long is gone."""
PAUSES_S = (0.5, 1.0, 2.0, 5.0)
"""Between tries to reach a daemon that went: the last one again and again."""
D = TypeVar("D", bound=Document)


def connect(address: str | None = None, timeout_s: float = 30.0) -> Client:
    """A client of the daemon at `address`, else of FEDSCHED_SERVER, else of this machine's. Nothing is asked yet."""
    return Client(_address(address), timeout_s)


class Client(Questions):
    """One daemon. address: "http://host:port", "https://…" behind a proxy, or "unix:PATH".

    Every method raises NoAnswer, "unreachable" where nobody answers within `timeout_s` seconds.
    """

    def __init__(self, address: str, timeout_s: float = 30.0) -> None:
        """Nothing is asked yet. NoAnswer (bad-question) for what is no address."""
        self.address = address
        self._timeout_s = timeout_s
        try:
            self._http = httpx.Client(**settings(address, timeout_s, httpx.HTTPTransport))
        except (httpx.InvalidURL, ValueError) as error:
            raise NoAnswer(
                "bad-question", f"{address!r} is no address: {error}", "host:port, a URL, or unix:PATH"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def counterfactuals(self, job: str) -> Iterator[Tried]:
        """What would help a class, one by one as each is proven or refuted; the first tells how many there are.

        Leaving it early ends the proving.
        """
        reader, path = Reader(), calls.counterfactuals(job)
        with self._asking(), self._http.stream("GET", path, headers=STREAM, timeout=STREAM_TIMEOUT) as answer:
            if answer.status_code != 200:
                raise calls.refusal(self._body(answer), self.address)
            for more in answer.iter_raw():
                for event in reader.take(more):
                    if event.name == calls.PROVEN:
                        return
                    yield from calls.tried(event.name, event.data)
        raise calls.broken_off(self.address)

    def followed(self, ask: LogsAsk) -> Iterator[LogLine | str]:
        """What the pods of a job write, until all of them are over; a text says what cannot be read."""
        reader, call = Reader(), calls.logs(msgspec.structs.replace(ask, follow=True))
        stream = self._http.stream("GET", call.path, params=call.parameters, headers=STREAM, timeout=STREAM_TIMEOUT)
        with self._asking(), stream as answer:
            if answer.status_code != 200:
                raise calls.refusal(self._body(answer), self.address)
            for more in answer.iter_raw():
                for event in reader.take(more):
                    if event.name == calls.LOGGED:
                        return
                    yield from calls.logged(event.name, event.data)
        raise calls.broken_off(self.address)

    def cycles(self, patience_s: float = inf) -> Generator[Cycle, None, None]:
        """The newest cycle, then each that follows; goes on until it is left. A slow reader misses some.

        Where the daemon goes away it is tried again. NoAnswer when that is in vain for `patience_s` seconds, or when it
        refuses.
        """
        seen: tuple[int, float] | None = None
        tries = 0
        gone_at: float | None = None
        while True:
            try:
                with closing(self._stream()) as stream:
                    for cycle in stream:
                        tries, gone_at = 0, None
                        if (cycle.cycle, cycle.at) != seen:
                            seen = cycle.cycle, cycle.at
                            yield cycle
            except NoAnswer as error:
                gone_at = gone_at or time.monotonic()
                again(error, time.monotonic() - gone_at, patience_s)
            time.sleep(min(PAUSES_S[min(tries, len(PAUSES_S) - 1)], max(patience_s, 0.0)))
            tries += 1

    def _stream(self) -> Generator[Cycle, None, None]:
        """One connection's events, until it ends. NoAnswer when it breaks, or none comes about."""
        reader = Reader()
        with self._asking(), self._http.stream("GET", calls.CYCLES, headers=STREAM, timeout=STREAM_TIMEOUT) as answer:
            if answer.status_code != 200:
                raise calls.refusal(self._body(answer), self.address)
            for more in answer.iter_raw():
                yield from cycles_in(reader, more)

    def ask(self, call: Call[D]) -> D:
        """The answer to one question."""
        with self._asking(), self._http.stream("GET", call.path, params=call.parameters) as answer:
            body = self._body(answer)
        return calls.decoded(body, call.kind, self.address)

    def _body(self, answer: httpx.Response) -> bytearray:
        body = calls.Body(self.address, self._timeout_s)
        body.begun(answer.headers.get("location", "") if answer.is_redirect else None)
        for more in answer.iter_bytes():
            body.take(more)
        return body.bytes

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.StreamError, ValueError) as error:
            raise calls.no_contact(self.address, error) from None


def settings(address: str, timeout_s: float, transport: Any) -> dict[str, Any]:
    """What a client of httpx is made with. transport: its class for a unix socket; no proxy stands before one."""
    path = address.removeprefix("unix:") if address.startswith("unix:") else None
    return {
        "base_url": "http://localhost" if path else address,
        "transport": transport(uds=path) if path else None,
        "timeout": timeout_s,
        "trust_env": path is None,
        "follow_redirects": False,
        "headers": {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "fedsched"},
    }


STREAM = {"Accept": "text/event-stream"}
STREAM_TIMEOUT = httpx.Timeout(30.0, read=SILENT_S)
"""How a stream is asked for."""


def cycles_in(reader: Reader, more: bytes) -> Iterator[Cycle]:
    """Cycles among the events that these bytes complete. ValueError for what is none."""
    for event in reader.take(more):
        if event.name == "cycle":
            yield msgspec.json.decode(event.data, type=Cycle)


def again(error: NoAnswer, gone_s: float, patience_s: float) -> None:
    """Whether to try again after that; raises it where not: patience is over, or the daemon said no."""
    if gone_s >= patience_s or error.what not in {"unreachable", "no-cycle", "busy"}:
        raise error
