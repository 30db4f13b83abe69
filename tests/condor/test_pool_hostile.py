"""Peers that are no HTCondor: every question ends, with one clear line, and the next one is answered."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import AskDemand, FindSchedds, FoundSchedd, Terms
from fedsched.config.settings import PoolSettings
from tests.condor.pools import federation, polling, until

if TYPE_CHECKING:
    from collections.abc import Iterator

HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno\n"


@contextmanager
def server(answer: bytes | None) -> Iterator[str]:
    """A TCP server that answers everything alike, or (None) takes connections and never says a word; its address."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                kept.append(peer)
                if answer is not None:
                    peer.recv(1)
                    peer.sendall(answer)
                    peer.close()

        threading.Thread(target=serve, daemon=True).start()
        host, port = listening.getsockname()
        yield f"{host}:{port}"
        listening.shutdown(socket.SHUT_RDWR)
    for peer in kept:
        peer.close()


@contextmanager
def children(collector: str, limit_s: float = 2.0, token: Path | None = None) -> Iterator[Children]:
    made = Children(PoolSettings("a", collector, token_file=token), limit_s)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    "answer", [None, HTTP, b"", b"\0" * 4096, b"\xff" * 100_000, b"\1\0\0\0\x05hello"], ids=["silent", *"abcde"]
)
def test_a_collector_that_is_none_is_an_error_within_the_limit(answer: bytes | None) -> None:
    with server(answer) as address, children(address) as made:
        began = time.monotonic()
        with pytest.raises(QueryFailed) as failed:
            made.ask(FindSchedds(address))
        assert time.monotonic() - began < 10
        assert "\n" not in str(failed.value)
        assert len(str(failed.value)) < 400


def test_a_schedd_that_never_answers_ends_at_the_limit_and_the_next_question_is_answered() -> None:
    with server(None) as silent, server(HTTP) as odd, children(silent) as made:
        schedd = FoundSchedd("b", f"<{silent}>", "$CondorVersion: 23.9.6 2026-07-12 $")
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(QueryFailed):
                made.ask(AskDemand(schedd, "a", Terms()))
            assert time.monotonic() - began < 8
        with pytest.raises(QueryFailed, match="Is a collector there"):
            made.ask(FindSchedds(odd))


@pytest.mark.parametrize(
    "address", ["", "<>", "nonsense", "<1.2.3.4>", "<127.0.0.1:1?sock=" + "x" * 3000 + ">", "\udce9"]
)
def test_an_address_that_is_none_is_an_error(address: str) -> None:
    with children("127.0.0.1:1") as made, pytest.raises((QueryFailed, UnicodeEncodeError)):
        made.ask(AskDemand(FoundSchedd("b", address, "x"), "a", Terms()))


def test_a_child_that_dies_is_one_lost_answer() -> None:
    with server(None) as silent, server(HTTP) as odd, children(silent, limit_s=20) as made:
        killer = threading.Thread(target=_kill_when_busy, args=(made,))
        killer.start()
        with pytest.raises(QueryFailed, match="ended the process") as failed:
            made.ask(FindSchedds(silent))
        killer.join()
        assert failed.value.died
        with pytest.raises(QueryFailed, match="Is a collector there"):
            made.ask(FindSchedds(odd))


def _kill_when_busy(made: Children) -> None:
    child = until("a child at work", lambda: [c for c in made._all if c.asked])[0]
    child._process.kill()


def test_children_see_one_token_in_a_private_folder_and_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("first")
    monkeypatch.setenv("FEDSCHED_TEST_SECRET", "hunter2")
    with server(HTTP) as odd, children(odd, token=token) as made:
        with pytest.raises(QueryFailed):
            made.ask(FindSchedds(odd))
        (child,) = made._all
        environment = Path(f"/proc/{child._process.pid}/environ").read_bytes()
        assert b"hunter2" not in environment
        assert b"_CONDOR_SEC_CLIENT_AUTHENTICATION=OPTIONAL" in environment
        folder = made._folder.path
        assert (folder.stat().st_mode & 0o777, (folder / "tokens").stat().st_mode & 0o777) == (0o700, 0o700)
        assert [(file.name, file.stat().st_mode & 0o777) for file in (folder / "tokens").iterdir()] == [("pool", 0o600)]
        token.write_text("second")
        with pytest.raises(QueryFailed):
            made.ask(FindSchedds(odd))
        assert (folder / "tokens" / "pool").read_text() == "second"
        assert child not in made._all
        (other,) = made._all
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(other._process.pid, 0)


KILLED = """
import sys, time
from pathlib import Path
from fedsched.condor.processes import Children, QueryFailed
from fedsched.condor.questions import FindSchedds
from fedsched.config.settings import PoolSettings
made = Children(PoolSettings("a", "127.0.0.1:1", token_file=Path(sys.argv[1])), 5)
try:
    made.ask(FindSchedds("127.0.0.1:1"))
except QueryFailed:
    print(made._folder.path, flush=True)
    time.sleep(60)
"""


def test_a_killed_daemon_leaves_no_token_behind_once_another_starts(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    command = [sys.executable, "-c", KILLED, str(token)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        folder = Path(daemon.stdout.readline().strip())
        assert (folder / "tokens/pool").read_text() == "secret"
        with children("127.0.0.1:1"):
            assert folder.exists()
        daemon.kill()
    with children("127.0.0.1:1"):
        assert not folder.exists()


def test_a_token_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with (
        children("127.0.0.1:1", token=tmp_path / "gone") as made,
        pytest.raises(QueryFailed, match="gone: No such file"),
    ):
        made.ask(FindSchedds("127.0.0.1:1"))


def test_a_silent_collector_holds_up_no_other_pool() -> None:
    with server(None) as silent, server(HTTP) as odd:
        pools = (PoolSettings("s", silent), PoolSettings("o", odd))
        with polling(federation(*pools, query_limit_s=10)) as poller:
            until("an error of the other", lambda: "o" in poller.errors())
            assert "s" not in poller.errors()
            until("an error of the silent one", lambda: "s" in poller.errors())
            assert poller.latest() == ()
            began = time.monotonic()
        assert time.monotonic() - began < 5
