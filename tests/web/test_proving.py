"""The stream of what would help: its child goes with its reader, whenever he goes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from fedsched.answers import Beyond, View
from fedsched.client.documents import Tried
from tests.web.daemons import Daemon, Starting
from tests.web.test_streams import until


class Proof:
    """A run that takes as long as it is let: it begins when it may, and tries one change after the other."""

    def __init__(self) -> None:
        self.asked, self.may_begin, self.stopped = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, _view: View, _key: str) -> Proof:
        self.asked.set()
        assert self.may_begin.wait(20)
        return self

    def __iter__(self) -> Iterator[Tried]:
        number = 0
        while not self.stopped.wait(0.01):
            number += 1
            yield Tried(done=number, total=1_000_000, found=None)

    def stop(self) -> None:
        self.stopped.set()


@pytest.fixture
def proving(start: Starting, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Daemon, Proof, str]]:
    """A daemon that proves so, and the key of a class."""

    def made() -> tuple[Daemon, Proof, str]:
        daemon, proof = start(), Proof()
        view, answers = daemon.newest.shown
        monkeypatch.setattr(answers, "_beyond", Beyond(prove=proof))
        return daemon, proof, view.pairs[0][0].key

    return made


def asking(daemon: Daemon, key: str) -> socket.socket:
    """A reader that has asked."""
    reader = socket.create_connection(("127.0.0.1", daemon.server.port), timeout=20)
    reader.sendall(f"GET /api/v1/explain/{key}/counterfactuals HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader


def test_a_reader_who_goes_ends_what_is_proven_for_him(proving: Callable[[], tuple[Daemon, Proof, str]]) -> None:
    daemon, proof, key = proving()
    proof.may_begin.set()
    with asking(daemon, key) as reader:
        heard = b""
        while b'"done":3' not in heard:
            heard += reader.recv(4096)
    assert proof.stopped.wait(20)


def test_one_who_goes_before_it_has_begun_ends_it_too(proving: Callable[[], tuple[Daemon, Proof, str]]) -> None:
    daemon, proof, key = proving()
    with asking(daemon, key):
        assert proof.asked.wait(20)
    until(lambda: daemon.app.streams == 0)
    proof.may_begin.set()
    assert proof.stopped.wait(20)
