"""Streams of cycles: the newest for everybody, places for so many, and nobody is held up by who does not read."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

import httpx
import pytest

from fedsched.web import connection, streams
from tests.web.daemons import Daemon, Starting

ASKED = b"GET /api/v1/cycles HTTP/1.1\r\nHost: localhost\r\n\r\n"


def until(so: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


class Listener:
    """A reader with a socket of its own. receive: bytes that its kernel takes for it."""

    def __init__(self, daemon: Daemon, receive: int = 0) -> None:
        self.socket = socket.socket()
        if receive:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", daemon.server.port))
        self.socket.sendall(ASKED)
        self.heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def read(self) -> bool:
        """More of it; False at its end."""
        try:
            more = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.heard += more
        return bool(more)

    @property
    def numbers(self) -> list[int]:
        return [told["cycle"] for told in self.told]

    @property
    def told(self) -> list[dict[str, Any]]:
        whole = self.heard.split(b"\n")[:-1]
        return [json.loads(line[6:]) for line in whole if line.startswith(b"data: ")]

    def read_until(self, number: int) -> None:
        while number not in self.numbers:
            assert self.read(), self.heard[-300:]


def test_a_reader_gets_the_newest_cycle_at_once_and_each_that_follows(start: Starting) -> None:
    daemon = start()
    assert daemon.last is not None
    first = daemon.last.plan.cycle
    with Listener(daemon) as one:
        one.read_until(first)
        daemon.see()
        one.read_until(first + 1)
        assert one.numbers == [first, first + 1]
        assert b"event: cycle\n" in one.heard
        assert f"id: {first}\n".encode() in one.heard
        told = one.told[0]
        queue = httpx.get(f"{daemon.url}/api/v1/queue").json()
        assert {"cycle", "at", "idle", "unmet", "running", "spike"} <= set(told)
        assert (told["unmet"], told["running"]) == (queue["unmet"], queue["running"])


def test_a_reader_who_never_reads_holds_up_nobody(start: Starting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STUCK_S", 0.5)
    monkeypatch.setattr(connection, "LOOK_S", 0.1)
    daemon = start()
    with Listener(daemon, receive=1024) as deaf, Listener(daemon) as awake:
        awake.read_until(daemon.newest.cycle)
        longest = 0.0
        number, end = daemon.newest.cycle, time.monotonic() + 20
        # Cycles go on until the deaf one is cut off.
        while len(daemon.server._server.server_state.connections) > 1:
            assert time.monotonic() < end
            number += 1
            begun = time.monotonic()
            daemon.see(number)
            longest = max(longest, time.monotonic() - begun)
            if not number % 20:
                awake.read_until(number)
        daemon.see(number + 1)
        awake.read_until(number + 1)
        assert longest < 0.5
        while deaf.read():
            pass
        assert number not in deaf.numbers


def test_a_slow_reader_gets_the_newest_and_not_a_backlog(start: Starting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STUCK_S", 30.0)
    daemon = start()
    with Listener(daemon, receive=1024) as slow:
        last = daemon.newest.cycle + 3000
        for number in range(daemon.newest.cycle, last + 1):
            daemon.see(number)
            if not number % 10:
                # The server's thread gets a turn, or it would see only the last of all.
                time.sleep(0.001)
        slow.read_until(last)
        assert len(slow.numbers) < 1000
        assert slow.numbers == sorted(slow.numbers)


def test_there_are_so_many_places_and_one_that_leaves_makes_room(start: Starting) -> None:
    daemon = start(streams=3)
    with ExitStack() as open_ones:
        listeners = [open_ones.enter_context(Listener(daemon)) for _ in range(3)]
        for one in listeners:
            one.read_until(daemon.newest.cycle)
        with httpx.Client(base_url=daemon.url) as http:
            refused = http.get("/api/v1/cycles")
            assert (refused.status_code, refused.json()["what"]) == (503, "busy")
            assert int(refused.headers["retry-after"]) > 0
            assert http.get("/api/v1/spikes").status_code == 200
        listeners[0].socket.close()
        # Nothing need happen for its place to be free.
        until(lambda: _opens(daemon))


def _opens(daemon: Daemon) -> bool:
    with httpx.stream("GET", f"{daemon.url}/api/v1/cycles") as answer:
        return answer.status_code == 200


def test_a_stream_is_pinged_while_no_cycle_comes(start: Starting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PING_S", 0.1)
    daemon = start(empty=True)
    with Listener(daemon) as one:
        while b": ping" not in one.heard:
            assert one.read()
        assert one.numbers == []


def test_head_opens_no_stream(start: Starting) -> None:
    daemon = start(streams=1)
    for _ in range(3):
        assert httpx.head(f"{daemon.url}/api/v1/cycles").status_code == 200


def test_closing_ends_all_streams_within_two_seconds(start: Starting) -> None:
    daemon = start()
    with ExitStack() as open_ones:
        listeners = [open_ones.enter_context(Listener(daemon)) for _ in range(20)]
        deaf = open_ones.enter_context(Listener(daemon, receive=1024))
        for one in listeners:
            one.read_until(daemon.newest.cycle)
        begun = time.monotonic()
        daemon.server.close()
        assert time.monotonic() - begun < 2.5
        assert not daemon.server.alive
        for one in (*listeners, deaf):
            while one.read():
                pass
    # And the loop may still end a cycle without anybody to tell.
    daemon.see()


def test_many_come_and_go_while_cycles_go_on(start: Starting) -> None:
    daemon = start(streams=64)
    over = threading.Event()
    faults: list[BaseException] = []

    def come_and_go() -> None:
        try:
            while not over.is_set():
                with Listener(daemon) as one:
                    one.read()
        except BaseException as error:  # noqa: BLE001 - told to the test
            faults.append(error)

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    slowest = 0.0
    for _ in range(100):
        begun = time.monotonic()
        daemon.see()
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(0.002)
    over.set()
    for thread in threads:
        thread.join(10)
    assert not faults
    assert slowest < 0.5
    with Listener(daemon) as one:
        one.read_until(daemon.newest.cycle)
