"""The server takes only what is its own, ends in time, and outlives whatever a request does."""

from __future__ import annotations

import asyncio
import socket
import stat
import threading
import time
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from fedsched.web import WebServer
from fedsched.web.pace import Pace
from tests.web.daemons import Starting


async def _silent(scope: object, receive: object, send: object) -> None:
    """An application that nobody calls."""


def served(path: Path) -> WebServer:
    return WebServer([f"unix:{path}"], _silent)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def ask(path: Path) -> int:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost") as http:
        return http.get("/healthz").status_code


def test_the_socket_is_for_its_owner_and_group(start: Starting) -> None:
    daemon = start()
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o660
    assert ask(daemon.socket) == 200
    daemon.server.close()
    assert not daemon.socket.exists()


def test_what_a_dead_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()
    server = served(path)
    server.close()
    assert not path.exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_left_alone_and_named(tmp_path: Path, kind: str) -> None:
    path, victim = tmp_path / "s", tmp_path / "victim"
    victim.write_text("precious")
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(victim)
    with pytest.raises(OSError, match=r"is no socket"):
        served(path)
    assert path.exists()
    assert victim.read_text() == "precious"


def test_a_socket_that_somebody_serves_is_not_taken_from_him(start: Starting) -> None:
    daemon = start()
    with pytest.raises(OSError, match="somebody answers there"):
        served(daemon.socket)
    assert ask(daemon.socket) == 200


def test_a_socket_that_another_put_there_since_is_not_removed(start: Starting) -> None:
    daemon = start()
    daemon.socket.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(daemon.socket))
        daemon.server.close()
        assert daemon.socket.is_socket()


def test_an_address_that_is_taken_is_named_and_leaves_nothing(start: Starting, tmp_path: Path) -> None:
    daemon = start()
    path = tmp_path / "s"
    with pytest.raises(OSError, match="in use"):
        WebServer([f"unix:{path}", f"127.0.0.1:{daemon.server.port}"], _silent)
    assert not path.exists()


def test_a_server_that_dies_says_so(start: Starting) -> None:
    daemon = start()
    server = daemon.server._server

    async def broken(_counter: int) -> bool:
        raise RuntimeError("no more")

    with capture_logs() as said:
        server.on_tick = broken  # type: ignore[method-assign, assignment]  # as a defect in a library would
        end = time.monotonic() + 10
        while daemon.server.alive:
            assert time.monotonic() < end
            time.sleep(0.02)
    assert [event["event"] for event in said] == ["web-ended"]
    # And the loop's thread notices nothing.
    daemon.see()


def test_closing_leaves_no_thread_and_no_open_file(start: Starting) -> None:
    before = {thread.name for thread in threading.enumerate()}
    files = _open_files()
    for _ in range(2):
        daemon = start()
        assert httpx.get(f"{daemon.url}/api/v1/overview").status_code == 200
        daemon.server.close()
    end = time.monotonic() + 5
    while ({thread.name for thread in threading.enumerate()} - before) or _open_files() > files:
        assert time.monotonic() < end, ({t.name for t in threading.enumerate()} - before, files)
        time.sleep(0.02)


def test_whoever_asks_without_pause_waits_for_his_turn() -> None:
    async def hasty() -> float:
        pace = Pace(rate=100.0, burst=10.0)
        begun = time.monotonic()
        await asyncio.gather(*(pace.turn() for _ in range(40)))
        return time.monotonic() - begun

    # Ten at once, then thirty at a hundred a second.
    assert 0.25 < asyncio.run(hasty()) < 5
