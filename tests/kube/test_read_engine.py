"""List and watch against a server that says exactly what the test wants, over a real connection."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fedsched.config.settings import Cadence, Credential
from fedsched.kube.transport import Transport, TransportError
from fedsched.kube.watch import Kind, Watched
from fedsched.kube.wire import Named

PATH = "/api/v1/things"


def thing(name: str, version: int, uid: str = "") -> dict[str, Any]:
    """An object."""
    return {"metadata": {"name": name, "uid": uid or name, "resourceVersion": str(version)}}


def page(items: list[dict[str, Any]], version: int, following: str = "") -> bytes:
    """A page of a list."""
    return json.dumps({"metadata": {"resourceVersion": str(version), "continue": following}, "items": items}).encode()


def line(kind: str, thing: dict[str, Any]) -> bytes:
    """A line of a watch."""
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


Answer = tuple[int, bytes] | list[bytes | float]


@contextmanager
def server(  # noqa: C901 - a handler class needs the function's values
    answer: Callable[[dict[str, str]], Answer],
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Answers each request by its query; a list is a stream: bytes are sent, numbers are seconds of silence."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
            asked.append(query)
            said = answer(query)
            (self._stream if isinstance(said, list) else self._whole)(said)

        def _whole(self, said: Any) -> None:
            self.send_response(said[0])
            self.send_header("Content-Length", str(len(said[1])))
            if said[0] == 307:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(said[1])

        def _stream(self, parts: Any) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for part in parts:
                    if isinstance(part, float):
                        ended.wait(part)
                    else:
                        self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                        self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True

    ended = threading.Event()
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_port}", asked
    finally:
        ended.set()
        made.shutdown()
        made.server_close()


@contextmanager
def watching(url: str, silent_s: float = 5.0, *, run: bool = True) -> Iterator[tuple[Watched[Any, Any], list[Any]]]:
    """A cache of that server's things, and what moved in it."""
    moves: list[Any] = []
    transport = Transport(Credential(url, "ns", "t"), 1000.0)
    kind = Kind("things", PATH, Named, lambda item: item.metadata.name)
    cadence = Cadence(silent_watch_s=silent_s)
    made: Watched[Any, Any] = Watched(
        kind, transport, threading.RLock(), cadence, lambda before, after: moves.append((before, after))
    )
    thread = threading.Thread(target=made.run, daemon=True)
    if run:
        thread.start()
    try:
        yield made, moves
    finally:
        made.stop()
        if run:
            thread.join(5)
            assert not thread.is_alive()
        transport.close()


def eventually(true: Callable[[], Any], limit_s: float = 10) -> None:
    """Wait for it."""
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_pages_make_one_list() -> None:
    pages = {"": page([thing("a", 1)], 9, "x"), "x": page([thing("b", 2)], 9, "y"), "y": page([thing("c", 3)], 9)}
    with server(lambda q: (200, pages[q.get("continue", "")])) as (url, asked), watching(url, run=False) as (cache, _):
        cache.list_all()
        assert sorted(cache.entries.values()) == ["a", "b", "c"]
        assert [q["limit"] for q in asked] == ["500"] * 3


def test_a_list_whose_continuation_expired_is_read_again_in_bigger_pages() -> None:
    def answer(query: dict[str, str]) -> Answer:
        if query["limit"] != "500":
            return 200, page([thing("a", 1), thing("b", 2)], 9)
        return (410, b'{"message": "expired"}') if "continue" in query else (200, page([thing("a", 1)], 9, "x"))

    with server(answer) as (url, _), watching(url, run=False) as (cache, _):
        cache.list_all()
        assert sorted(cache.entries.values()) == ["a", "b"]


@pytest.mark.parametrize("body", [page([thing("a", 1)], 5)[:-9], b"[]", b'{"items": []}', b'{"items": 3}', b"\xff\xfe"])
def test_a_broken_page_changes_nothing(body: bytes) -> None:
    bodies = [page([thing("a", 1)], 5), body]
    with server(lambda _: (200, bodies.pop(0))) as (url, _), watching(url, run=False) as (cache, moves):
        cache.list_all()
        with pytest.raises(Exception, match=r".+"):
            cache.list_all()
        assert list(cache.entries.values()) == ["a"]
        assert moves == [(None, "a")]


def test_history_that_is_gone_inside_a_200_leads_to_a_new_list() -> None:
    lists = [page([thing("a", 1)], 5), page([thing("b", 8)], 9)]
    gone = {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}

    def answer(query: dict[str, str]) -> Answer:
        if "watch" not in query:
            return 200, lists.pop(0)
        return [line("ERROR", gone)] if query["resourceVersion"] == "5" else [30.0]

    with server(answer) as (url, asked), watching(url) as (cache, moves):
        eventually(lambda: list(cache.entries.values()) == ["b"])
        assert moves == [(None, "a"), ("a", None), (None, "b")]
        assert [q["resourceVersion"] for q in asked if "watch" in q][:2] in (["5"], ["5", "9"])
        assert cache.lists == 2


def test_no_eviction_from_a_watch_reconnect() -> None:
    """A stream that ends, breaks or falls silent moves nothing; it is resumed where it was, without a new list."""
    streams: list[list[bytes | float]] = [
        [line("ADDED", thing("b", 6)), line("BOOKMARK", thing("", 7))],
        [b'{"type": "ADD'],
        [30.0],
        [line("DELETED", thing("a", 8)), 30.0],
    ]
    answer: Callable[[dict[str, str]], Answer] = lambda q: (  # noqa: E731 - one expression
        (streams.pop(0) if streams else [30.0]) if "watch" in q else (200, page([thing("a", 1)], 5))
    )
    with server(answer) as (url, asked), watching(url, silent_s=2.0) as (cache, moves):
        eventually(lambda: len(moves) == 3)
        assert moves == [(None, "a"), (None, "b"), ("a", None)]
        assert cache.lists == 1
        assert [q["resourceVersion"] for q in asked if "watch" in q][:4] == ["5", "7", "7", "7"]


def test_replayed_events_bring_nothing_back() -> None:
    lines: list[bytes | float] = [
        line("DELETED", thing("a", 6)),
        line("MODIFIED", thing("a", 4)),
        line("ADDED", thing("b", 7)),
        30.0,
    ]
    answer: Callable[[dict[str, str]], Answer] = lambda q: lines if "watch" in q else (200, page([thing("a", 1)], 5))  # noqa: E731 - one expression
    with server(answer) as (url, _), watching(url) as (cache, moves):
        eventually(lambda: len(moves) == 3)
        assert moves == [(None, "a"), ("a", None), (None, "b")]
        assert list(cache.entries) == ["b"]


def test_a_silent_stream_is_renewed_and_the_cache_ages_by_contact() -> None:
    answer: Callable[[dict[str, str]], Answer] = lambda q: [30.0] if "watch" in q else (200, page([thing("a", 1)], 5))  # noqa: E731 - one expression
    with server(answer) as (url, asked), watching(url, silent_s=0.3) as (cache, _):
        eventually(lambda: cache._connected_at)
        listed = cache.current_at(None)
        assert listed is not None
        later = time.time() + 5
        assert cache.current_at(later) == later
        eventually(lambda: sum("watch" in q for q in asked) >= 2)
        assert cache.lists == 1


def test_an_answer_without_end_is_cut_off() -> None:
    with server(lambda _: (200, b"x" * 100_000)) as (url, _):
        transport = Transport(Credential(url, "ns", "t"))
        with pytest.raises(TransportError, match="larger than 1000 bytes"):
            transport.get(PATH, largest=1000)


def test_drops_of_bytes_do_not_pass_the_time_limit() -> None:
    drops: list[bytes | float] = [part for _ in range(100) for part in (b"x", 0.1)]
    with server(lambda _: drops) as (url, _):
        transport = Transport(Credential(url, "ns", "t"))
        began = time.monotonic()
        with pytest.raises(TransportError) as caught:
            transport.request("GET", PATH, timeout_s=0.5)
        assert caught.value.contact == "timeout"
        assert time.monotonic() - began < 2


def test_a_token_swapped_while_a_call_is_under_way_does_not_fail_it() -> None:
    answers: list[Answer] = [(401, b"{}"), (200, b"fine")]

    def answer(_: dict[str, str]) -> Answer:
        if len(answers) == 2:
            transport.swap(Credential(url, "ns", "new"))
        return answers.pop(0)

    with server(answer) as (url, _):
        transport = Transport(Credential(url, "ns", "old"))
        assert transport.get(PATH) == b"fine"
        assert transport.record.contact == "ok"


def test_a_server_that_asks_for_a_pause_gets_it_and_the_probe_goes_on() -> None:
    answers: list[Answer] = [(429, b'{"message": "slow down"}'), (200, b"ok"), (200, b"ok")]
    with server(lambda _: answers.pop(0)) as (url, asked):
        transport = Transport(Credential(url, "ns", "t"))
        transport.pace.pause(30)
        with pytest.raises(TransportError, match="budget") as caught:
            transport.request("GET", PATH, timeout_s=1)
        assert caught.value.retry_after_s is not None
        assert asked == []
        assert transport.probe().contact == "error"
        assert transport.probe().contact == "ok"


@pytest.mark.parametrize(
    ("status", "contact"), [(200, "ok"), (403, "ok"), (404, "ok"), (401, "unauthorized"), (500, "error")]
)
def test_what_a_probe_makes_of_an_answer(status: int, contact: str) -> None:
    with server(lambda _: (status, b"{}")) as (url, _):
        assert Transport(Credential(url, "ns", "t")).probe().contact == contact


def test_a_redirect_is_not_followed() -> None:
    with server(lambda _: (307, b"")) as (url, asked):
        with pytest.raises(TransportError):
            Transport(Credential(url, "ns", "t")).get(PATH)
        assert len(asked) == 1
