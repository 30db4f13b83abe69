"""Hostile requests get short clear refusals, and nobody else notices them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from fedsched.web import connection
from tests.web.daemons import Daemon, Starting


def talk(daemon: Daemon, sent: bytes, timeout_s: float = 5.0) -> bytes:
    """All that a daemon says to these bytes, until it ends the connection or is silent."""
    with socket.create_connection(("127.0.0.1", daemon.server.port), timeout=timeout_s) as to:
        to.sendall(sent)
        heard = b""
        try:
            while more := to.recv(65536):
                heard += more
        except (TimeoutError, ConnectionResetError):
            pass
        return heard


def until(so: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


def _takes(one: socket.socket, drop: bytes) -> bool:
    try:
        one.sendall(drop)
    except OSError:
        return False
    return True


def head(host: str) -> bytes:
    return f"GET /api/v1/spikes HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "localhost:9680", "[::1]:80", "fed.example"])
def test_a_host_that_is_ours_is_served(start: Starting, host: str) -> None:
    daemon = start(hosts=("fed.example",), url="https://sched.example.org/fedsched")
    assert talk(daemon, head(host)).startswith(b"HTTP/1.1 200")
    assert talk(daemon, head("sched.example.org")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.2", "", "a b", "localhost@evil.example", "[evil]", "x" * 300],
)
def test_a_foreign_host_is_misdirected_and_told_what_to_set(daemon: Daemon, host: str) -> None:
    heard = talk(daemon, head(host))
    assert heard.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400"))
    assert b'"kind":"spikes"' not in heard
    if heard.startswith(b"HTTP/1.1 421"):
        assert b"[web] hosts" in heard


def test_two_hosts_and_no_host_are_refused(daemon: Daemon) -> None:
    two = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert talk(daemon, two).split()[1] in {b"400", b"421"}
    assert talk(daemon, b"GET /healthz HTTP/1.0\r\n\r\n").split()[1] == b"421"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
@pytest.mark.parametrize("path", ["/api/v1/queue", "/healthz", "/nowhere"])
def test_nothing_can_be_changed(daemon: Daemon, method: str, path: str) -> None:
    heard = talk(daemon, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    assert heard.startswith(b"HTTP/1.1 405")
    assert b"allow: GET, HEAD" in heard.lower().replace(b"get, head", b"GET, HEAD")
    assert b'"kind":"error"' in heard


def test_head_has_the_head_of_get(http: httpx.Client) -> None:
    got, headed = http.get("/api/v1/spikes"), http.head("/api/v1/spikes")
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-length"] == str(len(got.content))


def test_long_paths_and_queries_are_refused_shortly(http: httpx.Client) -> None:
    for address in ("/" + "a" * 10_000, "/api/v1/explain/" + "%41" * 3000, "/api/v1/queue?search=" + "b" * 5000):
        answer = http.get(address)
        assert (answer.status_code, answer.json()["kind"]) == (414, "error")
        assert len(answer.content) < 1000


def test_heads_beyond_all_measure_are_refused(daemon: Daemon) -> None:
    many = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(80)) + b"\r\n"
    assert talk(daemon, many).startswith(b"HTTP/1.1 431")
    huge = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Huge: " + b"a" * 100_000
    assert talk(daemon, huge)[:12] in {b"HTTP/1.1 400", b""}
    asked = b"GET /?" + b"q" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert talk(daemon, asked)[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 414", b""}


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"\x00" * 1000 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_harms_nobody(daemon: Daemon, http: httpx.Client, garbage: bytes) -> None:
    heard = talk(daemon, garbage, timeout_s=0.3)
    assert heard == b"" or heard.split()[1].startswith(b"4")
    assert b"Traceback" not in heard
    assert http.get("/healthz").status_code == 200


def test_a_question_with_a_body_is_refused_and_its_connection_ended(daemon: Daemon) -> None:
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    sent = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(smuggled), smuggled)
    heard = talk(daemon, sent)
    assert heard.startswith(b"HTTP/1.1 413")
    assert heard.count(b"HTTP/1.1") == 1


def test_every_answer_has_the_headers_that_browsers_obey(http: httpx.Client) -> None:
    for address in ("/api/v1/queue", "/api/v1/queue?x=1", "/nowhere", "/api", "/healthz"):
        headers = http.get(address).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "no-" in headers["cache-control"]
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_a_head_that_never_ends_is_cut_off(start: Starting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    daemon = start()
    with ExitStack() as held:
        slow = [held.enter_context(socket.create_connection(("127.0.0.1", daemon.server.port))) for _ in range(20)]
        for number, one in enumerate(slow):
            one.sendall(b"" if number % 2 else b"GET /healthz HTTP/1.1\r\nHost: loc")
        begun = time.monotonic()
        for one in slow:
            one.settimeout(5)
            # Drop by drop does not help: the limit counts from the first byte.
            until(lambda one=one: not _takes(one, b"a"))  # type: ignore[misc]  # bound for this turn
        assert time.monotonic() - begun < 5
        assert httpx.get(f"{daemon.url}/healthz").status_code == 200


def test_beyond_the_most_connections_everybody_is_told_so_and_the_others_are_served(
    start: Starting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 8)
    daemon = start()
    with httpx.Client(base_url=daemon.url) as http, ExitStack() as held:
        assert http.get("/healthz").status_code == 200
        for _ in range(7):
            held.enter_context(socket.create_connection(("127.0.0.1", daemon.server.port)))
        until(lambda: len(daemon.server._server.server_state.connections) == 8)
        assert talk(daemon, head("localhost")).startswith(b"HTTP/1.1 503")
        assert http.get("/healthz").status_code == 200
    until(lambda: not daemon.server._server.server_state.connections)
    assert httpx.get(f"{daemon.url}/healthz").status_code == 200


def test_who_does_not_read_his_answer_is_cut_off(start: Starting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STUCK_S", 0.4)
    monkeypatch.setattr(connection, "LOOK_S", 0.1)
    daemon = start()
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(("127.0.0.1", daemon.server.port))
        for _ in range(200):
            try:
                deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            except OSError:
                break
            time.sleep(0.01)
        until(lambda: not daemon.server._server.server_state.connections)
    assert httpx.get(f"{daemon.url}/healthz").status_code == 200
